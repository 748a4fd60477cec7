"""The live wire of a line, decoded or as it is, and captures of it: written, and read again.

Decoding is done here: the same for what passes now and for a file.
"""

import getpass
import json
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import click

from edge.cli.box import Box
from edge.cli.faults import CONFLICT, NOT_FOUND, USAGE, Fault
from edge.cli.show import asks_box, plain
from edge.health.room import Limits

QUIET_S = 5.0
"A line without news says so this often."
SHOWN_BYTES = 14
LOOK_EVERY = 256
"So many records between two looks at the room of the disk."
FILE_MAX = 64 << 20
"Some hours of one line; then the file is closed with a remark."


@dataclass(frozen=True, slots=True)
class Piece:
    """One frame of the host, or what came in one go."""

    at_us: int
    "Microseconds since 1970."
    direction: str
    data: bytes
    flags: bytes
    "01 or 00 for each byte: the wake-up bit."


class Words:
    """Pieces in, lines for people out; remembers when it said what, for the gaps."""

    def __init__(self, zone: str, *, address: int | None, idle_too: bool, as_json: bool, raw: bool) -> None:
        from protocols.sas.explain import Explainer

        self._zone = ZoneInfo(zone)
        self._explainer = Explainer()
        self._address = address
        self._idle_too = idle_too
        self._as_json = as_json
        self._raw = raw
        self._before_us: int | None = None
        self._idle = 0
        self._shown_at = time.monotonic()

    def lines(self, piece: Piece) -> Iterator[str]:
        """What is to be said now of this piece, and of those before it that it completes."""
        if self._raw:
            yield self._as_it_is(piece)
            return
        for told in self._explainer.feed(piece.direction, piece.data, piece.flags):
            if self._address is not None and told.address not in (self._address, None):
                continue
            # What is told of a poll without an answer is told when the host goes on.
            if self._as_json:
                yield json.dumps(self._row(piece, told), ensure_ascii=False)
                continue
            gap = self._gap(piece.at_us)
            if told.idle and not self._idle_too:
                self._idle += piece.direction == ">"
                if time.monotonic() - self._shown_at < QUIET_S:
                    continue
            yield from self.rest()
            self._shown_at = time.monotonic()
            if not told.idle or self._idle_too:
                arrow = "←" if told.data and piece.direction == "<" else "→" if told.data else "·"
                said = click.style(plain(told.text), fg="red") if told.fault else plain(told.text)
                yield f"{self._clock(piece)} {gap} {arrow} {_octets(told.data, wakeup=told.wakeup):<46} {said}"

    def rest(self) -> Iterator[str]:
        """Polls without news that were counted and not told yet."""
        if self._idle:
            yield click.style(f"{'':21} … {self._idle} poll{'s' if self._idle > 1 else ''} without news", dim=True)
            self._idle = 0

    def _as_it_is(self, piece: Piece) -> str:
        if self._as_json:
            return json.dumps(
                {
                    "at_us": piece.at_us,
                    "direction": piece.direction,
                    "hex": piece.data.hex(),
                    "flags": piece.flags.hex(),
                }
            )
        shown = " ".join(
            f"*{value:02X}" if flag else f"{value:02X}" for value, flag in zip(piece.data, piece.flags, strict=True)
        )
        return f"{self._clock(piece)} {self._gap(piece.at_us)} {piece.direction} {shown}"

    def _row(self, piece: Piece, told: Any) -> dict[str, Any]:
        at = datetime.fromtimestamp(piece.at_us / 1_000_000, UTC)
        return {
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "direction": piece.direction,
            "hex": told.data.hex(),
            "wakeup": told.wakeup,
            "address": told.address,
            "text": told.text,
            "fault": told.fault,
            "idle": told.idle,
        }

    def _clock(self, piece: Piece) -> str:
        at = datetime.fromtimestamp(piece.at_us // 1_000_000, self._zone)
        return f"{at:%H:%M:%S}.{piece.at_us // 1000 % 1000:03d}"

    def _gap(self, at_us: int) -> str:
        """Since the piece before, in milliseconds: what a machine took to answer, what a host waited."""
        before, self._before_us = self._before_us, at_us
        if before is None:
            return " " * 8
        gap_us = max(0, at_us - before)
        return click.style(f"+{gap_us / 1000:.1f}".rjust(8) if gap_us < 10**9 else "    long", dim=True)


def _octets(data: bytes, *, wakeup: bool) -> str:
    octets = [f"{value:02X}" for value in data]
    if wakeup and octets:
        octets[0] = f"[{octets[0]}]"
    return (" ".join(octets[:SHOWN_BYTES]) + (f" … ({len(octets)})" if len(octets) > SHOWN_BYTES else "")) or "—"


@click.command()
@click.argument("name")
@click.option("--egm", "address", type=click.IntRange(1, 127), help="Only this SAS address.")
@click.option("--all", "idle_too", is_flag=True, help="Polls without news as well; otherwise they are counted.")
@click.option(
    "--raw", is_flag=True, help="Characters as they pass, * before each with the wake-up bit; nothing decoded."
)
@click.option(
    "--write", type=click.Path(dir_okay=False, path_type=Path), help="A capture into this new file beside it."
)
@click.option("--for", "for_s", type=click.FloatRange(min=0.1), help="End after so many seconds.")
@asks_box
def trace(
    box: Box,
    as_json: bool,
    name: str,
    address: int | None,
    idle_too: bool,
    raw: bool,
    write: Path | None,
    for_s: float | None,
) -> None:
    """What passes on a line, in words, until Ctrl-C. Nothing is sent by looking.

    Each line: time, milliseconds since the one before, direction, characters ([xx] with the wake-up bit), meaning.
    """
    click.echo(
        "* before = with wake-up bit · Ctrl-C ends" if raw else "[xx] = with wake-up bit · Ctrl-C ends", err=True
    )
    told = box.get("/lines")
    zone, label = told["live"]["time_zone"], next((one["label"] for one in told["lines"] if one["name"] == name), None)
    words = Words(zone, address=address, idle_too=idle_too, as_json=as_json, raw=raw)
    until = None if for_s is None else time.monotonic() + for_s
    with ExitStack() as stack:
        writer = None if write is None else stack.enter_context(_Writer(write, name, label or ""))
        for row in box.lines(f"/lines/{name}/trace", raw=True, timeout_s=for_s):
            if "dropped" in row:
                note = f"{row['dropped']} records left out: too many to follow"
                click.echo(json.dumps(row) if as_json else click.style(f"… {note}", fg="yellow"))
                if writer is not None:
                    writer.note(note)
                continue
            piece = Piece(row["at_us"], row["direction"], bytes.fromhex(row["hex"]), bytes.fromhex(row["flags"]))
            if writer is not None:
                writer.put(piece)
            for line in words.lines(piece):
                click.echo(line)
            if until is not None and time.monotonic() > until:
                break
        for line in () if as_json else words.rest():
            click.echo(line)
    if writer is not None:
        click.echo(f"{writer.records} records in {write}", err=True)


def _disk_has_room(path: Path) -> bool:
    """Is there more than where the level `low` of the books begins? Captures stop before the books do."""
    limits = Limits()
    try:
        disk = shutil.disk_usage(path.parent)
    except OSError:
        return True  # no such directory: opening says so
    return disk.free >= limits.enough_bytes or disk.free * 100 > disk.total * limits.low


class _Writer:
    """A capture file; begun with the first record, which says when it started."""

    def __init__(self, path: Path, line: str, machine: str) -> None:
        self._path = path
        self._line = line
        self._machine = machine
        self._file: IO[str] | None = None
        self._began_us: int | None = None
        self._offset_us = 0
        self._room = FILE_MAX
        self.records = 0

    def __enter__(self) -> "_Writer":
        if not _disk_has_room(self._path):
            raise Fault(
                CONFLICT, f"The disk of {self._path} has little room left.", "Nothing was written.",
                "Make room, or write it to another disk: the books come first.",
            )  # fmt: skip
        try:
            # Never over another capture: it may be the only one of what went wrong.
            self._file = self._path.open("x", encoding="utf-8", newline="\n", buffering=1)
        except FileExistsError:
            raise Fault(
                CONFLICT, f"{self._path} is there already.", "Nothing was written.", "Name a new file."
            ) from None
        except OSError as error:
            raise Fault(
                USAGE, f"{self._path} cannot be written: {error.strerror}.", "Nothing was written.", ""
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def put(self, piece: Piece) -> None:
        from protocols.line.capture import Header, Record, header_text, record_text

        if self._began_us is None:
            self._began_us = piece.at_us
            started = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=piece.at_us)
            who = f"hallctl line trace, {plain(getpass.getuser())}"
            self._text(header_text(Header(self._line, plain(self._machine).strip(), who, started)))
        if not piece.data:
            return
        # The moments are the field's wall clock, which may step; a capture never runs backwards.
        offset_us = self._offset_us = max(self._offset_us, piece.at_us - self._began_us)
        if self._text(record_text(Record(offset_us, piece.direction, piece.data, piece.flags))):
            self.records += 1

    def note(self, text: str) -> None:
        from protocols.line.capture import note_text

        if self._began_us is not None:
            self._text(note_text(text))

    def _text(self, text: str) -> bool:
        assert self._file is not None
        full = self._room < len(text)
        if full or (self.records % LOOK_EVERY == 0 and self._room and not _disk_has_room(self._path)):
            if self._room:
                self._room = 0
                why = "the size limit is reached" if full else "the disk has little room left"
                self._file.write(f"# {why}, the recording ends here\n")
            return False
        self._room -= len(text)
        self._file.write(text)
        return True


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--egm", "address", type=click.IntRange(1, 127), help="Only this SAS address.")
@click.option("--all", "idle_too", is_flag=True, help="Polls without news as well.")
@click.option("--events", is_flag=True, help="Also play it through the host of this release and tell its events.")
@click.option("--json", "as_json", is_flag=True, help="One object a line.")
def replay(file: Path, address: int | None, idle_too: bool, events: bool, as_json: bool) -> None:
    """A capture in words, from a file. Without a gateway; nothing is sent to anybody."""
    from protocols.line.capture import BadCapture
    from protocols.sas.replaying import read

    try:
        with file.open(encoding="utf-8", newline="\n") as opened:
            reader, records, setup = read(opened.readlines())
    except (BadCapture, UnicodeDecodeError) as error:
        raise Fault(
            USAGE,
            f"{file} does not read: {error}",
            "Nothing is shown.",
            "docs/captures.md has the format.",
            code="HE2299",
        ) from None
    except OSError as error:
        raise Fault(NOT_FOUND, f"{file} cannot be read: {error.strerror}.", "Nothing is shown.", "") from None
    head = reader.header
    started_us = int(head.started.timestamp()) * 1_000_000 + head.started.microsecond
    if not as_json:
        click.echo(f"line {plain(head.line)} · {plain(head.machine or 'machine not told')} · {plain(head.who)}")
        click.echo(f"started {head.started:%Y-%m-%d %H:%M:%S} UTC, {len(records)} records")
    words = Words("UTC", address=address, idle_too=idle_too, as_json=as_json, raw=False)
    for record in records:
        piece = Piece(started_us + record.offset_us, record.direction, record.data, record.flags)
        _echo(words.lines(piece))
    if not as_json:
        _echo(words.rest())
    if reader.is_cut_short:
        click.echo("the last line is cut off and was left out", err=True)
    if events:
        _play(records, setup, as_json=as_json)


def _play(records: Any, setup: Any, *, as_json: bool) -> None:
    from protocols.line.capture import BadCapture
    from protocols.line.replay import Diverged
    from protocols.sas.replaying import play

    try:
        played = play(records, setup)
    except (Diverged, BadCapture) as error:
        raise Fault(
            CONFLICT, f"The host of this release goes another way: {error}", "The capture itself reads well.",
            "Remarks in the file may say how its host was set up: docs/captures.md.",
        ) from None  # fmt: skip
    for after_s, event in played.events:
        if as_json:
            click.echo(json.dumps({"after_ms": round(after_s * 1000), "event": _event(event)}, ensure_ascii=False))
        else:
            click.echo(f"{after_s:10.3f} s  {_event(event)}")


def _event(event: Any) -> str:
    from edge.seam.findings import exception_name
    from protocols.sas.events import ExceptionSeen, Finished

    if isinstance(event, ExceptionSeen):
        repeat = ", may be a repeat" if event.doubtful else ""
        return f"machine {event.address}: {event.code:02X} {exception_name(event.code)}{repeat}"
    if isinstance(event, Finished):
        return f"machine {event.address}: conversation ended, {event.outcome.slug}"
    return plain(repr(event))


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
