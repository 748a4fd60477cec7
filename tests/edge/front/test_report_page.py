"""The page of revenue: the figures of a day, and above them what it does not know."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.clock import stamp
from edge.store import days
from tests.edge.front.made_up_hall import TECHNICIAN, Hall, made_up_hall
from tests.edge.front.test_reports import KEYS, MONDAY, READER, SOFIA, TUESDAY, a_day


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    async with made_up_hall(tmp_path, key=KEYS) as made:
        yield made


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


async def test_a_day_on_screen_says_first_what_it_does_not_know(hall: Hall) -> None:
    await a_day(hall)
    async with hall.client(READER) as browser:
        answer = await browser.get("/report?day=2026-11-23")
    assert answer.status_code == 200
    text = text_of(answer.text)
    assert "Revenue 2026-11-23 over, not everything is known" in text
    assert text.index("not read : no reading of it was booked") < text.index("1234.56")
    assert "17 Book of Nights 1234.56 1111.11 0.00 123.45 10.00 % 500.00 800 1.5432 05:59:30" in text
    assert "18 unknown unknown" in text
    assert "hall 1234.56*" in text
    assert "ggr v1 00 - 01 - 02" in text
    assert "/api/v1/reports/day?day=2026-11-23&amp;format=csv" in answer.text


async def test_mtr_16_the_page_tells_minutes_without_data_and_readings_that_were_missed(hall: Hall) -> None:
    await a_day(hall)

    def silent(tx: Any) -> None:
        begin = SOFIA.begin(MONDAY)
        tx.execute("UPDATE egms SET registered_at = ?", (stamp(begin),))
        days.note_data(tx, 100417, begin + timedelta(minutes=42, seconds=59), SOFIA.begin(TUESDAY), SOFIA)
        days.note_doubt(tx, MONDAY.isoformat(), 100417, "missed")

    await hall.writer.run(silent)
    async with hall.client(READER) as browser:
        text = text_of((await browser.get("/report?day=2026-11-23")).text)
        told = (await browser.get("/api/v1/reports/day?day=2026-11-23")).json()
        csv = (await browser.get("/api/v1/reports/day?day=2026-11-23&format=csv")).text
    assert "Last read Minutes without data Not known" in text
    assert "05:59:30 42 missed 1" in text
    assert "Minutes without data: whole minutes in which the link was down or no reading was newer than" in text
    assert "missed : readings of its meters that were due did not come" in text
    assert [one["minutes_without_data"] for one in told["machines"]] == [42, 1440]
    assert (told["machines"][0]["marks"], told["complete"]) == ({"missed": 1}, False)
    assert ",42,missed 1" in csv
    assert "missed,2026-11-23,100417,1,readings of its meters that were due did not come" in csv


async def test_without_a_day_it_is_todays_and_with_none_it_is_a_sentence(hall: Hall) -> None:
    async with hall.client(READER) as browser:
        assert "No gaming day was opened yet." in (await browser.get("/report")).text
        await a_day(hall)
        assert "Revenue 2026-11-24 still being written" in text_of((await browser.get("/report")).text)
        wrong = await browser.get("/report?day=<b>")
        assert (wrong.status_code, "must be a day such as 2026-11-23" in wrong.text) == (422, True)
        await hall.seam.close()
        await hall.until_connected(yes=False)
        assert "The books are not read while the field is away." in (await browser.get("/report")).text


async def test_a_label_is_shown_as_text_and_nothing_comes_from_outside(hall: Hall) -> None:
    await a_day(hall)
    await hall.writer.run(lambda tx: tx.execute("UPDATE egms SET label = '<script>x' WHERE asset = 100417"))
    async with hall.client(READER) as browser:
        html = (await browser.get("/report?day=2026-11-23")).text
    assert "&lt;script&gt;x" in html
    assert re.findall(r"<script|https?://|\son[a-z]+=|style=", html) == []


async def test_who_may_look_at_machines_only_sees_no_money(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as browser:
        assert (await browser.get("/report")).status_code == 403


async def test_the_link_from_the_box_opens_the_report_too(hall: Hall) -> None:
    await a_day(hall)
    async with hall.local() as local:
        link = (await local.post("/api/v1/page-links")).json()["urls"][0]
    async with hall.client(follow_redirects=True) as browser:
        floor = await browser.get(f"/enter?{link.partition('?')[2]}")
        assert 'href="/report"' in floor.text
        assert (await browser.get("/report")).status_code == 200
        csv = await browser.get("/api/v1/reports/day?day=2026-11-23&format=csv")
        assert csv.text.startswith("report,Revenue")
