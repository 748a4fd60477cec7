"""`hallctl report` as an auditor runs it: the real program against the real front."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.edge.cli.test_hallctl import hallctl
from tests.edge.front.made_up_hall import Hall, made_up_hall
from tests.edge.front.test_reports import a_day


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    async with made_up_hall(tmp_path) as made:
        await a_day(made)
        yield made


async def test_a_day_shows_figures_and_beside_them_what_it_does_not_know(hall: Hall) -> None:
    done = await hallctl(hall, "report", "day", "2026-11-23")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Revenue 2026-11-23 · Hall 7 · over, not everything is known"
    assert "24 hours from 06:00:00" in lines[1]
    assert "amounts in EUR" in lines[1]
    assert "GGR v1" in lines[2]
    played, away, bank, total = (line.split() for line in lines[3:7])
    assert played[:6] == ["17", "A", "1234.56", "1111.11", "0.00", "123.45"]
    assert (away[:-4], away[-3:]) == (["18", "A", *["unknown"] * 8], ["not", "read", "1"])
    assert away[-4] == "1440", "it was never read: the whole day is without data"
    assert "minutes without data" in lines[2]
    assert "Minutes without data: whole minutes in which the link was down or no reading was newer" in done.stdout
    assert (bank[:3], total[:2]) == (["bank", "A", "1234.56*"], ["hall", "1234.56*"])
    assert "not read: no reading of it was booked" in done.stdout


async def test_csv_and_json_are_what_the_api_answers(hall: Hall) -> None:
    told = json.loads((await hallctl(hall, "report", "range", "2026-11-22", "2026-11-24", "--json")).stdout)
    assert (told["from"], told["to"]) == ("2026-11-22", "2026-11-24")
    csv = (await hallctl(hall, "report", "day", "2026-11-23", "--csv")).stdout
    assert csv.startswith("report,Revenue\n")
    assert "machine,100417,17,Book of Nights,A,1234.56,1111.11,0.00,123.45,10.00,500.00,800,1.5432," in csv
    both = await hallctl(hall, "report", "day", "--csv", "--json")
    assert both.returncode != 0


async def test_a_day_that_is_none_is_told_in_words_and_nothing_on_stdout(hall: Hall) -> None:
    done = await hallctl(hall, "report", "day", "yesterday")
    assert done.returncode != 0
    assert done.stdout == ""
    assert "day: must be a day such as 2026-11-23." in done.stderr


async def test_rpt_03_the_formulas_are_printed_with_their_versions(hall: Hall) -> None:
    lines = (await hallctl(hall, "report", "formulas")).stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]][3] == ["ggr", "1"]
    assert "(00 - 01 - 02) / 00" in lines[5]
