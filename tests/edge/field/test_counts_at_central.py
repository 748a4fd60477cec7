"""A central that has nothing but the feed counts what the gateway counts, to the credit: other arithmetic, the same sums."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from edge.field.found import SnapshotFound
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.store import days
from simulators.central.counts import Counted, CountKey, differences, rebuild
from sync.commands import Command, encode
from sync.db import Database
from tests.edge.field.books import NIGHT, STREAM, Books
from tests.edge.field.small_hall import SmallHall, opened

CODES = (0x00, 0x01, 0x05, 0x0C)
WORTHS = (Denomination(1, 1, 1), Denomination(2, 5, 1), Denomination(0x17, 1, 2))


@dataclass
class Machine:
    """One that plays, wraps its short meters, loses its memory, tells nonsense for a moment and changes its denomination."""

    asset: int
    dice: random.Random
    values: dict[int, int]
    worth: Denomination | None = WORTHS[0]

    def next(self, hall: SmallHall) -> SnapshotFound:
        what = self.dice.random()
        for code in self.values:
            self.values[code] = (self.values[code] + self.dice.randrange(50_000)) % 10**8
        if what < 0.05:
            self.values = {code: self.dice.randrange(300) for code in self.values}
        elif what < 0.09:
            self.worth = self.dice.choice((*WORTHS, None))
        told = dict(self.values)
        if 0.09 <= what < 0.15:
            told[0] = self.dice.randrange(10**8)
        codes = CODES if what < 0.9 else CODES[:2]
        readings = [Reading(0, None, code, told[code], 4) for code in codes]
        return SnapshotFound(
            self.asset, hall.books.clock.wall(), "interval", None, True, self.worth, readings, (), follows=True
        )


def kept_here(books: Books) -> dict[CountKey, Counted]:
    with closing(Database(books.path).open_reader()) as reader:
        return {
            CountKey(day.gamingday, *one[:5], one.worth): Counted(one.counted, one.corrected)
            for day in days.days(reader)
            for one in days.sums(reader, day.gamingday, day.gamingday)
        }


def fed(books: Books) -> list[bytes]:
    return [bytes(body) for (body,) in books.ask("SELECT body FROM log ORDER BY position")]


@pytest.mark.parametrize("seed", range(3))
async def test_the_counts_rebuilt_from_the_feed_are_those_of_the_gateway(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    async with opened(tmp_path, {"A": [17], "B": [18]}) as hall:
        machines = [Machine(asset, dice, {code: dice.randrange(10**8) for code in CODES}) for asset in (17, 18)]
        for step in range(120):
            hall.books.clock.advance(dice.choice((900, 900, 900, 30_000, 86_400 * 6)))
            await hall.books.record(dice.choice(machines).next(hall))
            waiting = hall.books.ask("SELECT review, asset FROM reviews WHERE decided_at IS NULL ORDER BY review")
            if waiting and step % 5 == 0:
                review, asset = dice.choice(waiting)
                now = hall.books.clock.wall()
                body = {
                    "asset": asset,
                    "review": review,
                    "choice": "count",
                    "amount": str(dice.randrange(10**6)),
                    "comment": "x",
                }
                command = Command(
                    "central-1", 1, f"d-{step}", "hg-07", STREAM, now, now + timedelta(minutes=5), "egm.meters.decide", body
                )  # fmt: skip
                await hall.dispatch.admit(encode(command), "http")
                await hall.settle()
        here, there = kept_here(hall.books), rebuild(fed(hall.books))
        assert differences(here, there) == []
        assert sum(one.counted for one in here.values()) > 0
        assert sum(one.corrected for one in here.values()) > 0, "decisions were among it"
        assert len({key.gamingday for key in here}) > 10
        assert len({key.generation for key in here}) > 1
        assert len({key.worth for key in here}) > 1, "credits of several worths are not added up"


async def test_a_record_that_never_arrived_shows_as_a_difference(tmp_path: Path) -> None:
    async with opened(tmp_path, {"A": [17], "B": [18]}) as hall:
        for number, value in enumerate((1_000, 1_500, 1_900)):
            at = NIGHT + timedelta(minutes=15 * number)
            reading = [Reading(0, None, 0, value, 4)]
            await hall.books.record(SnapshotFound(17, at, "interval", None, True, WORTHS[0], reading, (), follows=True))
        snapshots = [body for body in fed(hall.books) if b"meters.snapshot" in body]
        ((key, here, there),) = differences(kept_here(hall.books), rebuild([snapshots[0], *snapshots[2:]]))
        assert (key.code, here, there) == (0, Counted(900, 0), Counted(400, 0))
