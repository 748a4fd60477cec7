"""(pure) All that can go wrong on a wire, by whose fault it is: the cable's, noise, the machine's, or ours.

Every error carries its facts as attributes and a ``slug`` by which people's words and remedies are found.
"""

from __future__ import annotations

from typing import ClassVar


class ProtocolError(Exception):
    """Root. ``facts`` are attributes too: ``error.line``, ``error.address`` ..."""

    slug: ClassVar[str] = "protocol-error"

    def __init__(self, text: str, **facts: object) -> None:
        super().__init__(text)
        self.facts: dict[str, object] = facts

    def __getattr__(self, name: str) -> object:
        facts: dict[str, object] = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(name)


class LineError(ProtocolError):
    """The cable, the adapter or the device server."""

    slug = "line-error"


class LineLost(LineError):
    """The line is gone. Close it and open it again later."""

    slug = "line-lost"


class LineBusy(LineError):
    """The frame was not taken; nothing of it has left."""

    slug = "line-busy"


class LineUnfit(LineError):
    """This port or URL can never carry SAS; trying again does not help."""

    slug = "line-unfit"


class FrameError(ProtocolError):
    """Noise: what came is not a frame. Repeat the poll."""

    slug = "frame-error"


class BadCrc(FrameError):
    """The check sum does not fit."""

    slug = "bad-crc"


class BadLength(FrameError):
    """Too short, too long, or a length byte that contradicts the frame."""

    slug = "bad-length"


class BadField(FrameError):
    """A field holds what it cannot hold: a BCD digit above 9, a date that does not exist, a value out of range."""

    slug = "bad-field"


class BadEcho(FrameError):
    """Another address or another command than was asked."""

    slug = "bad-echo"


class PeerError(ProtocolError):
    """The machine understood and will not."""

    slug = "peer-error"


class Refused(PeerError):
    """NACK."""

    slug = "refused"


class Busy(PeerError):
    """BUSY: ask again later."""

    slug = "busy"


class Unexpected(PeerError):
    """A valid frame that is no answer to what was asked."""

    slug = "unexpected"


class LocalError(ProtocolError):
    """We are wrong: a bug, or a request that cannot be carried out."""

    slug = "local-error"


class NotNow(LocalError):
    """Called in a state in which this must not be called."""

    slug = "not-now"


class BadRequest(LocalError):
    """A value the standard cannot carry."""

    slug = "bad-request"
