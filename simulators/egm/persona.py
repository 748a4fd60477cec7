"""What kind of machine it is: what it tells about itself, how wide its meters are, what it leaves out, how it behaves.

Pure data. The personas we ship are files, read by `personas.py`; a scenario may describe more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from protocols.sas.catalog.denominations import DENOMINATIONS
from protocols.sas.egm import EgmRules

EVERY_BILL = (1, 2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True, slots=True)
class Title:
    """One game of a machine."""

    name: str
    paytable: str = "SIM001"
    payback: str = "9250"
    max_bet: int = 20
    "In credits of the denomination that is played."
    wager_categories: int = 0


@dataclass(frozen=True, slots=True)
class Persona:
    """A model of machine. Defaults: a well-behaved SAS 6.02 video slot without tickets or cashless."""

    name: str = "plain"
    version: str = "602"
    "SAS version, three characters (poll 54)."
    game_id: str = "HE"
    additional_id: str = "000"
    paytable: str = "SIM001"
    payback: str = "9250"
    "Theoretical payback, implied decimal point: 9250 is 92.50 %."
    denomination_code: int = 0x01
    "Of accounting."
    credit: Fraction = Fraction(1, 100)
    "What one credit is worth, in currency units; must fit the denomination code."
    denominations: tuple[int, ...] = ()
    "Codes a player may choose from; empty: the one of accounting."
    max_bet: int = 20
    progressive_group: int = 0
    game_options: int = 0
    games: int = 1
    titles: tuple[Title, ...] = ()
    "The games by name; empty: so many as ``games`` says, all alike."
    features: tuple[int, int, int] = (0x00, 0x08, 0x01)
    "F1, F2, F3 of poll A0: extended meters (F2 bit 3), 40 ms polling (F3 bit 0)."
    wide_meters: bool = False
    "True: 6F sends nine bytes for every meter, as real cabinets do; False: the smallest size allowed."
    unsupported_polls: frozenset[int] = frozenset()
    "Long polls this model stays silent on; for example 6F, AF and A0 of a SAS 5 machine."
    unsupported_meters: frozenset[int] = frozenset()
    meters_at_start: Mapping[int, int] = field(default_factory=dict)
    "Meters that do not begin at 0, by code: an old machine, or one about to roll over."
    bills: tuple[int, ...] = EVERY_BILL
    "Values the acceptor takes, in currency units."
    bill_country: int = 0x39
    "BCD; 39 is the euro."
    stacker_full_at: int = 600
    jackpot_from: int = 4_000
    "Wins of this many credits and more are paid by an attendant."
    credit_limit: int = 10_000_000
    game_takes_s: float = 2.5
    answer_delay_s: float = 0.0
    "From the last character of a poll to the first of the answer; the standard allows 0.020."
    busy_every_s: float = 0.0
    "Every so often every long poll is put off with BUSY; 0: never."
    busy_for_s: float = 0.0
    "So long."
    reports_games: bool = False
    "True: exceptions 7E and 7F for each game (an operator's option; off in most halls)."
    keeps_waiting: int = 0
    "A machine that talks a lot: this many exceptions always wait. 0: what the habits say."
    handpays: Literal["legacy", "queued"] = "legacy"
    """queued: records are kept until 1B has read them, 51 comes again every 15 s; legacy: 51 and 52 once each, 1B shows what
    is so now (sas-core 5.5). An operator's option."""
    top_award_level: int = 0x00
    "Level in 1B of a win without progressive: 00, or 40 where it was the top award (QUIRKS X12)."
    hopper_coins: int = 0
    "Room of the hopper, which is full at the start; 0: no hopper."
    cash_out_limit: int = 0
    "Credits the hopper pays without an attendant (A4)."
    token_code: int = 0
    "Denomination of a coin (B3); 0: that of accounting."
    reels: int = 0
    "Reels of a machine that has real ones; 0: 8F is not known."
    reel_stops_told: Literal[9, 5] = 9
    "Stops in 8F: nine, five in older machines (QUIRKS X5)."
    has_cards: bool = False
    "Poker: 8E is known."
    clock: Literal["sets", "refuses", "ignores"] = "sets"
    "What 7F does to a clock that may be controlled otherwise (QUIRKS X16)."
    numbers_flags: int = 0x03
    "B7: bit 0, the host may change the asset number; bit 1, the floor location."
    b7_length_byte: bool = True
    "False: B7 is answered without a length byte (QUIRKS X9)."
    starts_in_real_time: bool = False
    "As a host before left it."
    loses_address: bool = False
    "After a memory error (34) it falls to address 0: silent until somebody sets one."
    factory_address: int | None = None
    "Address after a RAM clear; None: it keeps its own."
    shares_address: bool = False
    "Somebody set the same address twice: two such machines may hang on one line."
    rules: EgmRules = field(default_factory=EgmRules)
    "How it behaves on the wire; the delay of answers is said above."

    @property
    def player_denominations(self) -> tuple[int, ...]:
        """Codes, at least one."""
        return self.denominations or (self.denomination_code,)

    @property
    def is_603(self) -> bool:
        """It knows what version 6.03 brought."""
        return self.version >= "603"

    @property
    def asks_before_changes(self) -> bool:
        """Meter change notification (A0 F3 bit 2): the hand-shake of B6."""
        return bool(self.features[2] & 0x04)

    @property
    def is_multi_denomination(self) -> bool:
        """The preamble B0 is known (A0 F2 bit 7)."""
        return bool(self.features[1] & 0x80)

    def title(self, game: int) -> Title:
        """Game 1 to ``games``."""
        if self.titles:
            return self.titles[game - 1]
        name = self.name if self.games == 1 else f"{self.name} {game}"
        return Title(name, self.paytable, self.payback, self.max_bet)

    def units(self, denomination: int) -> int:
        """Credits of accounting that one credit of this player denomination is."""
        value = DENOMINATIONS[denomination]
        assert value is not None
        return int(value / self.credit)

    @property
    def coin(self) -> Fraction:
        """Value of a coin of the hopper."""
        return DENOMINATIONS[self.token_code or self.denomination_code] or self.credit
