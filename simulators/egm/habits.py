"""How lively a machine is: how often it is played, and what happens to it by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulators.egm.cabinet import MOMENTS, TROUBLES
from simulators.egm.dice import Dice

if TYPE_CHECKING:
    from simulators.egm.machine import Machine

_DOOR_LIKE = ("slot_door", "slot_door", "slot_door", "drop_door", "card_cage", "cashbox_door", "belly_door", "cashbox")
EVENTS = (*_DOOR_LIKE, *(name for name in TROUBLES if name not in _DOOR_LIKE), *MOMENTS)
"What may happen by itself; doors more often than the rest."


@dataclass(frozen=True, slots=True)
class Habits:
    """How lively the machine is. Rates are per minute of the machine's own time."""

    games_per_minute: float = 10.0
    events_per_minute: float = 2.0
    "Exceptions from doors, tilts, printer, menus and bills beside those the play makes."
    queue_limit: int = 15
    "Nothing happens by itself while so many exceptions wait; 0: never mind, let the queue overflow."
    keep_waiting: int = 0
    "This many exceptions always wait: as many events as the host can fetch. 0: off."
    cash_out: float = 0.01
    "Share of moments at which a player with a good sum takes it out."


class Mishaps:
    """Doors that open and close, tilts, lamps, jams: one exception at a time."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self.begun: list[str] = []
        "What began by itself and has not ended."

    def happen(self, machine: Machine) -> None:
        """Something begins, or what was begun ends; one exception is reported, or a few."""
        while self.begun and self._dice.happens(0.85):
            name = self.begun.pop(self._dice.below(len(self.begun)))
            machine.end(name)
            if TROUBLES[name].ends is not None:
                return
        name = EVENTS[self._dice.below(len(EVENTS))]
        if name in MOMENTS:
            machine.moment(name)
        elif name in machine.cabinet.troubles:
            machine.moment("bill_rejected")
        else:
            self.begun.append(name)
            machine.begin(name)
