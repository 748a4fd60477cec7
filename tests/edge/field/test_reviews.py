"""Doubtful readings from the wire to the books: told, left alone until decided, decided once by a command (MTR-05, MTR-12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.field.found import SnapshotFound
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.seam.messages import Admitted
from edge.store import days, reviews
from edge.store.meters import counted
from sync.commands import Command, encode
from sync.db import Database
from tests.edge.field.books import NIGHT, STREAM, Books
from tests.edge.field.small_hall import SmallHall, opened

ONE = {"A": [17], "B": [18]}
CENT = Denomination(1, 1, 1)
DECIDED = "hall.egm.meters.decided.v1"


def decision(hall: SmallHall, command_id: str = "d-1", *, central: str = "central-1", **body: Any) -> Command:
    now = hall.books.clock.wall()
    told = {"asset": 17, "review": 1, "choice": "count", "amount": "120000000", "comment": "two wraps, see log book"}
    told = {name: value for name, value in (told | body).items() if value is not None}
    return Command(
        central, 1, command_id, "hg-07", STREAM, now, now + timedelta(minutes=5), "egm.meters.decide", told
    )  # fmt: skip


async def decide(hall: SmallHall, command: Command) -> Admitted:
    answer = await hall.dispatch.admit(encode(command), "http")
    await hall.settle()
    return answer


def of(hall: SmallHall, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in hall.books.events(kind)]


def booked(books: Books, code: int = 0, asset: int = 17) -> tuple[int, int]:
    """What the day's sums have of this meter: counted and corrected."""
    reader = Database(books.path).open_reader()
    try:
        rows = [row for row in days.sums(reader, "2000-01-01", "2999-12-31") if (row.asset, row.code) == (asset, code)]
        of_readings = counted(reader, asset, code)
    finally:
        reader.close()
    assert of_readings == sum(row.counted for row in rows)
    return sum(row.counted for row in rows), sum(row.corrected for row in rows)


def snapshot(
    value: int, *, days_later: int = 0, code: int = 0, asset: int = 17, worth: Denomination = CENT
) -> SnapshotFound:
    at = NIGHT + timedelta(days=days_later)
    return SnapshotFound(asset, at, "interval", None, True, worth, [Reading(0, None, code, value, 4)], (), follows=True)


async def two_weeks_unheard(hall: SmallHall) -> None:
    """Review 1 of machine 17: 50,000,000 and two weeks later 70,000,000, on a meter of eight digits."""
    await hall.books.record(snapshot(50_000_000))
    written = await hall.books.record(snapshot(70_000_000, days_later=14))
    assert written.reviews == {17: 1}


@pytest.fixture
async def hall(tmp_path: Path) -> Any:
    async with opened(tmp_path, ONE) as hall:
        yield hall


async def test_mtr_05_without_a_decision_nothing_is_counted_however_long_it_waits(hall: SmallHall) -> None:
    await two_weeks_unheard(hall)
    await hall.books.record(snapshot(70_000_100, days_later=15))
    assert booked(hall.books) == (100, 0), "from the doubtful reading on, not over it"
    assert of(hall, DECIDED) == []
    (told,) = of(hall, "hall.egm.meters.review")
    assert told["meters"] == [
        {"game": 0, "denomination": None, "code": 0, "before": "50000000", "after": "70000000", "width": 4, "review": 1}
    ]


async def test_mtr_12_a_person_s_decision_is_an_event_and_a_correction_of_the_day_it_is_made_in(
    hall: SmallHall,
) -> None:
    await two_weeks_unheard(hall)
    assert (await decide(hall, decision(hall))).status == "admitted"
    assert booked(hall.books) == (0, 120_000_000)
    (told,) = of(hall, DECIDED)
    assert told == {
        "asset": 17, "generation": 1, "review": 1, "game": 0, "denomination": None, "code": 0, "cause": "ambiguous",
        "choice": "count", "amount": "120000000", "comment": "two wraps, see log book", "central": "central-1",
    }  # fmt: skip
    assert [data["kind"] for data in of(hall, "hall.command.done")] == ["egm.meters.decide"]
    event = hall.books.events(DECIDED)[0]
    row = hall.books.ask("SELECT choice, amount, central, decision_id, decided_day, gamingday FROM reviews")
    assert row == [("count", 120_000_000, "central-1", event["id"], event["gamingday"], event["gamingday"])]
    assert hall.books.ask("SELECT value, delta, verdict FROM meter_readings ORDER BY snapshot") == [
        (50_000_000, None, "first"),
        (70_000_000, None, "ambiguous"),
    ], "the readings stay as they were"


