"""One machine's port on a cable in virtual time: hex in, hex out, and the book its owner would keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from protocols.sas.catalog.index import BY_CODE
from protocols.sas.crc import crc16
from protocols.sas.egm import Ack, Answer, Busy, EgmPort, EgmRules, Nack
from protocols.sas.longpoll import LongPoll, Values

CHAR_S = 11 / 19200
TELLS: Mapping[int, Any] = {
    0x01: Ack(), 0x02: Nack(), 0x03: Busy(), 0x7F: Ack(),
    0x1A: {"credits": 1451}, 0x11: {"coin_in": 7}, 0x51: {"games": 12},
    0x6F: {"game": 0, "meters": ()}, 0xAF: {"game": 0, "meters": ()},
}  # fmt: skip
"""What the machine answers; a poll that is not here it does not know."""


def checked(text: str) -> str:
    """The frame with its check sum, low byte first."""
    data = bytes.fromhex(text)
    return (data + crc16(data).to_bytes(2, "little")).hex(" ").upper()


class Cable:
    """Address 1 unless told otherwise; in step unless ``asleep``."""

    def __init__(self, *, asleep: bool = False, address: int = 1, **rules: Any) -> None:
        self.now = 1000.0
        self.asked: list[tuple[int, Values]] = []
        self.acknowledged: list[tuple[int, int]] = []
        self.answered: list[tuple[int, int]] = []
        self.dropped: list[tuple[int, int]] = []
        self.tells = dict(TELLS)
        self.port = EgmPort(address, self._answer, EgmRules(**rules), self.now)
        self.port.on_acknowledged = self._note(self.acknowledged)
        self.port.on_answered = self._note(self.answered)
        self.port.on_dropped = self._note(self.dropped)
        if not asleep:
            self.send("80")

    @staticmethod
    def _note(book: list[tuple[int, int]]) -> Callable[[int, int], None]:
        return lambda code, serial: book.append((code, serial))

    def _answer(self, poll: LongPoll, values: Values) -> Answer:
        assert BY_CODE[poll.code] is poll
        self.asked.append((poll.code, values))
        return self.tells.get(poll.code)

    def send(self, text: str, *, gap_s: float = 0.0, wakeups: str | None = None) -> str | None:
        """A frame of the host, the first character with the wake-up bit. ``wakeups``: a 1 or 0 for each character."""
        answer = None
        for place, value in enumerate(bytes.fromhex(text)):
            self.now += CHAR_S + (gap_s if place else 0.0)
            wakeup = place == 0 if wakeups is None else wakeups[place] == "1"
            answer = self._sent(self.port.receive(value, wakeup, self.now)) or answer
        self.now += 0.02
        return answer

    def silence(self, seconds: float) -> list[float]:
        """Nothing comes; the moments, from now, at which the machine chirped."""
        began, chirps = self.now, []
        while self.now < began + seconds - 0.0005:
            self.now += 0.01
            out = self.port.tick(self.now)
            if out is not None:
                assert out[1], "what a machine says unasked carries the wake-up bit"
                chirps.append(round(self.now - began, 2))
        return chirps

    @staticmethod
    def _sent(out: tuple[bytes, bool] | None) -> str | None:
        if out is None:
            return None
        assert not out[1], "an answer carries no wake-up bit"
        return out[0].hex(" ").upper()
