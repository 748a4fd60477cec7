"""Commands in numbers, late, replayed, or meant for another machine: bounded, refused with a code, never done twice.

CM-1, CM-3, CM-4, CM-5, UP-11, PW-3 in one process; over real processes: tests/journeys.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.field.commands import dispatch as bounds
from edge.field.upkeep.inbox import KEPT, prune_inbox
from edge.hall.requests import Identify
from sync import inbox
from sync.commands import Command, encode, parse
from sync.db import Transaction
from tests.edge.field.small_hall import SmallHall, opened
from tests.edge.field.test_dispatch import PLACES, admit, asked, command, endings, inbox_of


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[SmallHall]:
    async with opened(tmp_path, PLACES, serials={17: "SN0017", 18: "SN0018"}) as hall:
        yield hall


def for_serial(hall: SmallHall, serial: str, **more: Any) -> Command:
    return command(hall, body={"asset": 17, "expected_serial": serial}, **more)


def incidents(hall: SmallHall) -> list[dict[str, Any]]:
    return [event["data"] for event in hall.books.events("hall.gateway.incident")]


def ending(hall: SmallHall) -> tuple[str, str]:
    (event,) = hall.books.events("hall.command.")
    return event["type"].split(".")[2], event["data"].get("error", "")


# numbers --------------------------------------------------------------------------------------------------------------


async def test_cm_5_of_ten_thousand_commands_at_once_a_bounded_number_is_taken_and_each_machine_keeps_their_order(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, PLACES) as hall:
        raws = [encode(command(hall, command_id=f"c-{n:05}", body={"asset": 17 + n % 2})) for n in range(10_000)]
        answers = await asyncio.gather(*(hall.dispatch.admit(raw, "http") for raw in raws))
        assert Counter(answer.status for answer in answers) == {"admitted": 64, "inbox-full": 9_936}
        assert len(inbox_of(hall)) == hall.desk.commands == 64
        refused = next(answer for answer in answers if answer.status == "inbox-full")
        assert "again later" in refused.text

        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        others = [encode(command(hall, command_id=f"d-{n:05}", body={"asset": 17 + n % 2})) for n in range(10_000)]
        for first in range(0, len(others), 64):  # as many as one caller of the seam may have open
            more = await asyncio.gather(*(hall.dispatch.admit(raw, "http") for raw in others[first : first + 64]))
            assert {answer.status for answer in more} == {"inbox-full"}
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kib
        assert grown_kib < 16 * 1024, "of what was refused nothing is kept"

        again = await asyncio.gather(*(hall.dispatch.admit(raw, "http") for raw in raws[:64]))
        assert {answer.status for answer in again} == {"repeated"}, "a full inbox still knows what it took"

        await hall.go(30, lambda: hall.desk.commands == 0)
        for asset in (17, 18):
            ended = [e["data"]["command_id"] for e in hall.books.events("hall.command.") if e["data"]["asset"] == asset]
            assert ended == sorted(ended), "in the order of arrival"
        assert (await admit(hall, raws[-1])).status == "admitted", "and there is room again"


async def test_the_bound_over_all_machines_holds_for_what_arrives_in_one_instant(
    hall: SmallHall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "OPEN_MAX", 3)
    answers = await asyncio.gather(
        *(admit(hall, command(hall, command_id=f"c-{n}", body={"asset": 17 + n % 2})) for n in range(8))
    )
    assert Counter(answer.status for answer in answers) == {"admitted": 3, "inbox-full": 5}


async def test_a_desk_full_of_commands_keeps_nobody_from_asking_who_the_machine_is(hall: SmallHall) -> None:
    """Otherwise it would never be known, and the commands would never be done."""
    hall.machine(17).plugged = False
    await hall.up(18)
    for number in range(32):
        assert (await admit(hall, command(hall, command_id=f"c-{number:02}"))).status == "admitted"
    hall.machine(17).plugged = True
    await hall.go(30, lambda: hall.desk.commands == 0)
    assert hall.hearing.seats[17].identity == "right"
    assert {how for _, how in endings(hall)} == {"done"}
    assert not hall.desk.asks(17, Identify)


# again, and late ------------------------------------------------------------------------------------------------------


async def test_cm_1_a_recorded_command_has_no_second_effect_after_restarts_days_or_pruning(tmp_path: Path) -> None:
    async with opened(tmp_path, PLACES) as hall:
        await hall.up(17, 18)
        recorded = encode(command(hall))
        assert (await admit(hall, recorded)).status == "admitted"
        await hall.go(3, lambda: endings(hall) == [("c-1", "done")])
        wires = hall.wires
    for later, status in ((timedelta(days=3), "repeated"), (timedelta(days=401), "repeated")):
        async with opened(tmp_path, PLACES, wires=wires, later_s=later.total_seconds()) as hall:
            await hall.up(17)
            began = hall.now
            assert (await admit(hall, recorded)).status == status
            await hall.go(1)
            assert (asked(hall, "01", began), endings(hall)) == (0, [("c-1", "done")])

    async with opened(tmp_path, PLACES, wires=wires, later_s=(KEPT + timedelta(days=2)).total_seconds()) as hall:
        assert (await admit(hall, command(hall, "egm.enable", "c-2"))).status == "admitted"
        await hall.go(30, lambda: len(endings(hall)) == 2)
        hall.books.clock.advance(86_400)
        assert await prune_inbox(hall.books.journal.write, hall.books.clock) == 1
        assert inbox_of(hall) == [("c-2", True)]
        began = hall.now
        assert (await admit(hall, recorded)).status == "too-old"
        renewed = replace(parse(recorded), expires_at=hall.books.clock.wall() + timedelta(days=1), raw=b"")
        assert (await admit(hall, renewed)).status == "too-old", "a longer life does not help it"
        await hall.go(1)
        assert asked(hall, "01", began) == 0


async def test_the_inbox_is_pruned_in_slices_and_what_is_open_stays(hall: SmallHall) -> None:
    now = hall.books.clock.wall()

    def fill(tx: Transaction) -> None:
        for n in range(500):
            old = replace(command(hall, command_id=f"old-{n}"), issued_at=now - KEPT - timedelta(days=2))
            inbox.admit(tx, parse(encode(old)), gateway="hg-07", now=now)
            if n != 7:
                inbox.finish(tx, "central-1", f"old-{n}", {})
        inbox.admit(tx, parse(encode(command(hall, command_id="new"))), gateway="hg-07", now=now)

    await hall.books.journal.write(fill)
    slices: list[int] = []

    async def write(work: Callable[[Transaction], int]) -> int:
        slices.append(await hall.books.journal.write(work))
        return slices[-1]

    assert await prune_inbox(write, hall.books.clock, pause_s=0) == 499
    assert slices == [200, 200, 99]
    assert inbox_of(hall) == [("old-7", False), ("new", False)]


@pytest.mark.parametrize("wrong", ["untrusted", "far ahead"])
async def test_no_clock_alone_makes_the_inbox_forget(hall: SmallHall, wrong: str) -> None:
    """A box that wakes in 2099 and holds its clock for true would otherwise refuse every command from then on."""
    await hall.up(17, 18)
    await admit(hall, command(hall))
    await hall.go(3, lambda: endings(hall) == [("c-1", "done")])
    hall.books.clock.jump(timedelta(days=26_000))
    if wrong == "untrusted":
        assert (await admit(hall, command(hall, command_id="c-3"))).status == "admitted", "its sender believes it too"
        hall.books.clock.believed = "untrusted"
    assert await prune_inbox(hall.books.journal.write, hall.books.clock) == 0
    hall.books.clock.jump(-timedelta(days=26_000))
    hall.books.clock.believed = "synced"
    assert (await admit(hall, command(hall, command_id="c-2"))).status == "admitted"


async def test_cm_3_with_a_clock_nobody_believes_nothing_is_too_late(hall: SmallHall) -> None:
    hall.machine(17).plugged = False
    await hall.up(18)
    hall.books.clock.believed = "untrusted"
    late = command(hall)
    hall.books.clock.advance(61)
    assert (await admit(hall, late)).status == "admitted", "too late by a clock that says nothing"
    await hall.go(5)
    assert endings(hall) == []
    hall.machine(17).plugged = True
    await hall.go(30, lambda: endings(hall) == [("c-1", "done")])


async def test_with_a_clock_nobody_believes_a_reading_still_ends_in_time(hall: SmallHall) -> None:
    """MTR-08: whoever asks for meters has them or a failure within the limit."""
    hall.machine(17).plugged = False
    await hall.up(18)
    hall.books.clock.believed = "untrusted"
    await admit(hall, command(hall, "egm.meters.read", expires_at=hall.books.clock.wall() + timedelta(days=1)))
    hall.books.clock.advance(150)
    await hall.go(2)
    assert ending(hall)[0] == "expired"


async def test_pw_3_a_command_that_expired_while_the_field_stood_still_is_not_begun(hall: SmallHall) -> None:
    """After such a pause the line may come before the round that withdraws what is late."""
    hall.machine(17).plugged = False
    await hall.up(18)
    await admit(hall, command(hall))
    seat = hall.hearing.seats[17]
    hall.machine(17).plugged = True
    await hall.go(30, lambda: seat.up and hall.desk.depth(17) > 1)
    began = hall.now
    hall.books.clock.advance(120)
    hall._refreshed_at = hall.now + 60  # the round of every second comes late: only the last look is left
    await hall.go(30, lambda: endings(hall) != [])
    assert ending(hall)[0] == "expired"
    assert asked(hall, "01", began) == 0


# another machine, another content -------------------------------------------------------------------------------------


async def test_cm_4_a_command_for_another_machine_than_stands_there_is_refused(hall: SmallHall) -> None:
    await hall.up(17, 18)
    answer = await admit(hall, for_serial(hall, "SN9999"))
    assert answer.status == "wrong-machine"
    assert "SN0017" in answer.text
    assert inbox_of(hall) == []
    assert (await admit(hall, for_serial(hall, "SN0017"))).status == "admitted"
    await hall.go(3, lambda: endings(hall) == [("c-1", "done")])


@pytest.mark.parametrize("kind", ["egm.enable", "egm.disable", "egm.clock.set", "egm.meters.read"])
async def test_cm_4_a_machine_replaced_while_its_command_waited_is_not_touched(hall: SmallHall, kind: str) -> None:
    await hall.up(17, 18)
    hall.machine(17).plugged = False
    await hall.go(10, lambda: not hall.hearing.seats[17].up)
    assert (await admit(hall, for_serial(hall, "SN0017", kind=kind))).status == "admitted"
    hall.wires.replace(17, "SN4711", hall.now)
    hall.machine(17).plugged = True
    await hall.go(40, lambda: endings(hall) != [])
    assert ending(hall) == ("failed", "wrong-machine")
    assert hall.hearing.seats[17].egm.identity.serial == "SN4711"
    assert inbox_of(hall) == [("c-1", True)]


async def test_up_11_a_known_id_with_another_content_is_an_incident_once_and_no_flood(hall: SmallHall) -> None:
    await admit(hall, command(hall))
    for _ in range(50):
        assert (await admit(hall, command(hall, "egm.enable"))).status == "conflict"
    await hall.settle()
    (told,) = incidents(hall)
    assert (told["code"], told["slug"], told["facts"]["command_id"]) == ("HE4103", "conflict", "c-1")
    for n in range(2, 12):
        await admit(hall, command(hall, command_id=f"c-{n}"))
        assert (await admit(hall, command(hall, "egm.enable", f"c-{n}"))).status == "conflict"
    await hall.settle()
    assert len(incidents(hall)) == 1, "ten ids in one minute are one piece of news"
    hall.books.clock.advance(60)
    assert (await admit(hall, command(hall, "egm.enable", "c-11"))).status == "conflict"
    assert (await admit(hall, command(hall, "egm.enable"))).status == "conflict"
    await hall.settle()
    assert [one["facts"]["command_id"] for one in incidents(hall)] == ["c-1", "c-11"]
    assert [how for _, how in endings(hall)] == []
