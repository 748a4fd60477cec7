"""Where these books were at home when they were last opened, and the checkpoints signed over their log."""

from sqlite_utils import Database

from edge.store.migrations.m001_hall import migrations

TABLES = """
CREATE TABLE home (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    machine_id TEXT NOT NULL,
    file_system TEXT NOT NULL,
    inode INTEGER NOT NULL,
    settled TEXT,
    noted_at TEXT NOT NULL
) STRICT;

CREATE TABLE checkpoints (
    position INTEGER PRIMARY KEY CHECK (position >= 1),
    epoch INTEGER NOT NULL,
    stream_id TEXT NOT NULL CHECK (length(stream_id) = 32),
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    chain BLOB NOT NULL CHECK (length(chain) = 32),
    made_at TEXT NOT NULL,
    public_key BLOB NOT NULL CHECK (length(public_key) = 32),
    signature BLOB NOT NULL CHECK (length(signature) = 64)
) STRICT;
"""


@migrations()
def m006_home(db: Database) -> None:
    """Create the tables."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
