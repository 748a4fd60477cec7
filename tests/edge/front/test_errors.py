"""Errors of the data links are counted by kind and machine, and seen wherever one looks (COM-14)."""

from __future__ import annotations

import asyncio

from tests.edge.cli.test_hallctl import hallctl
from tests.edge.front.made_up_hall import TECHNICIAN, Hall, until

COUNTS = {"polls": 9000, "answers": 8970, "misses": 12, "bad_crc": 3, "bad_other": 2, "busy": 5, "nacks": 1, "gaps": 1}


async def bad_day(hall: Hall) -> None:
    """Machine 17 answers badly, 18 misses once; noise on the line."""
    hall.board.update_egm(100417, **COUNTS)
    hall.board.update_egm(100418, misses=1)
    hall.board.update_line("A", polls=9100, stray_bytes=7, reopened=2)
    hall.board.flush(asyncio.get_running_loop().time(), every_s=0)
    await until(lambda: hall.house.front.seam.mirror.lines["A"].stray_bytes == 7)


async def test_a_line_has_what_its_machines_have_and_the_strays_of_its_own(hall: Hall) -> None:
    await bad_day(hall)
    async with hall.client(TECHNICIAN) as client:
        line = (await client.get("/api/v1/lines/A")).json()["line"]
        status = (await client.get("/api/v1/status")).json()
    expected = {"misses": 13, "bad_crc": 3, "bad_other": 2, "busy": 5, "nacks": 1, "gaps": 1, "stray_bytes": 7}
    assert {name: line[name] for name in expected} == expected
    assert line["bad_replies"] == 5
    assert line["answers"] == 8970
    assert status["errors"] == expected


async def test_monitoring_gets_each_kind_by_line_and_by_machine(hall: Hall) -> None:
    await bad_day(hall)
    async with hall.client(TECHNICIAN) as client:
        text = (await client.get("/api/v1/metrics")).text
    for sample in (
        'hall_edge_line_errors_total{line="A",kind="bad_crc"} 3',
        'hall_edge_line_errors_total{line="A",kind="stray_bytes"} 7',
        'hall_edge_line_reopened_total{line="A"} 2',
        'hall_edge_egm_errors_total{asset="100417",line="A",kind="misses"} 12',
        'hall_edge_egm_errors_total{asset="100418",line="A",kind="misses"} 1',
        'hall_edge_egm_errors_total{asset="100417",line="A",kind="nacks"} 1',
        'hall_edge_egm_polls_total{asset="100417",line="A"} 9000',
    ):
        assert f"{sample}\n" in text, sample
    assert text.count("# HELP") == text.count("# TYPE")


async def test_a_technician_sees_them_on_the_terminal(hall: Hall) -> None:
    await bad_day(hall)
    shown = await hallctl(hall, "egm", "show", "17")
    assert "unanswered 12 · bad CRC 3 · damaged otherwise 2 · busy 5 · refused 1" in shown.stdout
    assert "1 times since the start something of it may be missing (HE2106)" in shown.stdout
    listed = await hallctl(hall, "line", "list")
    assert listed.stdout.splitlines()[1].split()[2:11] == ["1/2", "9", "100", "13", "3", "2", "5", "1", "7"]
    status = await hallctl(hall, "status")
    assert "unanswered 13 · bad CRC 3 · damaged 2 · busy 5 · refused 1 · gaps 1 · strays 7" in status.stdout


async def test_where_nothing_is_wrong_the_screen_says_nothing_of_it(hall: Hall) -> None:
    assert "errors" not in (await hallctl(hall, "status")).stdout
