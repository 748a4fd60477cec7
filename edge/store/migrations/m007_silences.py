"""How long nothing was known of a machine: until when its data counts as current, and the seconds without any by day."""

from sqlite_utils import Database

from edge.store.migrations.m001_hall import migrations

TABLES = """
CREATE TABLE machine_data (
    asset INTEGER PRIMARY KEY,
    current_until TEXT
) STRICT;

CREATE TABLE day_silences (
    gamingday TEXT NOT NULL,
    asset INTEGER NOT NULL,
    seconds INTEGER NOT NULL CHECK (seconds >= 0),
    PRIMARY KEY (gamingday, asset)
) STRICT, WITHOUT ROWID;

INSERT INTO machine_data (asset, current_until) SELECT asset, NULL FROM egms;
CREATE TRIGGER silences_only_grow BEFORE UPDATE ON day_silences
    WHEN NEW.seconds < OLD.seconds OR (NEW.gamingday, NEW.asset) IS NOT (OLD.gamingday, OLD.asset)
    BEGIN SELECT RAISE(ABORT, 'the silences of a day only grow'); END;
CREATE TRIGGER silences_stay BEFORE DELETE ON day_silences
    BEGIN SELECT RAISE(ABORT, 'the silences of a day only grow'); END;
"""


@migrations()
def m007_silences(db: Database) -> None:
    """Create the tables. Of the machines there are it is not known since when; the next reading of each says it."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
