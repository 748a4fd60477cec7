"""Central's books on disk: one SQLite file that survives SIGKILL and power cuts. Nothing is acknowledged before.

`take` returns after the commit (WAL, synchronous=FULL); only then may the caller acknowledge `position`.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simulators.central.books import (
    Claim,
    Finding,
    Position,
    Record,
    Summary,
    Taken,
    identity,
    summarize,
    take,
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record(
    streamid TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, body BLOB NOT NULL, chain BLOB NOT NULL,
    arrived_at TEXT NOT NULL, way TEXT NOT NULL, copies INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (epoch, streamid, sequence), UNIQUE (streamid, sequence)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS live(
    streamid TEXT NOT NULL, sequence INTEGER NOT NULL, class TEXT NOT NULL, body BLOB NOT NULL,
    arrived_at TEXT NOT NULL, copies INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (streamid, sequence)) STRICT;
CREATE TABLE IF NOT EXISTS anchor(
    streamid TEXT PRIMARY KEY, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, chain BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS finding(
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, streamid TEXT NOT NULL, sequence INTEGER NOT NULL,
    text TEXT NOT NULL, is_fault INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS acknowledged(
    streamid TEXT PRIMARY KEY, sequence INTEGER NOT NULL, sha256 TEXT NOT NULL, at TEXT NOT NULL,
    times INTEGER NOT NULL DEFAULT 1) STRICT;
CREATE TABLE IF NOT EXISTS command(
    command_id TEXT PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL, sent_at TEXT NOT NULL, answer TEXT) STRICT;
"""
_FINDINGS_MAX = 10_000
"Findings of one kind that are kept; a sender that goes wrong for ever must not fill the disk."


