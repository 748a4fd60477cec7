"""What is known of a machine beyond its place: who should stand there, what it offers, what it does not know; questions
that consume their answer, and the handpays they are asked for.
"""

from sqlite_utils import Database

from edge.store.migrations.m001_hall import migrations

TABLES = """
ALTER TABLE egms ADD COLUMN base_percentage TEXT;
ALTER TABLE egms ADD COLUMN progressive_group INTEGER;
ALTER TABLE egms ADD COLUMN enrolled_serial TEXT;

CREATE TABLE strangers (
    asset INTEGER PRIMARY KEY REFERENCES egms (asset),
    reason TEXT NOT NULL,
    told TEXT NOT NULL,
    held INTEGER NOT NULL CHECK (held IN (0, 1)),
    noted_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE descriptions (
    asset INTEGER PRIMARY KEY REFERENCES egms (asset),
    told TEXT NOT NULL,
    described_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE unsupported_polls (
    asset INTEGER NOT NULL REFERENCES egms (asset),
    code INTEGER NOT NULL CHECK (code BETWEEN 0 AND 255),
    noted_at TEXT NOT NULL,
    PRIMARY KEY (asset, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE questions (
    asset INTEGER NOT NULL REFERENCES egms (asset),
    kind TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    because TEXT,
    PRIMARY KEY (asset, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE handpays (
    handpay INTEGER PRIMARY KEY,
    asset INTEGER NOT NULL REFERENCES egms (asset),
    opened_at TEXT NOT NULL,
    pending_id TEXT,
    record TEXT,
    record_id TEXT,
    amount_unknown INTEGER NOT NULL DEFAULT 0 CHECK (amount_unknown IN (0, 1)),
    closed_at TEXT,
    closed_by TEXT
) STRICT;
CREATE INDEX handpays_of ON handpays (asset, handpay);
"""


@migrations()
def m002_machines(db: Database) -> None:
    """Create the tables."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
