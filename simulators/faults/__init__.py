"""Bad cables, on purpose and by a seed."""
