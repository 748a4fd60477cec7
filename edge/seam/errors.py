"""(pure) What can go wrong between the halves. Words with a remedy are found by the slug, as for every error."""

from collections.abc import Mapping
from typing import Any

from edge.errors import EdgeError


class SeamError(EdgeError):
    """Something between field and front went wrong."""

    slug = "seam-error"


class FieldAway(SeamError):
    """The field does not answer: not there, frozen, or gone with the question. How it ended is not known; ask again."""

    slug = "field-away"


class SafeMode(FieldAway):
    """The field answers, and touches neither machines nor books until a person has acted. Nothing was done."""

    slug = "safe-mode"


class ForeignVersion(SeamError):
    """The other end speaks another version of the seam: one half was upgraded without the other."""

    slug = "foreign-version"


class BadMessage(SeamError):
    """A line that is not a message of ours. The connection it came by must not be used any more."""

    slug = "bad-message"


class SocketInUse(SeamError):
    """Another process already listens on this socket."""

    slug = "socket-in-use"


class Refusal(SeamError):
    """The field answered with no. `reason` is the slug of its error, `facts` what it said beside it."""

    slug = "refused"

    def __init__(self, reason: str, text: str, facts: Mapping[str, Any]) -> None:
        super().__init__(text, **facts)
        self.reason = reason
