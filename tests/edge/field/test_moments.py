"""MTR-07 on the wire: each moment of a machine is one snapshot that says which it was; MTR-15: the first and the last say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.front.views.freshness import Moment, why_stale
from simulators.egm.persona import Persona
from sync.commands import Command, encode
from tests.edge.field.books import STREAM
from tests.edge.field.small_hall import SmallHall, opened

ONE = {"A": [17]}
PLAIN = Persona()
ASKS = replace(PLAIN, version="603", features=(0x00, 0x08, 0x05))
"Announces meter changes and waits with them (sas-core 5.8)."


def snapshots(hall: SmallHall) -> list[dict[str, Any]]:
    """Of the machine as a whole, oldest first."""
    read = [event["data"] for event in hall.books.events("hall.egm.meters.snapshot")]
    return [one for one in read if all(reading["game"] == 0 for reading in one["readings"])]


def reasons(hall: SmallHall) -> list[str]:
    return [one["reason"] for one in snapshots(hall)]


async def order(hall: SmallHall, kind: str) -> None:
    now = hall.books.clock.wall()
    given = Command("central-1", 1, kind, "hg-07", STREAM, now, now + timedelta(minutes=1), kind, {"asset": 17})
    assert (await hall.dispatch.admit(encode(given), "http")).status == "admitted"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0x13, "drop"), (0x19, "drop"), (0x1B, "drop"), (0x1C, "drop"), (0x9A, "drop"), (0x9B, "drop"),
        (0x15, "access"), (0x1D, "access"), (0x98, "access"), (0x84, "access"), (0x85, "access"),
        (0x86, "service"), (0x3C, "denomination"), (0xA2, "denomination"), (0x7A, "after_clear"), (0x32, "after_clear"),
        (0x52, "event"), (0x17, "event"), (0x70, "event"),
    ],
    ids=lambda value: f"{value:02X}" if isinstance(value, int) else value,
)  # fmt: skip
async def test_mtr_07_each_trigger_is_one_snapshot_that_names_its_reason_and_its_event(
    tmp_path: Path, code: int, reason: str
) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)
        hall.machine(17).egm.do("exception", hall.now, code)
        await hall.go(5, lambda: len(snapshots(hall)) == 2)
        await hall.go(1)
        await hall.up(17)
        assert reasons(hall) == ["first", reason]
        (event,) = [one for one in hall.books.events() if one["data"].get("sas_exception") == code]
        assert snapshots(hall)[1]["because"] == event["id"]


async def test_mtr_07_a_machine_placed_in_or_out_of_service_is_read_each_time(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)
        for kind in ("egm.disable", "egm.enable"):
            await order(hall, kind)
            await hall.go(5, lambda: hall.desk.depth(17) == 0)
            await hall.settle()
        assert reasons(hall) == ["first", "service", "service"]
        done = [event["id"] for event in hall.books.events("hall.command.done")]
        assert [one["because"] for one in snapshots(hall)[1:]] == done


async def test_mtr_07_meters_are_read_before_and_after_a_clear_that_the_machine_announces(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE, personas={17: ASKS}) as hall:
        await hall.up(17)
        hall.happens(17, "change_meters")
        await hall.go(30, lambda: "after_clear" in reasons(hall))
        await hall.up(17)
        told = reasons(hall)
        assert (told.count("before_clear"), told.count("after_clear")) == (1, 1)
        before = snapshots(hall)[told.index("before_clear")]
        (opened_,) = hall.books.events("hall.egm.generation.opened")
        assert before["generation"] == opened_["data"]["previous"]
        assert snapshots(hall)[told.index("after_clear")]["generation"] == opened_["data"]["generation"]


async def test_mtr_15_a_machine_that_stands_where_another_stood_has_a_first_reading_of_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)
        hall.machine(17).plugged = False
        await hall.go(30, lambda: not hall.hearing.seats[17].up)
        hall.wires.replace(17, "OTHER", hall.now)
        hall.machine(17).plugged = True
        await hall.up(17)
        assert [(one["reason"], one["generation"]) for one in snapshots(hall)] == [("first", 1), ("first", 2)]
        first_of_all = hall.books.events("hall.egm.meters.snapshot")[0]["id"]
        (opened_,) = hall.books.events("hall.egm.generation.opened")
        assert opened_["data"]["last_snapshot"] == first_of_all, (
            "afterwards it is told which was the last of the one before"
        )


async def test_mtr_15_a_machine_whose_first_meters_could_not_be_read_has_its_first_reading_later(
    tmp_path: Path,
) -> None:
    mute = replace(PLAIN, unsupported_polls=frozenset({0x2F, 0x6F, 0xAF, *range(0x0F, 0x2F)}))
    async with opened(tmp_path, ONE, personas={17: mute}) as hall:
        await hall.go(30, lambda: hall.hearing.seats[17].up and hall.desk.depth(17) == 0)
        assert reasons(hall) == []
        hall.machine(17).egm.machine.persona = PLAIN
        await hall.go(30, lambda: reasons(hall) == ["first"])


async def test_mtr_16_a_reading_that_does_not_come_is_told_once_with_its_time_until_one_comes(tmp_path: Path) -> None:
    mute = replace(PLAIN, unsupported_polls=frozenset({0x2F, 0x6F, 0xAF, *range(0x0F, 0x2F)}))
    async with opened(tmp_path, ONE, every_s=5.0) as hall:
        await hall.up(17)
        hall.machine(17).egm.machine.persona = mute
        await hall.go(60, lambda: hall.books.events("hall.egm.meters.missed") != [])
        await hall.go(20)
        (missed,) = hall.books.events("hall.egm.meters.missed")
        assert missed["data"] == {"asset": 17, "reason": "interval", "because": None, "why": "unsupported"}
        read = len(snapshots(hall))
        hall.machine(17).egm.machine.persona = PLAIN
        await hall.go(30, lambda: len(snapshots(hall)) > read)
        hall.machine(17).egm.machine.persona = mute
        await hall.go(60, lambda: len(hall.books.events("hall.egm.meters.missed")) == 2)


async def test_mtr_16_an_unplugged_machine_has_stale_meters_within_ten_seconds(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)

        def why() -> str | None:
            return why_stale(hall.board.egms[17], Moment(hall.books.clock.wall(), 900.0, connected=True))

        assert why() is None
        hall.machine(17).plugged = False
        await hall.go(10, lambda: why() == "link-down")
        hall.machine(17).plugged = True
        await hall.up(17)
        assert why() is None
