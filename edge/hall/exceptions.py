"""The one table from a SAS exception code to the kind of hall event it makes, with what the code itself says.

Only bare code numbers stand here: protocols are not imported (a test holds the table against theirs). A code without a
row is reserved or new: it becomes ``hall.egm.exception.unknown.v1`` with its raw value, and nothing else happens.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from edge.hall.shapes import Json


class Meaning(NamedTuple):
    """What a code says: the kind of event, and the members of its data that follow from the code alone."""

    kind: str
    data: Mapping[str, Json]


NO_ACTIVITY = frozenset({0x00, 0x1F})
"Answers that say nothing happened; they never become events."
UNKNOWN = "hall.egm.exception.unknown.v1"
CLEAR_CERTAIN = frozenset({0x7A})
"The machine says that its meters started again: a new generation, whatever the values look like."
CLEAR_POSSIBLE = frozenset({0x31, 0x32, 0x33, 0x3A})
"Memory was hurt or reset: a new generation if any meter fell in the next snapshot."

HANDPAY_OPENS = frozenset({0x51})
"The machine is locked until somebody pays; it repeats this every 15 s until its record was read."
HANDPAY_CLOSES: Mapping[int, Literal["reset", "cancelled", "keyed_off"]] = {
    0x52: "reset", 0x55: "cancelled", 0x5A: "keyed_off",
}  # fmt: skip
"The lock is gone, and how."
OVERFLOW = 0x70
"The machine's queue ran over: its oldest exceptions are lost."


def _m(name: str, **data: Json) -> Meaning:
    return Meaning(f"hall.egm.{name}.v1", data)


MEANINGS: Mapping[int, Meaning] = {
    # doors
    0x11: _m("door.opened", door="main"),
    0x12: _m("door.closed", door="main"),
    0x13: _m("door.opened", door="drop"),
    0x14: _m("door.closed", door="drop"),
    0x15: _m("door.opened", door="card_cage"),
    0x16: _m("door.closed", door="card_cage"),
    0x19: _m("door.opened", door="cashbox"),
    0x1A: _m("door.closed", door="cashbox"),
    0x1B: _m("cashbox.removed"),
    0x1C: _m("cashbox.installed"),
    0x1D: _m("door.opened", door="belly"),
    0x1E: _m("door.closed", door="belly"),
    0x98: _m("door.accessed_unpowered", door="card_cage"),
    0x99: _m("door.accessed_unpowered", door="main"),
    0x9A: _m("door.accessed_unpowered", door="cashbox"),
    0x9B: _m("door.accessed_unpowered", door="drop"),
    # power and tilts
    0x17: _m("power.applied"),
    0x18: _m("power.lost"),
    0x20: _m("tilt.raised"),
    0x21: _m("coin.faulted", fault="in_tilt"),
    0x22: _m("coin.faulted", fault="out_tilt"),
    0x23: _m("hopper.level", level="empty"),
    0x24: _m("coin.faulted", fault="extra_paid"),
    0x25: _m("coin.faulted", fault="diverter"),
    0x26: _m("cashout.requested", by="player"),
    0x27: _m("cashbox.level", level="full"),
    0x28: _m("bill.acceptor.faulted", fault="jam"),
    0x29: _m("bill.acceptor.faulted", fault="hardware"),
    0x2A: _m("bill.rejected", reason="reversed"),
    0x2B: _m("bill.rejected", reason="rejected"),
    0x2C: _m("bill.counterfeit"),
    0x2D: _m("coin.faulted", fault="reverse_in"),
    0x2E: _m("cashbox.level", level="near_full"),
    0x2F: _m("bill.acceptor.changed"),
    # memory and software
    0x31: _m("memory.faulted", device="cmos_ram", fault="recovered"),
    0x32: _m("memory.faulted", device="cmos_ram", fault="not_recovered"),
    0x33: _m("memory.faulted", device="cmos_ram", fault="bad_device"),
    0x34: _m("memory.faulted", device="eeprom", fault="data_error"),
    0x35: _m("memory.faulted", device="eeprom", fault="bad_device"),
    0x36: _m("software.changed", device="eprom"),
    0x37: _m("memory.faulted", device="eprom", fault="bad_checksum"),
    0x38: _m("software.changed", device="partitioned_eprom"),
    0x39: _m("memory.faulted", device="partitioned_eprom", fault="bad_checksum"),
    0x3A: _m("memory.reset"),
    0x3B: _m("battery.low"),
    0x3C: _m("options.changed"),
    # tickets
    0x3D: _m("ticket.noticed", stage="printed"),
    0x3E: _m("ticket.noticed", stage="handpay_validated"),
    0x3F: _m("validation.unconfigured"),
    # reels
    0x40: _m("reel.faulted", fault="tilt"),
    0x41: _m("reel.faulted", fault="tilt", reel=1),
    0x42: _m("reel.faulted", fault="tilt", reel=2),
    0x43: _m("reel.faulted", fault="tilt", reel=3),
    0x44: _m("reel.faulted", fault="tilt", reel=4),
    0x45: _m("reel.faulted", fault="tilt", reel=5),
    0x46: _m("reel.faulted", fault="disconnected"),
    # bills, in the standard's own irregular order
    0x47: _m("bill.accepted", bill_denomination=1),
    0x48: _m("bill.accepted", bill_denomination=5),
    0x49: _m("bill.accepted", bill_denomination=10),
    0x4A: _m("bill.accepted", bill_denomination=20),
    0x4B: _m("bill.accepted", bill_denomination=50),
    0x4C: _m("bill.accepted", bill_denomination=100),
    0x4D: _m("bill.accepted", bill_denomination=2),
    0x4E: _m("bill.accepted", bill_denomination=500),
    0x4F: _m("bill.accepted"),
    0x50: _m("bill.accepted", bill_denomination=200),
    # handpays, progressives, bonus
    0x51: _m("handpay.pending"),
    0x52: _m("handpay.reset"),
    0x53: _m("progressive.silent"),
    0x54: _m("progressive.noticed", stage="win_paid"),
    0x55: _m("handpay.cancelled"),
    0x56: _m("progressive.noticed", stage="sas_level_hit"),
    0x57: _m("ticket.noticed", stage="validation_requested"),
    0x59: _m("progressive.noticed", stage="other_level_hit"),
    0x5A: _m("handpay.keyed_off"),
    0x5F: _m("tip.awarded"),
    # printer
    0x60: _m("printer.faulted", fault="communication"),
    0x61: _m("printer.faulted", fault="paper_out"),
    # cash-out, tickets, transfers
    0x65: _m("cashout.requested", by="win_to_system"),
    0x66: _m("cashout.requested", by="button"),
    0x67: _m("ticket.noticed", stage="inserted"),
    0x68: _m("ticket.noticed", stage="transfer_completed"),
    0x69: _m("transfer.noticed", stage="completed"),
    0x6A: _m("transfer.noticed", stage="cash_out_requested"),
    0x6B: _m("transfer.noticed", stage="win_cash_out_requested"),
    0x6C: _m("transfer.noticed", stage="registration_requested"),
    0x6D: _m("transfer.noticed", stage="registration_acknowledged"),
    0x6E: _m("transfer.noticed", stage="registration_cancelled"),
    0x6F: _m("transfer.noticed", stage="game_locked"),
    0x70: _m("exceptions.lost"),
    0x71: _m("lamp.changed", lamp="on"),
    0x72: _m("lamp.changed", lamp="off"),
    0x73: _m("payout.interrupted"),
    0x74: _m("printer.faulted", fault="paper_low"),
    0x75: _m("printer.power", power="off"),
    0x76: _m("printer.power", power="on"),
    0x77: _m("printer.faulted", fault="ribbon"),
    0x78: _m("printer.faulted", fault="carriage_jam"),
    0x79: _m("coin.faulted", fault="lockout"),
    # meters and play
    0x7A: _m("meters.reset"),
    0x7B: _m("bill.totals.reset"),
    0x7C: _m("bonus.noticed"),
    0x7E: _m("game.started"),
    0x7F: _m("game.ended"),
    0x80: _m("hopper.level", level="full"),
    0x81: _m("hopper.level", level="low"),
    0x82: _m("menu.entered", menu="attendant"),
    0x83: _m("menu.left", menu="attendant"),
    0x84: _m("menu.entered", menu="operator"),
    0x85: _m("menu.left", menu="operator"),
    0x86: _m("out_of_service"),
    0x87: _m("play.noticed", act="draw"),
    0x88: _m("play.noticed", act="reel_stopped"),
    0x89: _m("play.noticed", act="wagered"),
    0x8A: _m("recall.displayed"),
    0x8B: _m("play.noticed", act="card_held"),
    0x8C: _m("game.selected"),
    0x8E: _m("components.changed"),
    0x8F: _m("authentication.completed"),
    0x9E: _m("session.started"),
    0x9F: _m("session.ended"),
    0xA0: _m("meters.change", stage="pending"),
    0xA1: _m("meters.change", stage="cancelled"),
    0xA2: _m("games.changed"),
}
_UNKNOWN = Meaning(UNKNOWN, {})


def meaning(code: int) -> Meaning:
    """The kind and fixed data of this exception; an unknown one for every code without a row."""
    return MEANINGS.get(code, _UNKNOWN)


def exception_data(
    asset: int, code: int, *, location: str | None = None, maybe_repeat: bool = False
) -> dict[str, Json]:
    """The whole data of the event this exception makes. `location` is put in where it is a number of up to 9 digits."""
    data: dict[str, Json] = {"asset": asset, "sas_exception": code, **meaning(code).data}
    if location is not None and location.isascii() and location.isdigit() and len(location) <= 9:
        data["location"] = int(location)
    if maybe_repeat:
        data["maybe_repeat"] = True
    return data
