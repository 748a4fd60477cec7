"""The log searched by time, device, kind and code, newest first, in slices that stop in time (EVT-09).

There is no index on the log: it would double the wear of the disk for a question that is asked now and then. So a search
walks backwards over the records, and what it costs is what it walks over:

- a range of time is found in some twenty reads, because records stand in the order in which they were recorded;
- kinds that go on the live lane (all but meters, play and a few others) are found by that narrow table, whatever else is in
  the log between them;
- anything else is compared in SQLite, record by record, without being read as JSON;
- behind the oldest record of the log stand those that are kept longer, in a table of their own: a slice lies on one side.

One answer takes at most ``ANSWER_S``; where it has not come to the end it says where to go on, and may hold fewer events than
asked for, or none. Nothing is left out between two answers. Figures: docs of the API.

A time range is one of recording, with ``SLACK`` on both sides, then of the event's own time. After a clock that jumped back
by more, events near the jump may stand outside: search without a time there.
"""

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from edge.clock import from_stamp, stamp
from edge.front.views.events import shown
from edge.hall.events import KINDS
from edge.hall.exceptions import UNKNOWN, meaning
from sync import outbox, retention

ANSWER_S = 0.8
SLICE_S = 0.02
"One slice keeps the front from everything else: pages, the seam, the uplink."
FIRST_SLICE = 1000
SLICE_MAX = 200_000
SLACK = timedelta(minutes=15)
TAIL_BYTES = 240
"Subject, time and type stand at the end of a record: its members are sorted."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; None: whatever it is."""

    asset: int | None = None
    line: str | None = None
    "Told of the line itself, or naming it."
    kind: str | None = None
    "A kind, or its beginning."
    code: int | None = None
    "The SAS exception it was made of."
    since: str | None = None
    until: str | None = None
    "Stamps in UTC, both included."
    after: int = 0
    before: int | None = None
    "Positions of the log, both excluded."

    @property
    def lanes(self) -> tuple[str, ...]:
        """Classes of the live lane among which everything wanted is; empty: not all of it goes there."""
        if self.kind is None and self.code is None:
            return ()
        kinds = [kind for kind in KINDS if self.kind is None or kind.startswith(self.kind)]
        if self.code is not None:
            kinds = [kind for kind in kinds if kind in _kinds_of(self.code)]
        lanes = {KINDS[kind].live_class for kind in kinds}
        return tuple(sorted(lane for lane in lanes if lane is not None)) if lanes and None not in lanes else ()

    def fits(self, event: Mapping[str, Any]) -> bool:
        """Is it one of those?"""
        data = event.get("data") or {}
        return (
            (self.asset is None or event.get("subject") == f"egm/{self.asset}")
            and (self.line is None or event.get("subject") == f"line/{self.line}" or data.get("line") == self.line)
            and (self.kind is None or str(event["type"]).startswith(self.kind))
            and (self.code is None or data.get("sas_exception") == self.code)
            and (self.since is None or str(event["time"]) >= self.since)
            and (self.until is None or str(event["time"]) <= self.until)
        )


class Search:
    """One answer in the making: ``step`` until it is True, with a connection that is open then; other work between."""

    def __init__(self, wanted: Wanted, limit: int) -> None:
        self.wanted = wanted
        self.limit = limit
        self.found: list[dict[str, Any]] = []
        self.walked = 0
        "Records passed over, read or not."
        self._at: int | None = None
        self._floor = 0
        self._slice = FIRST_SLICE
        self._began = 0.0
        self._sql = ""
        self._arguments: tuple[object, ...] = ()

    @property
    def next(self) -> int | None:
        """``before`` of the next answer; None: this is all."""
        return None if self._at is None or self._at <= self._floor else self._at + 1

    def step(self, conn: sqlite3.Connection) -> bool:
        """Walk over one slice. True: the answer is complete, or its time is over."""
        began = time.perf_counter()
        if self._at is None:
            self._begin(conn, began)
        assert self._at is not None
        # One snapshot: between two, retention may move records from one table to the other.
        conn.execute("BEGIN")
        try:
            split = outbox.before_oldest(conn)
            start = max(self._floor, self._at - self._slice, split if self._at > split else 0)
            table = "log" if self._at > split else "kept"
            rows = conn.execute(self._sql.format(table=table), (start, self._at, *self._arguments))
            for position, body in rows:
                event = orjson.loads(body)
                if self.wanted.fits(event):
                    self.found.append(shown(event))
                    if len(self.found) >= self.limit:
                        rows.close()
                        self.walked += self._at - position + 1
                        self._at = position - 1
                        return True
        finally:
            conn.execute("COMMIT")
        self.walked += self._at - start
        self._at = start
        now = time.perf_counter()
        took_s = max(now - began, 0.000_5)
        self._slice = min(SLICE_MAX, max(100, int(self._slice * min(4.0, SLICE_S / took_s))))
        return start <= self._floor or now - self._began > ANSWER_S

    def _begin(self, conn: sqlite3.Connection, began: float) -> None:
        wanted = self.wanted
        self._began = began
        kept = retention.oldest_kept(conn)
        self._floor = max(wanted.after, outbox.before_oldest(conn) if kept is None else kept - 1)
        end = outbox.head(conn).position
        if wanted.before is not None:
            end = min(end, wanted.before - 1)
        if wanted.since is not None:
            self._floor = max(self._floor, _recorded_before(conn, _moved(wanted.since, -SLACK), self._floor, end))
        if wanted.until is not None:
            end = _recorded_before(conn, _moved(wanted.until, SLACK), self._floor, end)
        self._at = max(end, self._floor)
        lanes = wanted.lanes
        tests, arguments = _tests(wanted)
        if lanes:
            self._sql = (
                "SELECT l.position, r.body FROM live_lane AS l JOIN {table} AS r ON r.position = l.position "
                f"WHERE l.position > ? AND l.position <= ? AND l.class IN ({', '.join('?' * len(lanes))})"
            )
            arguments = (*lanes, *arguments)
            # With the lane a slice passes over what is not on it for next to nothing.
            self._slice = 10 * FIRST_SLICE
        else:
            self._sql = "SELECT r.position, r.body FROM {table} AS r WHERE r.position > ? AND r.position <= ?"
        self._sql += "".join(f" AND {test}" for test in tests) + " ORDER BY 1 DESC"
        self._arguments = arguments


def _kinds_of(code: int) -> tuple[str, str]:
    """Kinds that this exception makes: its own, and the unknown one, should an older release not have known the code."""
    return meaning(code).kind, UNKNOWN


def _tests(wanted: Wanted) -> tuple[list[str], tuple[object, ...]]:
    """What SQLite compares bytewise before a record is read; ``fits`` has the last word."""
    tests: list[str] = []
    arguments: list[object] = []

    def at_end(text: str) -> None:
        tests.append(f"instr(substr(r.body, -{TAIL_BYTES}), ?) > 0")
        arguments.append(text.encode())

    if wanted.kind is not None:
        at_end(f'"type":"{wanted.kind}')
    if wanted.asset is not None:
        at_end(f'"subject":"egm/{wanted.asset}"')
    if wanted.line is not None:
        tests.append(f"(instr(substr(r.body, -{TAIL_BYTES}), ?) > 0 OR instr(r.body, ?) > 0)")
        arguments += [f'"subject":"line/{wanted.line}"'.encode(), f'"line":"{wanted.line}"'.encode()]
    if wanted.code is not None:
        one, other = _kinds_of(wanted.code)
        tests.append(f"(instr(substr(r.body, -{TAIL_BYTES}), ?) > 0 OR instr(substr(r.body, -{TAIL_BYTES}), ?) > 0)")
        arguments += [f'"type":"{one}"'.encode(), f'"type":"{other}"'.encode()]
        tests.append("instr(r.body, ?) > 0")
        arguments.append(f'"sas_exception":{wanted.code}'.encode())
    return tests, tuple(arguments)


def _recorded_before(conn: sqlite3.Connection, moment: str, low: int, high: int) -> int:
    """The last position between, recorded before this moment; ``low``: none."""
    while low < high:
        middle = (low + high + 1) // 2
        row = conn.execute("SELECT body FROM log WHERE position = ?", (middle,)).fetchone()
        if row is None:  # of what stood there, the nearest that is kept tells the time
            row = conn.execute(
                "SELECT body FROM kept WHERE position <= ? ORDER BY position DESC LIMIT 1", (middle,)
            ).fetchone()
        if row is None or str(orjson.loads(row[0])["recordedat"]) < moment:
            low = middle
        else:
            high = middle - 1
    return low


def _moved(moment: str, by: timedelta) -> str:
    return stamp(from_stamp(moment) + by)
