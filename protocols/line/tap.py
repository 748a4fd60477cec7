"""Wraps any line and hands a copy of the traffic to a listener: a capture file, a live trace.

Without a listener a tap is out of the way: its calls are the line's own. The listener is called in the tick, so it must
be quick and must not raise; what travels is characters, not their meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from protocols.line import capture
from protocols.line.line import Char, Facts, Line, LineStats, flags


class TapRecord(NamedTuple):
    """One frame sent, or what one drain brought."""

    at: float
    "Monotonic seconds: the moment of the first write, or of the first character."
    direction: str
    "`>` from us to the machines, `<` from the machines to us."
    data: bytes
    flags: bytes
    "01 or 00 for each byte of ``data``: the wake-up bit."


class Tap:
    """A `Line` around another. ``sink`` may be set and taken away at any time."""

    def __init__(self, line: Line, sink: Callable[[TapRecord], None] | None = None) -> None:
        self.line = line
        self.fileno = line.fileno
        self.ready = line.ready
        self.service_at = line.service_at
        self.service = line.service
        self.close = line.close
        self.sink = sink

    @property
    def name(self) -> str:
        return self.line.name

    @property
    def stats(self) -> LineStats:
        return self.line.stats

    @property
    def facts(self) -> Facts:
        return self.line.facts

    @property
    def sink(self) -> Callable[[TapRecord], None] | None:
        return self._sink

    @sink.setter
    def sink(self, sink: Callable[[TapRecord], None] | None) -> None:
        self._sink = sink
        if sink is None:
            # Nobody listens: the poller reaches the line itself, without a call in between.
            self.send = self.line.send
            self.drain = self.line.drain
        else:
            self.send = self._send
            self.drain = self._drain

    def _send(self, data: bytes, *, wakeup: bool, now: float) -> float:
        ends_at = self.line.send(data, wakeup=wakeup, now=now)
        if self._sink is not None:
            self._sink(TapRecord(now, ">", bytes(data), flags(len(data), wakeup=wakeup)))
        return ends_at

    def _drain(self, now: float) -> Sequence[Char]:
        chars = self.line.drain(now)
        if chars and self._sink is not None:
            data = bytes([char.value for char in chars])
            marks = bytes([char.wakeup for char in chars])
            self._sink(TapRecord(chars[0].at, "<", data, marks))
        return chars


class CaptureSink:
    """A listener that writes a capture. When ``size_max`` is reached it writes one last note and nothing more."""

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        line: str,
        machine: str,
        who: str,
        started: datetime,
        now: float,
        size_max: int = 64 << 20,
    ) -> None:
        """``started`` is the wall time (UTC) of the monotonic ``now``; ``write`` takes text, for instance of a file."""
        self._write = write
        self._began = now
        self._room = size_max
        self.is_full = False
        self.left_out = 0
        "Records that came after it was full."
        head = capture.header_text(capture.Header(line=line, machine=machine, who=who, started=started))
        self._room -= len(head)
        write(head)

    def __call__(self, record: TapRecord) -> None:
        if self.is_full:
            self.left_out += 1
            return
        offset_us = max(0, round((record.at - self._began) * 1_000_000))
        text = capture.record_text(capture.Record(offset_us, record.direction, record.data, record.flags))
        if len(text) > self._room:
            self.is_full = True
            self.left_out = 1
            self._write(capture.note_text("the size limit is reached, the recording ends here"))
            return
        self._room -= len(text)
        self._write(text)
