"""Changes of the hall's tables, in order; forward only, additive within a major version.

`MIGRATIONS` is handed to the log's migration tool, which runs all in one go before the field starts. Each module adds its
step to the one list when it is imported, so the order of these imports is the order of the steps.
"""

import sqlite3

from edge.store.migrations.m001_hall import TABLES as M001
from edge.store.migrations.m001_hall import migrations as hall
from edge.store.migrations.m002_machines import TABLES as M002
from edge.store.migrations.m003_days import TABLES as M003
from edge.store.migrations.m004_reviews import TABLES as M004
from edge.store.migrations.m005_balances import TABLES as M005
from edge.store.migrations.m006_home import TABLES as M006
from edge.store.migrations.m007_silences import TABLES as M007
from edge.store.migrations.m008_generation import TABLES as M008

MIGRATIONS = (hall,)


def create(conn: sqlite3.Connection) -> None:
    """The same tables on a bare connection, for tests and tools."""
    for tables in (M001, M002, M003, M004, M005, M006, M007, M008):
        conn.executescript(tables)
