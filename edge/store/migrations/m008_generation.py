"""The generation of the file beside its inode: a file system may give the inode of a deleted file to the next one."""

from sqlite_utils import Database

from edge.store.migrations.m001_hall import migrations

TABLES = "ALTER TABLE home ADD COLUMN generation INTEGER"


@migrations()
def m008_generation(db: Database) -> None:
    """Add the column; what is not known of the present home is noted at the next start."""
    db.execute(TABLES)