def utc_text() -> str:
    """Now, UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class CentralStore:
    """The books of one central. One process writes; others may read at the same time."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        if read_only:
            self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=10.0)
            return
        self._db = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def position(self) -> Position | None:
        """The last record that is here without a gap, in the newest epoch; None: the books are empty."""
        row = self._db.execute(
            "SELECT streamid, epoch, sequence, chain FROM record "
            "ORDER BY epoch DESC, streamid DESC, sequence DESC LIMIT 1"
        ).fetchone()
        return None if row is None else Position(*row)

    def body(self, streamid: str, sequence: int) -> bytes | None:
        """The bytes of a record; None when it is not here."""
        row = self._db.execute(
            "SELECT body FROM record WHERE streamid = ? AND sequence = ?", (streamid, sequence)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def take(
        self, bodies: Sequence[bytes], claim: Claim | None, *, way: str, anchor: Position | None = None
    ) -> Taken:
        """Write down what follows without a gap; on return it is on disk. Raises BadBatch, and nothing was written."""
        at = utc_text()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            taken = take(self.position, bodies, claim, self.body, anchor=anchor)
            self._db.executemany(
                "INSERT INTO record(streamid, epoch, sequence, body, chain, arrived_at, way) VALUES (?,?,?,?,?,?,?)",
                [(r.streamid, r.epoch, r.sequence, r.body, r.chain, at, way) for r in taken.records],
            )
            if anchor is not None and taken.records and anchor.sequence > 1 and taken.records[0].chain == anchor.chain:
                self._db.execute("INSERT OR IGNORE INTO anchor VALUES (?,?,?,?)", anchor)
            self._db.executemany(
                "UPDATE record SET copies = copies + 1 WHERE streamid = ? AND sequence = ?", taken.repeats
            )
            self._write_findings(taken.findings, at)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        return taken

    def live(self, kind: str, body: bytes) -> None:
        """A single copy ahead of the log: kept by stream and sequence, repeated or not. Raises BadBatch."""
        streamid, _, sequence = identity(body)
        at = utc_text()
        self._db.execute("BEGIN IMMEDIATE")
        known = self._db.execute(
            "SELECT body FROM live WHERE streamid = ? AND sequence = ?", (streamid, sequence)
        ).fetchone()
        if known is not None and bytes(known[0]) != body:
            self._write_findings([Finding("live-altered", streamid, sequence, "two live copies differ")], at)
        self._db.execute(
            "INSERT INTO live(streamid, sequence, class, body, arrived_at) VALUES (?,?,?,?,?) "
            "ON CONFLICT DO UPDATE SET copies = copies + 1",
            (streamid, sequence, kind, body, at),
        )
        self._db.execute("COMMIT")

    def found(self, finding: Finding) -> None:
        """Write down something odd that came with no record."""
        self._db.execute("BEGIN IMMEDIATE")
        self._write_findings([finding], utc_text())
        self._db.execute("COMMIT")

    def was_acknowledged(self, position: Position) -> None:
        """The gateway has confirmed our acknowledgement (or the broker has taken it)."""
        self._db.execute(
            "INSERT INTO acknowledged(streamid, sequence, sha256, at) VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET "
            "sequence = excluded.sequence, sha256 = excluded.sha256, at = excluded.at, times = times + 1",
            (position.streamid, position.sequence, position.chain.hex(), utc_text()),
        )

    def command_sent(self, command_id: str, kind: str, body: bytes) -> None:
        """Write a command down before it leaves."""
        self._db.execute(
            "INSERT OR IGNORE INTO command(command_id, kind, body, sent_at) VALUES (?,?,?,?)",
            (command_id, kind, body, utc_text()),
        )

    def command_answered(self, command_id: str, answer: str) -> None:
        """What the gateway said to it: admitted or refused."""
        self._db.execute("UPDATE command SET answer = ? WHERE command_id = ?", (answer, command_id))

    def _write_findings(self, findings: Sequence[Finding], at: str) -> None:
        for finding in findings:
            self._db.execute(
                "INSERT INTO finding(at, kind, streamid, sequence, text, is_fault) SELECT ?,?,?,?,?,? "
                "WHERE (SELECT count(*) FROM finding WHERE kind = ?) < ?",
                (at, *finding[:4], int(finding.is_fault), finding.kind, _FINDINGS_MAX),
            )

    # reading

    def records(self) -> Iterator[Record]:
        """All records by epoch and sequence."""
        rows = self._db.execute(
            "SELECT streamid, epoch, sequence, body, chain FROM record ORDER BY epoch, streamid, sequence"
        )
        return (Record(*row) for row in rows)

    def findings(self) -> list[Finding]:
        """What was odd about arrivals, oldest first."""
        rows = self._db.execute("SELECT kind, streamid, sequence, text, is_fault FROM finding ORDER BY number")
        return [Finding(kind, streamid, sequence, text, bool(fault)) for kind, streamid, sequence, text, fault in rows]

    def summary(self) -> Summary:
        """Read everything and check it again."""
        rows = self._db.execute("SELECT streamid, epoch, sequence, chain FROM anchor")
        return summarize(self.records(), {row[0]: Position(*row) for row in rows})

    def live_lags(self) -> list[tuple[str, int, str, str]]:
        """Stream, sequence, time of the event and time of arrival of every live copy."""
        rows = self._db.execute("SELECT streamid, sequence, body, arrived_at FROM live ORDER BY streamid, sequence")
        return [(row[0], row[1], str(json.loads(row[2]).get("time", "")), row[3]) for row in rows]

    def report(self) -> dict[str, Any]:
        """What a person or a harness asks first; `is_whole` is False when the books have a fault."""
        summary = self.summary()
        arrivals = self.findings()
        faults = [f for f in (*summary.findings, *arrivals) if f.is_fault]
        one = self._db.execute
        unmatched = one(
            "SELECT count(*) FROM live JOIN record USING (streamid, sequence) WHERE live.body <> record.body"
        ).fetchone()[0]
        return {
            "records": summary.records,
            "streams": summary.streams,
            "repeats": one("SELECT coalesce(sum(copies - 1), 0) FROM record").fetchone()[0],
            "live": {
                "records": one("SELECT count(*) FROM live").fetchone()[0],
                "copies": one("SELECT coalesce(sum(copies), 0) FROM live").fetchone()[0],
                "differ_from_log": unmatched,
                "not_in_log_yet": one(
                    "SELECT count(*) FROM live LEFT JOIN record USING (streamid, sequence) WHERE record.body IS NULL"
                ).fetchone()[0],
            },
            "acknowledged": [
                {"streamid": row[0], "sequence": row[1], "sha256": row[2], "times": row[3]}
                for row in one("SELECT streamid, sequence, sha256, times FROM acknowledged")
            ],
            "machines": {
                str(asset): {
                    "events": sum(machine.kinds.values()),
                    "exceptions": len(machine.exceptions),
                    "maybe_repeat": sum(seen.maybe_repeat for seen in machine.exceptions),
                    "snapshots": machine.snapshots,
                }
                for asset, machine in sorted(summary.machines.items())
            },
            "kinds": dict(sorted(summary.kinds.items())),
            "findings": [f._asdict() for f in (*summary.findings, *arrivals)][:200],
            "faults": len(faults),
            "is_whole": not faults and not unmatched,
        }
