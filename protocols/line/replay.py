"""(pure) A line that plays a capture: the host must send what was sent then, the machines answer what they answered.

Each frame of the host is compared with the recorded one, byte by byte and with its wake-up bit; the first that differs is
told with both frames and its place. What the machines said follows each frame with the recorded delay, counted from the
moment the host of today sends it: a host may take its time otherwise than the one that was recorded. Time is the caller's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from protocols.errors import LocalError
from protocols.line.capture import Record
from protocols.line.line import CHAR_S, Char, Facts, LineStats


class Diverged(LocalError):
    """The host sends another frame than the one that was recorded; or one more than was recorded."""


@dataclass(slots=True)
class _Frame:
    """One frame of the host, and what came after it until the next."""

    place: int
    "Number of its record, from 1."
    offset_us: int
    data: bytes
    wakeup: bool
    answers: list[tuple[float, bytes, bytes]] = field(default_factory=list)
    "Seconds after the frame was handed to the line; characters; flags."


class ReplayLine:
    """A `Line`. ``is_over``: every frame was sent and every character drained."""

    def __init__(self, records: Iterable[Record], *, now: float, name: str = "replay") -> None:
        self.name = name
        self.stats = LineStats(opened=1)
        before, self._frames = _frames(records)
        self._coming: deque[Char] = deque()
        for after_s, data, flags in before:
            self._come(now + after_s, data, flags)

    @property
    def facts(self) -> Facts:
        return {}

    @property
    def is_over(self) -> bool:
        return not self._frames and not self._coming

    @property
    def frames_left(self) -> int:
        """Frames of the host that were recorded and not sent yet."""
        return len(self._frames)

    def fileno(self) -> int:
        return -1

    def ready(self, now: float) -> bool:
        return True

    def send(self, data: bytes, *, wakeup: bool, now: float) -> float:
        """Compare with the recorded frame. Raises Diverged."""
        expected = self._frames.popleft() if self._frames else None
        if expected is None or expected.data != data or expected.wakeup != wakeup:
            raise _diverged(expected, data, wakeup, self.stats.frames_sent + 1)
        self.stats.frames_sent += 1
        self.stats.chars_sent += len(data)
        for after_s, chars, flags in expected.answers:
            self._come(now + after_s, chars, flags)
        return now + len(data) * CHAR_S

    def service_at(self) -> float | None:
        return None

    def service(self, now: float) -> None:
        return

    def drain(self, now: float) -> Sequence[Char]:
        chars: list[Char] = []
        while self._coming and self._coming[0].at <= now:
            chars.append(self._coming.popleft())
        self.stats.chars_received += len(chars)
        return chars

    def next_arrival(self) -> float | None:
        """When the next character comes; None: none before the host sends. Lets a fake clock jump."""
        return self._coming[0].at if self._coming else None

    def close(self) -> None:
        return

    def _come(self, at: float, data: bytes, flags: bytes) -> None:
        if self._coming and at < self._coming[-1].at:
            # A host that is quicker than the one recorded: nothing overtakes what is under way.
            at = self._coming[-1].at
        self._coming.extend(Char(value, bool(flag), at) for value, flag in zip(data, flags, strict=True))


def _frames(records: Iterable[Record]) -> tuple[list[tuple[float, bytes, bytes]], deque[_Frame]]:
    """What came before the first frame, and the frames with what followed each."""
    before: list[tuple[float, bytes, bytes]] = []
    frames: deque[_Frame] = deque()
    for place, record in enumerate(records, start=1):
        if record.direction == ">":
            if frames and not record.flags[0] and not frames[-1].answers:
                frames[-1].data += record.data  # A listener on the wire records the rest of a frame by itself.
            else:
                frames.append(_Frame(place, record.offset_us, record.data, bool(record.flags[0])))
            continue
        last = frames[-1] if frames else None
        since_us = record.offset_us - (last.offset_us if last is not None else 0)
        answers = before if last is None else last.answers
        answers.append((max(0, since_us) / 1_000_000, record.data, record.flags))
    return before, frames


def _diverged(expected: _Frame | None, data: bytes, wakeup: bool, number: int) -> Diverged:
    sent = _shown(data, wakeup)
    if expected is None:
        return Diverged(
            f"The capture ends after {number - 1} frames of the host; now {sent} is sent.",
            number=number, sent=data, recorded=None,
        )  # fmt: skip
    return Diverged(
        f"Frame {number} of the host (record {expected.place}, {expected.offset_us / 1_000_000:.6f} s): recorded was "
        f"{_shown(expected.data, expected.wakeup)}, now {sent} is sent.",
        number=number, place=expected.place, offset_us=expected.offset_us, sent=data, recorded=expected.data,
    )  # fmt: skip


def _shown(data: bytes, wakeup: bool) -> str:
    return ("*" if wakeup else "") + data.hex(" ").upper()
