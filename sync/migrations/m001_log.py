"""The first tables of the log: records, epochs, the live lane, consumers' cursors, the inbox of commands.

What must never change is guarded in SQL too, so that a bug of ours cannot do it either: records are not updated, and
are deleted only up to the mark that retention sets, which can never pass a required consumer.
"""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("log")

STATEMENTS = (
    """CREATE TABLE epochs (
        epoch INTEGER PRIMARY KEY CHECK (epoch >= 1),
        stream_id TEXT NOT NULL UNIQUE CHECK (length(stream_id) = 32),
        first_position INTEGER NOT NULL CHECK (first_position >= 1),
        opened_at TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE log (
        position INTEGER PRIMARY KEY,
        body BLOB NOT NULL,
        chain BLOB NOT NULL CHECK (length(chain) = 32)
    ) STRICT""",
    # Narrow, beside the log: an index on the log itself would double the wear.
    """CREATE TABLE live_lane (
        position INTEGER PRIMARY KEY,
        class TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE consumers (
        name TEXT PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 40),
        required INTEGER NOT NULL CHECK (required IN (0, 1)),
        position INTEGER NOT NULL CHECK (position >= 0),
        stream_id TEXT NOT NULL,
        sequence INTEGER NOT NULL CHECK (sequence >= 0),
        chain BLOB NOT NULL CHECK (length(chain) = 32),
        moved_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    # The one row says up to where records may be deleted, and the chain value there, on which the rest still hangs.
    """CREATE TABLE log_release (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        through INTEGER NOT NULL CHECK (through >= 0),
        chain BLOB
    ) STRICT""",
    "INSERT INTO log_release (only_row, through, chain) VALUES (1, 0, NULL)",
    """CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log
        BEGIN SELECT RAISE(ABORT, 'a record of the log is never changed'); END""",
    """CREATE TRIGGER log_is_deleted_only_when_released BEFORE DELETE ON log
        WHEN OLD.position > (SELECT through FROM log_release)
        BEGIN SELECT RAISE(ABORT, 'this record of the log was not released'); END""",
    """CREATE TRIGGER release_never_passes_a_required_consumer BEFORE UPDATE ON log_release
        WHEN NEW.through < OLD.through
          OR NEW.through > (SELECT coalesce(max(position), 0) FROM log)
          OR EXISTS (SELECT 1 FROM consumers WHERE required = 1 AND position < NEW.through)
        BEGIN SELECT RAISE(ABORT, 'a required consumer lacks what would be released'); END""",
    """CREATE TRIGGER release_stays BEFORE DELETE ON log_release
        BEGIN SELECT RAISE(ABORT, 'the release mark stays'); END""",
    """CREATE TRIGGER epochs_are_never_changed BEFORE UPDATE ON epochs
        BEGIN SELECT RAISE(ABORT, 'an epoch is never changed'); END""",
    """CREATE TRIGGER epochs_are_never_deleted BEFORE DELETE ON epochs
        BEGIN SELECT RAISE(ABORT, 'an epoch is never deleted'); END""",
    """CREATE TABLE inbox (
        entry INTEGER PRIMARY KEY,
        central TEXT NOT NULL,
        command_id TEXT NOT NULL,
        content_hash BLOB NOT NULL CHECK (length(content_hash) = 32),
        envelope BLOB NOT NULL,
        issued_at TEXT NOT NULL,
        admitted_at TEXT NOT NULL,
        finished_at TEXT,
        result BLOB,
        UNIQUE (central, command_id),
        CHECK ((result IS NULL) = (finished_at IS NULL))
    ) STRICT""",
    "CREATE INDEX inbox_open ON inbox (entry) WHERE result IS NULL",
    """CREATE TABLE inbox_terms (
        central TEXT PRIMARY KEY,
        term INTEGER NOT NULL CHECK (term >= 0)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE inbox_watermark (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        min_issued_at TEXT NOT NULL
    ) STRICT""",
    "INSERT INTO inbox_watermark (only_row, min_issued_at) VALUES (1, '0000-01-01T00:00:00.000Z')",
    """CREATE TRIGGER a_result_is_never_changed BEFORE UPDATE ON inbox
        WHEN OLD.result IS NOT NULL OR NEW.central <> OLD.central OR NEW.command_id <> OLD.command_id
          OR NEW.content_hash <> OLD.content_hash OR NEW.envelope <> OLD.envelope
        BEGIN SELECT RAISE(ABORT, 'a command and its result are never changed'); END""",
    """CREATE TRIGGER commands_are_pruned_below_the_watermark BEFORE DELETE ON inbox
        WHEN OLD.result IS NULL OR OLD.issued_at >= (SELECT min_issued_at FROM inbox_watermark)
        BEGIN SELECT RAISE(ABORT, 'this command could be replayed if it were forgotten'); END""",
    """CREATE TRIGGER the_watermark_only_rises BEFORE UPDATE ON inbox_watermark
        WHEN NEW.min_issued_at < OLD.min_issued_at
        BEGIN SELECT RAISE(ABORT, 'the watermark only rises'); END""",
)


@migrations()
def m001_log(db: Database) -> None:
    """Create the tables and their guards."""
    for statement in STATEMENTS:
        db.execute(statement)
