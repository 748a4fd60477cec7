"""The days of the books: which records each holds, what its meters counted, and what it does not know.

All of it only grows: a day is never opened twice or taken back, and a sum is never lowered (MTR-06).
"""

from sqlite_utils import Database

from edge.store.migrations.m001_hall import migrations

TABLES = """
CREATE TABLE gaming_days (
    gamingday TEXT PRIMARY KEY CHECK (gamingday GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    first_position INTEGER NOT NULL,
    opened_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE meter_days (
    gamingday TEXT NOT NULL,
    asset INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    game INTEGER NOT NULL,
    denomination INTEGER NOT NULL,
    code INTEGER NOT NULL,
    worth_numerator INTEGER NOT NULL CHECK (worth_numerator >= 0),
    worth_denominator INTEGER NOT NULL CHECK (worth_denominator >= 1),
    counted INTEGER NOT NULL DEFAULT 0 CHECK (counted >= 0),
    corrected INTEGER NOT NULL DEFAULT 0 CHECK (corrected >= 0),
    PRIMARY KEY (gamingday, asset, generation, game, denomination, code, worth_numerator, worth_denominator)
) STRICT, WITHOUT ROWID;

CREATE TABLE day_machines (
    gamingday TEXT NOT NULL,
    asset INTEGER NOT NULL,
    since_at TEXT,
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    first_snapshot INTEGER NOT NULL,
    last_snapshot INTEGER NOT NULL,
    snapshots INTEGER NOT NULL CHECK (snapshots >= 1),
    PRIMARY KEY (gamingday, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE day_doubts (
    gamingday TEXT NOT NULL,
    asset INTEGER NOT NULL,
    kind TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 1),
    PRIMARY KEY (gamingday, asset, kind)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER days_are_never_changed BEFORE UPDATE ON gaming_days
    BEGIN SELECT RAISE(ABORT, 'a day of the books is never changed'); END;
CREATE TRIGGER days_are_never_taken_back BEFORE DELETE ON gaming_days
    BEGIN SELECT RAISE(ABORT, 'a day of the books is never taken back'); END;
CREATE TRIGGER days_follow_each_other BEFORE INSERT ON gaming_days
    WHEN NEW.gamingday <= (SELECT max(gamingday) FROM gaming_days)
    OR NEW.first_position < (SELECT max(first_position) FROM gaming_days)
    BEGIN SELECT RAISE(ABORT, 'a day of the books begins after every day before it'); END;
CREATE TRIGGER sums_are_only_added_to BEFORE UPDATE ON meter_days
    WHEN NEW.counted < OLD.counted OR NEW.corrected < OLD.corrected
    OR (NEW.gamingday, NEW.asset, NEW.generation, NEW.game, NEW.denomination, NEW.code, NEW.worth_numerator,
    NEW.worth_denominator) IS NOT (OLD.gamingday, OLD.asset, OLD.generation, OLD.game, OLD.denomination, OLD.code,
    OLD.worth_numerator, OLD.worth_denominator)
    BEGIN SELECT RAISE(ABORT, 'the sums of a day are only added to'); END;
CREATE TRIGGER sums_are_never_taken_back BEFORE DELETE ON meter_days
    BEGIN SELECT RAISE(ABORT, 'the sums of a day are only added to'); END;
CREATE TRIGGER doubts_only_grow BEFORE UPDATE ON day_doubts
    WHEN NEW.count < OLD.count OR (NEW.gamingday, NEW.asset, NEW.kind) IS NOT (OLD.gamingday, OLD.asset, OLD.kind)
    BEGIN SELECT RAISE(ABORT, 'the doubts of a day only grow'); END;
CREATE TRIGGER doubts_stay BEFORE DELETE ON day_doubts
    BEGIN SELECT RAISE(ABORT, 'the doubts of a day only grow'); END;
CREATE TRIGGER readings_are_never_changed BEFORE UPDATE ON meter_readings
    BEGIN SELECT RAISE(ABORT, 'what was read of a machine is never changed'); END;
"""


@migrations()
def m003_days(db: Database) -> None:
    """Create the tables and their guards."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
