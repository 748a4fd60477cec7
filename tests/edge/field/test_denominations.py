"""A machine whose player chooses what a credit is worth is read for each choice beside its total (MTR-09, SAS B0)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.field.found import DescriptionFound, SnapshotFound
from edge.hall.meters import Reading
from edge.hall.requests import ReadMeters, merged
from edge.store.balances import Balance, balances
from edge.store.descriptions import description_of
from edge.store.tx import Reader
from simulators.egm.personas import load
from sync.db import Database
from tests.edge.field.small_hall import SmallHall, opened

ONE = {"A": [17]}
TWO = load("two_denominations")
CENT, FIVE, TEN = 0x01, 0x02, 0x03
"Denomination codes: 0.01 and 0.05, which that machine has, and 0.10, which it has not."


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
        assert hall.board.egms[17].meters["05"] == "5", "the board shows the machine as a whole"
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


# held against the total -------------------------------------------------------------------------------------------------


def told(hall: SmallHall, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in hall.books.events(f"hall.egm.meters.{kind}")]


async def read_again(hall: SmallHall) -> None:
    """Until the regular reading of denominations comes."""
    before = len(apart(hall))
    await hall.go(30, lambda: len(apart(hall)) > before)


@contextmanager
def books_of(hall: SmallHall) -> Iterator[Reader]:
    conn = Database(hall.books.path).open_reader()
    try:
        yield conn
    finally:
        conn.close()


def forgets(hall: SmallHall, denomination: int, code: int, amount: int) -> None:
    """The machine loses this much of what it counted in one denomination; its total stays."""
    hall.machine(17).egm.machine.bank._cells[1, denomination][code] -= amount


async def test_mtr_09_a_denomination_that_lost_a_game_is_named_with_both_sums_once_and_when_it_is_found_again(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, ONE, personas={17: TWO}, every_s=5.0, polling={"per_game": "always"}) as hall:
        play(hall, CENT, 3)
        play(hall, FIVE, 3)
        await hall.up(17)
        play(hall, CENT, 4)
        play(hall, FIVE, 2)
        await read_again(hall)
        assert told(hall, "unbalanced") == [], "they agree"
        play(hall, FIVE, 2)
        forgets(hall, FIVE, 0x05, 1)
        await read_again(hall)
        of_game, one = told(hall, "unbalanced")
        assert (of_game["rule"], of_game["code"], of_game["residual"]) == ("games", 0x05, "1"), "its game lost it too"
        assert (one["rule"], one["code"], one["residual"], one["scale"]) == ("denominations", 0x05, "1", "count")
        assert (one["stated"], one["summed"]) == ("2", "1")
        assert one["terms"] == [
            {"game": 0, "code": 0x05, "growth": "0", "denomination": CENT},
            {"game": 0, "code": 0x05, "growth": "1", "denomination": FIVE},
        ]
        await read_again(hall)
        assert len(told(hall, "unbalanced")) == 2, "it stays the same"
        forgets(hall, FIVE, 0x05, -1)
        await read_again(hall)
        _, gone = told(hall, "balanced")
        assert (gone["rule"], gone["how"], gone["before"]) == ("denominations", "agrees", "1")


async def test_mtr_09_where_the_choice_of_denominations_changes_the_sum_begins_anew(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE, personas={17: TWO}) as hall:
        await hall.up(17)
        with books_of(hall) as conn:
            described = description_of(conn, 17)
        assert described is not None
        assert described["player_denominations"] == [CENT, FIVE]
        changed = {**described, "player_denominations": [CENT, TEN]}
        at = hall.books.clock.wall()
        await hall.books.record(DescriptionFound(17, at, changed, None, (), ()))
        residuals = []
        for total, in_ten in ((2, 0), (2, 0), (5, 3)):
            at += timedelta(seconds=60)
            readings = [
                Reading(0, None, 0x05, total, 4),
                Reading(0, CENT, 0x05, 0, 4),
                Reading(0, TEN, 0x05, in_ten, 4),
            ]
            await hall.books.record(SnapshotFound(17, at, "interval", None, True, None, readings, (), follows=True))
            with books_of(hall) as conn:
                residuals += [(one.residual, one.unjudged) for one in balances(conn, 17) if is_of_games(one)]
        assert told(hall, "unbalanced") == [], "two games were played in the one that is gone"
        assert residuals == [(0, "first"), (0, None), (0, None)], "and from then on it is judged again"


def is_of_games(balance: Balance) -> bool:
    return (balance.rule, balance.code) == ("denominations", 0x05)


async def test_mtr_09_a_snapshot_that_lacks_one_denomination_is_judged_by_none(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE, personas={17: TWO}) as hall:
        await hall.up(17)
        at = hall.books.clock.wall() + timedelta(seconds=60)
        readings = [Reading(0, None, 0x05, 3, 4), Reading(0, CENT, 0x05, 1, 4)]
        await hall.books.record(SnapshotFound(17, at, "interval", None, True, None, readings, (), follows=True))
        assert told(hall, "unbalanced") == []
        with books_of(hall) as conn:
            assert [one.unjudged for one in balances(conn, 17) if is_of_games(one)] == ["not_read"]
