"""What outlives its place in the log: records of money, once the log itself has been released beyond them.

Each row stands for itself: with the chain value before it, its own can be computed again without its neighbours.
"""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("kept")

STATEMENTS = (
    """CREATE TABLE kept (
        position INTEGER PRIMARY KEY,
        body BLOB NOT NULL,
        chain BLOB NOT NULL CHECK (length(chain) = 32),
        before BLOB NOT NULL CHECK (length(before) = 32)
    ) STRICT""",
    """CREATE TRIGGER kept_is_never_changed BEFORE UPDATE ON kept
        BEGIN SELECT RAISE(ABORT, 'a record that is kept is never changed'); END""",
    # So that nothing gets here that never was in the log, and nothing in other words than it had there.
    """CREATE TRIGGER kept_is_what_the_log_had BEFORE INSERT ON kept
        WHEN NOT EXISTS (SELECT 1 FROM log WHERE position = NEW.position AND body = NEW.body AND chain = NEW.chain)
        BEGIN SELECT RAISE(ABORT, 'only a record of the log can be kept'); END""",
    # Within the log a record is deleted from the log; here only what the log has let go of.
    """CREATE TRIGGER kept_is_deleted_only_behind_the_log BEFORE DELETE ON kept
        WHEN OLD.position > (SELECT through FROM log_release)
        BEGIN SELECT RAISE(ABORT, 'this record still stands in the log'); END""",
)


@migrations()
def m002_kept(db: Database) -> None:
    """Create the table and its guards."""
    for statement in STATEMENTS:
        db.execute(statement)
