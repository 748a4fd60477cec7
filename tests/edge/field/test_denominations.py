"""A machine whose player chooses what a credit is worth is read for each choice beside its total (MTR-09, SAS B0)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.hall.requests import ReadMeters, merged
from simulators.egm.personas import load
from tests.edge.field.small_hall import SmallHall, opened

ONE = {"A": [17]}
TWO = load("two_denominations")
CENT, FIVE = 0x01, 0x02
"Denomination codes of that machine: 0.01 and 0.05."


def snapshots(hall: SmallHall) -> list[dict[str, Any]]:
    return [event["data"] for event in hall.books.events("hall.egm.meters.snapshot")]


def apart(hall: SmallHall) -> list[dict[str, Any]]:
    """Snapshots that hold readings of single denominations, in order."""
    return [one for one in snapshots(hall) if any(reading["denomination"] is not None for reading in one["readings"])]


def by_denomination(snapshot: dict[str, Any], code: int) -> dict[int | None, int]:
    return {
        reading["denomination"]: int(reading["value"])
        for reading in snapshot["readings"]
        if (reading["game"], reading["code"]) == (0, code)
    }


def play(hall: SmallHall, denomination: int, games: int) -> None:
    """So many games in this denomination."""
    machine = hall.machine(17).egm.machine
    machine.insert_bill(20)
    machine.bank.denomination = denomination
    machine.play(games, hall.now)


async def test_mtr_09_each_denomination_is_read_beside_the_total_and_they_sum_up_to_it(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE, personas={17: TWO}) as hall:
        play(hall, CENT, 3)
        play(hall, FIVE, 2)
        await hall.up(17)
        (snapshot,) = apart(hall)
        assert snapshot["reason"] == "link_up"
        assert snapshot["coherent"]
        assert by_denomination(snapshot, 0x05) == {None: 5, CENT: 3, FIVE: 2}
        wagered = by_denomination(snapshot, 0x00)
        assert wagered[None] == wagered[CENT] + wagered[FIVE]
        assert min(wagered.values()) > 0
        (tested,) = hall.books.events("hall.egm.link.tested")
        assert (tested["data"]["result"], tested["data"]["meters_read"]) == ("passed", 3), "of the machine as a whole"
        await hall.go(30)
        assert len(apart(hall)) == 1, "once for each occasion"


async def test_a_link_that_comes_again_is_an_occasion_to_read_them_again(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE, personas={17: TWO}) as hall:
        await hall.up(17)
        hall.machine(17).plugged = False
        await hall.go(30, lambda: not hall.hearing.seats[17].up)
        hall.machine(17).plugged = True
        await hall.up(17)
        assert [one["reason"] for one in apart(hall)] == ["link_up", "link_up"]


@pytest.mark.parametrize(("per_game", "reasons"), [("never", []), ("link_up", ["link_up"]), ("always", None)])
async def test_denominations_are_read_as_often_as_the_hall_wants_its_games(
    tmp_path: Path, per_game: str, reasons: list[str] | None
) -> None:
    async with opened(tmp_path, ONE, personas={17: TWO}, every_s=5.0, polling={"per_game": per_game}) as hall:
        await hall.up(17)
        await hall.go(12)
        found = [one["reason"] for one in apart(hall)]
        if reasons is None:
            assert found[0] == "link_up"
            assert found.count("interval") >= 2
        else:
            assert found == reasons


@pytest.mark.parametrize(
    ("persona", "why"),
    [
        (replace(TWO, denominations=(CENT,)), "its player has no choice"),
        (replace(TWO, features=(0x00, 0x08, 0x05)), "A0, second byte, bit 7: it knows no questions for one of them"),
    ],
    ids=["one", "feature_off"],
)
async def test_a_machine_without_meters_of_denominations_is_not_asked_for_any(
    tmp_path: Path, persona: Any, why: str
) -> None:
    async with opened(tmp_path, ONE, personas={17: persona}) as hall:
        await hall.up(17)
        assert apart(hall) == [], why
        # B0 (sas-core 5.7): length, denomination, base command 6F or AF.
        assert [frame for frame in hall.sent("A") if frame.startswith("01 B0") and frame[12:14] in ("6F", "AF")] == []


async def test_mtr_07_before_meters_are_cleared_those_of_each_denomination_are_on_disk_too(tmp_path: Path) -> None:
    pays = replace(TWO, hopper_coins=100_000, cash_out_limit=100_000)
    async with opened(tmp_path, ONE, personas={17: pays}) as hall:
        await hall.up(17)
        play(hall, FIVE, 2)
        hall.machine(17).egm.machine.cash_out(hall.now)
        await hall.up(17)
        since = hall.now
        hall.happens(17, "change_meters")
        await hall.go(40, lambda: hall.books.events("hall.egm.meters.collected") != [])
        (collected,) = hall.books.events("hall.egm.meters.collected")
        assert collected["data"]["answer"] == "go_ahead"
        last = apart(hall)[-1]
        assert last["reason"] == "before_clear"
        assert by_denomination(last, 0x05)[FIVE] == 2
        frames = hall.sent("A", since)
        go = next(place for place, frame in enumerate(frames) if frame.startswith("01 B6 01 01"))
        assert any(frame.startswith("01 B0") for frame in frames[:go])
        assert not any(frame.startswith("01 B0") for frame in frames[go:])


def test_of_the_total_of_games_and_of_denominations_none_is_taken_for_the_other() -> None:
    total, games = ReadMeters(17, (0x00,)), ReadMeters(17, (0x00,), (0, 1, 2))
    denominations = ReadMeters(17, (0x00,), denominations=(CENT, FIVE))
    assert [one.whole for one in (total, games, denominations)] == [True, False, False]
    assert merged(total, denominations) is merged(games, denominations) is merged(denominations, total) is None
    assert merged(denominations, denominations) == denominations
