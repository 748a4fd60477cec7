"""A consumer confirms what was never made, or what reads otherwise here: nonsense, or the only trace of a lost tail?

Nothing ever moves. What is believed, and why, is decided in docs/decisions/0018-a-claim-beyond-the-head.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from edge.field.incidents import incident
from edge.field.page import Page
from edge.field.verdicts import Finding
from edge.hall.shapes import Json
from sync.envelope import Cursor
from sync.errors import AckBeyondHead, ChainMismatch, DeliveryError
from sync.places import consumer_of, epochs

T = TypeVar("T")

ANCHORED_LOSS_MAX = 10_000
"Records that can be lost although the anchor agreed: what is written within the second that it may lag behind."
LOSS_MAX = 10_000_000
"Without an anchor: a month of a busy hall. A claim beyond that is nonsense."
AGAIN_S = 3600.0
"The same claim of the same consumer is an incident once in so long."


class Compose(Protocol):
    """As the journal composes: a page in one transaction, on disk when it returns."""

    def __call__(self, work: Callable[[Page], T], /) -> Awaitable[T]:
        """Run this work."""


class Claims:
    """One per run of the field. ``begun``: the head at the start; what was made since is on our disk for certain.

    ``made_now``: the books were made in this run. ``anchored``: an anchor was read, and its tail settled, at the start.
    """

    def __init__(
        self,
        *,
        begun: Cursor,
        made_now: bool,
        anchored: bool,
        open_epoch: Callable[[Page, Finding], None],
        compose: Compose,
        monotonic: Callable[[], float],
        subject: str,
    ) -> None:
        self._begun = begun
        self._most = 0 if made_now else ANCHORED_LOSS_MAX if anchored else LOSS_MAX
        self._open_epoch = open_epoch
        self._compose = compose
        self._monotonic = monotonic
        self._subject = subject
        self._opened = False
        self._told: dict[tuple[str, str], float] = {}

    async def heard(self, consumer: str, claimed: Cursor, error: DeliveryError) -> None:
        """An acknowledgement was refused with this error. Raises what writing raises."""
        if not isinstance(error, AckBeyondHead | ChainMismatch):
            return
        key, now = (consumer, error.slug), self._monotonic()
        if isinstance(error, AckBeyondHead) and self.is_credible(claimed):
            # Once: whatever this central says next, the stream it speaks of is not ours any more.
            self._opened = await self._compose(lambda page: self._go_on(page, consumer, claimed))
        if now - self._told.get(key, -AGAIN_S) >= AGAIN_S:
            self._told[key] = now
            await self._compose(lambda page: self._tell(page, consumer, claimed, error))

    def is_credible(self, claimed: Cursor) -> bool:
        """Can the record that is claimed have been made before this run, in this stream, and lost since?"""
        if self._opened or claimed.streamid != self._begun.streamid:
            return False
        return self._begun.sequence < claimed.sequence <= self._begun.sequence + self._most

    def _go_on(self, page: Page, consumer: str, claimed: Cursor) -> bool:
        newest = epochs(page.tx)[-1]
        last = page.tx.log.sequence
        if (
            not consumer_of(page.tx, consumer).required
            or newest.streamid != claimed.streamid
            or claimed.sequence <= last
        ):
            return False
        facts: dict[str, Json] = {
            "streamid": claimed.streamid,
            "first_missing": self._begun.sequence + 1,
            "last_told": claimed.sequence,
            "sha256": claimed.sha256,
            "consumer": consumer,
        }
        self._open_epoch(page, Finding("tail-lost", facts))
        return True

    def _tell(self, page: Page, consumer: str, claimed: Cursor, error: DeliveryError) -> None:
        facts: dict[str, Json] = {"consumer": consumer, "claimed": claimed.as_json(), "error": str(error)[:400]}
        page.append(incident(error.slug, facts, subject=self._subject, at=page.tx.now))
