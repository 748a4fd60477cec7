"""A question as it goes out, bare or inside the preamble B0 for one denomination, and its answer as if it were bare."""

from __future__ import annotations

from protocols.errors import FrameError
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.base import Poll
from protocols.sas.denominated import NO_DENOMINATION, Refusal, read_reply, request_values
from protocols.sas.longpoll import LongPoll, Reply, Values

__all__ = ["NO_DENOMINATION", "PREAMBLE", "Refusal", "question", "unwrapped"]

PREAMBLE = long_poll(0xB0)


def question(base: LongPoll, values: Values, denomination_code: int | None) -> Poll:
    """Raises BadField: a poll that knows nothing of denominations, or values it cannot carry."""
    if denomination_code is None:
        return Poll(base, values)
    return Poll(PREAMBLE, request_values(base, denomination_code, values))


def unwrapped(base: LongPoll, denomination_code: int | None, reply: Reply) -> Reply | Refusal | None:
    """The answer of the poll inside, or the machine's refusal; None: an answer to something else, or no sense inside."""
    if denomination_code is None or reply.status != "data":
        return reply
    try:
        return read_reply(base, reply.address, reply.values, denomination_code)
    except FrameError:
        return None