async def test_a_decision_of_a_later_day_leaves_the_day_of_the_reading_as_it_was(hall: SmallHall) -> None:
    await two_weeks_unheard(hall)
    hall.books.clock.advance(86_400)
    await decide(hall, decision(hall))
    event = hall.books.events(DECIDED)[0]
    reader = Database(hall.books.path).open_reader()
    (review,) = reviews.opened_in(reader, "2026-11-22", "2026-11-22")
    assert (review.gamingday, review.decided_day, event["gamingday"]) == ("2026-11-22", "2026-11-23", "2026-11-23")
    assert [row.corrected for row in days.sums(reader, "2026-11-22", "2026-11-22")] == [0]
    assert [row.corrected for row in days.sums(reader, "2026-11-23", "2026-11-23")] == [120_000_000]
    reader.close()


async def test_a_decision_for_nothing_closes_the_review_and_counts_nothing(hall: SmallHall) -> None:
    await two_weeks_unheard(hall)
    await decide(hall, decision(hall, choice="none", amount=None))
    assert booked(hall.books) == (0, 0)
    assert [(data["choice"], data["amount"]) for data in of(hall, DECIDED)] == [("none", "0")]


async def test_mtr_12_it_is_decided_once_only_whoever_comes_second(hall: SmallHall) -> None:
    await two_weeks_unheard(hall)
    first = decision(hall)
    await decide(hall, first)
    assert (await decide(hall, first)).status == "repeated"
    assert (await decide(hall, decision(hall, "d-2", central="hallctl-ann", amount="20000000"))).status == "admitted"
    assert booked(hall.books) == (0, 120_000_000)
    (failed,) = of(hall, "hall.command.failed")
    assert failed["error"] == "already-decided"
    assert failed["text"].endswith("by central-1.")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"review": 2}, "no-such-review"),
        ({"asset": 18}, "another-machine"),
        ({"asset": 404}, "another-machine"),
        ({"amount": "200000000"}, "amount-too-large"),
    ],
)
async def test_what_cannot_be_decided_is_refused_and_stays_open(
    hall: SmallHall, body: dict[str, Any], error: str
) -> None:
    await two_weeks_unheard(hall)
    assert (await decide(hall, decision(hall, **body))).status == "admitted"
    (failed,) = of(hall, "hall.command.failed")
    assert (failed["error"], failed["kind"]) == (error, "egm.meters.decide")
    assert booked(hall.books) == (0, 0)
    assert hall.books.ask("SELECT choice FROM reviews") == [(None,)]
    assert (await decide(hall, decision(hall, "d-2", amount="199999999"))).status == "admitted"
    assert booked(hall.books) == (0, 199_999_999), "twice what the meter shows, less one"


@pytest.mark.parametrize(
    "body",
    [
        {"amount": None},
        {"amount": "-5"},
        {"amount": 5},
        {"amount": "05"},
        {"choice": "none"},
        {"choice": "refuted", "amount": None},
        {"comment": " \t"},
        {"comment": None},
        {"review": 0},
        {"force": True},
    ],
    ids=str,
)
async def test_a_decision_that_does_not_say_what_why_or_how_much_is_not_admitted(
    hall: SmallHall, body: dict[str, Any]
) -> None:
    await two_weeks_unheard(hall)
    assert (await decide(hall, decision(hall, **body))).status == "validation"
    assert hall.books.ask("SELECT count(*) FROM inbox") == [(0,)]


async def test_an_amount_of_a_corrupt_read_has_to_wait_for_the_reading_that_would_count_it_again(
    hall: SmallHall,
) -> None:
    await hall.books.record(snapshot(50_000))
    await hall.books.record(snapshot(90_000_000))
    await decide(hall, decision(hall, amount="90"))
    assert of(hall, "hall.command.failed")[0]["error"] == "awaits-reading"
    await hall.books.record(snapshot(50_090))
    assert booked(hall.books) == (90, 0)
    (told,) = of(hall, DECIDED)
    assert (told["choice"], told["amount"], told["central"]) == ("refuted", "0", "gateway")
    assert hall.books.ask("SELECT decision_id FROM reviews") == [(hall.books.events(DECIDED)[0]["id"],)]


