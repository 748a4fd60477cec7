"""Is everything well: the table of conditions, which of them hold, and what systemd is told."""
