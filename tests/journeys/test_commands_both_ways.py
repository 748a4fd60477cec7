"""Each way in which a command can be wrong, by HTTP and signed through a real broker, against the real field.

COM-13, CM-1, CM-3, CM-4, CM-5, UP-9, UP-11, ID-5, HX-8. Whatever the way, the code is the same and nothing is done.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulators.central.mqtt import Broker
from sync.commands import Command, encode
from tests.harness.processes import listens
from tests.journeys.house import LEFT, RIGHT, House, open_house

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    # Missing is a skip on a developer's box and a failure in CI: see tests/conftest.py.
    if not Path("/usr/sbin/mosquitto").exists():
        pytest.skip("mosquitto is missing: apt install mosquitto")
    if shutil.which("gcc") is None:
        pytest.skip("gcc is missing: apt install gcc; with a clock nobody believes nothing expires")
    with open_house(tmp_path_factory.mktemp("both-ways"), with_mqtt=True) as house:
        yield house


def order(house: House, kind: str, asset: int = LEFT, **more: Any) -> Command:
    return house.order(kind, asset, key_id="central-key-1", **more)


def by_http(house: House, command: Command) -> tuple[str, str]:
    """Status word and text of the answer."""
    answer = house.send(encode(command, house.gateway.command_key.private_bytes_raw()))
    told = answer.json
    return (told["status"], told["text"]) if answer.status in (200, 202) else (answer.slug, told["detail"])


def by_broker(house: House, command: Command, secret: bytes | None = None) -> tuple[str, str]:
    told = asyncio.run(_publish(house, command, secret or house.gateway.command_key.private_bytes_raw()))
    return told.get("code") or told["status"], told.get("text", "")


async def _publish(house: House, command: Command, secret: bytes) -> dict[str, Any]:
    """To our gateway's topic, whatever gateway the envelope names; without a key id it is not signed."""
    prefix = f"hall/v1/{house.gateway.hall_id}/{house.gateway.gateway_id}"
    properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
    properties.ResponseTopic = f"{prefix}/response/{command.kind}"
    properties.CorrelationData = command.command_id.encode()
    raw = encode(command, secret if command.key_id else None)
    async with asyncio.timeout(10), Broker("127.0.0.1", house.broker_port).client(secrets.token_hex(6)) as client:
        await client.subscribe(properties.ResponseTopic, qos=1)
        await client.publish(f"{prefix}/request/{command.kind}", raw, qos=1, properties=properties)
        async for message in client.messages:
            if getattr(message.properties, "CorrelationData", b"") == properties.CorrelationData:
                return dict(json.loads(message.payload if isinstance(message.payload, bytes) else b"{}"))
    raise AssertionError("the broker hung up")


WAYS = (by_http, by_broker)


def inbox(house: House) -> list[tuple[Any, ...]]:
    return house.ask_books("SELECT command_id, finished_at IS NOT NULL FROM inbox ORDER BY entry")


WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("wrong-gateway", {"gateway": "hg-08"}),
    ("wrong-epoch", {"streamid": "0" * 32}),
    ("expired", {}),
    ("wrong-machine", {"body": {"asset": LEFT, "expected_serial": "no-such-serial"}}),
    ("not-found", {"body": {"asset": 999_999}}),
    ("validation", {"body": {"asset": LEFT, "expected_serial": 17}}),
    ("unknown-kind", {"kind": "egm.reboot"}),
)


@pytest.mark.parametrize(("code", "wrong"), WRONG, ids=[code for code, _ in WRONG])
def test_cm_3_cm_4_id_5_a_wrong_command_is_refused_with_the_same_code_by_both_ways(
    house: House, code: str, wrong: dict[str, Any]
) -> None:
    """``wrong-epoch`` is also what a box hears whose stream central does not expect any more (ID-5): it obeys nobody there."""
    before = inbox(house)
    for way in WAYS:
        valid_s = 59 if code == "expired" else 90
        issued_at = datetime.now(UTC) - timedelta(minutes=1)
        command = replace(order(house, "disable", issued_at=issued_at, valid_s=valid_s), **wrong)
        told, text = way(house, command)
        assert told == code
        assert text, "and a sentence"
    assert inbox(house) == before
    assert house.endings(command) == []


def test_cm_4_with_the_right_serial_it_is_done_by_both_ways(house: House) -> None:
    (serial,) = house.ask_books("SELECT serial FROM egms WHERE asset = ?", LEFT)[0]
    for way in WAYS:
        command = order(house, "enable", body={"asset": LEFT, "expected_serial": serial})
        assert way(house, command)[0] == "admitted"
        house.wait("it is done", lambda c=command: house.endings(c) != [])  # type: ignore[misc]  # early binding
        assert house.endings(command)[0]["type"] == "hall.command.done.v1"


def test_up_11_a_command_that_went_one_way_is_known_by_the_other_and_another_content_is_one_incident(
    house: House,
) -> None:
    command = order(house, "enable", RIGHT)
    assert by_http(house, command)[0] == "admitted"
    house.wait("it is done", lambda: house.endings(command) != [])
    # Central restored from its backup: it sends again what it knows of, under a later expiry.
    later = replace(command, expires_at=command.expires_at + timedelta(hours=1))
    for way in WAYS:
        for again in (command, later):
            assert way(house, again)[0] == "repeated"
    other = order(house, "disable", RIGHT, command_id=command.command_id)
    for way in (*WAYS, *WAYS):
        assert way(house, other)[0] == "conflict"
    house.wait_at_central("hall.gateway.incident", 1)
    assert len(house.endings(command)) == 1
    (told,) = house.at_central("hall.gateway.incident")
    assert (told["data"]["slug"], told["data"]["facts"]["command_id"]) == ("conflict", command.command_id)
    house.do(RIGHT, "bill", 5)
    assert house.can_be_played(RIGHT), "the other content was not carried out"


