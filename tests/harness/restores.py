"""``python -m tests.harness.restores``: books backed up, restored, cloned and copied back by hand, in any order.

Real files, the real cold start, writer, keeping of epochs and jobs; no wires. A model of the hall knows every fact that
was ever durable and every command that was ever done; a model of central knows every record it was ever given.

- forged: two contents under one (streamid, sequence). Must be 0
- twice: a command that was done a second time. Must be 0
- silent: a life that began with fewer or other records than there were once, and opened no new epoch. Must be 0
- lost: facts that are neither in the books nor at central when the round ends, and no new epoch after them says so. Must be 0
- needless: a new epoch though the books were the last ones. Must be 0
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from edge.clock import SystemClock
from edge.config.model import Settings
from edge.field.coldstart import Books, open_books
from edge.field.journal import Journal
from edge.field.keeping import Keeping
from edge.hall.events import Fact
from edge.hall.shapes import Json
from edge.jobs import places
from edge.jobs.backup import backup
from edge.jobs.restore import restore
from edge.rules.gaming_day import GamingDays
from edge.rules.meters import Pace
from sync import inbox, outbox
from sync.commands import Command, parse
from sync.db import Database
from sync.envelope import Cursor, canonical, stamp
from sync.writer import Writer
from tests.harness.evidence import Figures, add

STEPS = 12
CENTRAL = "central-1"
GATEWAY = "hg-07"
KEY = "5a" * 32


@dataclass
class Hall:
    """What was really so, in whatever books it stands."""

    dice: random.Random
    top: Path
    anchored: bool
    figures: Counter[str]
    records: dict[tuple[str, int], str] = field(default_factory=dict)
    "Every record that was ever read out of any books, by (streamid, sequence): its chain value."
    given: dict[tuple[str, int], str] = field(default_factory=dict)
    "What central has."
    done: Counter[str] = field(default_factory=Counter)
    "Commands, by id: how often the machine did it."
    commands: int = 0
    last: tuple[str, int, str] | None = None
    "Where the books of the box ended when they were last closed; None: never."
    sent: list[Command] = field(default_factory=list)

    def settings(self, directory: Path) -> Settings:
        """The box, or a clone of it with an anchor of its own."""
        anchor = str(directory.with_name(f"{directory.name}-anchor")) if self.anchored else None
        return Settings.model_validate({
            "hall": {"id": "7"}, "gateway": {"id": GATEWAY}, "store": {"directory": str(directory), "anchor": anchor},
            "consumer": [{"name": CENTRAL}], "backup": {"keep": 3}, "backup_key": KEY,
        })  # fmt: skip


class Life:
    """One run of the field over a state directory, without its wires."""

    def __init__(self, hall: Hall, directory: Path) -> None:
        self.hall, self.directory, self.clock = hall, directory, SystemClock()
        self.settings = hall.settings(directory)
        self.books: Books = open_books(self.settings)

    async def begin(self) -> None:
        """The cold start's verdict is written down; what was commanded and is open is done now."""
        safe = self.books.verdict.safe
        if safe is not None:
            raise AssertionError(f"safe mode: {safe}")
        loop = asyncio.get_running_loop()
        self.writer = Writer(
            self.books.database, now_utc=self.clock.wall, post=loop.call_soon_threadsafe, on_fatal=_fatal
        )
        self.writer.start()
        self.journal = Journal(
            self.writer,
            source=f"urn:hall:7:gw:{GATEWAY}",
            gaming_day=GamingDays.of("UTC", "06:00").label,
            quality=lambda: "synced",
            incidents=self.books.incidents,
            pace=Pace(credits_per_hour=10**6, cents_per_hour=10**8, count_per_hour=10**5),
        )
        self.keeping = Keeping(
            self.books, self.journal, self.writer, self.clock, subject=f"gateway/{GATEWAY}", version="1",
            record=lambda facts: None,
        )  # fmt: skip
        await self.keeping.begin()
        await self.writer.run(lambda tx: outbox.ensure_consumers(tx, [CENTRAL]))
        await self.do_open()

    async def append(self, count: int) -> None:
        """Facts of this hall."""
        for _ in range(count):
            data: dict[str, Json] = {"offset_ms": self.hall.dice.randrange(10**9), "clock": "synced"}
            fact = Fact("hall.gateway.clock.stepped.v1", f"gateway/{GATEWAY}", self.clock.wall(), data)
            await self.journal.compose(lambda page, fact=fact: page.append(fact))  # type: ignore[misc]  # early

    async def command(self, *, again: bool) -> None:
        """Central commands something; or repeats, byte for byte, what it said once, as its own restore would make it."""
        now, hall = self.clock.wall(), self.hall
        if again and hall.sent:
            command = hall.dice.choice(hall.sent)
        else:
            hall.commands += 1
            command = parse(canonical({
                "central": CENTRAL, "term": 1, "command_id": f"c-{hall.commands}", "gateway": GATEWAY,
                "streamid": self.writer.head.cursor.streamid, "issued_at": stamp(now),
                "expires_at": stamp(now + timedelta(hours=1)), "kind": "egm.enable", "body": {"asset": 17},
            }))  # fmt: skip
            hall.sent.append(command)
        await self.writer.run(lambda tx: inbox.admit(tx, command, gateway=GATEWAY, now=now))

    async def do_open(self) -> None:
        """The machine does what is open, and the outcome is written down."""
        with closing(Database(self.books.database).open_reader()) as reader:
            commands = inbox.open_commands(reader)
        for command in commands:
            self.hall.done[command.command_id] += 1
            await self.writer.run(lambda tx, c=command: inbox.finish(tx, c.central, c.command_id, {"event": "x"}))  # type: ignore[misc]  # early

    async def deliver(self) -> None:
        """Central pulls all there is from its cursor, compares with what it has, and confirms."""
        with closing(Database(self.books.database).open_reader()) as reader:
            (consumer,) = (one for one in outbox.consumers(reader) if one.name == CENTRAL)
            at, cursor = consumer.position, consumer.cursor
            while True:
                page = outbox.page(reader, at, limit=self.hall.dice.choice((1, 7, 200)))
                for offset, body in enumerate(page.bodies):
                    told = json.loads(body)
                    _put(self.hall.given, (told["streamid"], page.first + offset), body.hex(), self.hall.figures)
                if not page.bodies:
                    break
                at, cursor = page.position, page.next
        await self._confirm(cursor)

    async def _confirm(self, cursor: Cursor) -> None:
        await self.writer.run(lambda tx: outbox.advance(tx, CENTRAL, cursor))

    async def end(self) -> tuple[str, int, str]:
        """The orderly stop. Returns where the books end."""
        self.keeping.moved(self.writer.head)
        await self.keeping.end()
        await asyncio.to_thread(self.writer.close)
        self.keeping.close()
        os.close(self.books.lock_fd)
        read_all(self.hall, self.books.database)
        return head_of(self.books.database)


