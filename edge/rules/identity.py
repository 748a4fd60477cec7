"""Who answers at a place against who should: the same machine, a changed one, or another.

Pure. A serial number decides; where a machine tells none, nothing but the enrolment can say that it is wrong. A poll it
was silent to this time does not erase what it said before.
"""

from dataclasses import dataclass, fields, replace
from typing import Literal, NamedTuple

from edge.hall.devices import Identity

Kind = Literal["first", "same", "changed", "replaced"]
Wrong = Literal["serial", "no_serial"]
"serial: another than enrolled; no_serial: one is enrolled, and the machine tells none."

_NAMES = tuple(field.name for field in fields(Identity))


class Difference(NamedTuple):
    """One thing a machine says otherwise than before."""

    what: str
    "Name of the member of Identity."
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an answer to "who are you" means."""

    kind: Kind
    now: Identity
    "What is known from now on: what was told, and of the same machine what it told before."
    differences: tuple[Difference, ...]
    "Of the same machine: what it says otherwise than before. Being told more than before is no difference."
    wrong: Wrong | None
    "Against the enrolment; None: right, or no serial number is enrolled."
    expected: str | None
    "The serial number that should answer: the enrolled one, else the one known."


def compare(known: Identity | None, told: Identity, enrolled_serial: str | None) -> Comparison:
    """Hold an answer against what is known (None: never identified) and what is enrolled (None: not said)."""
    wrong: Wrong | None = None
    if enrolled_serial is not None and told.serial is None and (known is None or known.serial != enrolled_serial):
        wrong = "no_serial"
    elif enrolled_serial is not None and told.serial not in (None, enrolled_serial):
        wrong = "serial"
    if known is None:
        return Comparison("first", told, (), wrong, enrolled_serial)
    expected = enrolled_serial or known.serial
    if known.serial is not None and told.serial is not None and told.serial != known.serial:
        return Comparison("replaced", told, (), wrong, expected)
    now = replace(known, **{name: value for name in _NAMES if (value := getattr(told, name)) is not None})
    differences = tuple(
        Difference(name, str(before), str(after))
        for name in _NAMES
        if (before := getattr(known, name)) is not None and (after := getattr(now, name)) != before
    )
    return Comparison("same" if now == known else "changed", now, differences, wrong, expected)
