"""Readings that a person must decide, each with what is needed to decide it, and what was decided (MTR-05, MTR-12)."""

from sqlite_utils import Database

from edge.store.migrations.m001_hall import migrations

TABLES = """
CREATE TABLE reviews (
    review INTEGER PRIMARY KEY,
    asset INTEGER NOT NULL REFERENCES egms (asset),
    generation INTEGER NOT NULL,
    game INTEGER NOT NULL,
    denomination INTEGER NOT NULL,
    code INTEGER NOT NULL,
    before INTEGER,
    before_width INTEGER CHECK (before_width BETWEEN 1 AND 9),
    before_snapshot INTEGER REFERENCES meter_snapshots (snapshot),
    after INTEGER NOT NULL,
    width INTEGER NOT NULL CHECK (width BETWEEN 1 AND 9),
    cause TEXT NOT NULL CHECK (cause IN ('ambiguous', 'corrupt_read')),
    snapshot INTEGER NOT NULL REFERENCES meter_snapshots (snapshot),
    event_id TEXT,
    gamingday TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    choice TEXT CHECK (choice IN ('count', 'none', 'refuted', 'confirmed')),
    amount INTEGER CHECK (amount >= 0),
    comment TEXT,
    central TEXT,
    decided_at TEXT,
    decided_day TEXT,
    decision_id TEXT,
    CHECK ((choice IS NULL) = (decided_at IS NULL) AND (choice IS NULL) = (amount IS NULL)),
    CHECK ((before IS NULL) = (before_width IS NULL) AND (before IS NULL) = (before_snapshot IS NULL))
) STRICT;
CREATE INDEX reviews_open ON reviews (asset, review) WHERE decided_at IS NULL;
CREATE INDEX reviews_of_day ON reviews (gamingday);
"""


@migrations()
def m004_reviews(db: Database) -> None:
    """Create the table."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
