"""SAS as a machine of pure functions: bytes and moments in, bytes and events out."""
