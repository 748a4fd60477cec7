"""What drives the wires: one tick for all SAS lines. Conductors without opinions."""