async def live(hall: Hall, directory: Path, *, box: bool = True) -> None:
    """One life with some of everything. ``box`` False: a clone, whose end is none of the box's."""
    here, database = hall.last if box else None, directory / places.DATABASE
    same = here is not None and database.exists() and head_of(database) == here
    life = Life(hall, directory)
    opened = life.books.verdict.new_epoch is not None
    if here is not None and not same and not opened:
        hall.figures["silent"] += 1
    if same and opened and not (directory / places.RESTORED).exists() and not hall.figures["moved_now"]:
        hall.figures["needless"] += 1
    if box:
        hall.figures["moved_now"] = 0
    if opened:
        hall.figures["epochs"] += 1
    await life.begin()
    for _ in range(hall.dice.randrange(1, 5)):
        match hall.dice.choice(("append", "append", "deliver", "command", "again", "do", "backup")):
            case "append":
                await life.append(hall.dice.randrange(1, 8))
            case "deliver":
                await life.deliver()
            case "command":
                await life.command(again=False)
            case "again":
                await life.command(again=True)
            case "do":
                await life.do_open()
            case "backup":
                made = await asyncio.to_thread(backup, life.settings)
                hall.figures["backups"] += 1
                shutil.copy(made.path, hall.top / "safe")
    end = await life.end()
    if box:
        hall.last = end


