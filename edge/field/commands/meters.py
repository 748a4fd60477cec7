"""Commands about meters: read them now."""

from __future__ import annotations

from collections.abc import Sequence

from edge.hall.requests import ReadMeters, Request


def read_now(asset: int, codes: Sequence[int]) -> Request:
    """``egm.meters.read``: a snapshot with reason "command"; the result names it."""
    return ReadMeters(asset, tuple(codes), reason="command")
