"""MTR-16: every value carries its age; what is not current is shown as stale, on tile, page and over the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from edge.board import EgmState
from edge.clock import stamp
from edge.front.views.freshness import Moment, age_s, why_stale
from edge.front.views.tiles import tile
from edge.hall.meters import Reading
from edge.store.meters import Snapshot, record_snapshot
from tests.edge.front.made_up_hall import TECHNICIAN, Hall, until

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
SOFIA = ZoneInfo("Europe/Sofia")
THERE = Moment(NOW, 900.0, connected=True)
AWAY = Moment(NOW, 900.0, connected=False)


def machine(link: str = "up", read_s_ago: float | None = 60.0) -> EgmState:
    read_at = None if read_s_ago is None else stamp(NOW - timedelta(seconds=read_s_ago))
    return EgmState(17, link=link, meters={"0c": "1451"}, meters_at=read_at)


@pytest.mark.parametrize(
    ("state", "moment", "why"),
    [
        (machine(), THERE, None),
        (machine("shaky"), THERE, None),
        (machine(read_s_ago=1800), THERE, None),
        (machine(read_s_ago=1801), THERE, "too-old"),
        (machine(read_s_ago=None), THERE, "never-read"),
        (machine("down"), THERE, "link-down"),
        (machine("silent"), THERE, "link-down"),
        (machine("unknown"), THERE, "link-down"),
        (machine(), AWAY, "field-away"),
    ],
    ids=lambda value: "" if isinstance(value, EgmState | Moment) else str(value),
)
def test_mtr_16_meters_are_current_only_while_the_machine_answers_and_one_of_two_readings_came(
    state: EgmState, moment: Moment, why: str | None
) -> None:
    assert why_stale(state, moment) == why


def test_mtr_16_a_clock_that_was_put_back_makes_no_value_younger_than_now() -> None:
    assert age_s(stamp(NOW + timedelta(seconds=5)), THERE) == 0


def test_mtr_16_a_tile_says_when_its_figures_were_read_and_that_they_are_stale() -> None:
    assert tile(machine(), SOFIA, THERE)["read"] == "read 02:29:00, 60 s old"
    assert tile(machine("down", 400), SOFIA, THERE)["read"] == "▲ stale, read 02:23:20, 6 min old"
    assert tile(machine(read_s_ago=8000), SOFIA, THERE)["read"].endswith("2 h old: no reading came for long")
    assert tile(machine(), SOFIA, AWAY)["read"].startswith("▲ stale")
    assert tile(machine(read_s_ago=None), SOFIA, THERE)["read"] == "▲ stale: not read yet"


async def read_now(hall: Hall) -> None:
    """Machine 100417 was read now, its games an hour ago."""
    now = datetime.now(UTC)
    for at, reading in (
        (now - timedelta(hours=1), Reading(1, None, 0x05, 7, 4)),
        (now, Reading(0, None, 0x0C, 1451, 4)),
    ):
        await hall.writer.run(
            lambda tx, at=at, reading=reading: record_snapshot(tx, Snapshot(100417, at, "interval", [reading]))  # type: ignore[misc] # bound now
        )
    hall.board.update_egm(100417, link="up", meters_at=stamp(now))
    hall.announce()
    await until(lambda: hall.house.front.seam.mirror.egms[100417].meters_at == stamp(now))


async def test_mtr_16_over_the_api_each_meter_has_its_age_and_is_stale_by_itself(hall: Hall) -> None:
    await read_now(hall)
    async with hall.client(TECHNICIAN) as client:
        told = (await client.get("/api/v1/egms/100417")).json()
        assert (told["egm"]["meters_stale"], told["egm"]["meters_stale_because"]) == (False, None)
        assert told["egm"]["meters_age_s"] < 60
        money, games = sorted(told["latest_meters"], key=lambda meter: meter["game"])
        assert (money["stale"], games["stale"]) == (False, True)
        assert money["age_s"] < 60
        assert 3600 <= games["age_s"] < 3660
        everyone = {one["asset"]: one["meters_stale"] for one in (await client.get("/api/v1/egms")).json()["egms"]}
        assert everyone == {100417: False, 100418: True}, "the second does not answer"
        assert "▲ stale" not in (await client.get("/m/100417")).text
        assert "▲ stale" in (await client.get("/m/100418")).text


async def test_mtr_16_a_machine_that_stops_answering_is_stale_at_once_and_so_is_all_without_the_field(
    hall: Hall,
) -> None:
    await read_now(hall)
    async with hall.client(TECHNICIAN) as client:
        hall.board.update_egm(100417, link="down")
        hall.announce()
        await until(lambda: hall.house.front.seam.mirror.egms[100417].link == "down")
        told = (await client.get("/api/v1/egms/100417")).json()
        assert told["egm"]["meters_stale_because"] == "link-down"
        assert all(meter["stale"] for meter in told["latest_meters"])
        assert "▲ stale" in (await client.get("/")).text
        hall.board.update_egm(100417, link="up")
        hall.announce()
        await until(lambda: hall.house.front.seam.mirror.egms[100417].link == "up")
        await hall.seam.close()
        await hall.until_connected(yes=False)
        assert (await client.get("/api/v1/egms/100417")).json()["egm"]["meters_stale_because"] == "field-away"
