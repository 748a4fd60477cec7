"""The revenue report as it leaves the box: JSON and CSV over HTTP, from snapshots booked through the real store."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.access import new_key
from edge.front.api.routes.reports import ways_of
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.rules.gaming_day import GamingDays
from edge.store import days
from edge.store.meters import Snapshot, record_snapshot
from tests.edge.front.made_up_hall import ACCESS_KEY, TECHNICIAN, Hall, made_up_hall, settings_for

SOFIA = GamingDays.of("Europe/Sofia", "06:00")
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
CENT, FIVE = Denomination(1, 1, 1), Denomination(2, 5, 1)
READER = new_key("reports", ACCESS_KEY.encode())


KEYS = [
    {"id": READER.id, "hmac": READER.hmac, "scopes": ["reports:read"]},
    {"id": TECHNICIAN.id, "hmac": TECHNICIAN.hmac, "scopes": ["status:read", "egms:read", "events:read"]},
]


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    async with made_up_hall(tmp_path, key=KEYS) as made:
        yield made


async def book(
    hall: Hall, asset: int, day: date, at: datetime, values: dict[int, int], worth: Denomination | None = CENT
) -> None:
    """One snapshot of these meters, booked in this day."""
    readings = [Reading(0, None, code, value, 5) for code, value in values.items()]

    def work(tx: Any) -> None:
        label = days.open_day(tx, day.isoformat(), tx.log.position + 1, at)
        record_snapshot(tx, Snapshot(asset, at, "interval", readings, denomination=worth), day=label)

    await hall.writer.run(work)


def end_of(day: date, seconds: int = 30) -> datetime:
    return SOFIA.begin(day + timedelta(days=1)) - timedelta(seconds=seconds)


async def a_day(hall: Hall) -> None:
    """Machine 100417 plays for 1,234.56 at one cent, 100418 is only read when the day is over."""
    sunday = MONDAY - timedelta(days=1)
    await book(hall, 100417, sunday, end_of(sunday), {0x00: 1_000, 0x01: 500, 0x02: 0, 0x05: 10, 0x24: 0})
    await book(hall, 100417, MONDAY, end_of(MONDAY), {0x00: 124_456, 0x01: 111_611, 0x02: 0, 0x05: 810, 0x24: 50_000})
    await book(hall, 100418, TUESDAY, end_of(TUESDAY, 40_000), {0x00: 7})


async def get(hall: Hall, path: str, key: Any = READER, **headers: str) -> Any:
    async with hall.client(key) as client:
        return await client.get(f"/api/v1{path}", headers=headers)


async def test_rpt_03_the_days_report_has_each_figure_with_formula_and_version(hall: Hall) -> None:
    await a_day(hall)
    answer = await get(hall, "/reports/day?day=2026-11-23")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    played, away = told["machines"]
    assert {name: cell["shown"] for name, cell in played["figures"].items()} == {
        "coin_in": "1234.56", "coin_out": "1111.11", "jackpots": "0.00", "ggr": "123.45", "hold": "10.00 %",
        "drop_expected": "500.00", "games": "800", "average_bet": "1.5432",
    }  # fmt: skip
    assert played["figures"]["ggr"] == {"value": "12345", "shown": "123.45", "machines": 1, "lacks": 0}
    assert played["figures"]["hold"]["value"] == "4115/41152"
    assert [(one["name"], one["version"]) for one in told["formulas"]][3] == ("ggr", 1)
    assert (away["asset"], away["marks"], away["figures"]["ggr"]["shown"]) == (100418, {"not_read": 1}, None)
    assert told["total"]["figures"]["ggr"] == {"value": "12345", "shown": "123.45", "machines": 1, "lacks": 1}
    assert (told["state"], told["complete"], told["hours"], told["currency"]) == ("closed", False, "24", "EUR")
    assert told["software"] == f"hall-edge {hall.house.front.version}"


async def test_mtr_02_fourteen_digits_reach_the_report_and_the_csv(hall: Hall) -> None:
    await book(hall, 100417, MONDAY, end_of(MONDAY, 60), {0x00: 0})

    def work(tx: Any) -> None:
        days.count(tx, "2026-11-23", 100417, 1, CENT, [(0, None, 0x00, 99_999_999_999_999)])

    await hall.writer.run(work)
    told = (await get(hall, "/reports/day")).json()
    assert told["machines"][0]["figures"]["coin_in"]["value"] == "99999999999999"
    assert "999999999999.99" in (await get(hall, "/reports/day?format=csv")).text


@pytest.mark.parametrize(
    ("series", "counts"),
    [((80_000, 81_000, 85_000, 0, 0, 0, 5, 15), "5015"), ((82_000, 82_999, 84_000, 0, 0, 0, 10, 35), "2035")],
)
async def test_mtr_04_the_vendors_example_comes_out_to_the_cent(
    hall: Hall, series: tuple[int, ...], counts: str
) -> None:
    for number, value in enumerate(series):
        at = end_of(MONDAY, 9_000 - 900 * number)
        await book(hall, 100417, MONDAY, at, {0x00: value, 0x01: value, 0x02: 0, 0x05: value, 0x24: 0})
    machine = (await get(hall, "/reports/day?day=2026-11-23")).json()["machines"][0]
    assert (machine["figures"]["coin_in"]["value"], machine["figures"]["ggr"]["value"]) == (counts, "0")
    assert machine["marks"]["ram_clear"] == 1


async def test_a_range_is_the_sum_of_its_days(hall: Hall) -> None:
    await a_day(hall)
    await book(hall, 100417, TUESDAY, end_of(TUESDAY), {0x00: 125_456, 0x01: 111_611, 0x02: 0, 0x05: 900, 0x24: 0})
    told = (await get(hall, "/reports/range?from=2026-11-22&to=2026-11-24")).json()
    assert told["machines"][0]["figures"]["coin_in"]["shown"] == "1244.56"
    assert (told["from"], told["to"], told["hours"]) == ("2026-11-22", "2026-11-24", "72")


async def test_a_year_is_read_beside_the_loop_and_is_the_same(hall: Hall) -> None:
    await a_day(hall)
    year = (await get(hall, "/reports/range?from=2026-01-01&to=2026-12-31")).json()
    days_of_it = (await get(hall, "/reports/range?from=2026-11-22&to=2026-11-24")).json()
    assert year["total"]["figures"] == days_of_it["total"]["figures"]
    assert year["total"]["figures"]["coin_in"]["shown"] == "1234.56"
    assert (year["without_records"][0], year["without_records"][-1]) == ("2026-01-01", "2026-11-21")
    assert year["hours"] == "8760"


async def test_mtr_02_half_cents_are_shown_with_all_their_digits(hall: Hall) -> None:
    half = Denomination(26, 1, 2)
    await book(hall, 100417, MONDAY, end_of(MONDAY, 900), {0x00: 0}, half)
    await book(hall, 100417, MONDAY, end_of(MONDAY), {0x00: 2_469}, half)
    cell = (await get(hall, "/reports/day?day=2026-11-23")).json()["machines"][0]["figures"]["coin_in"]
    assert (cell["value"], cell["shown"]) == ("2469/2", "12.345")


async def test_the_csv_has_the_same_figures_and_unknown_is_a_word(hall: Hall) -> None:
    await a_day(hall)
    by_name = await get(hall, "/reports/day?day=2026-11-23&format=csv")
    by_accept = await get(hall, "/reports/day?day=2026-11-23", accept="text/csv")
    assert by_name.headers["content-type"].startswith("text/csv")
    assert by_name.headers["content-disposition"] == 'attachment; filename="revenue-2026-11-23.csv"'
    assert by_name.text.count("\r\n") == by_accept.text.count("\r\n")
    rows = list(csv.reader(io.StringIO(by_name.text)))
    head = next(row for row in rows if row[:1] == ["level"])
    machines = {row[1]: dict(zip(head, row, strict=True)) for row in rows if row[:1] == ["machine"]}
    assert machines["100417"]["coin_in"] == "1234.56"
    assert machines["100417"]["hold %"] == "10.00"
    assert machines["100418"]["ggr"] == "unknown"
    (hall_row,) = [dict(zip(head, row, strict=True)) for row in rows if row[:1] == ["hall"] and len(row) > 5]
    assert hall_row["ggr"] == "123.45"
    assert hall_row["not known"] == "not_read 1; each figure lacks 1"
    assert ["complete", "no"] in rows
    assert [row[0] for row in rows if len(row) == 5][-1] == "average_bet"


async def test_a_label_cannot_become_a_formula_of_a_spreadsheet(hall: Hall) -> None:
    await a_day(hall)
    await hall.writer.run(lambda tx: tx.execute("UPDATE egms SET label = '=1+1' WHERE asset = 100417"))
    assert ",'=1+1," in (await get(hall, "/reports/day?format=csv")).text


async def test_without_a_day_it_is_the_one_being_written(hall: Hall) -> None:
    assert (await get(hall, "/reports/day")).status_code == 404
    await a_day(hall)
    told = (await get(hall, "/reports/day")).json()
    assert (told["from"], told["state"], told["positions"]) == ("2026-11-24", "open", [1, None])


WRONG = (
    "/reports/day?day=2026-11-31",
    "/reports/day?day=20261123",
    "/reports/day?day=2026-W48-1",
    "/reports/day?day=9999-12-31",
    "/reports/day?day=",
    "/reports/day?date=2026-11-23",
    "/reports/day?day=2026-11-23&format=xml",
    "/reports/range?from=2026-11-23",
    "/reports/range?from=2026-11-24&to=2026-11-23",
    "/reports/range?from=2020-01-01&to=2026-11-23",
)


async def test_what_is_no_day_is_refused_in_words(hall: Hall) -> None:
    await a_day(hall)
    for path in WRONG:
        answer = await get(hall, path)
        assert (answer.status_code, answer.json()["code"]) == (422, "HE5004"), path


async def test_reports_need_their_own_scope(hall: Hall) -> None:
    for path in ("/reports/day", "/reports/range?from=2026-11-23&to=2026-11-23", "/reports/formulas"):
        assert (await get(hall, path, TECHNICIAN)).status_code == 403


async def test_rpt_03_the_formulas_can_be_printed_on_request(hall: Hall) -> None:
    told = (await get(hall, "/reports/formulas")).json()["formulas"]
    assert {"name": "ggr", "version": 1, "text": "00 - 01 - 02"}.items() <= told[3].items()
    assert all(one["source"] for one in told)


async def test_while_the_field_is_away_no_figure_is_made_up(hall: Hall) -> None:
    await a_day(hall)
    await hall.seam.close()
    await hall.until_connected(yes=False)
    assert (await get(hall, "/reports/day")).status_code == 503


def test_the_closing_of_a_day_is_what_the_configuration_calls_so(tmp_path: Path) -> None:
    from edge.front.app import build

    front, _, _ = build(settings_for(tmp_path))
    assert ways_of(front).closing_s == front.settings.polling.day_end_within_s == 60
