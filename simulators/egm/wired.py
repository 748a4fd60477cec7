"""A machine with its SAS port and its book: what the wire hears of it, and what the book knows of the wire. Pure.

The machine raises exceptions, the port queues and answers them, the book notes both. Two clocks: the wire's and the
book's is real; the machine's own life may run faster.
"""

from dataclasses import replace
from datetime import datetime
from math import inf
from typing import Any

from protocols.sas.egm import EgmPort
from protocols.sas.egm_queue import OVERFLOW
from simulators.egm.acts import BOOTS, DATA_ERROR
from simulators.egm.answers import Answers
from simulators.egm.book import Book
from simulators.egm.dice import Dice
from simulators.egm.game import GameRules
from simulators.egm.handpays import HANDPAY_CANCELLED, HANDPAY_PENDING, HANDPAY_RESET
from simulators.egm.machine import Habits, Machine
from simulators.egm.persona import Persona

GAP_S = 0.05
"""A socket delivers a frame in lumps, and a simulator on a busy box may be late; on a real wire 5 ms are the limit."""
_HANDPAY = frozenset({HANDPAY_PENDING, HANDPAY_RESET, HANDPAY_CANCELLED})
"Of class Q/P: priority where handpays are queued records (sas-core 5.5)."


class WiredEgm:
    """One machine on a line. Give it every character of the host and send what it returns."""

    __slots__ = (
        "_falls_silent", "_now", "_port_receive", "_speed", "_start", "address", "answer_delay_s", "answers", "asset", "book",
        "due_at", "machine", "port",
    )  # fmt: skip

    def __init__(
        self,
        asset: int,
        address: int,
        persona: Persona,
        dice: Dice,
        *,
        serial: str,
        now: float,
        wall: datetime,
        habits: Habits | None = None,
        game_rules: GameRules | None = None,
        speed: float = 1.0,
        book: Book | None = None,
    ) -> None:
        self.asset = asset
        self.address = address
        self.answer_delay_s = persona.answer_delay_s
        self._now = self._start = now
        self._speed = speed
        self._falls_silent = False
        self.book = book or Book(asset, wall.timestamp() - now)
        self.machine = Machine(
            persona, dice, now=now, wall=wall, habits=habits, game_rules=game_rules, speed=speed, report=self._raised,
            waiting=lambda: len(self.port.queue), is_waiting=lambda code: self.port.queue.holds(code),
            real_time=lambda: self.port.real_time,
        )  # fmt: skip
        self.machine.serial, self.machine.asset, self.machine.address = serial, asset, address
        self.machine.set_address = self._readdress
        self.answers = Answers(self.machine, self.book, lambda: self._now, lambda: self._lived(self._now))
        also = persona.rules.also_priority | (_HANDPAY if persona.handpays == "queued" else frozenset())
        rules = replace(persona.rules, answer_delay_s=persona.answer_delay_s, gap_s=GAP_S, also_priority=also)
        self.port = EgmPort(address, self.answers.answer, rules, now)
        self.port.real_time = persona.starts_in_real_time
        self.port.on_consumed = self._consumed
        self.port.on_acknowledged = self._acknowledged
        self.port.on_dropped = self._dropped
        self.port.queue.on_overflow = self._overflow
        self.port.on_answered = self._answered
        self._port_receive = self.port.receive
        self.due_at = now
        self.machine.top_up()
        self._look_ahead()

    # the wire

    def receive(self, value: int, wakeup: bool, now: float) -> tuple[bytes, bool] | None:
        """One character of the host; what to answer, with its wake-up bit, or None."""
        self._now = now
        if not self.machine.cabinet.is_powered:
            return None
        return self._port_receive(value, wakeup, now)

    def tick(self, now: float) -> tuple[bytes, bool] | None:
        """A chirp, when the host has been silent."""
        self._now = now
        if not self.machine.cabinet.is_powered:
            return None
        return self.port.tick(now)

    # its life

    def play(self, now: float) -> None:
        """Let everything happen that is due; the next time is ``due_at``."""
        self._now = now
        if self._falls_silent:
            self._falls_silent = False
            self._readdress(0)
        self.machine.run(self._lived(now))
        self._look_ahead()

    def do(self, what: str, now: float, number: int | None = None) -> None:
        """A named act now; see `Machine.do`. Raises BadAct."""
        self._now = now
        was_powered = self.machine.cabinet.is_powered
        self.machine.do(what, self._lived(now), number)
        if what == "ram_clear":
            self.port.real_time = False
        if what in BOOTS or (what == "power_on" and not was_powered):
            self.port.power_up(now)
        self._look_ahead()

    def freeze(self, now: float) -> None:
        """Nothing happens by itself any more; what waits is still answered."""
        self._now = now
        self.machine.freeze(self._lived(now))
        self.due_at = inf

    def thaw(self, now: float) -> None:
        """Life goes on."""
        self._now = now
        self.machine.thaw(self._lived(now))
        self._look_ahead()

    def as_json(self, now: float, *, after: int = 0) -> dict[str, Any]:
        """Book and meters, as the judge reads them."""
        return {
            **self.book.as_json(after=after),
            "address": self.address,
            "frozen": self.machine.is_frozen,
            "meters": {str(code): value for code, value in self.machine.bank.everything().items()},
        }

    def _lived(self, now: float) -> float:
        return self._start + (now - self._start) * self._speed

    def _look_ahead(self) -> None:
        at = self.machine.next_at()
        self.due_at = at if at == inf else self._start + (at - self._start) / self._speed

    def _raised(self, code: int, data: bytes = b"") -> None:
        self.port.raise_exception(code, self.book.raised(code, self._now), data)

    def _readdress(self, address: int) -> None:
        self.address = self.machine.address = address
        self.port.readdress(address, self._now)

    def _consumed(self, _poll: int) -> None:
        self.machine.handpay_read(self._lived(self._now))
        self._look_ahead()

    def _answered(self, _code: int, serial: int) -> None:
        self.book.answered(serial, self._now)

    def _acknowledged(self, code: int, serial: int) -> None:
        self.book.acknowledged(serial, self._now)
        if code == DATA_ERROR and self.machine.persona.loses_address:
            # Not within the poll that told so: its answer still goes out.
            self._falls_silent = True
            self.due_at = self._now
        self.machine.top_up()

    def _dropped(self, _code: int, serial: int) -> None:
        self.book.dropped(serial, self._now)

    def _overflow(self) -> int:
        # The 70 of a full queue has a number in the book like any other exception.
        return self.book.raised(OVERFLOW, self._now)
