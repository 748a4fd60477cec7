"""(pure) Which exception makes the gateway ask what: one table (sas-core 7, column "host should"; MTR-07).

What is asked is asked after the exception is stored, and names it. The order within a row is the order of asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from edge.hall.requests import SnapshotReason


class Ask(Enum):
    """One thing asked of a machine."""

    IDENTITY = "who it is; before everything that waits"
    DESCRIPTION = "what it offers"
    METERS = "a snapshot of its meters"
    HANDPAY = "the handpay it is locked for, at once; its answer is deleted when acknowledged"
    BILL = "the bill accepted last"
    HOPPER = "how the hopper stands"
    SELECTION = "which game and denomination are selected"
    CHANGE = "the hand-shake before a meter change: tell it to wait, read all meters, tell it to go on (sas-core 5.8)"
    CHANGE_OFF = "the machine has given the change up"


_METERS = (Ask.METERS,)
_ANOTHER = (Ask.IDENTITY, Ask.DESCRIPTION, Ask.METERS)
_BILL = (Ask.BILL, Ask.METERS)
_HOPPER = (Ask.HOPPER,)

AFTER: Mapping[int, tuple[Ask, ...]] = {
    # doors and cashbox, also those opened while the power was off
    0x11: _METERS, 0x13: _METERS, 0x15: _METERS, 0x19: _METERS, 0x1B: _METERS, 0x1C: _METERS, 0x1D: _METERS,
    0x98: _METERS, 0x99: _METERS, 0x9A: _METERS, 0x9B: _METERS,
    # the machine may be another now, or count anew (sas-core 9.3, 9.5)
    0x17: _ANOTHER, 0x18: _ANOTHER, 0x36: _ANOTHER, 0x38: _ANOTHER, 0x3C: _ANOTHER, 0x70: _ANOTHER, 0x7A: _ANOTHER,
    0x8E: _ANOTHER, 0xA2: _ANOTHER,
    # the operator's menu: before anything is changed in it, and after (MTR-07 "logic or validator access")
    0x84: _METERS, 0x85: _ANOTHER,
    # taken out of service by an attendant
    0x86: _METERS,
    # memory was hurt or reset: compare
    0x31: _METERS, 0x32: _METERS, 0x33: _METERS, 0x3A: _METERS, 0x7B: _METERS,
    # bills
    0x47: _BILL, 0x48: _BILL, 0x49: _BILL, 0x4A: _BILL, 0x4B: _BILL, 0x4C: _BILL, 0x4D: _BILL, 0x4E: _BILL,
    0x4F: _BILL, 0x50: _BILL,
    # handpays
    0x51: (Ask.HANDPAY, Ask.METERS),
    0x52: _METERS, 0x55: _METERS, 0x5A: _METERS,
    # hopper
    0x23: _HOPPER, 0x80: _HOPPER, 0x81: _HOPPER,
    # play
    0x8C: (Ask.SELECTION,),
    # meter changes
    0xA0: (Ask.CHANGE,),
    0xA1: (Ask.CHANGE_OFF, Ask.METERS),
}  # fmt: skip
"Codes without a row ask for nothing."

REASON: Mapping[int, SnapshotReason] = {
    # MTR-07 "each drop": doors of drop box and cashbox, the box itself, and its period totals, reset when it is emptied
    0x13: "drop", 0x19: "drop", 0x1B: "drop", 0x1C: "drop", 0x7B: "drop", 0x9A: "drop", 0x9B: "drop",
    # MTR-07 "logic or validator access": the main door leads to both, the belly door to the validator of many cabinets
    0x11: "access", 0x15: "access", 0x1D: "access", 0x98: "access", 0x99: "access", 0x84: "access", 0x85: "access",
    # MTR-07 "placed in or taken out of service"; the machine tells only the second, the gateway's own orders do both
    0x86: "service",
    # MTR-07 "denomination change": no exception says only that (sas-core 7: 3C "denomination, address, anything affecting
    # 1F", A2 "enabled games/denominations"); what else may count in other units or anew is told by the same reading
    0x36: "denomination", 0x38: "denomination", 0x3C: "denomination", 0x8E: "denomination", 0xA2: "denomination",
    # MTR-07 "before and after a RAM clear": before, where the machine announces it and waits (sas-core 5.8); after,
    # also where memory was hurt and may have been cleared (sas-core 9.5)
    0xA0: "before_clear",
    0x7A: "after_clear", 0x31: "after_clear", 0x32: "after_clear", 0x33: "after_clear", 0x3A: "after_clear",
}  # fmt: skip
"Reason of the snapshot that an exception asks for; those without a row are significant events of no kind of their own."


def reason_of(code: int) -> SnapshotReason:
    """Why the meters are read after this exception."""
    return REASON.get(code, "event")


_COUNT_OF: Mapping[int, int] = {
    0x47: 0x40, 0x48: 0x42, 0x49: 0x43, 0x4A: 0x44, 0x4B: 0x46, 0x4C: 0x47, 0x4D: 0x41, 0x4E: 0x4A, 0x50: 0x48,
}  # fmt: skip
"Exception of a bill of a fixed value -> the meter that counts such bills."

STACKER = (0x3E, 0x3F)
EVERY_BILL = tuple(range(0x40, 0x58))
BESIDE = frozenset((0x0B, *STACKER, *EVERY_BILL))
"""Meters that an occasion adds to a snapshot. What was read of them once is read with every later snapshot of the machine
as a whole, so that no value stands still at central while the machine counts on."""
_CASHBOX = frozenset({0x19, 0x1A, 0x1B, 0x1C, 0x7B})


def meters_beside(code: int) -> tuple[int, ...]:
    """Meters read after this exception beside those of every snapshot: the bills of its value, and the stacker."""
    if code in _CASHBOX:
        return STACKER
    if Ask.BILL not in AFTER.get(code, ()):
        return ()
    counts = (_COUNT_OF[code],) if code in _COUNT_OF else EVERY_BILL
    return (0x0B, *STACKER, *counts)
