"""Setting a consumer back over HTTP and from the box: with a scope of its own, strictly read, told in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from edge.clock import ManualClock
from sync import rewinding
from tests.edge.cli.test_hallctl import hallctl
from tests.edge.front.made_up_hall import AUDITOR, CENTRAL, NIGHT, STREAM, Hall, made_up_hall

REWIND = "/api/v1/consumers/central-1/rewind"
ASIDE = "/api/v1/consumers/central-1/set-aside"


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    """Three doors; central-1 has confirmed two of them."""
    async with made_up_hall(tmp_path) as made:
        for _ in range(3):
            await made.open_door()
        async with made.client(CENTRAL) as central:
            page = (await central.get("/api/v1/events", params={"limit": 2})).json()
            await central.post("/api/v1/consumers/central-1/ack", json=page["next"])
        yield made


async def test_central_s_own_key_may_confirm_but_not_go_back(hall: Hall) -> None:
    for key in (CENTRAL, AUDITOR):
        async with hall.client(key) as client:
            assert (await client.post(REWIND, json={"to": "oldest"})).status_code == 403
            assert (await client.post(ASIDE, json={"sequence": 3, "comment": "x"})).status_code == 403


async def test_up_10_from_the_box_a_consumer_is_set_back_and_gets_it_all_again(hall: Hall) -> None:
    async with hall.client(CENTRAL) as central, hall.local() as person:
        first = (await central.get("/api/v1/events", params={"after": "oldest"})).content
        told = (await person.post(REWIND, json={"to": "oldest", "comment": "restored"})).json()
        assert (told["moved"], told["cursor"]["sequence"]) == (True, 0)
        assert (await central.get("/api/v1/events")).content == first
        asked = hall.field.asked[-1]
        assert (asked.consumer, asked.comment) == ("central-1", "restored")
        assert asked.principal


@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        ({"to": {"streamid": STREAM, "sequence": 3, "sha256": "0" * 64}}, 409, "chain-mismatch"),
        ({"to": {"streamid": STREAM, "sequence": 4, "sha256": "0" * 64}}, 416, "ack-beyond-head"),
        ({"to": {"streamid": "0" * 32, "sequence": 1, "sha256": "0" * 64}}, 409, "epoch-changed"),
        ({"to": "now"}, 422, "validation"),
        ({"to": 1}, 422, "validation"),
        ({}, 422, "validation"),
        ({"to": "oldest", "comment": "x" * 401}, 422, "validation"),
        ({"to": "oldest", "force": True}, 422, "validation"),
    ],
)
async def test_a_way_back_that_cannot_be_is_refused(
    hall: Hall, body: dict[str, object], status: int, name: str
) -> None:
    async with hall.local() as person, hall.client(CENTRAL) as central:
        answer = await person.post(REWIND, json=body)
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:hall-edge:problem:{name}")
        assert [one["behind"] for one in (await central.get("/api/v1/consumers")).json()["consumers"]] == [1]


async def test_up_14_only_the_record_at_which_it_stands_is_set_aside_and_with_a_reason(hall: Hall) -> None:
    async with hall.local() as person:
        for wrong in ({"sequence": 2, "comment": "x"}, {"sequence": 4, "comment": "x"}):
            answer = await person.post(ASIDE, json=wrong)
            assert (answer.status_code, answer.json()["code"]) == (409, "HE4022")
        assert (await person.post(ASIDE, json={"sequence": 3, "comment": ""})).status_code == 422
        assert (await person.post(ASIDE, json={"sequence": 3})).status_code == 422
        told = (await person.post(ASIDE, json={"sequence": 3, "comment": "central breaks on it"})).json()
        assert (told["moved"], told["cursor"]["sequence"]) == (True, 3)


async def test_consumers_are_listed_set_back_and_led_past_a_record_from_the_box(hall: Hall) -> None:
    listed = await hallctl(hall, "consumer", "list")
    assert [line.split()[:4] for line in listed.stdout.splitlines()[1:]] == [
        ["auditor", "no", "0", "3"],
        ["central-1", "yes", "2", "1"],
    ]
    aside = await hallctl(hall, "consumer", "set-aside", "central-1", "3", "--comment", "central breaks on it")
    assert (aside.returncode, aside.stdout) == (0, "Delivery to central-1 goes on behind record 3.\n")
    back = await hallctl(hall, "consumer", "rewind", "central-1", "--to", "oldest", "--comment", "restored")
    assert "central-1 was set back from record 3 to 0" in back.stdout
    again = await hallctl(hall, "consumer", "rewind", "central-1", "--to", "oldest")
    assert "stands at record 0 already" in again.stdout
    vague = await hallctl(hall, "consumer", "rewind", "central-1", "--to", "1")
    assert (vague.returncode, "--to NUMBER --sha256" in vague.stderr) == (2, True)
    nobody = await hallctl(hall, "consumer", "rewind", "nobody", "--to", "oldest")
    assert (nobody.returncode, "hallctl consumer list" in nobody.stderr) == (5, True)
    assert (await hallctl(hall, "consumer", "set-aside", "central-1", "1")).returncode == 2  # why is not said


async def test_com_03_status_says_who_keeps_old_records_from_leaving_and_since_when(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hall.local() as person:
        assert (await person.get("/api/v1/status")).json()["retention_held"] is None
        later = NIGHT + timedelta(days=91)
        monkeypatch.setattr(hall.house.front, "clock", ManualClock(later))
        held = {"consumer": "central-1", "since": "2026-11-23T00:11:07.320Z", "oldest": "2026-11-23T00:11:07.320Z"}
        # It has two of three, and the two are still here: what is lacked is older than all that could leave.
        assert (await person.get("/api/v1/status")).json()["retention_held"] is None
        await hall.writer.run(lambda tx: rewinding.rewind(tx, "central-1", None))
        assert (await person.get("/api/v1/status")).json()["retention_held"] == held
    shown = await hallctl(hall, "status")
    assert "nothing is deleted by age: central-1 lacks old records (last heard 2026-11-23)" in shown.stdout
