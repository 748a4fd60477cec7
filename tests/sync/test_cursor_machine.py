"""Whatever central says, in whatever order: nothing moves on a wrong word, and pages are dense and stay the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sync import outbox
from sync.chain_check import verify_chain
from sync.envelope import Cursor, chain_next, chain_start
from sync.errors import AckBeyondHead, ChainMismatch, DeliveryError, EpochChanged
from sync.migrate import migrate
from tests.sync.stage import NIGHT, Hall

STREAMS = [f"{number:02x}" * 16 for number in range(1, 60)]


class CursorMachine(RuleBasedStateMachine):
    """The model: every record ever made, in order, with its cursor; and the place the consumer has confirmed."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        path = Path(self.directory.name) / "hall.db"
        migrate(path, stream_id=STREAMS[0], now_utc=lambda: NIGHT)
        self.hall = Hall(path, group_s=0.0)
        self.hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-1": True}))
        self.reader = self.hall.reader()
        self.made: list[tuple[Cursor, bytes]] = []
        self.starts = [(0, STREAMS[0])]
        self.confirmed = 0

    def teardown(self) -> None:
        self.hall.close()
        self.directory.cleanup()

    def cursor(self, position: int) -> Cursor:
        """The right cursor of a place; place 0 is before everything."""
        if position == 0:
            return Cursor(STREAMS[0], 0, chain_start(STREAMS[0]).hex())
        return self.made[position - 1][0]

    @rule(count=st.integers(1, 7), pad=st.integers(0, 3000))
    def events_happen(self, count: int, pad: int) -> None:
        for envelope in self.hall.happen(count, pad="x" * pad):
            self.made.append((envelope.cursor, envelope.body))

    @precondition(lambda self: len(self.starts) < 5)
    @rule()
    def a_new_epoch_begins(self) -> None:
        streamid = STREAMS[len(self.starts)]
        self.hall.do(lambda tx: outbox.open_epoch(tx, "test", stream_id=streamid))
        self.starts.append((len(self.made), streamid))

    @rule(data=st.data())
    def central_confirms(self, data: st.DataObject) -> None:
        position = data.draw(st.integers(0, len(self.made)))
        moved, cursor = self.hall.do(lambda tx: outbox.advance(tx, "central-1", self.cursor(position)))
        assert moved == (position > self.confirmed)
        self.confirmed = max(self.confirmed, position)
        if moved:
            assert cursor == self.cursor(position)

    @rule(data=st.data(), digest=st.binary(min_size=32, max_size=32))
    def central_confirms_with_a_wrong_hash(self, data: st.DataObject, digest: bytes) -> None:
        right = self.cursor(data.draw(st.integers(0, len(self.made))))
        self.refused(Cursor(right.streamid, right.sequence, digest.hex()), ChainMismatch)

    @rule(beyond=st.integers(1, 2**60), digest=st.binary(min_size=32, max_size=32))
    def central_confirms_what_was_never_made(self, beyond: int, digest: bytes) -> None:
        first, streamid = self.starts[-1]
        self.refused(Cursor(streamid, len(self.made) - first + beyond, digest.hex()), AckBeyondHead)

    @precondition(lambda self: len(self.starts) > 1)
    @rule()
    def central_confirms_beyond_the_end_of_an_old_epoch(self) -> None:
        (first, streamid), (following, _) = self.starts[-2], self.starts[-1]
        self.refused(Cursor(streamid, following - first + 1, "00" * 32), EpochChanged)

    @rule(data=st.data())
    def central_confirms_a_stream_of_another_box(self, data: st.DataObject) -> None:
        right = self.cursor(data.draw(st.integers(0, len(self.made))))
        self.refused(Cursor(STREAMS[-1], right.sequence, right.sha256), EpochChanged)

    def refused(self, cursor: Cursor, error: type[DeliveryError]) -> None:
        with pytest.raises(error):
            self.hall.do(lambda tx: outbox.advance(tx, "central-1", cursor))
        with pytest.raises(error):
            outbox.page(self.reader, cursor)

    @rule(data=st.data(), limit=st.integers(1, 9), max_bytes=st.integers(1, 9000), by_position=st.booleans())
    def somebody_reads(self, data: st.DataObject, limit: int, max_bytes: int, by_position: bool) -> None:
        position = data.draw(st.integers(0, len(self.made)))
        after: Cursor | int = position if by_position else self.cursor(position)
        page = outbox.page(self.reader, after, limit, max_bytes)
        assert page == outbox.page(self.reader, after, limit, max_bytes)
        expected = self.made[position : position + len(page.bodies)]
        assert list(page.bodies) == [body for _, body in expected]
        assert page.has_more == (position + len(page.bodies) < len(self.made))
        assert len(page.bodies) <= limit
        if position < len(self.made):
            assert page.bodies
            assert page.next == expected[-1][0]
            assert len({cursor.streamid for cursor, _ in expected}) == 1
            assert page.last - page.first + 1 == len(page.bodies)

    @rule()
    def the_gateway_starts_anew(self) -> None:
        path = self.hall.path
        self.hall.close()
        self.hall = Hall(path, group_s=0.0)
        self.reader = self.hall.reader()

    @rule()
    def central_follows_from_its_cursor_to_the_end(self) -> None:
        # With nothing but what travels: it computes each hash itself and arrives at the head.
        seen, cursor = self.confirmed, self.cursor(self.confirmed)
        while (page := outbox.page(self.reader, cursor, 5)).bodies:
            chain = bytes.fromhex(cursor.sha256) if page.first > 1 else chain_start(page.next.streamid)
            for number, body in enumerate(page.bodies, start=page.first):
                chain = chain_next(chain, number, body)
            assert chain.hex() == page.next.sha256
            cursor = page.next
            seen += len(page.bodies)
        assert seen == len(self.made)

    @invariant()
    def nothing_moved_but_by_a_right_word(self) -> None:
        assert outbox.position_of(self.reader, "central-1") == self.confirmed
        assert outbox.depth(self.reader, "central-1") == len(self.made) - self.confirmed
        assert outbox.head(self.reader).position == len(self.made)
        assert verify_chain(self.reader) == len(self.made)


TestCursorMachine = CursorMachine.TestCase
TestCursorMachine.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
