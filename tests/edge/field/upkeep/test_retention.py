"""The field lets go of old records by itself, in the words of the catalogue; a clock nobody believes makes nothing old."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.field.upkeep.retention import Retention
from edge.hall.events import KINDS, Fact, is_money
from sync import outbox
from sync.errors import StorageFull
from tests.edge.field.books import NIGHT, Books, open_books, settings_for

DOOR = Fact("hall.egm.door.opened.v1", "egm/17", NIGHT, {"asset": 17, "sas_exception": 0x11, "door": "main"})
HANDPAY = Fact("hall.egm.handpay.pending.v1", "egm/17", NIGHT, {"asset": 17, "sas_exception": 0x51})


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    async with open_books(settings_for(tmp_path)) as opened:
        await opened.record(DOOR, HANDPAY, DOOR, HANDPAY, DOOR)
        yield opened


def retention_of(books: Books, **days: int) -> Retention:
    kept = {"keep_events_days": 90, "keep_money_days": 400, **days}
    return Retention(books.journal.write, books.clock, **kept)


async def confirm_all(books: Books) -> None:
    head = books.writer.head.cursor
    await books.journal.write(lambda tx: outbox.advance(tx, "central-1", head))


async def test_ret_03_events_go_after_ninety_days_and_money_after_four_hundred(books: Books) -> None:
    await confirm_all(books)
    upkeep = retention_of(books)
    books.clock.advance(89 * 86_400)
    assert await upkeep.step() == 0
    books.clock.advance(2 * 86_400)
    assert await upkeep.step() == 4  # the newest record stays
    assert (upkeep.released, upkeep.kept) == (4, 2)
    assert books.kinds() == ["egm.door.opened"]
    assert books.ask("SELECT count(*) FROM kept") == [(2,)]
    books.clock.advance(308 * 86_400)
    assert await upkeep.step() == 0
    books.clock.advance(2 * 86_400)
    assert await upkeep.step() == 2
    assert books.ask("SELECT count(*) FROM kept") == [(0,)]


async def test_com_03_nothing_goes_before_central_has_it(books: Books) -> None:
    upkeep = retention_of(books)
    books.clock.advance(1000 * 86_400)
    assert await upkeep.step() == 0
    await confirm_all(books)
    books.clock.advance(1)
    assert await upkeep.step() == 4 + 2  # of age since long: the slice that leaves the log is forgotten at once


async def test_a_clock_that_is_not_believed_makes_nothing_old(books: Books) -> None:
    await confirm_all(books)
    books.clock.advance(1000 * 86_400)
    books.clock.believed = "untrusted"
    assert await retention_of(books).step() == 0
    assert len(books.kinds()) == 5


async def test_full_books_are_tried_again_later(books: Books) -> None:
    async def full(_work: object) -> object:
        raise StorageFull("No room.")

    assert await Retention(full, books.clock, keep_events_days=1, keep_money_days=1).step() == 0  # type: ignore[arg-type]  # it only raises


def test_what_is_money_is_said_by_the_catalogue() -> None:
    kept = {kind for kind in KINDS if is_money(kind)}
    assert {"hall.egm.bill.accepted.v1", "hall.egm.handpay.recorded.v1", "hall.egm.ticket.noticed.v1"} <= kept
    assert {KINDS[kind].klass for kind in kept} == {"money", "ticket", "cashless"}
    assert not is_money("hall.egm.door.opened.v1")
    assert is_money("hall.egm.something.of.a.later.release.v1")
