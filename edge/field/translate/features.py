"""(pure) The feature bytes of A0 in words (sas-core 5.3). A bit that is not set, or a byte that is missing: feature off."""

from __future__ import annotations

from collections.abc import Mapping

BITS: Mapping[tuple[int, int], str] = {
    (0, 0): "jackpot multiplier",
    (0, 1): "bonus awards by cashless transfer",
    (0, 2): "legacy bonus awards",
    (0, 3): "tournament",
    (0, 4): "validation extensions",
    (0, 7): "ticket redemption",
    (1, 2): "tickets counted in total drop and cancelled credits",
    (1, 3): "extended meters",
    (1, 4): "component authentication",
    (1, 5): "jackpot key-off exception",
    (1, 6): "cashless transfers",
    (1, 7): "several denominations",
    (2, 0): "polling every 40 ms",
    (2, 1): "several progressive wins at once",
    (2, 2): "announces meter changes",
    (2, 4): "session play",
    (2, 5): "foreign currency redemption",
    (2, 6): "progressive hits of others",
    (2, 7): "enhanced progressive data",
    (3, 0): "maximum-payback progressive",
}
"(byte, bit) -> feature. From byte 2 bit 2 on, and bits 5 of byte 1: SAS 6.03, one source."
_VALIDATION = ("standard validation", "system validation", "secure enhanced validation", "validation style 3")
_METERS = ("", "meters change when a win is won", "meters change when a win is played or paid", "meter model 3")


def features_in_words(features: bytes) -> list[str]:
    """Empty where A0 was not answered: nothing is known, and everything counts as off."""
    if not features:
        return []
    padded = features.ljust(6, b"\x00")
    words = [word for (byte, bit), word in BITS.items() if padded[byte] >> bit & 1]
    words.append(_VALIDATION[padded[0] >> 5 & 3])
    model = _METERS[padded[1] & 3]
    return [*words, model] if model else words
