"""Countries of bills (appendix C), as 48 and event frame 4F name them. Source: sas-core 4.3 (38 and 39 from two sources).

The numbers of the tables differ from source to source (QUIRKS X14); on the wire there is only the code.
"""

from __future__ import annotations

from collections.abc import Mapping

COUNTRIES: Mapping[int, str] = dict(
    enumerate(
        (
            "unknown", "Argentina", "Australia", "Austria", "Belgium", "Brazil", "Bulgaria", "Canada", "Colombia", "Cyprus",
            "Czechoslovakia", "Denmark", "Finland", "France", "Germany", "Great Britain", "Gibraltar", "Greece", "Guernsey",
            "Hungary", "Ireland", "Italy", "Jersey", "Luxembourg", "Malta", "Mexico", "Morocco", "Norway", "Poland",
            "Portugal", "Romania", "Russia", "Spain", "South Africa", "Sweden", "Switzerland", "Turkey", "United States",
            "Holland", "Euro",
        )
    )
)  # fmt: skip
"""Code as the field gives it (two digits of packed BCD, read: 37 is byte 37) -> country, in English."""
