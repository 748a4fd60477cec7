"""What central or a technician may ask: one table from kind to handler; each answer is an event in the log."""
