"""Pure arithmetic and life cycles. No I/O, no clock: every instant and every number comes in as an argument."""