async def test_after_a_cleared_memory_nothing_counts_over_a_corrupt_read_any_more_and_a_person_may(
    hall: SmallHall,
) -> None:
    await hall.books.record(snapshot(50_000))
    await hall.books.record(snapshot(90_000_000))

    await hall.books.journal.write(
        lambda tx: tx.execute("UPDATE egms SET clear_pending = 'certain' WHERE asset = 17") and None
    )
    await hall.books.record(snapshot(0))
    await decide(hall, decision(hall, amount="40"))
    assert booked(hall.books) == (0, 40)
    (told,) = of(hall, DECIDED)
    assert (told["cause"], told["generation"]) == ("corrupt_read", 1)


async def test_the_correction_has_the_worth_of_a_credit_in_which_the_reading_was_made(hall: SmallHall) -> None:
    await two_weeks_unheard(hall)
    await hall.books.record(snapshot(9, days_later=15, worth=Denomination(2, 5, 1)))
    await decide(hall, decision(hall))
    rows = hall.books.ask("SELECT worth_numerator, worth_denominator, corrected FROM meter_days WHERE corrected > 0")
    assert rows == [(1, 1, 120_000_000)]


async def test_the_board_shows_how_many_wait_now_and_not_how_many_there_were(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17, 18)
        for value, waiting in ((1_000, 0), (90_000_000, 1), (1_010, 0)):
            hall.hearing.enter(snapshot(value, code=0x2A))
            await hall.settle()
            assert hall.board.egms[17].review == waiting
        await two_weeks_unheard_on(hall, 0x2B)
        assert hall.board.egms[17].review == 1, "two readings were doubted, one is refuted"
        wires = hall.wires
    async with opened(tmp_path, ONE, wires=wires, later_s=10) as hall:
        assert hall.board.egms[17].review == 1, "over a restart"
        number = hall.books.ask("SELECT review FROM reviews WHERE choice IS NULL")[0][0]
        await decide(hall, decision(hall, review=number))
        assert hall.board.egms[17].review == 0


async def two_weeks_unheard_on(hall: SmallHall, code: int) -> None:
    for value, later in ((50_000_000, 0), (70_000_000, 14)):
        hall.hearing.enter(snapshot(value, days_later=later, code=code))
        await hall.settle()


async def test_a_machine_that_is_switched_off_or_carried_away_can_be_decided_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await two_weeks_unheard(hall)
        await hall.books.journal.write(lambda tx: tx.execute("UPDATE egms SET enrolled = 0 WHERE asset = 17") and None)
    async with opened(tmp_path, {"B": [18]}, later_s=10) as hall:
        assert 17 not in hall.hearing.seats
        await decide(hall, decision(hall))
        assert booked(hall.books) == (0, 120_000_000)


async def test_a_decision_admitted_before_the_power_went_is_carried_out_once_after_it_came_back(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await two_weeks_unheard(hall)
        hall.dispatch._hearing.enter = lambda _found: None  # type: ignore[method-assign] # the power goes in this instant
        await decide(hall, decision(hall))
        late = replace(decision(hall, "d-2"), expires_at=hall.books.clock.wall() + timedelta(seconds=5))
        await decide(hall, late)
        assert booked(hall.books) == (0, 0)
    for _ in range(2):
        async with opened(tmp_path, ONE, later_s=10) as hall:
            await hall.settle()
            assert booked(hall.books) == (0, 120_000_000)
            assert [data["command_id"] for data in of(hall, "hall.command.done")] == ["d-1"]
            assert [data["command_id"] for data in of(hall, "hall.command.expired")] == ["d-2"]


async def test_while_the_books_are_full_a_decision_waits_and_is_booked_when_there_is_room(
    hall: SmallHall, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sync.errors import StorageFull

    await two_weeks_unheard(hall)
    told: list[str] = []
    hall.hearing.full = lambda: told.append("full")
    record = hall.books.journal.record

    def refuse(_found: Any, done: Any, **_more: Any) -> None:
        done(None, StorageFull("no room"))

    monkeypatch.setattr(hall.books.journal, "record", refuse)
    await decide(hall, decision(hall))
    assert (told, booked(hall.books)) == (["full"], (0, 0))
    monkeypatch.setattr(hall.books.journal, "record", record)
    hall.hearing.room_again()
    await hall.settle()
    assert booked(hall.books) == (0, 120_000_000)
