"""(pure) What a real-time event frame carries beside its code, in the members of the hall's event (sas-core 6.1)."""

from __future__ import annotations

from collections.abc import Mapping

from edge.hall.shapes import Json

SHOWN_MAX = 64


def frame_data(code: int, data: bytes) -> Mapping[str, Json]:
    """Members for the event's data; empty where the frame carried nothing. What has no known layout is kept as hex."""
    del code
    return {"frame": data[:SHOWN_MAX].hex()} if data else {}
