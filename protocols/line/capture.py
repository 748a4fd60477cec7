"""(pure) The capture file: a header that says whose wire this was, then one line of text per frame. Read and write.

Text, because captures end up in reviews, in mails and beside tests; `docs/captures.md` shows one. Streaming both ways:
neither side ever holds more than one line. What the characters mean is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, NamedTuple

from protocols.errors import LocalError

FIRST_LINE = "hall-edge capture 1"
"""Name and version of the format. Another version is another format."""

CHARS_MAX = 4096
"""Characters in one record: what one drain can bring."""

LINE_MAX = 4 * CHARS_MAX + 64
"""Characters of text in one line; longer is no capture."""

OFFSET_MAX_US = 10**15
"""Thirty years. Larger numbers are damage."""

_RECORD = re.compile(r"([0-9]{1,16}) ([<>])((?: \*?[0-9A-F]{2})+)")
_KEYS = ("line", "machine", "who", "started")


class BadCapture(LocalError):
    """A capture that does not read: which line, and what is wrong with it."""

    slug: ClassVar[str] = "bad-capture"


@dataclass(frozen=True, slots=True)
class Header:
    """Where a capture comes from. Texts are single lines without anything secret: captures are passed around."""

    line: str
    machine: str
    "Maker, model, firmware; as much as is known."
    who: str
    "Who recorded it, and where."
    started: datetime
    "Wall time of offset 0, UTC, to the microsecond."


class Record(NamedTuple):
    """One frame sent, or what came in one go."""

    offset_us: int
    "Microseconds since the start, by the monotonic clock."
    direction: str
    "`>` host to machine, `<` machine to host."
    data: bytes
    flags: bytes
    "01 or 00 for each byte: the wake-up bit."


def header_text(header: Header) -> str:
    """The lines above the records, with the empty one that ends them. Raises BadCapture if it would not read back."""
    if header.started.tzinfo is None:
        raise BadCapture("The start of a capture needs a time zone.", line_number=0)
    started = header.started.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    values = (header.line, header.machine, header.who, started)
    lines = [FIRST_LINE]
    for key, value in zip(_KEYS, values, strict=True):
        if value != value.strip() or not value.isprintable() or len(value) > 500:
            raise BadCapture(f"The header's {key} is one line of at most 500 printable characters.", line_number=0)
        lines.append(f"{key}: {value}".rstrip())
    return "\n".join(lines) + "\n\n"


def record_text(record: Record) -> str:
    """``1200 > *01 1F``: offset, direction, characters in hex, a star before each wake-up. Raises BadCapture."""
    data, flags = record.data, record.flags
    if not 0 < len(data) <= CHARS_MAX or len(flags) != len(data) or flags.translate(None, b"\x00\x01"):
        raise BadCapture(f"A record has 1 to {CHARS_MAX} characters, each with its flag.", line_number=0)
    if record.direction not in ("<", ">") or not 0 <= record.offset_us <= OFFSET_MAX_US:
        raise BadCapture("A record has a direction and an offset from 0 on.", line_number=0)
    if not any(flags):
        chars = data.hex(" ").upper()
    else:
        chars = " ".join([f"*{value:02X}" if flag else f"{value:02X}" for value, flag in zip(data, flags, strict=True)])
    return f"{record.offset_us} {record.direction} {chars}\n"


def note_text(note: str) -> str:
    """A remark between records; readers skip it. Raises BadCapture."""
    if not note.isprintable() or len(note) > 1000:
        raise BadCapture("A note is one line of at most 1000 printable characters.", line_number=0)
    return f"# {note}\n"


class Reader:
    """Iterates over the records of a capture, given its lines (an open text file will do).

    The header is read at once. Raises BadCapture with the number of the line. A last line without an end is what a
    power cut leaves: it is left out, and ``is_cut_short`` says so."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._number = 0
        self.is_cut_short = False
        self.header = self._read_header()

    def __iter__(self) -> Iterator[Record]:
        before = 0
        for text in self._lines:
            self._number += 1
            if not text.endswith("\n"):
                self.is_cut_short = True
                return
            if text.startswith("#") or text == "\n":
                continue
            record = self._read_record(text)
            if record.offset_us < before and record.direction == ">":
                raise self._bad("time runs backwards")
            before = max(before, record.offset_us)
            yield record

    def _read_record(self, text: str) -> Record:
        if len(text) > LINE_MAX:
            raise self._bad(f"longer than {LINE_MAX} characters")
        match = _RECORD.fullmatch(text, 0, len(text) - 1)
        if match is None:
            raise self._bad("not `offset direction characters`, like `1200 > *01 1F`")
        offset_us = int(match[1])
        if offset_us > OFFSET_MAX_US:
            raise self._bad("the offset is more than 30 years")
        chars = match[3].split()
        if len(chars) > CHARS_MAX:
            raise self._bad(f"more than {CHARS_MAX} characters in one record")
        data = bytes.fromhex(match[3].replace("*", ""))
        return Record(offset_us, match[2], data, bytes([char[0] == "*" for char in chars]))

    def _read_header(self) -> Header:
        if self._next() != FIRST_LINE:
            raise self._bad(f"the first line of a capture is `{FIRST_LINE}`")
        values: dict[str, str] = {}
        while text := self._next():
            key, colon, value = text.partition(":")
            if not colon or key not in _KEYS or key in values:
                raise self._bad(f"the header has {', '.join(_KEYS)}, each once, then an empty line")
            values[key] = value.strip()
        if len(values) != len(_KEYS):
            raise self._bad(f"the header lacks {', '.join(key for key in _KEYS if key not in values)}")
        try:
            started = datetime.strptime(values["started"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        except ValueError:
            raise self._bad("`started` is UTC like 2025-11-03T02:11:07.113000Z") from None
        return Header(values["line"], values["machine"], values["who"], started)

    def _next(self) -> str:
        self._number += 1
        text = next(self._lines, None)
        if text is None or not text.endswith("\n") or len(text) > LINE_MAX:
            raise self._bad("the header ends before the empty line that closes it")
        return text[:-1]

    def _bad(self, why: str) -> BadCapture:
        return BadCapture(f"Capture, line {self._number}: {why}.", line_number=self._number)
