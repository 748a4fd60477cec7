"""What kind of machine it is: what it tells about itself, how wide its meters are, what it leaves out.

Pure data; files of personas are read in `simulators/floor.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

EVERY_BILL = (1, 2, 5, 10, 20, 50, 100, 200, 500)


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
    credit: Fraction = Fraction(1, 100)
    "What one credit is worth, in currency units; must fit the denomination code."
    max_bet: int = 20
    progressive_group: int = 0
    game_options: int = 0
    games: int = 1
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
    reports_games: bool = False
    "True: exceptions 7E and 7F for each game (an operator's option; off in most halls)."
