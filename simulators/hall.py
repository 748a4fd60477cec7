"""A hall that lives: opens the lines of a floor, lets the machines play, answers the control socket, writes the books.

The machines outlive every gateway that comes and goes; only ending this process ends them.
"""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulators.egm.dice import Dice
from simulators.egm.machine import BadAct
from simulators.egm.serve import MachineLine
from simulators.egm.wired import WiredEgm
from simulators.floor import Floor

PLAY_EVERY_S = 0.02
"How often it is looked whether a machine has something to do."
TICK_EVERY_S = 0.1
"Half a chirp's period; link time-outs of seconds need no finer clock."


class Hall:
    """All machines of a floor. ``open``, then ``run`` for ever (cancel it), then ``close``."""

    def __init__(self, floor: Floor, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.floor = floor
        self.is_frozen = False
        now, wall = clock(), datetime.now(UTC)
        self._clock = clock
        dice = Dice(floor.seed)
        self.egms: dict[int, WiredEgm] = {}
        for number, plan in enumerate(floor.egms):
            self.egms[plan.asset] = WiredEgm(
                plan.asset, plan.address, plan.persona, dice.fork(number), serial=plan.serial, now=now, wall=wall,
                habits=floor.habits, game_rules=floor.game_rules, speed=floor.speed,
            )  # fmt: skip
        self.lines = [
            MachineLine(line.name, [self.egms[plan.asset] for plan in line.egms], clock=clock) for line in floor.lines
        ]

    async def open(self) -> Floor:
        """Open all lines; returns the floor with its real ports. Raises LineUnfit; then none is left open."""
        ports: dict[str, int] = {}
        try:
            for plan, line in zip(self.floor.lines, self.lines, strict=True):
                ports[plan.name] = await line.start(plan.host, plan.port)
        except BaseException:
            await self.close()
            raise
        self.floor = self.floor.with_ports(ports)
        return self.floor

    async def close(self) -> None:
        """Close all lines; the machines and their books stay."""
        for line in self.lines:
            await line.close()

    async def run(self) -> None:
        """Play until cancelled."""
        egms = tuple(self.egms.values())
        next_tick = 0.0
        while True:
            now = self._clock()
            for egm in egms:
                if egm.due_at <= now:
                    egm.play(now)
            if now >= next_tick:
                next_tick = now + TICK_EVERY_S
                for line in self.lines:
                    line.tick(now)
            await asyncio.sleep(PLAY_EVERY_S)

    def freeze(self) -> None:
        """All machines stop playing; what waits in their queues is still answered."""
        self.is_frozen = True
        for egm in self.egms.values():
            egm.freeze(self._clock())

    def thaw(self) -> None:
        """All machines go on."""
        self.is_frozen = False
        for egm in self.egms.values():
            egm.thaw(self._clock())

    def book(self) -> dict[str, Any]:
        """Everything the machines know of themselves, as `evidence.py` reads it."""
        now = self._clock()
        return {
            "schema": 1,
            "seed": self.floor.seed,
            "frozen": self.is_frozen,
            "written_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "machines": [egm.as_json(now) for egm in self.egms.values()],
        }

    def summary(self) -> dict[str, Any]:
        """Sums over all machines."""
        counts = [egm.book.counts() for egm in self.egms.values()]
        return {
            "machines": len(self.egms),
            "lines": len(self.lines),
            "hosts": sum(line.listener.has_host for line in self.lines),
            "frozen": self.is_frozen,
            "frames": sum(line.frames for line in self.lines),
            "games": sum(egm.machine.bank.value(0x05) for egm in self.egms.values()),
            **{name: sum(count[name] for count in counts) for name in counts[0]},
        }

    # the control socket

    async def control(self, *, path: Path | None = None, port: int | None = None) -> asyncio.Server:
        """Serve JSON lines on a Unix socket (readable by us alone) or on a loopback port."""
        if path is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            before = os.umask(0o177)
            try:
                return await asyncio.start_unix_server(self._visitor, path=path, limit=1 << 16)
            finally:
                os.umask(before)
        return await asyncio.start_server(self._visitor, "127.0.0.1", port or 0, limit=1 << 16)

    async def _visitor(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self.answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # gone, or a line longer than the limit: nothing can be answered
        finally:
            writer.close()

    def answer(self, line: bytes) -> dict[str, Any]:
        """One request, one answer; ``{"error": ...}`` for what makes no sense."""
        try:
            asked = json.loads(line)
            op = asked["op"]
            if op in _OPS:
                told = _OPS[op](self, asked)
                return {"ok": True, **told}
        except BadAct as bad:
            return {"ok": False, "error": str(bad)}
        except (ValueError, KeyError, TypeError) as wrong:
            return {"ok": False, "error": f"not understood: {wrong!r}"}
        return {"ok": False, "error": f"unknown op {op!r}; known: {', '.join(sorted(_OPS))}"}

    def chosen(self, asked: dict[str, Any]) -> list[WiredEgm]:
        """The machine with the asset that was asked for, or all. Raises BadAct."""
        asset = asked.get("asset")
        if asset is None:
            return list(self.egms.values())
        if asset not in self.egms:
            raise BadAct(f"there is no machine {asset}")
        return [self.egms[asset]]

    @property
    def now(self) -> float:
        """Monotonic seconds of this hall."""
        return self._clock()


def _book(hall: Hall, asked: dict[str, Any]) -> dict[str, Any]:
    after = int(asked.get("after", 0))
    machines = [egm.as_json(hall.now, after=after) for egm in hall.chosen(asked)]
    return machines[0] if asked.get("asset") is not None else {"frozen": hall.is_frozen, "machines": machines}


def _meters(hall: Hall, asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "machines": [
            {"asset": egm.asset, "meters": {str(code): value for code, value in egm.machine.bank.everything().items()}}
            for egm in hall.chosen(asked)
        ]
    }


def _counts(hall: Hall, asked: dict[str, Any]) -> dict[str, Any]:
    return {"machines": [{"asset": egm.asset, **egm.book.counts()} for egm in hall.chosen(asked)]}


def _freeze(hall: Hall, asked: dict[str, Any]) -> dict[str, Any]:
    if asked.get("asset") is None:
        hall.freeze()
    else:
        for egm in hall.chosen(asked):
            egm.freeze(hall.now)
    return hall.summary()


def _thaw(hall: Hall, asked: dict[str, Any]) -> dict[str, Any]:
    if asked.get("asset") is None:
        hall.thaw()
    else:
        for egm in hall.chosen(asked):
            egm.thaw(hall.now)
    return hall.summary()


def _do(hall: Hall, asked: dict[str, Any]) -> dict[str, Any]:
    number = asked.get("number")
    egms = hall.chosen(asked)
    for egm in egms:
        egm.do(str(asked["what"]), hall.now, None if number is None else int(number))
    return {"machines": len(egms)}


def _unplug(hall: Hall, asked: dict[str, Any]) -> dict[str, Any]:
    names = {str(asked["line"])} if "line" in asked else {line.name for line in hall.lines}
    dropped = [line for line in hall.lines if line.name in names and line.listener.has_host]
    for line in dropped:
        line.listener.drop_host()
    return {"dropped": len(dropped)}


_OPS: dict[str, Callable[[Hall, dict[str, Any]], dict[str, Any]]] = {
    "status": lambda hall, _: hall.summary(),
    "book": _book,
    "counts": _counts,
    "meters": _meters,
    "freeze": _freeze,
    "thaw": _thaw,
    "do": _do,
    "unplug": _unplug,
    "gateway_tables": lambda hall, _: {"toml": hall.floor.gateway_tables()},
}
