"""The standard as data, no logic: one entry, one page of it."""
