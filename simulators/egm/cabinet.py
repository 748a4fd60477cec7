"""The box around the game: doors, power, tilts, bill acceptor, lamps and menus; which exception each of them reports.

State in tables: a thing is either quiet or not, and each way has its code (sas-core 7). What follows for play and for
money is in `machine.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Trouble(NamedTuple):
    """Something that begins and ends. A code of None: that way is not reported."""

    begins: int
    ends: int | None
    stops_play: bool


TROUBLES: Mapping[str, Trouble] = {
    "slot_door": Trouble(0x11, 0x12, True),
    "drop_door": Trouble(0x13, 0x14, True),
    "card_cage": Trouble(0x15, 0x16, True),
    "cashbox_door": Trouble(0x19, 0x1A, True),
    "belly_door": Trouble(0x1D, 0x1E, True),
    "cashbox": Trouble(0x1B, 0x1C, True),
    "tilt": Trouble(0x20, None, True),
    "reel_tilt": Trouble(0x40, None, True),
    "reel_1_tilt": Trouble(0x41, None, True),
    "reel_2_tilt": Trouble(0x42, None, True),
    "reel_3_tilt": Trouble(0x43, None, True),
    "reel_4_tilt": Trouble(0x44, None, True),
    "reel_5_tilt": Trouble(0x45, None, True),
    "reel_disconnected": Trouble(0x46, None, True),
    "bill_jam": Trouble(0x28, None, False),
    "bill_acceptor_failure": Trouble(0x29, None, False),
    "hopper_empty": Trouble(0x23, None, False),
    "printer_communication": Trouble(0x60, None, False),
    "printer_paper_out": Trouble(0x61, None, False),
    "printer_paper_low": Trouble(0x74, None, False),
    "printer_power": Trouble(0x75, 0x76, False),
    "printer_jam": Trouble(0x78, None, False),
    "battery_low": Trouble(0x3B, None, False),
    "change_lamp": Trouble(0x71, 0x72, False),
    "attendant_menu": Trouble(0x82, 0x83, True),
    "operator_menu": Trouble(0x84, 0x85, True),
}
DOORS = ("slot_door", "drop_door", "card_cage", "cashbox_door", "belly_door")
MOMENTS: Mapping[str, int] = {
    "reverse_bill": 0x2A,
    "bill_rejected": 0x2B,
    "counterfeit_bill": 0x2C,
    "reverse_coin": 0x2D,
    "coin_in_tilt": 0x21,
    "extra_coin": 0x24,
    "game_recalled": 0x8A,
    "game_selected": 0x8C,
}
"Things that only happen: they have no end."

BILL_EXCEPTIONS: Mapping[int, int] = {
    1: 0x47, 5: 0x48, 10: 0x49, 20: 0x4A, 50: 0x4B, 100: 0x4C, 2: 0x4D, 500: 0x4E, 200: 0x50,
}  # fmt: skip
OTHER_BILL = 0x4F
POWER_APPLIED, POWER_LOST, METERS_CLEARED = 0x17, 0x18, 0x7A
POWERLESS_DOORS: Mapping[str, int] = {"card_cage": 0x98, "slot_door": 0x99, "cashbox_door": 0x9A, "drop_door": 0x9B}
"Doors that were opened while the power was off are reported when it returns."
CASHBOX_FULL, CASHBOX_NEAR_FULL = 0x27, 0x2E


class NoSuchThing(Exception):
    """The cabinet has nothing of this name."""


@dataclass(slots=True)
class Cabinet:
    """What is open, tilted, lit or off just now."""

    is_powered: bool = True
    takes_bills: bool = True
    "Enabled by the host (06, 07)."
    bills_enabled: frozenset[int] | None = None
    "Values of bills the host allows (08); None: it never said."
    stays_enabled: bool = True
    "False: the acceptor is off after every bill, until 06 (action flag of 08)."
    troubles: set[str] = field(default_factory=set)
    _opened_in_the_dark: list[str] = field(default_factory=list)

    def begin(self, name: str) -> Iterator[int]:
        """Something opens, jams or lights up; the codes to report. Nothing when it already had."""
        if name not in TROUBLES:
            raise NoSuchThing(name)
        if name in self.troubles:
            return
        self.troubles.add(name)
        if self.is_powered:
            yield TROUBLES[name].begins
        elif name in POWERLESS_DOORS and name not in self._opened_in_the_dark:
            self._opened_in_the_dark.append(name)

    def end(self, name: str) -> Iterator[int]:
        """... and closes, is cleared or goes out."""
        if name not in TROUBLES:
            raise NoSuchThing(name)
        if name not in self.troubles:
            return
        self.troubles.discard(name)
        code = TROUBLES[name].ends
        if code is not None and self.is_powered:
            yield code

    def power_off(self) -> None:
        """The machine is dark; 18 is reported when power returns."""
        self.is_powered = False

    def power_on(self) -> Iterator[int]:
        """Codes in the order a real machine queues them at boot: 18, 17, then the doors opened in the dark."""
        if self.is_powered:
            return
        self.is_powered = True
        yield POWER_LOST
        yield POWER_APPLIED
        for name in self._opened_in_the_dark:
            yield POWERLESS_DOORS[name]
        self._opened_in_the_dark.clear()

    @property
    def allows_play(self) -> bool:
        """No door open, nothing tilted, nobody in a menu, power on."""
        return self.is_powered and not any(TROUBLES[name].stops_play for name in self.troubles)

    @property
    def allows_bills(self) -> bool:
        """The acceptor would take a bill."""
        return self.allows_play and self.takes_bills and not self.troubles & {"bill_jam", "bill_acceptor_failure"}

    def takes(self, value: int) -> bool:
        """The host has not forbidden this bill."""
        return self.bills_enabled is None or value in self.bills_enabled

    def forget(self) -> None:
        """RAM clear: what the host had set is as from the factory."""
        self.takes_bills = self.stays_enabled = True
        self.bills_enabled = None
