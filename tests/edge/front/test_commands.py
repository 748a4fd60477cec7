"""Commands are handed on as they came; the field decides."""

import pytest

from tests.edge.front.made_up_hall import CENTRAL, Hall


async def test_a_command_is_handed_on_byte_for_byte_with_who_asked(hall: Hall) -> None:
    body = b'{"kind": "egm.disable",  "body":{"asset":100417}}'
    async with hall.client(CENTRAL) as central:
        answer = await central.post("/api/v1/commands", content=body)
    assert answer.status_code == 202
    assert answer.json()["command_id"] == "c-17"
    assert answer.headers["location"] == "/api/v1/commands/c-17"
    (asked,) = hall.field.asked
    assert (asked.command.encode(), asked.via, asked.principal) == (body, "http", "key:central")


async def test_over_the_control_socket_the_user_stands_in_it(hall: Hall) -> None:
    async with hall.local() as client:
        assert (await client.post("/api/v1/commands", content=b"{}")).status_code == 202
    assert hall.field.asked[0].via == "socket"
    assert hall.field.asked[0].principal.startswith("unix:")


async def test_the_same_command_again_is_told_so(hall: Hall) -> None:
    hall.field.admits = "repeated"
    async with hall.client(CENTRAL) as central:
        answer = await central.post("/api/v1/commands", content=b"{}")
    assert (answer.status_code, answer.json()["status"]) == (200, "repeated")


@pytest.mark.parametrize(
    ("decided", "status"),
    [
        ("conflict", 409),
        ("expired", 409),
        ("wrong-epoch", 409),
        ("stale-term", 409),
        ("too-old", 409),
        ("wrong-gateway", 409),
        ("wrong-machine", 409),
        ("malformed", 400),
        ("unknown-kind", 400),
    ],
)
async def test_a_refused_command_is_a_problem_with_the_fields_reason(hall: Hall, decided: str, status: int) -> None:
    hall.field.admits = decided
    async with hall.client(CENTRAL) as central:
        answer = await central.post("/api/v1/commands", content=b"{}")
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:hall-edge:problem:{decided}")


async def test_cm_5_a_full_inbox_is_told_with_a_time_to_come_again(hall: Hall) -> None:
    hall.field.admits = "inbox-full"
    async with hall.client(CENTRAL) as central:
        answer = await central.post("/api/v1/commands", content=b"{}")
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:hall-edge:problem:inbox-full")
    assert int(answer.headers["retry-after"]) >= 1


async def test_what_is_too_long_or_no_text_never_reaches_the_field(hall: Hall) -> None:
    async with hall.client(CENTRAL) as central:
        assert (await central.post("/api/v1/commands", content=b"x" * 65_537)).status_code == 413
        assert (await central.post("/api/v1/commands", content=b"\xff\xfe")).status_code == 400
    assert hall.field.asked == []


async def test_a_command_can_be_asked_for_later(hall: Hall) -> None:
    async with hall.client(CENTRAL) as central:
        assert (await central.get("/api/v1/commands/c-17")).json()["state"] == "open"
        assert (await central.get("/api/v1/commands/other")).status_code == 404
