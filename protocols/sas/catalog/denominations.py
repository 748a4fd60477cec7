"""Denomination codes (table C-4) and bill codes: what one credit, or one note, is worth in units of the machine's currency.

Exact fractions. 20 to 3F are reserved, 40 and FF invalid: such a code, and 00, has no value, and credits stay credits.
Source: sas-core 4.1 (00 to 1A certain, 1B to 1F from two sources; older tools do not know them) and 4.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

_VALUES: Mapping[int, str] = {
    0x01: "0.01", 0x02: "0.05", 0x03: "0.10", 0x04: "0.25", 0x05: "0.50", 0x06: "1", 0x07: "5", 0x08: "10",
    0x09: "20", 0x0A: "100", 0x0B: "0.20", 0x0C: "2", 0x0D: "2.50", 0x0E: "25", 0x0F: "50", 0x10: "200",
    0x11: "250", 0x12: "500", 0x13: "1000", 0x14: "2000", 0x15: "2500", 0x16: "5000", 0x17: "0.02", 0x18: "0.03",
    0x19: "0.15", 0x1A: "0.40", 0x1B: "0.005", 0x1C: "0.0025", 0x1D: "0.002", 0x1E: "0.001", 0x1F: "0.0005",
}  # fmt: skip

DENOMINATIONS: Mapping[int, Fraction | None] = {0x00: None, **{code: Fraction(v) for code, v in _VALUES.items()}}
"""Code -> value of one credit in units of the currency; None: the machine does not say."""

_BILLS = (
    1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10_000, 20_000, 25_000, 50_000, 100_000,
    200_000, 250_000, 500_000, 1_000_000,
)  # fmt: skip

BILLS: Mapping[int, int] = {number // 10 << 4 | number % 10: value for number, value in enumerate(_BILLS)}
"""Packed BCD code of a bill -> its value in units of the currency. We send these."""

BILL_ALIASES: Mapping[int, int] = {number: value for number, value in enumerate(_BILLS) if number & 0x0F > 9}
"""The same numbered in binary, 0A to 0F, as one source has it (QUIRKS X3): understood, never sent."""
