"""Seeded chance that is the same on every machine and every Python: SplitMix64. No entropy from outside."""

_MASK = (1 << 64) - 1


class Dice:
    """A row of numbers that follows from its seed alone."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def _next(self) -> int:
        # Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014), as in java.util.SplittableRandom.
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def share(self) -> float:
        """At least 0, less than 1."""
        return (self._next() >> 11) / (1 << 53)

    def below(self, limit: int) -> int:
        """A whole number from 0 to limit - 1. The modulo's bias is below 2^-40 for anything used here."""
        return self._next() % limit

    def happens(self, probability: float) -> bool:
        """True in this share of the cases."""
        return self.share() < probability

    def around(self, mean: float) -> float:
        """Between half and one and a half of the mean: irregular, but never a long drought or a flood."""
        return mean * (0.5 + self.share())

    def fork(self, number: int) -> "Dice":
        """A row of its own for the number-th thing of the same seed; this one does not move."""
        return Dice((self._state * 0x9E3779B97F4A7C15 + (number + 1) * 0xD1342543DE82EF95) & _MASK)
