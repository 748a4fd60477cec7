"""A consumer that was set back remembers from where: until it is there again, a broker's old copy of its word says nothing."""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("rewound")


@migrations()
def m003_rewound(db: Database) -> None:
    """One column; NULL: not set back."""
    db.execute("ALTER TABLE consumers ADD COLUMN rewound_from INTEGER")
