"""Events of the past as a person asks for them."""

import json
from datetime import UTC, datetime

import click
import pytest

from edge.cli.moments import moment
from tests.edge.cli.test_hallctl import hallctl
from tests.edge.front.made_up_hall import made_up_hall

SOFIA = "Europe/Sofia"
NOW = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # already the 24th in Sofia


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("2026-11-23", "2026-11-22T22:00:00.000Z", "2026-11-23T21:59:59.999Z"),
        ("2026-11-23 14:00", "2026-11-23T12:00:00.000Z", "2026-11-23T12:00:59.999Z"),
        ("2026-11-23T14:00:30", "2026-11-23T12:00:30.000Z", "2026-11-23T12:00:30.999Z"),
        ("14:00", "2026-11-24T12:00:00.000Z", "2026-11-24T12:00:59.999Z"),
        ("2026-11-23T14:00:00Z", "2026-11-23T14:00:00.000Z", "2026-11-23T14:00:00.000Z"),
        ("2026-10-25", "2026-10-24T21:00:00.000Z", "2026-10-25T21:59:59.999Z"),  # 25 hours: the clock goes back
    ],
)
def test_moments_are_read_in_hall_time(text, begins, ends):
    assert moment(text, SOFIA, now=NOW) == begins
    assert moment(text, SOFIA, is_end=True, now=NOW) == ends


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-11-23 25:00", ""])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(click.UsageError):
        moment(text, SOFIA)


async def test_events_are_searched_by_time_machine_kind_and_code(tmp_path):
    async with made_up_hall(tmp_path) as hall:
        for asset in (100417, 100418, 100417):
            await hall.open_door(asset)
        found = await hallctl(
            hall, "event", "search", "--from", "2026-11-23", "--to", "2026-11-23", "--egm", "17", "--code", "11"
        )
        assert found.returncode == 0, found.stderr
        assert [line.split(maxsplit=3)[:3] for line in found.stdout.splitlines()] == [
            ["2026-11-23", "02:11:07.320", "3"],
            ["2026-11-23", "02:11:07.320", "1"],
        ]
        two = await hallctl(hall, "event", "search", "-n", "2", "--json")
        assert [json.loads(line)["sequence"] for line in two.stdout.splitlines()] == [3, 2]
        assert (await hallctl(hall, "event", "search", "--kind", "hall.egm.power")).stdout == "No such event.\n"
        assert (await hallctl(hall, "event", "search", "--from", "soon")).returncode == 2
        assert (await hallctl(hall, "event", "search", "--code", "xyz")).returncode == 2
