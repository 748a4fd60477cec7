"""What a kind of event is: its name, who cares, how fast it travels, what may be shed, and the shape of its data.

The tables beside this file are lists of these. A new meaning is a new kind or a new version, never a changed field; a
new optional member is allowed within a version.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from edge.hall.ids import ASSET_MAX
from edge.hall.shapes import Check, Json, Schema, boolean, checker, hexadecimal, integer, record

Class = Literal["money", "door", "fault", "ticket", "cashless", "system", "meters", "link", "command", "play"]
"What the event is about; people filter by it."
Priority = Literal["alarm", "high", "normal", "low"]
"alarm: a person must look now; high: money, or the end of an alarm; normal; low: nice to have."
LiveClass = Literal["money", "door", "fault", "ticket", "cashless", "system"]
"Topic of the live lane (single copies ahead of a backlog); None: travels in the ordered lane only."
Shed = Literal["never", "coalesce", "drop_first"]
"What may be given up when the disk gets short, before anything of money, security or audit."

ASSET = integer(1, ASSET_MAX, about="asset number of the machine")


@dataclass(frozen=True, slots=True)
class EventKind:
    """One kind of event. `text` is the short sentence people read, with members of the data in braces."""

    kind: str
    title: str
    text: str
    klass: Class
    priority: Priority
    live_class: LiveClass | None
    shed: Shed
    required: Mapping[str, Schema]
    optional: Mapping[str, Schema] = field(default_factory=dict)
    check: Check = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "check", checker(self.data_schema()))

    def data_schema(self) -> dict[str, Json]:
        """JSON Schema of the data object. Readers must accept members they do not know."""
        return record(self.required, self.optional)


SAS_MEMBERS: Mapping[str, Schema] = {
    "asset": ASSET,
    "sas_exception": integer(0, 255, about="the exception code as it came"),
}
SAS_OPTIONAL: Mapping[str, Schema] = {
    "location": integer(0, 999_999_999, about="number of the place on the floor, where it is a number"),
    "maybe_repeat": boolean(about="present and true: after an unclean stop this may be the last one once more"),
    "unidentified": boolean(
        about="present and true: it came before it was known who sits there, and could not be left with the machine"
    ),
    "frame": hexadecimal(64, about="what a real-time frame carried, where its layout is not known"),
}


def sas(
    name: str,
    title: str,
    text: str,
    klass: Class,
    *,
    priority: Priority = "normal",
    live: LiveClass | None = None,
    shed: Shed = "never",
    required: Mapping[str, Schema] | None = None,
    optional: Mapping[str, Schema] | None = None,
) -> EventKind:
    """A kind that a SAS exception makes: always with the asset and the code."""
    return EventKind(
        f"hall.egm.{name}.v1",
        title,
        text,
        klass,
        priority,
        live,
        shed,
        {**SAS_MEMBERS, **(required or {})},
        {**SAS_OPTIONAL, **(optional or {})},
    )


def own(
    name: str,
    title: str,
    text: str,
    klass: Class,
    required: Mapping[str, Schema],
    optional: Mapping[str, Schema] | None = None,
    *,
    priority: Priority = "normal",
    live: LiveClass | None = None,
    shed: Shed = "never",
) -> EventKind:
    """A kind that the gateway itself makes."""
    return EventKind(f"hall.{name}.v1", title, text, klass, priority, live, shed, required, optional or {})
