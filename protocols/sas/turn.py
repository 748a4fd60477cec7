"""What a host wants put on its line: one frame, for whom, and whether an answer is due."""

from __future__ import annotations

from dataclasses import dataclass

RESYNC_BYTE = b"\x80"


@dataclass(frozen=True, slots=True)
class Turn:
    """A frame to put on the wire now, its first byte with the wake-up flag. Then call ``Host.sent``."""

    address: int | None
    "None: the frame is for nobody in particular (80)."
    data: bytes
    expects_reply: bool


RESYNC = Turn(address=None, data=RESYNC_BYTE, expects_reply=False)
