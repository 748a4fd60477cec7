"""A line is lent to a scan between two polls: nothing is lost by it, and polling goes on as if nothing had been."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edge.field.scanning import NotNow, Scanning, Silent, UnknownLine
from protocols.sas.conversations.probe import Probed
from protocols.sas.scanned import Scanned
from tests.edge.field.small_hall import Machine, SmallHall, opened

SHARED = {"A": [17, 18]}


def scanning_of(hall: SmallHall, **more: Any) -> Scanning:
    return Scanning(hall.poller, hall.supervisor, monotonic=lambda: hall.now, **more)


async def while_it_lasts(hall: SmallHall, work: Any, *, for_s: float = 120.0) -> Any:
    """Let the hall live until this has an outcome."""
    task = asyncio.ensure_future(work)
    until = hall.now + for_s
    while not task.done() and hall.now < until:
        await hall.go(0.05)
        await asyncio.sleep(0.001)
    return await task


async def until_lent(hall: SmallHall) -> None:
    """The line has been given to the scan."""
    until = hall.now + 10.0
    while not hasattr(hall.wire("A").host, "give_back"):
        assert hall.now < until
        await hall.go(0.01)
        await asyncio.sleep(0.003)


async def scanned(hall: SmallHall, **how: Any) -> Scanned:
    asked = {"listen": None, "general_polls": False, "up_to": 12, **how}
    return await while_it_lasts(hall, scanning_of(hall).scan("A", **asked))


async def test_a_polled_line_is_scanned_and_its_machines_stay_up_and_keep_what_they_tell_meanwhile(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, SHARED) as hall:
        await hall.up(17, 18)
        hall.happens(17, "open_door")
        found = await scanned(hall)
        assert [(one.address, one.serial["serial"]) for one in found.found] == [(1, "SN0017"), (2, "SN0018")]
        await hall.go(2)
        stored = hall.books.events("hall.egm.door")
        assert [(event["data"]["sas_exception"], event["data"].get("maybe_repeat", False)) for event in stored] == [
            (0x11, False)
        ]
        assert hall.machine(17).acknowledged == [0x11]
        assert hall.books.events("hall.egm.link.down") == []


async def test_no_general_poll_leaves_while_a_line_is_scanned(tmp_path: Path) -> None:
    async with opened(tmp_path, SHARED) as hall:
        await hall.up(17, 18)
        task = asyncio.ensure_future(scanning_of(hall).scan("A", listen=False, general_polls=False, up_to=40))
        await until_lent(hall)
        began = hall.now
        await hall.go(2.0)
        sent = hall.sent("A", began)
        assert len(sent) > 20
        assert all(frame == "80" or frame.endswith("1F") for frame in sent)
        await while_it_lasts(hall, task)
        ended = hall.now
        await hall.go(1.0)
        assert "81" in hall.sent("A", ended)


async def test_a_scan_that_listens_first_leaves_the_machines_what_was_not_acknowledged(tmp_path: Path) -> None:
    async with opened(tmp_path, SHARED) as hall:
        await hall.up(17, 18)
        hall.happens(18, "open_door")
        found = await scanned(hall, listen=True)
        assert all(one.chirps for one in found.found)
        await hall.go(3)
        assert [event["subject"] for event in hall.books.events("hall.egm.door")] == ["egm/18"]


async def test_a_line_is_lent_to_one_scan_at_a_time_and_to_no_probe_meanwhile(tmp_path: Path) -> None:
    async with opened(tmp_path, SHARED) as hall:
        await hall.up(17, 18)
        scanning = scanning_of(hall)
        first = asyncio.ensure_future(scanning.scan("A", listen=False, general_polls=False, up_to=10))
        await asyncio.sleep(0)
        with pytest.raises(NotNow):
            await scanning.scan("A", listen=False, general_polls=False, up_to=10)
        with pytest.raises(NotNow):
            await scanning.probe("A", 1)
        assert (await while_it_lasts(hall, first)).found


async def test_a_line_that_is_lost_in_a_scan_gives_what_was_found_and_is_polled_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, SHARED) as hall:
        await hall.up(17, 18)
        task = asyncio.ensure_future(scanning_of(hall).scan("A", listen=False, general_polls=False, up_to=127))
        await until_lent(hall)
        await hall.go(1.0)
        hall.wires.wires["A"].cut()
        found = await while_it_lasts(hall, task)
        assert found.stopped
        assert [one.address for one in found.found] == [1, 2]
        hall.wires.wires["A"].mend()
        await hall.go(8)
        hall.happens(17, "open_door")
        await hall.go(8)
        assert hall.machine(17).acknowledged == [0x11]


async def test_a_stop_in_a_scan_ends_it_and_the_line_comes_to_its_clean_end(tmp_path: Path) -> None:
    async with opened(tmp_path, SHARED) as hall:
        await hall.up(17, 18)
        task = asyncio.ensure_future(scanning_of(hall).scan("A", listen=False, general_polls=False, up_to=127))
        await until_lent(hall)
        await hall.go(0.5)
        wire = hall.wire("A")
        wire.host.stop(hall.now)
        hall.poller.touch(wire)
        await hall.go(1.0)
        assert hall.wire("A").ended
        assert (await while_it_lasts(hall, task)).stopped


async def test_a_line_without_machines_is_opened_for_the_scan_and_closed(tmp_path: Path) -> None:
    async with opened(tmp_path, {"A": [17], "B": []}) as hall:
        hall.wires.machines[99] = Machine(hall.wires.new_egm(99, 1, hall.now), hall.wires.wires["B"].egm())
        openers = {"C": hall.wires.opener("B")}
        scanning = scanning_of(hall, openers=openers)
        with pytest.raises(UnknownLine):
            await scanning.scan("D", listen=None, general_polls=False, up_to=3)
        found = await while_it_lasts(hall, scanning.scan("C", listen=None, general_polls=False, up_to=3))
        assert found.listened
        assert [one.address for one in found.found] == [1]
        assert hall.wires.wires["B"].host.is_closed


async def test_a_machine_is_probed_beside_its_polls(tmp_path: Path) -> None:
    async with opened(tmp_path, SHARED) as hall:
        await hall.up(17, 18)
        told = await while_it_lasts(hall, scanning_of(hall).probe("A", 2))
        assert isinstance(told, Probed)
        assert told.values(0x54) == {"version": "602", "serial": "SN0018"}
        assert told.meters.readings


async def test_nobody_is_probed_where_nobody_sits_or_answers(tmp_path: Path) -> None:
    async with opened(tmp_path, SHARED) as hall:
        await hall.up(17, 18)
        with pytest.raises(UnknownLine):
            await scanning_of(hall).probe("Z", 1)
        with pytest.raises(NotNow):
            await scanning_of(hall).probe("A", 9)
        hall.machine(17).plugged = False
        with pytest.raises(Silent):
            await while_it_lasts(hall, scanning_of(hall).probe("A", 1))
