"""Changes of the log's own tables, in order; forward only, additive within a major version."""

from sync.migrations.m001_log import migrations as log
from sync.migrations.m002_kept import migrations as kept
from sync.migrations.m003_rewound import migrations as rewound

MIGRATIONS = (log, kept, rewound)
