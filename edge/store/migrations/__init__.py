"""Changes of the hall's tables, in order; forward only, additive within a major version.

`MIGRATIONS` is handed to the log's migration tool, which runs all in one go before the field starts.
"""

from edge.store.migrations.m001_hall import migrations as hall

MIGRATIONS = (hall,)
