"""What happened, written down: a fact, its tables and its place in the log are one, on a real writer and a real file."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import sqlite3
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.errors import BadFact
from edge.field.found import CommandEnded, ExceptionFound, IdentityFound, SnapshotFound
from edge.field.journal import Written
from edge.hall.devices import Identity
from edge.hall.events import Fact
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.hall.shapes import Json
from sync import inbox
from sync.commands import Command, encode, parse
from sync.db import Transaction
from sync.errors import StorageFull
from tests.edge.field.books import NIGHT, STREAM, Books

CENT = Denomination(1, 1, 1)
FIVE_CENTS = Denomination(2, 5, 1)


def exception(code: int, *, asset: int = 17, doubtful: bool = False) -> ExceptionFound:
    return ExceptionFound(asset, code, NIGHT, doubtful)


def snapshot(
    values: Mapping[int, int], *, width: int = 4, asset: int = 17, worth: Denomination | None = CENT,
    because: str | None = None, minutes: int = 0,
) -> SnapshotFound:  # fmt: skip
    return SnapshotFound(
        asset=asset,
        time=NIGHT + timedelta(minutes=minutes),
        reason="event" if because else "interval",
        because=because,
        coherent=True,
        denomination=worth,
        readings=[Reading(0, None, code, value, width) for code, value in values.items()],
        unsupported=(),
    )


def readings(event: Mapping[str, Any]) -> dict[int, tuple[str, str | None, str]]:
    return {r["code"]: (r["value"], r["delta"], r["verdict"]) for r in event["data"]["readings"]}


# exceptions ----------------------------------------------------------------------------------------------------------


async def test_an_exception_is_an_event_and_the_last_one_stored_of_its_machine(books: Books) -> None:
    written = await books.record(exception(0x11))

    (event,) = books.events()
    assert event["type"] == "hall.egm.door.opened.v1"
    assert event["subject"] == "egm/17"
    assert event["data"] == {"asset": 17, "sas_exception": 0x11, "door": "main", "location": 104}
    assert event["gamingday"] == "2026-11-22", "eleven past two at night in Sofia belongs to the evening before"
    assert event["id"] == written.events[0].id == f"{STREAM}:1"
    assert books.ask("SELECT asset, code, sequence FROM last_exceptions") == [(17, 0x11, 1)]
    assert books.ask("SELECT position, class FROM live_lane") == [(1, "door")]


async def test_event_and_last_exception_are_one_transaction(books: Books) -> None:
    books.hold()
    writing = asyncio.ensure_future(books.record(exception(0x11)))
    await asyncio.sleep(0.05)
    assert books.events() == []
    assert books.ask("SELECT * FROM last_exceptions") == []
    assert not writing.done(), "nobody is told before it is on disk"
    books.let_go()
    await writing
    assert len(books.events()) == len(books.ask("SELECT * FROM last_exceptions")) == 1


async def test_an_exception_of_a_machine_that_is_in_no_table_leaves_no_event_behind(books: Books) -> None:
    with pytest.raises(Exception, match="FOREIGN KEY"):
        await books.record(exception(0x11, asset=404))
    assert books.events() == []
    assert books.ask("SELECT * FROM last_exceptions") == []


async def test_the_doubtful_repeat_of_the_last_one_stored_is_flagged(books: Books) -> None:
    await books.record(exception(0x11))
    await books.record(exception(0x11, doubtful=True))
    first, second = books.events()
    assert "maybe_repeat" not in first["data"]
    assert second["data"]["maybe_repeat"] is True


async def test_another_code_is_not_flagged(books: Books) -> None:
    await books.record(exception(0x11))
    await books.record(exception(0x12))
    assert [event["data"].get("maybe_repeat") for event in books.events()] == [None, None]


async def test_before_the_first_one_stored_there_is_nothing_to_repeat(books: Books) -> None:
    await books.record(exception(0x11, doubtful=True))
    assert "maybe_repeat" not in books.events()[0]["data"]
    await books.record(exception(0x11, doubtful=True, asset=18))
    assert "maybe_repeat" not in books.events()[1]["data"], "the last one of another machine is not this one's"


async def test_a_code_of_no_table_is_an_event_of_its_own_kind_with_its_raw_value(books: Books) -> None:
    await books.record(exception(0xF3))
    assert books.events()[0]["type"] == "hall.egm.exception.unknown.v1"
    assert books.events()[0]["data"]["sas_exception"] == 0xF3


# meters --------------------------------------------------------------------------------------------------------------


async def test_a_snapshot_carries_exact_differences_as_digits(books: Books) -> None:
    """Nine bytes of BCD: 10^18 - 1 is far beyond what a reader of doubles can hold."""
    high = 999_999_999_999_000_000
    await books.record(snapshot({0x00: high, 0x05: 7}, width=9))
    await books.record(snapshot({0x00: high + 999_999, 0x05: 7}, width=9, minutes=15))
    first, second = books.events("hall.egm.meters.snapshot")
    assert readings(first) == {0x00: (str(high), None, "first"), 0x05: ("7", None, "first")}
    assert readings(second) == {0x00: ("999999999999999999", "999999", "delta"), 0x05: ("7", "0", "equal")}


async def test_a_meter_that_wrapped_grew_by_what_it_grew(books: Books) -> None:
    await books.record(snapshot({0x00: 99_999_990, 0x01: 500}))
    await books.record(snapshot({0x00: 10, 0x01: 500}, minutes=15))
    assert readings(books.events()[-1])[0x00] == ("10", "20", "rollover")


async def test_a_snapshot_names_the_event_that_caused_it(books: Books) -> None:
    cause = (await books.record(exception(0x11))).events[0].id
    await books.record(snapshot({0x00: 1}, because=cause))
    event = books.events("hall.egm.meters.snapshot")[0]
    assert (event["data"]["reason"], event["data"]["because"]) == ("event", cause)
    assert books.ask("SELECT because, event_id FROM meter_snapshots") == [(cause, event["id"])]


async def test_a_cleared_memory_opens_a_generation_that_names_both_snapshots(books: Books) -> None:
    before = (await books.record(snapshot({0x00: 5000, 0x05: 40}))).events[0].id
    await books.record(exception(0x7A))
    written = await books.record(snapshot({0x00: 3, 0x05: 1}, minutes=1))

    shown, opened = books.events()[-2:]
    assert shown["data"]["generation"] == 2
    assert {verdict for _, _, verdict in readings(shown).values()} == {"ram_clear"}
    assert [event.type for event in written.events] == [shown["type"], "hall.egm.generation.opened.v1"]
    assert opened["data"] == {
        "asset": 17, "generation": 2, "previous": 1, "cause": "ram_clear",
        "last_snapshot": before, "first_snapshot": shown["id"],
    }  # fmt: skip


async def test_what_no_play_explains_goes_to_review_and_names_its_snapshot(books: Books) -> None:
    await books.record(snapshot({0x00: 50_000_000, 0x05: 40, 0x06: 300}))
    await books.record(snapshot({0x00: 20_000_000, 0x05: 41, 0x06: 300}, minutes=15))
    shown, review = books.events()[-2:]
    assert readings(shown)[0x00] == ("20000000", None, "corrupt_read")
    assert readings(shown)[0x05] == ("41", "1", "delta"), (
        "its neighbours are counted: one stands, so the memory is the same"
    )
    assert review["type"] == "hall.egm.meters.review.v1"
    assert review["data"]["snapshot"] == shown["id"]
    assert review["data"]["meters"] == [
        {"game": 0, "denomination": None, "code": 0, "before": "50000000", "after": "20000000", "width": 4, "review": 1}
    ]
    await books.record(snapshot({0x00: 50_000_030, 0x05: 42, 0x06: 301}, minutes=30))
    later = books.events("hall.egm.meters.snapshot")[-1]
    assert readings(later)[0x00] == ("50000030", "30", "delta"), "against the last booked one"


async def test_another_denomination_is_told_and_credits_are_not_counted_across_it(books: Books) -> None:
    await books.record(snapshot({0x00: 100, 0x05: 40}))
    await books.record(snapshot({0x00: 120, 0x05: 41}, worth=FIVE_CENTS, minutes=15))
    shown, changed = books.events()[-2:]
    assert readings(shown)[0x00] == ("120", None, "denomination_change")
    assert readings(shown)[0x05] == ("41", "1", "delta")
    assert changed["type"] == "hall.egm.denomination.changed.v1"
    assert (changed["data"]["before"], changed["data"]["after"]) == (CENT.as_data(), FIVE_CENTS.as_data())


# identity ------------------------------------------------------------------------------------------------------------


def identity(serial: str | None, **more: Any) -> IdentityFound:
    return IdentityFound(17, NIGHT, Identity(serial=serial, version="602", **more), (0x51,))


async def test_another_serial_number_is_another_machine_and_its_meters_begin_anew(books: Books) -> None:
    first = await books.record(identity("SN0017"))
    assert first.identities[17].kind == "first"
    await books.record(snapshot({0x00: 5000}))

    written = await books.record(identity("SN0099"))
    assert written.identities[17].kind == "replaced"
    replaced, identified = books.events()[-2:]
    assert replaced["type"] == "hall.egm.replaced.v1"
    assert replaced["data"] == {
        "asset": 17, "serial_before": "SN0017", "serial": "SN0099", "generation": 2, "previous": 1,
    }  # fmt: skip
    assert identified["data"]["generation"] == 2
    assert books.ask("SELECT serial, generation, generation_cause FROM egms WHERE asset = 17") == [
        ("SN0099", 2, "replaced")
    ]

    await books.record(snapshot({0x00: 6000}, minutes=1))
    shown, opened = books.events()[-2:]
    assert readings(shown)[0x00] == ("6000", None, "replaced"), "1000 more on another machine is no growth"
    assert (opened["type"], opened["data"]["cause"]) == ("hall.egm.generation.opened.v1", "replaced")


async def test_the_same_machine_again_changes_nothing(books: Books) -> None:
    await books.record(identity("SN0017"))
    written = await books.record(identity("SN0017"))
    assert written.identities[17].kind == "same"
    assert books.events()[-1]["data"]["changed"] is False
    assert books.kinds() == ["egm.identified", "egm.identified"]


# commands ------------------------------------------------------------------------------------------------------------


def command(command_id: str = "c-1") -> Command:
    made = Command(
        "central-1", 1, command_id, "hg-07", STREAM, NIGHT, NIGHT + timedelta(minutes=5), "egm.enable", {"asset": 17}
    )
    return parse(encode(made))


def ended(command_id: str = "c-1") -> CommandEnded:
    data: dict[str, Json] = {
        "central": "central-1", "command_id": command_id, "kind": "egm.enable", "asset": 17,
        "result": {"outcome": "done"},
    }  # fmt: skip
    return CommandEnded("central-1", command_id, Fact("hall.command.done.v1", "egm/17", NIGHT, data))


async def test_the_end_of_a_command_closes_its_inbox_row_in_the_same_transaction(books: Books) -> None:
    await books.journal.write(lambda tx: inbox.admit(tx, command(), gateway="hg-07", now=NIGHT))
    books.hold()
    writing = asyncio.ensure_future(books.record(ended()))
    await asyncio.sleep(0.05)
    assert books.ask("SELECT result FROM inbox") == [(None,)]
    books.let_go()
    event = (await writing).events[0]
    ((result, finished_at),) = books.ask("SELECT result, finished_at FROM inbox")
    assert json.loads(result) == {"event": event.id, "type": "hall.command.done.v1"}
    assert finished_at is not None


async def test_an_end_that_the_catalogue_refuses_leaves_the_command_open(books: Books) -> None:
    await books.journal.write(lambda tx: inbox.admit(tx, command(), gateway="hg-07", now=NIGHT))
    wrong = CommandEnded("central-1", "c-1", Fact("hall.command.done.v1", "egm/17", NIGHT, {"asset": 17}))
    with pytest.raises(BadFact):
        await books.record(wrong)
    assert books.ask("SELECT result FROM inbox") == [(None,)]


# what the books refuse -----------------------------------------------------------------------------------------------


def incidents(books: Books) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(books.incidents.glob("*.json"))]


async def test_a_fact_the_catalogue_refuses_is_kept_beside_the_books_and_its_neighbours_are_stored(
    books: Books,
) -> None:
    books.hold()  # so that all three meet in one group
    outcomes = asyncio.gather(
        books.record(exception(0x11)),
        books.record(Fact("hall.egm.door.opened.v1", "egm/17", NIGHT, {"asset": 17, "door": "roof"})),
        books.record(exception(0x11, asset=18)),
        return_exceptions=True,
    )
    await asyncio.sleep(0.02)
    books.let_go()
    before, refused, after = await outcomes
    assert isinstance(before, Written)
    assert isinstance(refused, BadFact)
    assert isinstance(after, Written)
    assert [event["data"]["asset"] for event in books.events()] == [17, 18]
    assert [event["id"] for event in books.events()] == [f"{STREAM}:1", f"{STREAM}:2"], "no number is wasted"
    (incident,) = incidents(books)
    assert "BadFact" in incident["error"]
    assert "roof" in incident["found"][0]
    assert books.journal.refused == 1


async def test_what_was_heard_in_one_breath_is_one_whole(books: Books) -> None:
    with pytest.raises(BadFact):
        await books.record(exception(0x11), Fact("hall.no.such.kind.v1", "egm/17", NIGHT, {}))
    assert books.events() == []
    (incident,) = incidents(books)
    assert "ExceptionFound" in incident["found"][0]


async def test_a_bug_of_ours_is_kept_as_well_because_the_line_will_go_on(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object, **__: object) -> None:
        raise TypeError("of ours")

    monkeypatch.setattr("edge.field.entries.exceptions.note_exception", bug)
    with pytest.raises(TypeError):
        await books.record(exception(0x11))
    assert books.events() == []
    (incident,) = incidents(books)
    assert "code=17" in incident["found"][0]


async def test_full_books_refuse_nothing_for_good_so_nothing_is_kept_beside_them(books: Books) -> None:
    """The line is held and the same is written when there is room; on a full disk there is none beside the books."""

    def full(_tx: Transaction) -> None:
        broken = sqlite3.OperationalError("database or disk is full")
        broken.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise broken

    books.hold()
    await asyncio.sleep(0.02)  # the group that is held must have begun, or the next two would stand in it
    with contextlib.ExitStack() as stack:
        stack.callback(books.let_go)
        books.writer.submit(full, lambda _result, _error: None)
        writing = asyncio.ensure_future(books.record(exception(0x11)))
        await asyncio.sleep(0.02)
    with pytest.raises(StorageFull):
        await writing
    assert incidents(books) == []
    assert books.journal.refused == 0
    await books.record(exception(0x11))
    assert len(books.events()) == 1


async def test_what_can_be_written_nowhere_is_never_reported(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    told: list[object] = []
    seen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: seen.append(context["exception"]))
    monkeypatch.setattr(Path, "mkdir", no_room)
    books.journal.record([Fact("hall.no.such.kind.v1", "egm/17", NIGHT, {})], lambda *answer: told.append(answer))
    await books.record(exception(0x11))
    assert told == [], "reported, the line would go on and acknowledge what is written nowhere"
    assert [type(error) for error in seen] == [OSError]
