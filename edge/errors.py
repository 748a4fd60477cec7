"""All that can go wrong inside the gateway and is not a wire's or the log's doing.

Errors carry facts as attributes; words for people, with a remedy, are in `edge.health.conditions`, found by the slug.
Nothing here may import another room.
"""

from typing import ClassVar


class EdgeError(Exception):
    """Something in the gateway went wrong. `slug` names it, `facts` say where."""

    slug: ClassVar[str] = "edge-error"

    def __init__(self, text: str, **facts: object) -> None:
        super().__init__(text)
        self.facts: dict[str, object] = facts


class BadFact(EdgeError):
    """A fact does not match its kind in the catalogue. A bug of ours: the fact must not reach the log."""

    slug = "bad-fact"


class UnknownMachine(EdgeError):
    """No machine with this asset number is registered."""

    slug = "unknown-machine"


class NotAllowed(EdgeError):
    """The caller is known but may not do this."""

    slug = "forbidden"


class NotAuthenticated(EdgeError):
    """The caller brought no key, or one that is not ours. The same text for every reason."""

    slug = "unauthenticated"


class StaleMirror(EdgeError):
    """A change does not follow the state the mirror has: ask for a new snapshot."""

    slug = "stale-mirror"
