"""The machines of a hall: what an EGM is, and what is known of who it is."""

from dataclasses import dataclass
from typing import Literal

Door = Literal["main", "drop", "card_cage", "cashbox", "belly"]
DOORS: tuple[Door, ...] = ("main", "drop", "card_cage", "cashbox", "belly")

GenerationCause = Literal["first", "ram_clear", "replaced"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a machine says it is, as it answered. None: it did not say."""

    serial: str | None = None
    "Serial number of the cabinet (SAS 54)."
    version: str | None = None
    "Version of the protocol (SAS 54)."
    game_id: str | None = None
    additional_id: str | None = None
    paytable: str | None = None
    denomination_code: int | None = None
    "Accounting denomination (SAS 1F); 0 or None: not told."
    max_bet: int | None = None
    games: int | None = None
    "Number of games it offers (SAS 51)."
    features: str | None = None
    "Feature bytes as hex (SAS A0)."
    base_percentage: str | None = None
    "Theoretical payback at maximum bet in hundredths of a percent, as told (SAS 1F): 9250 is 92.50 %."
    progressive_group: int | None = None
    "Progressive group (SAS 1F); 0: none."


@dataclass(frozen=True, slots=True)
class Egm:
    """A slot machine in the registry."""

    asset: int
    line: str
    address: int
    "SAS address on its line, 1 to 127."
    location: str | None
    label: str | None
    enrolled: bool
    "False: retired or archived; not polled."
    generation: int
    "Number of the present life of its meters, from 1."
    generation_cause: GenerationCause
    enrolled_serial: str | None
    "The serial number that should answer here; None: not said, whoever answers first is taken."
    identity: Identity
    identified_at: str | None
