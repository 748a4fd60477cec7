"""UP-8 and the tail that only central remembers: what a claim beyond the head does, and what it does not (decision 0018)."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.field.answers import Answers
from edge.field.keeping import RECORDS
from edge.seam.messages import Advance
from edge.seam.messages import Cursor as SeamCursor
from sync.envelope import Cursor
from sync.errors import AckBeyondHead, ChainMismatch, DeliveryError, EpochChanged
from tests.support.keptbooks import Field, events_of, run, run_once, running, settings_at


async def confirm(field: Field, consumer: str, streamid: str, sequence: int, sha256: str) -> DeliveryError | None:
    """As the front hands it on, through the field's own handler; None: it was accepted."""
    answers = Answers.__new__(Answers)
    answers._journal = field.journal
    answers.claims = field.keeping.claims
    cursor = SeamCursor(streamid=streamid, sequence=sequence, sha256=sha256)
    asked = Advance(type="advance", id=1, consumer=consumer, cursor=cursor)
    try:
        await answers.advance(asked, SimpleNamespace())  # type: ignore[arg-type]  # who asks plays no part
    except DeliveryError as error:
        return error
    return None


def lose_a_tail(directory: Path, records: int) -> Cursor:
    """The newest records were confirmed by the disk and are gone; there is no anchor. Returns where central is."""
    settings, state = settings_at(directory), directory / "state"
    run_once(settings, 5, orderly=False)
    saved = {path.name: path.read_bytes() for path in state.iterdir()}
    heads: list[Cursor] = []

    async def life() -> None:
        async with running(settings, orderly=False) as field:
            await field.play(records)
            heads.append(field.writer.head.cursor)

    run(life())
    for path in state.iterdir():
        path.write_bytes(saved[path.name])
    return heads[0]


def test_st_8_without_an_anchor_the_tail_is_noticed_by_what_central_holds(tmp_path: Path) -> None:
    central = lose_a_tail(tmp_path, 9)
    state = tmp_path / "state"

    async def life() -> None:
        async with running(settings_at(tmp_path)) as field:
            kept = field.writer.head.cursor
            assert kept.sequence < central.sequence
            error = await confirm(field, "central-1", central.streamid, central.sequence, central.sha256)
            assert isinstance(error, AckBeyondHead)
            assert field.writer.head.epoch == 2
            # Once: the stream it speaks of has ended, and it is told where to go on.
            again = await confirm(field, "central-1", central.streamid, central.sequence, central.sha256)
            assert isinstance(again, EpochChanged)
            assert field.writer.head.epoch == 2
            await field.play(20)

    run(life())
    (opened,) = events_of(state, "gateway.epoch.opened")
    assert opened["data"]["reason"] == "tail-lost"
    assert [gap["data"]["asset"] for gap in events_of(state, "egm.data.gap")] == [17, 18]
    assert {event["data"]["slug"] for event in events_of(state, "gateway.incident")} == {"tail-lost", "ack-beyond-head"}


def test_st_8_a_consumer_that_may_be_left_out_opens_no_epoch(tmp_path: Path) -> None:
    central = lose_a_tail(tmp_path, 9)

    async def life() -> None:
        async with running(settings_at(tmp_path)) as field:
            await confirm(field, "watcher", central.streamid, central.sequence, central.sha256)
            assert field.writer.head.epoch == 1

    run(life())
    incidents = events_of(tmp_path / "state", "gateway.incident")
    assert [event["data"]["slug"] for event in incidents] == ["ack-beyond-head"]


GARBAGE = [
    ("far ahead", lambda c: (c.streamid, 2**53 - 1, "00" * 32), AckBeyondHead, "ack-beyond-head"),
    ("a wrong hash", lambda c: (c.streamid, 2, "00" * 32), ChainMismatch, "chain-mismatch"),
    ("another stream", lambda c: ("ab" * 16, 3, "00" * 32), EpochChanged, None),
]


@pytest.mark.parametrize(("garble", "error", "slug"), [row[1:] for row in GARBAGE], ids=[row[0] for row in GARBAGE])
def test_up_8_garbage_moves_nothing_and_is_told_once_an_hour(tmp_path: Path, garble, error, slug) -> None:  # type: ignore[no-untyped-def]  # a row of the table above
    settings, state = settings_at(tmp_path), tmp_path / "state"
    run_once(settings, 5)

    async def life() -> None:
        async with running(settings, orderly=False) as field:
            for _ in range(5):
                refused = await confirm(field, "central-1", *garble(field.writer.head.cursor))
                assert type(refused) is error
            assert field.writer.head.epoch == 1
            field.clock.advance(3601)
            await confirm(field, "central-1", *garble(field.writer.head.cursor))

    run(life())
    assert [event["data"]["slug"] for event in events_of(state, "gateway.incident")] == ([slug] * 2 if slug else [])


def test_up_8_in_books_that_were_made_now_nothing_can_have_been_lost(tmp_path: Path) -> None:
    async def life() -> None:
        async with running(settings_at(tmp_path)) as field:
            await field.play(3)
            head = field.writer.head.cursor
            error = await confirm(field, "central-1", head.streamid, head.sequence + 1, "00" * 32)
            assert isinstance(error, AckBeyondHead)
            assert field.writer.head.epoch == 1

    run(life())


def test_a_checkpoint_is_made_by_count_by_hour_and_at_the_stop_and_never_for_itself(tmp_path: Path) -> None:
    settings, state = settings_at(tmp_path), tmp_path / "state"

    async def life() -> None:
        async with running(settings) as field:
            keeping = field.keeping
            await field.play(3)
            assert not keeping._is_due()
            field.clock.advance(3600)
            assert keeping._is_due()
            await keeping._sign_now()
            field.clock.advance(3600)
            assert not keeping._is_due(), "nothing but the checkpoint's own record is new"
            assert RECORDS == 10_000

    run(life())
    assert len(events_of(state, "gateway.checkpoint")) == 1, "the stop had nothing new to sign"
    run_once(settings, 1)
    assert len(events_of(state, "gateway.checkpoint")) == 2
    assert oct(os.stat(state / "checkpoint.key").st_mode & 0o777) == "0o600"
    keys = {event["data"]["public_key"] for event in events_of(state, "gateway.checkpoint")}
    assert len(keys) == 1, "one key for the life of the state directory"
