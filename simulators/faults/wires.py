"""What a bad wire does to characters in virtual time, by name: noise, drips, streams, echoes, dead directions. Seeded.

A wire is asked for each frame, both ways, and for what it says of its own accord. It is bad in spells: the share of an
hour that ``SPELLS`` gives; between them it is good, so that it can be seen how a line comes back.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from protocols.line.line import CHAR_S


class Sent(NamedTuple):
    """A character that will have arrived at this moment."""

    at: float
    value: int
    wakeup: bool


Frame: TypeAlias = "list[Sent]"
Effect: TypeAlias = Callable[[random.Random, Frame], Frame]


def nothing(_dice: random.Random, frame: Frame) -> Frame:
    return frame


def dead(_dice: random.Random, _frame: Frame) -> Frame:
    return []


def flips(share: float) -> Effect:
    """This share of characters has one of its nine bits turned."""

    def effect(dice: random.Random, frame: Frame) -> Frame:
        return [_flipped(dice, char) if dice.random() < share else char for char in frame]

    return effect


def _flipped(dice: random.Random, char: Sent) -> Sent:
    bit = dice.randrange(9)
    return Sent(char.at, char.value, not char.wakeup) if bit == 8 else char._replace(value=char.value ^ (1 << bit))


def loses(share: float) -> Effect:
    return lambda dice, frame: [char for char in frame if dice.random() >= share]


def doubles(share: float) -> Effect:
    def effect(dice: random.Random, frame: Frame) -> Frame:
        out: Frame = []
        late = 0.0
        for char in frame:
            char = char._replace(at=char.at + late)
            out.append(char)
            if dice.random() < share:
                late += CHAR_S
                out.append(Sent(char.at + CHAR_S, char.value, False))
        return out

    return effect


def cuts(share: float) -> Effect:
    """This share of answers ends too early."""
    return lambda dice, frame: frame[: dice.randrange(len(frame) + 1)] if frame and dice.random() < share else frame


def late(share: float, least_s: float, most_s: float) -> Effect:
    """This share of answers comes so much later."""

    def effect(dice: random.Random, frame: Frame) -> Frame:
        by = dice.uniform(least_s, most_s) if dice.random() < share else 0.0
        return [char._replace(at=char.at + by) for char in frame]

    return effect


def lumps(every_s: float) -> Effect:
    """An adapter that hands over what it has so often."""
    return lambda _dice, frame: [char._replace(at=(int(char.at / every_s) + 1) * every_s) for char in frame]


def wakeup_stuck(value: bool) -> Effect:
    """Parity that does not switch: the ninth bit is always this."""
    return lambda _dice, frame: [char._replace(wakeup=value) for char in frame]


@dataclass(frozen=True, slots=True)
class BadWire:
    """One kind of bad wire."""

    to_machine: Effect = nothing
    to_host: Effect = nothing
    echoes: bool = False
    "What the host sends comes back to it."
    babbles_every_s: float = 0.0
    "A byte of its own so often; 0: none."
    spell_s: float = 1_200.0
    "So long it is bad ..."
    every_s: float = 3_600.0
    "... in so long, from the tenth minute on."
    damage: float = field(default=0.0, kw_only=True)
    "Share of polls in a bad spell whose answer may arrive as another; 0: characters are lost or late, never changed."

    @property
    def touches_values(self) -> bool:
        """A wrong value is possible, at the rate of ``wrong_most``."""
        return self.damage > 0

    def wrong_most(self, *, shared: bool) -> float:
        """Wrong exceptions a poll that no host could prevent which believes a lone byte on a line without recent errors.

        One flip of nine turns 00 into each of eight codes and a chirp; three of them are exceptions (20, 40, 80). On a shared
        line two flips of nine turn a poll into that of another machine. A damaged repeat loses what it asks for again.
        """
        bad = min(1.0, self.spell_s / self.every_s)
        return bad * (self.damage * (5 if shared else 3) / 9 + 3 * self.damage**2)

    def is_bad(self, at: float) -> bool:
        return at >= 600.0 and (at - 600.0) % self.every_s < self.spell_s

    def next_change(self, at: float) -> float:
        """When next it turns bad or good."""
        if at < 600.0:
            return 600.0
        into = (at - 600.0) % self.every_s
        return at - into + (self.spell_s if into < self.spell_s else self.every_s)


WIRES: Mapping[str, BadWire] = {
    "good": BadWire(spell_s=0.0),
    "noise_1_in_1000": BadWire(flips(0.001), flips(0.001), damage=0.001),
    "noise_1_in_100": BadWire(flips(0.01), flips(0.01), damage=0.01),
    "noise_5_in_100": BadWire(flips(0.05), flips(0.05), damage=0.05),
    "lost_bytes": BadWire(loses(0.01), loses(0.01), damage=0.01),
    "doubled_bytes": BadWire(doubles(0.01), doubles(0.01), damage=0.01),
    "half_answers": BadWire(to_host=cuts(0.2)),
    # A lone byte says neither whose it is nor to what: half a second late it may be taken for another's.
    "late_answers": BadWire(to_host=late(0.3, 0.010, 0.500), damage=0.3),
    "slow_drip": BadWire(babbles_every_s=4.0, damage=0.05),
    "stuck_stream": BadWire(babbles_every_s=0.002, spell_s=30.0, damage=1.0),
    "swapped_cables": BadWire(dead, dead),
    "machine_deaf": BadWire(to_machine=dead),
    "machine_mute": BadWire(to_host=dead),
    "no_wakeup_bit": BadWire(to_machine=wakeup_stuck(False)),
    "wakeup_on_every_byte": BadWire(to_machine=wakeup_stuck(True)),
    "adapter_16_ms": BadWire(to_host=lumps(0.016), spell_s=1e9),
    "echo": BadWire(echoes=True),
    "pulled_for_1_s": BadWire(dead, dead, spell_s=1.0, every_s=600.0),
    "pulled_for_1_h": BadWire(dead, dead, spell_s=3_600.0, every_s=3 * 3_600.0),
}
