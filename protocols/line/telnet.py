"""(pure) Telnet as RFC 2217 uses it: data with doubled FF, options, sub-negotiations. Both directions, piece by piece.

What an option means is not known here; only where each ends. Sources: RFC 854, 855, 856, 2217.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from protocols.errors import FrameError

IAC, DONT, DO, WONT, WILL, SB, SE = 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0xFA, 0xF0
BINARY, ECHO, SUPPRESS_GO_AHEAD, COM_PORT = 0, 1, 3, 44

SUB_MAX = 256
"""Bytes of one sub-negotiation. The longest that is of use here is 7; SIGNATURE texts are skipped."""


class BadTelnet(FrameError):
    """What comes is no Telnet: the two ends are out of step. Becomes a LineLost; nobody but the line meets it."""


class Option(NamedTuple):
    """WILL, WONT, DO or DONT."""

    verb: int
    option: int


class Sub(NamedTuple):
    """A sub-negotiation, its FF no longer doubled."""

    option: int
    data: bytes


class _At(Enum):
    DATA = 0
    COMMAND = 1
    VERB = 2
    SUB = 3
    SUB_COMMAND = 4


def escape(data: bytes) -> bytes:
    """Data as it travels: each FF doubled."""
    return data.replace(b"\xff", b"\xff\xff")


def option(verb: int, number: int) -> bytes:
    """``FF FB 2C``: WILL COM-PORT-OPTION."""
    return bytes((IAC, verb, number))


def sub(number: int, data: bytes) -> bytes:
    """``FF FA 2C 03 05 FF F0``: sub-negotiation."""
    return bytes((IAC, SB, number)) + escape(data) + bytes((IAC, SE))


class TelnetReader:
    """Takes octets in any pieces."""

    def __init__(self) -> None:
        self._at = _At.DATA
        self._verb = 0
        self._sub = bytearray()

    def feed(self, octets: bytes) -> tuple[bytes, Sequence[Option | Sub]]:
        """Data, and what was negotiated, each in its order. Raises BadTelnet."""
        if self._at is _At.DATA and IAC not in octets:
            return octets, ()
        data = bytearray()
        said: list[Option | Sub] = []
        for octet in octets:
            at = self._at
            if at is _At.DATA:
                if octet == IAC:
                    self._at = _At.COMMAND
                else:
                    data.append(octet)
            elif at is _At.COMMAND:
                self._command(octet, data)
            elif at is _At.VERB:
                said.append(Option(self._verb, octet))
                self._at = _At.DATA
            elif at is _At.SUB:
                if octet == IAC:
                    self._at = _At.SUB_COMMAND
                else:
                    self._collect(octet)
            elif octet == IAC:
                self._collect(octet)
                self._at = _At.SUB
            elif octet == SE:
                if self._sub:
                    said.append(Sub(self._sub[0], bytes(self._sub[1:])))
                self._at = _At.DATA
            else:
                raise BadTelnet(f"A sub-negotiation is followed by FF {octet:02X}, not by its end.", octet=octet)
        return bytes(data), said

    def _command(self, octet: int, data: bytearray) -> None:
        self._at = _At.DATA
        if octet == IAC:
            data.append(octet)
        elif octet in (WILL, WONT, DO, DONT):
            self._verb = octet
            self._at = _At.VERB
        elif octet == SB:
            self._sub.clear()
            self._at = _At.SUB
        elif octet < SE:
            raise BadTelnet(f"FF {octet:02X} is no command of Telnet. Does the other end speak RFC 2217?", octet=octet)
        # the rest (NOP, GA, AYT ...) says nothing to us

    def _collect(self, octet: int) -> None:
        if len(self._sub) >= SUB_MAX:
            raise BadTelnet(f"A sub-negotiation is longer than {SUB_MAX} bytes.")
        self._sub.append(octet)
