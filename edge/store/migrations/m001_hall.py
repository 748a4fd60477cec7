"""The first tables of the hall: registry, meters, last exceptions, markers of a clean stop.

Meter values are integers: nine BCD bytes are at most 10^18 - 1 and fit the 64 bits of SQLite.
"""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("hall")

TABLES = """
CREATE TABLE egms (
    asset INTEGER PRIMARY KEY CHECK (asset BETWEEN 1 AND 9999999999),
    line TEXT NOT NULL,
    address INTEGER NOT NULL CHECK (address BETWEEN 1 AND 127),
    location TEXT,
    label TEXT,
    enrolled INTEGER NOT NULL DEFAULT 1 CHECK (enrolled IN (0, 1)),
    generation INTEGER NOT NULL DEFAULT 1 CHECK (generation >= 1),
    generation_cause TEXT NOT NULL DEFAULT 'first' CHECK (generation_cause IN ('first', 'ram_clear', 'replaced')),
    clear_pending TEXT CHECK (clear_pending IN ('certain', 'possible')),
    serial TEXT,
    version TEXT,
    game_id TEXT,
    additional_id TEXT,
    paytable TEXT,
    denomination_code INTEGER,
    max_bet INTEGER,
    games INTEGER,
    features TEXT,
    identified_at TEXT,
    registered_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX egms_place ON egms (line, address) WHERE enrolled = 1;

CREATE TABLE meter_snapshots (
    snapshot INTEGER PRIMARY KEY,
    asset INTEGER NOT NULL REFERENCES egms (asset),
    generation INTEGER NOT NULL,
    read_at TEXT NOT NULL,
    reason TEXT NOT NULL,
    because TEXT,
    coherent INTEGER NOT NULL CHECK (coherent IN (0, 1)),
    denomination_code INTEGER,
    denomination_numerator INTEGER,
    denomination_denominator INTEGER,
    event_id TEXT
) STRICT;
CREATE INDEX meter_snapshots_of ON meter_snapshots (asset, snapshot);

CREATE TABLE meter_series (
    series INTEGER PRIMARY KEY,
    asset INTEGER NOT NULL REFERENCES egms (asset),
    generation INTEGER NOT NULL,
    game INTEGER NOT NULL,
    denomination INTEGER NOT NULL,
    code INTEGER NOT NULL,
    UNIQUE (asset, generation, game, denomination, code)
) STRICT;

CREATE TABLE meter_last (
    series INTEGER PRIMARY KEY REFERENCES meter_series (series),
    value INTEGER NOT NULL CHECK (value BETWEEN 0 AND 999999999999999999),
    width INTEGER NOT NULL CHECK (width BETWEEN 1 AND 9),
    read_at TEXT NOT NULL,
    snapshot INTEGER NOT NULL REFERENCES meter_snapshots (snapshot),
    suspect_value INTEGER,
    suspect_width INTEGER
) STRICT;

CREATE TABLE meter_readings (
    snapshot INTEGER NOT NULL REFERENCES meter_snapshots (snapshot),
    series INTEGER NOT NULL REFERENCES meter_series (series),
    value INTEGER NOT NULL CHECK (value BETWEEN 0 AND 999999999999999999),
    width INTEGER NOT NULL CHECK (width BETWEEN 1 AND 9),
    delta INTEGER CHECK (delta >= 0),
    verdict TEXT NOT NULL,
    PRIMARY KEY (snapshot, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE last_exceptions (
    asset INTEGER PRIMARY KEY REFERENCES egms (asset),
    code INTEGER NOT NULL CHECK (code BETWEEN 0 AND 255),
    sequence INTEGER NOT NULL,
    noted_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE line_markers (
    line TEXT PRIMARY KEY,
    marked_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


@migrations()
def m001_hall(db: Database) -> None:
    """Create the tables."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