def test_hx_8_a_forged_command_over_the_broker_is_refused_by_name_and_nothing_is_done(house: House) -> None:
    """Whoever may publish below our prefix is not central yet: neither a key of his own nor a borrowed one helps him."""
    before = inbox(house)
    foreign = Ed25519PrivateKey.generate().private_bytes_raw()
    command = order(house, "disable", RIGHT)
    forged = {
        "his key under central's name": by_broker(house, command, foreign)[0],
        "a key nobody knows": by_broker(house, replace(command, key_id="his-key"), foreign)[0],
        "no signature": by_broker(house, house.order("disable", RIGHT))[0],
        "meant for another gateway": by_broker(house, replace(command, gateway="hg-08"))[0],
    }
    assert forged == {
        "his key under central's name": "bad-signature",
        "a key nobody knows": "unsigned",
        "no signature": "unsigned",
        "meant for another gateway": "wrong-gateway",
    }
    assert inbox(house) == before
    assert house.endings(command) == []


def test_hx_8_up_9_a_lower_term_is_refused_by_both_ways_once_a_higher_one_has_spoken(house: House) -> None:
    assert by_broker(house, order(house, "enable", term=7))[0] == "admitted"
    for way in WAYS:
        assert way(house, order(house, "disable", term=6))[0] == "stale-term"
    # The instance that took over goes on; the tests after this one speak as it does.
    assert by_http(house, order(house, "enable", term=7))[0] == "admitted"


def test_up_9_of_two_centrals_that_both_command_at_once_only_the_one_of_the_higher_term_is_obeyed(house: House) -> None:
    """The old instance does not know that it was replaced, and goes on over one road while the new one uses the other."""
    secret = house.gateway.command_key.private_bytes_raw()
    assert by_http(house, order(house, "enable", RIGHT, term=7))[0] == "admitted"
    old = [order(house, "disable", RIGHT, term=6) for _ in range(8)]
    new = [order(house, "enable", RIGHT, term=7) for _ in range(8)]
    with ThreadPoolExecutor(2) as both:
        refused = both.submit(lambda: [by_broker(house, command, secret)[0] for command in old])
        taken = both.submit(lambda: [by_http(house, command)[0] for command in new])
        assert refused.result(30) == ["stale-term"] * 8
        assert taken.result(30) == ["admitted"] * 8
    house.wait("all have ended", lambda: all(house.endings(command) for command in new))
    assert [house.endings(command) for command in old] == [[]] * 8
    assert house.can_be_played(RIGHT)


def test_cm_5_ten_times_more_than_a_machine_takes_are_told_to_come_again_and_what_was_taken_is_done_in_order(
    house: House,
) -> None:
    house.ask_hall(op="do", asset=RIGHT, what="power_off")
    house.wait("its link is down", lambda: house.at_central("hall.egm.link.down", asset=RIGHT) != [])
    commands = [order(house, "enable", RIGHT, term=7) for _ in range(320)]
    with ThreadPoolExecutor(4) as senders:
        secret = house.gateway.command_key.private_bytes_raw()
        answers = list(senders.map(lambda command: house.send(encode(command, secret)), commands))
    taken = [c for c, answer in zip(commands, answers, strict=True) if answer.status == 202]
    refused = [answer for answer in answers if answer.status != 202]
    assert len(taken) == 32, Counter((answer.status, answer.slug) for answer in refused)
    assert {(answer.status, answer.slug) for answer in refused} == {(429, "inbox-full")}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert by_broker(house, order(house, "enable", RIGHT, term=7))[0] == "inbox-full"
    assert by_broker(house, taken[0])[0] == "repeated", "what was taken is known though it is full"

    house.ask_hall(op="do", asset=RIGHT, what="power_on")
    ids = [command.command_id for command in taken]
    house.wait("all have ended", lambda: all(ended for one, ended in inbox(house) if one in ids), within_s=30)
    admitted = [one for one, _ in inbox(house) if one in ids]
    house.wait("central has them", lambda: len(house.at_central("hall.command.done.v1", asset=RIGHT)) >= 32)
    ended = [e["data"]["command_id"] for e in house.at_central("hall.command.") if e["data"]["command_id"] in ids]
    assert ended == admitted


def test_cm_1_after_a_restart_and_after_it_was_forgotten_an_old_command_does_nothing(house: House) -> None:
    command = order(house, "enable", term=7)
    assert by_http(house, command)[0] == "admitted"
    house.wait("it is done", lambda: house.endings(command) != [])
    field = house.processes["field"]
    assert field.stop() == 0
    # As the inbox's upkeep leaves it 400 days later.
    with sqlite3.connect(house.gateway.state / "hall.db") as db:
        db.execute("UPDATE inbox_watermark SET min_issued_at = ?", (_later(command.issued_at),))
        db.execute("DELETE FROM inbox WHERE command_id = ?", (command.command_id,))
    db.close()
    field.start()
    house.wait("the field polls", house.polls)
    house.wait("the front has it again", lambda: house.ask("/api/v1/readyz").status == 200)
    house.wait("the broker still listens", lambda: listens(house.broker_port))
    for way in WAYS:
        assert way(house, command)[0] == "too-old"
    assert len(house.endings(command)) == 1
    assert house.faults() == []


def _later(at: datetime) -> str:
    return (at + timedelta(milliseconds=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
