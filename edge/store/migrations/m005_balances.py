"""How far each machine's own meters agree: one row for each identity that was ever tried on it."""

from sqlite_utils import Database

from edge.store.migrations.m001_hall import migrations

TABLES = """
CREATE TABLE balances (
    asset INTEGER NOT NULL REFERENCES egms (asset),
    rule TEXT NOT NULL,
    code INTEGER NOT NULL CHECK (code BETWEEN 0 AND 65535),
    generation INTEGER,
    worth TEXT,
    value INTEGER,
    width INTEGER,
    residual TEXT NOT NULL DEFAULT '0',
    told TEXT NOT NULL DEFAULT '0',
    since_snapshot INTEGER REFERENCES meter_snapshots (snapshot),
    judged_snapshot INTEGER REFERENCES meter_snapshots (snapshot),
    unjudged TEXT,
    PRIMARY KEY (asset, rule, code)
) STRICT, WITHOUT ROWID;
"""


@migrations()
def m005_balances(db: Database) -> None:
    """Create the table."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