async def play(seed: int) -> Counter[str]:
    """One round. Raises what none of the parts may raise."""
    dice, figures = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="restores-") as name:
        hall = Hall(dice, Path(name), dice.random() < 0.6, figures)
        state, old, safe = hall.top / "state", hall.top / "old", hall.top / "safe"
        safe.mkdir()
        await live(hall, state)
        for number in range(STEPS):
            archives = sorted(safe.iterdir())
            match dice.choice(("live", "live", "live", "restore", "clone", "set aside", "copy back")):
                case "live":
                    await live(hall, state)
                case "restore" if archives:
                    restore(dice.choice(archives), state, key=bytes.fromhex(KEY), replace=True)
                    figures["restores"] += 1
                    if dice.random() < 0.5:
                        await live(hall, state)
                case "clone":
                    clone = hall.top / f"clone-{number}"
                    shutil.copytree(state, clone)
                    await live(hall, clone, box=False)
                    figures["clones"] += 1
                case "set aside":
                    shutil.rmtree(old, ignore_errors=True)
                    shutil.copytree(state, old)
                case "copy back" if old.exists():
                    # As a hand does it: the present one is moved away, the old one copied to its place.
                    state.rename(hall.top / f"gone-{number}")
                    shutil.copytree(old, state)
                    figures["copied_back"] += 1
                    figures["moved_now"] = 1
                case _:
                    continue
        await live(hall, state)
        _judge(hall, state)
    del figures["moved_now"]
    return figures


def head_of(database: Path) -> tuple[str, int, str]:
    """Stream, sequence and chain value of the last record."""
    with closing(Database(database).open_reader()) as reader:
        cursor = outbox.head(reader).cursor
    return cursor.streamid, cursor.sequence, cursor.sha256


def read_all(hall: Hall, database: Path) -> None:
    """Every record of these books against every record of any books before them."""
    with closing(Database(database).open_reader()) as reader:
        for epoch in outbox.epochs(reader):
            rows = reader.execute(
                "SELECT position, chain FROM log WHERE position BETWEEN ? AND ?",
                (epoch.first_position, epoch.last_position),
            )
            for position, chain in rows:
                place = epoch.streamid, position - epoch.first_position + 1
                _put(hall.records, place, chain.hex(), hall.figures)


def _put(known: dict[tuple[str, int], str], place: tuple[str, int], content: str, figures: Counter[str]) -> None:
    if known.setdefault(place, content) != content:
        figures["forged"] += 1


def _judge(hall: Hall, state: Path) -> None:
    figures = hall.figures
    with closing(Database(state / places.DATABASE).open_reader()) as reader:
        ends = {epoch.streamid: epoch.last for epoch in outbox.epochs(reader)}
        newest = outbox.epochs(reader)[-1].streamid
    for stream, sequence in hall.records.keys() - hall.given.keys():
        # Not in these books any more: then their newest stream must be another one, or nobody could know of it.
        if sequence > ends.get(stream, 0):
            figures["missing"] += 1
            figures["lost"] += stream == newest
    figures["twice"] += sum(count > 1 for count in hall.done.values())
    figures["records"] += len(hall.records)
    figures["commands"] += hall.commands


def _fatal(error: BaseException) -> None:
    raise AssertionError("the writer died") from error


BAD = ("forged", "twice", "silent", "lost", "needless")


def rounds(first: int, count: int) -> tuple[Counter[str], int | None]:
    """So many rounds, from this seed on; their figures, and the first seed of which one is bad."""
    first_bad: int | None = None
    figures: Counter[str] = Counter(dict.fromkeys(BAD, 0))
    for seed in range(first, first + count):
        found = asyncio.run(play(seed))
        figures += found
        if any(found[name] for name in BAD):
            print(f"seed {seed}: {dict(found)}", file=sys.stderr)
            first_bad = seed if first_bad is None else first_bad
    return Counter({**dict.fromkeys(BAD, 0), **figures}), first_bad


def main(arguments: Sequence[str] | None = None) -> int:
    """One JSON line. Exit code 1: something that must be 0 is not."""
    parser = argparse.ArgumentParser(prog="./dev restores", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each round has the next one")
    parser.add_argument("--evidence", action="store_true", help="add the figures to docs/evidence.json")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    figures, first_bad = rounds(given.seed, given.rounds)
    told = {"rounds": given.rounds, "seed": given.seed, **figures, "took_s": round(time.monotonic() - began, 1)}
    print(json.dumps(told))
    if given.evidence:
        bad = sum(figures[name] for name in BAD)
        add(Figures("ID-1", "interleavings of restore and clone", given.rounds, bad, given.seed, first_bad,
                    round(time.monotonic() - began), "./dev restores"))  # fmt: skip
    return int(any(figures[name] for name in BAD))


if __name__ == "__main__":
    sys.exit(main())
