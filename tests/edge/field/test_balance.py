"""What does not add up is told once, with its residual to the credit; and when it adds up again (MTR-09 to MTR-11, MTR-17).

On a real file and its writer, with the meters of simulated machines.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.field.found import IdentityFound, SnapshotFound
from edge.hall.devices import Identity
from edge.hall.meters import FIRST_SNAPSHOT, Reading
from edge.hall.money import Denomination
from edge.rules.balance import BILL_VALUES
from edge.store.balances import Balance, balances
from simulators.egm.dice import Dice
from simulators.egm.machine import Habits, Machine
from simulators.egm.persona import Persona
from sync.db import Database
from tests.edge.field import small_hall
from tests.edge.field.books import NIGHT, Books, open_books, settings_for

CENT = Denomination(0x01, 1, 1)
UNBALANCED, BALANCED = "hall.egm.meters.unbalanced", "hall.egm.meters.balanced"
ALL = (*FIRST_SNAPSHOT, *BILL_VALUES)


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    async with open_books(settings_for(tmp_path)) as books:
        yield books


class Watched:
    """A simulated machine under asset 17, whose meters are entered into the books as a snapshot would be."""

    def __init__(self, books: Books, persona: Persona | None = None, *, games_per_minute: float = 0.0) -> None:
        self.books = books
        habits = Habits(games_per_minute=games_per_minute, events_per_minute=0.5)
        self.machine = Machine(
            persona or Persona(), Dice(4), now=0.0, wall=NIGHT, habits=habits, report=lambda _code, _data: None
        )
        self.now = 0.0

    async def snapshot(self, codes: tuple[int, ...] = ALL, **more: Any) -> None:
        """Read what the machine shows at this moment and write it down, 15 minutes after the one before."""
        bank = self.machine.bank
        self.now += 900.0
        readings = more.pop("readings", None) or [
            Reading(0, None, code, bank.shown(code), bank.width(code)) for code in codes if bank.supports(code)
        ]
        told = {"coherent": True, "denomination": CENT} | more
        await self.books.record(
            SnapshotFound(
                asset=17, time=NIGHT + timedelta(seconds=self.now), reason="interval", because=None, follows=True,
                readings=readings, unsupported=[code for code in codes if not bank.supports(code)], **told,
            )
        )  # fmt: skip

    def lose(self, code: int, amount: int) -> None:
        """The machine forgets to count this much on one of its meters."""
        self.machine.bank._add(code, -amount)

    def state(self, rule: str = "credits") -> Balance:
        conn = Database(self.books.path).open_reader()
        try:
            (one,) = (one for one in balances(conn, 17) if one.rule == rule)
        finally:
            conn.close()
        return one


async def test_a_machine_played_at_random_for_24_hours_is_never_unbalanced_mtr_10(books: Books) -> None:
    watched = Watched(books, games_per_minute=20.0)
    for _ in range(96):
        watched.machine.run(watched.now)
        await watched.snapshot()
    bank = watched.machine.bank
    assert bank.value(0x05) > 5_000
    assert bank.value(0x03) > 0
    assert books.events(UNBALANCED) == books.events(BALANCED) == []
    for rule in ("credits", "bills"):
        state = watched.state(rule)
        assert (state.since_snapshot, state.judged_snapshot, state.residual, state.unjudged) == (1, 96, 0, None)


async def test_one_dropped_meter_update_is_an_alarm_at_the_next_snapshot_with_the_exact_residual_once_mtr_10(
    books: Books,
) -> None:
    watched = Watched(books)
    await watched.snapshot()
    watched.machine.insert_bill(20)
    await watched.snapshot()
    watched.machine.bank.wager(30)
    watched.machine.bank.end_game(125)
    watched.lose(0x01, 125)
    await watched.snapshot()
    (event,) = books.events(UNBALANCED)
    data = event["data"]
    assert (data["rule"], data["code"], data["residual"], data["before"]) == ("credits", 0x0C, "125", "0")
    assert (data["stated"], data["summed"]) == ("95", "-30"), "the credits rose by the win less the bet"
    assert {"game": 0, "code": 0x00, "growth": "30"} in data["terms"]
    first, second, third = (one["id"] for one in books.events("hall.egm.meters.snapshot"))
    assert (data["since"], data["from"], data["snapshot"]) == (first, second, third)
    for _ in range(5):
        watched.machine.insert_bill(5)
        await watched.snapshot()
    assert len(books.events(UNBALANCED)) == 1, "the residual stays the same"
    watched.lose(0x0B, -125)
    await watched.snapshot()
    (gone,) = books.events(BALANCED)
    assert (gone["data"]["rule"], gone["data"]["how"], gone["data"]["before"]) == ("credits", "agrees", "125")
    assert watched.state().residual == 0


async def test_a_residual_that_changes_is_told_again_with_what_was_told_before_mtr_10(books: Books) -> None:
    watched = Watched(books)
    watched.machine.insert_bill(50)
    await watched.snapshot()
    watched.lose(0x0C, 10)
    await watched.snapshot()
    watched.lose(0x0C, 7)
    await watched.snapshot()
    told = [(event["data"]["residual"], event["data"]["before"]) for event in books.events(UNBALANCED)]
    assert told == [("-10", "0"), ("-17", "-10")]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"coherent": False}, "incoherent"),
        ({"codes": tuple(code for code in ALL if code != 0x17)}, "not_read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_snapshot_that_cannot_be_judged_leaves_the_range_to_the_next_one_mtr_17(
    books: Books, more: dict[str, Any], why: str
) -> None:
    watched = Watched(books)
    await watched.snapshot()
    watched.machine.insert_bill(20)
    watched.lose(0x0C, 400)
    await watched.snapshot(**more)
    assert books.events(UNBALANCED) == []
    assert watched.state().unjudged == why
    watched.machine.insert_bill(10)
    await watched.snapshot()
    assert [event["data"]["residual"] for event in books.events(UNBALANCED)] == ["-400"]
    assert watched.state().unjudged is None


async def test_a_machine_that_lacks_a_term_is_never_judged_and_the_books_say_why_mtr_10(books: Books) -> None:
    watched = Watched(books, Persona(unsupported_meters=frozenset({0x17})))
    for _ in range(2):
        watched.machine.insert_bill(20)
        watched.lose(0x0B, 400)
        await watched.snapshot()
    assert watched.state().unjudged == "unsupported"
    assert [event["data"]["rule"] for event in books.events(UNBALANCED)] == ["bills"]


async def test_a_cleared_memory_begins_a_new_range_and_closes_what_was_open_mtr_04(books: Books) -> None:
    watched = Watched(books)
    watched.machine.insert_bill(50)
    watched.machine.play(3, 1.0)
    await watched.snapshot()
    watched.lose(0x0C, 10)
    await watched.snapshot()
    watched.machine.forget()
    await watched.snapshot()
    (closed,) = books.events(BALANCED)
    assert (closed["data"]["how"], closed["data"]["before"], closed["data"]["generation"]) == ("new_range", "-10", 2)
    watched.machine.insert_bill(5)
    await watched.snapshot()
    assert len(books.events(UNBALANCED)) == 1
    assert (watched.state().since_snapshot, watched.state().residual) == (3, 0)


async def test_another_accounting_denomination_begins_a_new_range_mtr_05(books: Books) -> None:
    watched = Watched(books)
    watched.machine.insert_bill(50)
    await watched.snapshot()
    watched.machine.do("denomination", 1.0, 0x02)
    await watched.snapshot(denomination=Denomination(0x02, 5, 1))
    assert watched.state().unjudged == watched.state("bills").unjudged == "denomination"
    watched.machine.insert_bill(20)
    await watched.snapshot(denomination=Denomination(0x02, 5, 1))
    assert watched.state().unjudged is None
    assert books.events(UNBALANCED) == []


async def test_a_corrupt_read_of_a_term_is_passed_over_and_the_range_goes_on_mtr_05(books: Books) -> None:
    watched = Watched(books)
    watched.machine.insert_bill(50)
    await watched.snapshot()
    watched.machine.insert_bill(20)
    bank = watched.machine.bank
    wild = [
        Reading(0, None, code, 77_777_777 if code == 0x0B else bank.shown(code), bank.width(code))
        for code in ALL
        if bank.supports(code)
    ]
    await watched.snapshot(readings=wild)
    assert watched.state().unjudged == "doubtful"
    await watched.snapshot()
    assert books.events(UNBALANCED) == []
    assert (watched.state().unjudged, watched.state().since_snapshot) == (None, 1)


async def test_a_bill_that_was_not_counted_by_its_value_is_named_in_minor_units_mtr_11(books: Books) -> None:
    watched = Watched(books)
    await watched.snapshot()
    watched.machine.insert_bill(50)
    watched.lose(0x46, 1)
    await watched.snapshot()
    (event,) = books.events(UNBALANCED)
    data = event["data"]
    assert (data["rule"], data["code"], data["residual"], data["scale"], data["per"]) == (
        "bills",
        0x0B,
        "5000",
        "minor",
        1,
    )
    assert (data["stated"], data["summed"]) == ("5000", "0")


async def test_games_that_hold_less_than_the_cabinet_are_named_with_both_sums_mtr_09(books: Books) -> None:
    identity = Identity(serial="SN-1", version="602", games=2)
    await books.record(IdentityFound(17, NIGHT, identity, (), (0x54, 0x51)))
    watched = Watched(books, Persona(games=2))

    def read(lost: int = 0) -> list[Reading]:
        bank = watched.machine.bank
        return [
            Reading(game, None, code, (bank.of(code, game) or 0) - (lost if (game, code) == (2, 0x00) else 0), 4)
            for game in (0, 1, 2)
            for code in (0x00, 0x05)
        ]

    await watched.snapshot(readings=read())
    watched.machine.insert_bill(20)
    for game, bet in ((1, 20), (2, 13)):
        watched.machine.bank.game = game
        watched.machine.bank.wager(bet)
        watched.machine.bank.end_game(0)
    await watched.snapshot(readings=read(lost=3))
    (event,) = books.events(UNBALANCED)
    data = event["data"]
    assert (data["rule"], data["code"], data["stated"], data["summed"], data["residual"]) == (
        "games",
        0,
        "33",
        "30",
        "3",
    )
    assert data["terms"] == [
        {"game": 1, "code": 0, "growth": "20"}, {"game": 2, "code": 0, "growth": "10"},
    ]  # fmt: skip
    one_game = [reading for reading in read(lost=3) if reading.game < 2]
    await watched.snapshot(readings=one_game)
    conn = Database(books.path).open_reader()
    assert {one.unjudged for one in balances(conn, 17)} == {"not_read"}
    conn.close()


async def test_after_a_restart_what_was_told_is_not_told_again_mtr_10(tmp_path: Path) -> None:
    async with open_books(settings_for(tmp_path)) as books:
        watched = Watched(books)
        watched.machine.insert_bill(50)
        await watched.snapshot()
        watched.lose(0x0C, 10)
        await watched.snapshot()
    async with open_books(settings_for(tmp_path)) as again:
        watched.books = again
        watched.machine.insert_bill(5)
        await watched.snapshot()
        assert len(again.events(UNBALANCED)) == 1


async def test_over_the_wire_a_bill_that_no_meter_tells_is_an_alarm_at_the_next_snapshot_mtr_10(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The standing list of meters, as a hall reads it that configured none.
    monkeypatch.setattr(small_hall, "CODES", FIRST_SNAPSHOT)
    async with small_hall.opened(tmp_path, {"A": [17]}, every_s=5.0) as hall:
        await hall.up(17)
        machine = hall.machine(17).egm.machine
        machine.insert_bill(20)
        machine.play(5, hall.now)
        await hall.go(11)
        assert hall.books.events(UNBALANCED) == []
        assert len(hall.books.events("hall.egm.meters.snapshot")) >= 3
        machine.insert_bill(5)
        machine.bank._add(0x0B, -500)
        await hall.go(17)
        (event,) = hall.books.events(UNBALANCED)
        assert (event["data"]["rule"], event["data"]["residual"], event["data"]["stated"]) == ("credits", "500", "500")
        conn = Database(hall.books.path).open_reader()
        states = {one.rule: one for one in balances(conn, 17)}
        conn.close()
        assert (states["credits"].residual, states["credits"].unjudged) == (500, None)
        assert states["bills"].unjudged == "not_read", "only the count of the bill that came was asked for"


# what the configuration says of a machine ------------------------------------------------------------------------------


@asynccontextmanager
async def configured(directory: Path, persona: Persona | None = None, **balance: Any) -> AsyncIterator[Watched]:
    """Machine 17 with this table [egm.balance], read once."""
    egms = [{"asset": 17, "line": "A", "address": 1, "balance": balance}]
    async with open_books(settings_for(directory, egms)) as books:
        watched = Watched(books, persona)
        watched.machine.insert_bill(50)
        await watched.snapshot()
        yield watched


@pytest.mark.parametrize(("tolerance", "lost", "told"), [(0, 1, ["-1"]), (10, 10, []), (10, 11, ["-11"])])
async def test_a_residual_is_told_above_the_tolerance_of_the_machine_mtr_10(
    tmp_path: Path, tolerance: int, lost: int, told: list[str]
) -> None:
    async with configured(tmp_path, tolerance=tolerance) as watched:
        watched.lose(0x0C, lost)
        await watched.snapshot()
        assert [event["data"]["residual"] for event in watched.books.events(UNBALANCED)] == told
        assert watched.state().residual == -lost, "forgiven is not forgotten"


@pytest.mark.parametrize(("cancelled", "told"), [("parts", ["-700"]), ("total", [])])
async def test_what_was_cancelled_is_the_total_or_its_parts_as_configured_mtr_10(
    tmp_path: Path, cancelled: str, told: list[str]
) -> None:
    """A machine that counts what it cancels in meter 04 and never in 03."""
    async with configured(tmp_path, cancelled=cancelled) as watched:
        watched.lose(0x0C, 700)
        watched.lose(0x04, -700)
        await watched.snapshot()
        assert [event["data"]["residual"] for event in watched.books.events(UNBALANCED)] == told


@pytest.mark.parametrize(("within", "told"), [(False, ["300"]), (True, [])])
async def test_printed_tickets_are_in_the_total_of_some_makers_as_configured_mtr_10(
    tmp_path: Path, within: bool, told: list[str]
) -> None:
    async with configured(tmp_path, cancelled="total", tickets_in_cancelled=within) as watched:
        watched.lose(0x0C, 300)
        watched.lose(0x16, -300)
        watched.lose(0x04, -300)
        await watched.snapshot()
        assert [event["data"]["residual"] for event in watched.books.events(UNBALANCED)] == told


@pytest.mark.parametrize(("lacks", "told", "unjudged"), [([], [], "unsupported"), ([0x17], ["-400"], None)])
async def test_a_machine_without_a_device_is_judged_once_somebody_says_so_mtr_10(
    tmp_path: Path, lacks: list[int], told: list[str], unjudged: str | None
) -> None:
    silent = Persona(unsupported_meters=frozenset({0x17}))
    async with configured(tmp_path, silent, lacks=lacks) as watched:
        watched.lose(0x0C, 400)
        await watched.snapshot()
        assert [event["data"]["residual"] for event in watched.books.events(UNBALANCED)] == told
        assert watched.state().unjudged == unjudged


async def test_the_configuration_of_each_start_decides_and_of_one_machine_only_mtr_10(tmp_path: Path) -> None:
    async with configured(tmp_path, tolerance=10) as watched:
        watched.lose(0x0C, 5)
        await watched.snapshot()
        assert watched.books.events(UNBALANCED) == []
        machine, now = watched.machine, watched.now
    others = [
        {"asset": 17, "line": "A", "address": 1},
        {"asset": 18, "line": "A", "address": 2, "balance": {"tolerance": 10}},
    ]
    async with open_books(settings_for(tmp_path, others)) as books:
        again = Watched(books)
        again.machine, again.now = machine, now
        await again.snapshot()
        assert [event["data"]["residual"] for event in books.events(UNBALANCED)] == ["-5"]
