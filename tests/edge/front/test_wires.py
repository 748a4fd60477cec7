"""A scan and a probe asked over HTTP: with the right to act on machines, answered as the field tells it."""

from __future__ import annotations

from edge.seam.messages import ProbeEgm, ScanLine
from tests.edge.front.made_up_hall import AUDITOR, TECHNICIAN, Hall


async def test_a_line_is_scanned_as_asked_for_and_the_findings_come_in_words(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as client:
        told = (await client.post("/api/v1/lines/A/scan?listen=true&general_polls=true&up_to=20")).json()
    assert hall.field.asked == [
        ScanLine(id=hall.field.asked[0].id, line="A", listen=True, general_polls=True, up_to=20)
    ]
    first, damaged, news, chirps = told["found"]
    assert (first["address"], first["serial"], first["percentage"]) == (1, "XA-1234", "92.50")
    assert damaged["duplicate_suspected"]
    assert news["exceptions"] == [{"code": "11", "text": "slot door opened", "real_time": True}]
    assert chirps["chirps"] == 8


async def test_a_machine_is_probed_at_its_place(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as client:
        told = (await client.post("/api/v1/egms/100417/probe")).json()
    assert hall.field.asked == [ProbeEgm(id=hall.field.asked[0].id, line="A", address=1)]
    assert "extended meters (6F, AF)" in told["features"]
    assert told["player_denominations"] == ["0.05", "2.50"]
    assert told["clock"] == "2026-11-24 02:07:30"
    assert told["hopper"] == "coin jam, 20 % full, 340 coins"
    assert told["last_bill"] == "bill of 20, country 37, 12 of them accepted"
    assert told["meters"][0]["value"] == "123456789012345678"


async def test_who_may_only_read_events_may_neither_scan_nor_probe(hall: Hall) -> None:
    async with hall.client(AUDITOR) as client:
        for address in ("/api/v1/lines/A/scan", "/api/v1/egms/100417/probe"):
            assert (await client.post(address)).status_code == 403
    assert hall.field.asked == []


async def test_what_is_not_there_off_line_or_misspelled_is_told_before_the_field_is_asked(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as client:
        for address, status in (
            ("/api/v1/lines/Z/scan", 404),
            ("/api/v1/egms/7/probe", 404),
            ("/api/v1/egms/100418/probe", 409),
            ("/api/v1/lines/A/scan?listen=perhaps", 422),
            ("/api/v1/lines/A/scan?up_to=128", 422),
            ("/api/v1/lines/A/scan?generalpolls=true", 422),
        ):
            answer = await client.post(address)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), address
    assert hall.field.asked == []


async def test_without_the_field_there_is_no_scan(hall: Hall) -> None:
    await hall.seam.close()
    await hall.until_connected(yes=False)
    async with hall.client(TECHNICIAN) as client:
        assert (await client.post("/api/v1/lines/A/scan")).status_code == 503
