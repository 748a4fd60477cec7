"""Money in minor units, credits with the denomination they were counted in. Exact integers and fractions only.

Credits become money only with a denomination in hand. No floating point may enter this file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

_MINOR_DIGITS: Mapping[str, int] = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
    "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip
"Digits behind the point where they are not 2. Source: ISO 4217, list one."


def minor_per_unit(currency: str) -> int:
    """How many minor units one unit of this currency has: EUR 100, JPY 1, KWD 1000."""
    return int(10 ** _MINOR_DIGITS.get(currency, 2))


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of a currency in minor units."""

    minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        """Sum; the currencies must be equal."""
        if other.currency != self.currency:
            raise ValueError(f"{other.currency} cannot be added to {self.currency}")
        return Money(self.minor + other.minor, self.currency)


@dataclass(frozen=True, slots=True)
class Denomination:
    """The worth of one credit in minor units, as an exact fraction: 5 cents is 5/1, half a cent 1/2.

    `code` is the machine's own code for it (SAS table C-4); the fraction is what we reckon with.
    """

    code: int
    numerator: int
    denominator: int

    @classmethod
    def of(cls, code: int, value: Fraction, currency: str) -> "Denomination":
        """From the value of one credit in units of the currency."""
        minor = value * minor_per_unit(currency)
        return cls(code, minor.numerator, minor.denominator)

    @property
    def minor(self) -> Fraction:
        """Minor units per credit."""
        return Fraction(self.numerator, self.denominator)

    def as_data(self) -> dict[str, int]:
        """As it stands in an event: three integers."""
        return {"code": self.code, "numerator": self.numerator, "denominator": self.denominator}


@dataclass(frozen=True, slots=True)
class Credits:
    """A number of credits and what one of them is worth."""

    count: int
    denomination: Denomination

    def worth_minor(self) -> Fraction:
        """The exact worth in minor units; may be a fraction where one credit is less than a minor unit."""
        return self.count * self.denomination.minor
