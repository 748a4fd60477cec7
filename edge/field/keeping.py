"""What keeps the log provable while the field runs: a new epoch where one is due, home, anchor, signed checkpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.clock import Clock
from edge.field.claims import Claims
from edge.field.coldstart import Books
from edge.field.epochs import open_new_epoch
from edge.field.incidents import incident
from edge.field.journal import Journal
from edge.field.page import Page
from edge.field.restored import fail_open_commands, forget
from edge.field.upkeep.anchoring import Anchoring
from edge.field.verdicts import Finding
from edge.hall.events import Fact
from edge.store import checkpoints
from edge.store.checkpoints import Checkpoint
from edge.store.home import note_home, read_home
from sync.errors import StorageFull
from sync.log import Head
from sync.writer import Writer

LOOK_S = 5.0
RECORDS = 10_000
"A checkpoint after so many records at the latest: what a start has to verify."
OFTEN_S = 3600.0
"And after so long, when there is something new."

log = structlog.get_logger("field")


class Keeping:
    """One per field. ``begin`` before anything else is written; ``run`` beside everything; ``end``, then ``close``."""

    def __init__(
        self,
        books: Books,
        journal: Journal,
        writer: Writer,
        clock: Clock,
        *,
        subject: str,
        version: str,
        record: Callable[[list[Fact]], None],
    ) -> None:
        self._books = books
        self._compose = journal.compose
        self._writer = writer
        self._clock = clock
        self._subject = subject
        self._version = version
        self._record = record
        self._key: Ed25519PrivateKey | None = None
        self._signed = 0
        self._signed_at = clock.monotonic()
        self._loop = asyncio.get_running_loop()
        self._anchoring: Anchoring | None = None
        self.claims: Claims
        "Made by ``begin``."

    async def begin(self) -> None:
        """What the cold start has found is written down: epoch, home, incidents; from here on the anchor follows.

        Raises StorageFull, StorageFatal, OSError (the key of the checkpoints).
        """
        self._key = checkpoints.own_key(self._books.directory)
        verdict = self._books.verdict

        def first(page: Page) -> None:
            if verdict.new_epoch is not None:
                self._open(page, verdict.new_epoch)
                fail_open_commands(page, verdict.new_epoch.slug)
            self._settle(page, verdict.notes)
            newest = checkpoints.newest(page.tx)
            self._signed = 0 if newest is None else newest.position

        await self._compose(first)
        forget(self._books.directory)
        self.claims = Claims(
            begun=self._writer.head.cursor,
            made_now=self._books.made_now,
            anchored=self._books.mark is not None,
            open_epoch=self._open,
            compose=self._compose,
            monotonic=self._clock.monotonic,
            subject=self._subject,
        )
        if self._books.anchor is not None:
            self._anchoring = Anchoring(self._books.anchor, self._tell_trouble)
            self._anchoring.moved(self._writer.head)

    def moved(self, head: Head) -> None:
        """This head is on disk."""
        if self._anchoring is not None:
            self._anchoring.moved(head)

    async def run(self) -> None:
        """Sign when it is time, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._is_due():
                await self._sign_now()

    async def end(self) -> None:
        """The orderly stop is signed too: the next start has nothing to verify."""
        if self._is_new():
            await self._sign_now()

    def close(self) -> None:
        """After the last commit: the anchor has the last head."""
        if self._anchoring is not None:
            self._anchoring.moved(self._writer.head)
            self._anchoring.close()

    def _open(self, page: Page, finding: Finding) -> None:
        # While the field runs: the stream goes on under a new name from here.
        open_new_epoch(page, finding, subject=self._subject, version=self._version)
        self._sign(page)

    def _settle(self, page: Page, notes: Sequence[Finding]) -> None:
        home, noted = self._books.home, read_home(page.tx)
        if home is not None and (noted is None or noted.home != home or self._books.verdict.new_epoch is not None):
            note_home(page.tx, home, self._books.mark)
        for finding in notes:
            page.append(incident(finding.slug, finding.facts, subject=self._subject, at=page.tx.now))

    def _is_new(self) -> bool:
        # The record that tells of the last checkpoint is no reason for another.
        head = self._writer.head
        return head.position > self._signed + 1 and head.cursor.sequence > 0

    def _is_due(self) -> bool:
        late = self._clock.monotonic() - self._signed_at >= OFTEN_S
        return self._writer.head.position - self._signed >= RECORDS or (late and self._is_new())

    async def _sign_now(self) -> None:
        try:
            signed = await self._compose(self._sign)
        except StorageFull:
            return  # tried again when there is room
        # Only now: what was undone was not signed.
        self._signed = signed or self._signed
        self._signed_at = self._clock.monotonic()

    def _sign(self, page: Page) -> int | None:
        end, key = page.tx.log, self._key
        if key is None or end.sequence == 0:
            return None
        end.flush(page.tx.executemany)
        made = checkpoints.sign_end(
            page.tx, key, epoch=end.epoch, stream_id=end.streamid, sequence=end.sequence, position=end.position,
            chain=end.chain,
        )  # fmt: skip
        page.append(checkpoint_fact(made, self._subject, page))
        return made.position

    def _tell_trouble(self, error: OSError | None) -> None:
        # In the thread of the anchor. The loop may be closed already: then nobody is left to be told.
        try:
            self._loop.call_soon_threadsafe(self._trouble, error)
        except RuntimeError:
            return

    def _trouble(self, error: OSError | None) -> None:
        if error is None:
            log.info("the anchor can be written again")
            return
        log.warning("the anchor cannot be written", error=str(error))
        facts = {"path": str(self._books.anchor), "error": str(error)}
        self._record([incident("anchor-failing", facts, subject=self._subject, at=self._clock.wall())])


def checkpoint_fact(made: Checkpoint, subject: str, page: Page) -> Fact:
    """The checkpoint for central, which keeps it: with the very text that was signed."""
    return Fact(
        "hall.gateway.checkpoint.v1",
        subject,
        page.tx.now,
        {
            "epoch": made.epoch,
            "streamid": made.stream_id,
            "sequence": made.sequence,
            "position": made.position,
            "sha256": made.chain.hex(),
            "made_at": made.made_at,
            "text": made.text,
            "public_key": made.public_key.hex(),
            "signature": made.signature.hex(),
        },
    )
