"""A command arrives: said yes to once, refused with a code, ended by exactly one event; over a restart as well (COM-13)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.field.commands.dispatch import CommandKey, Via
from edge.health.room import Level
from edge.health.shedding import Shedding
from edge.seam.messages import Admitted
from sync import inbox
from sync.commands import Command, encode, parse
from tests.edge.field.books import STREAM
from tests.edge.field.small_hall import SmallHall, opened

PLACES = {"A": [17], "B": [18]}
SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_SECRET = bytes(range(1, 33))
KEY = CommandKey("central-key-1", SECRET.public_key().public_bytes_raw(), "central-1")


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[SmallHall]:
    async with opened(tmp_path, PLACES, keys=[KEY]) as hall:
        yield hall


def command(hall: SmallHall, kind: str = "egm.disable", command_id: str = "c-1", **more: Any) -> Command:
    now = hall.books.clock.wall()
    made = Command("central-1", 3, command_id, "hg-07", STREAM, now, now + timedelta(minutes=1), kind, {"asset": 17})
    return replace(made, **more)


async def admit(hall: SmallHall, given: Command | bytes, via: Via = "http") -> Admitted:
    raw = given if isinstance(given, bytes) else encode(given)
    return await hall.dispatch.admit(raw, via)


def endings(hall: SmallHall) -> list[tuple[str, str]]:
    return [(e["data"]["command_id"], e["type"].split(".")[2]) for e in hall.books.events("hall.command.")]


def inbox_of(hall: SmallHall) -> list[tuple[str, bool]]:
    """Id and whether it has an outcome."""
    return hall.books.ask("SELECT command_id, result IS NOT NULL FROM inbox ORDER BY entry")


def asked(hall: SmallHall, code: str, since: float) -> int:
    """How often this long poll left for machine 17."""
    return sum(data.startswith(f"01 {code}") for data in hall.sent("A", since))


async def test_a_command_is_admitted_done_and_told_by_one_event(hall: SmallHall) -> None:
    await hall.up(17, 18)
    answer = await admit(hall, command(hall))
    assert (answer.status, answer.command_id) == ("admitted", "c-1")
    assert inbox_of(hall) == [("c-1", False)], "on disk before anybody hears yes"

    await hall.go(2, lambda: inbox_of(hall) == [("c-1", True)])
    assert not hall.machine(17).egm.machine.is_enabled
    assert hall.machine(18).egm.machine.is_enabled
    assert hall.board.egms[17].enabled is False
    assert endings(hall) == [("c-1", "done")]
    (event,) = hall.books.events("hall.command.")
    assert event["data"] == {
        "central": "central-1", "command_id": "c-1", "kind": "egm.disable", "asset": 17, "result": {"outcome": "done"},
    }  # fmt: skip
    ((result,),) = hall.books.ask("SELECT result FROM inbox")
    assert json.loads(result) == {"event": event["id"], "type": "hall.command.done.v1"}


@pytest.mark.parametrize(
    ("kind", "code"), [("egm.enable", "02"), ("egm.disable", "01"), ("egm.clock.set", "7F"), ("egm.meters.read", "6F")]
)
async def test_each_kind_asks_its_poll_once(hall: SmallHall, kind: str, code: str) -> None:
    await hall.up(17, 18)
    began = hall.now
    await admit(hall, command(hall, kind))
    await hall.go(3, lambda: endings(hall) == [("c-1", "done")])
    assert asked(hall, code, began) == 1


async def test_meters_read_on_command_are_a_snapshot_that_says_so_just_before_the_end(hall: SmallHall) -> None:
    await hall.up(17, 18)
    await admit(hall, command(hall, "egm.meters.read"))
    await hall.go(3, lambda: endings(hall) == [("c-1", "done")])
    snapshot, done = hall.books.events()[-2:]
    assert (snapshot["type"], snapshot["data"]["reason"]) == ("hall.egm.meters.snapshot.v1", "command")
    assert done["type"] == "hall.command.done.v1"


async def test_the_same_command_again_gets_the_first_one_s_result_and_does_nothing(hall: SmallHall) -> None:
    await hall.up(17, 18)
    first = command(hall)
    await admit(hall, first)
    early = await admit(hall, first)
    assert (early.status, early.result) == ("repeated", None), "not done yet"
    await hall.go(2, lambda: endings(hall) == [("c-1", "done")])

    began = hall.now
    again = await admit(hall, replace(first, expires_at=first.expires_at + timedelta(hours=1)))
    assert again.status == "repeated"
    assert again.result is not None
    assert again.result["event"] == hall.books.events("hall.command.")[0]["id"]
    await hall.go(1)
    assert asked(hall, "01", began) == 0
    assert endings(hall) == [("c-1", "done")]


async def test_two_copies_in_one_instant_are_one_command(hall: SmallHall) -> None:
    await hall.up(17, 18)
    began = hall.now
    answers = await asyncio.gather(*(admit(hall, command(hall)) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == ["admitted", *["repeated"] * 4]
    await hall.go(2)
    assert asked(hall, "01", began) == 1
    assert endings(hall) == [("c-1", "done")]


async def test_a_known_id_with_another_content_is_a_conflict(hall: SmallHall) -> None:
    await admit(hall, command(hall))
    assert (await admit(hall, command(hall, "egm.enable"))).status == "conflict"
    assert inbox_of(hall) == [("c-1", False)]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"gateway": "hg-08"}, "wrong-gateway"),
        ({"streamid": "0" * 32}, "wrong-epoch"),
        ({"kind": "egm.reboot"}, "unknown-kind"),
        ({"body": {}}, "validation"),
        ({"body": {"asset": "17"}}, "validation"),
        ({"body": {"asset": 0}}, "validation"),
        ({"body": {"asset": 17, "force": True}}, "validation"),
        ({"body": {"asset": 404}}, "not-found"),
    ],
)
async def test_what_is_not_for_us_or_makes_no_sense_is_refused_with_its_code(
    hall: SmallHall, changed: dict[str, Any], status: str
) -> None:
    before = hall.books.ask("SELECT max(position) FROM log")
    answer = await admit(hall, command(hall, **changed))
    assert answer.status == status
    assert answer.text, "and a sentence"
    assert hall.dispatch.refused == {status: 1}
    assert inbox_of(hall) == []
    assert hall.books.ask("SELECT max(position) FROM log") == before
    assert hall.desk.depth(17) == 0


async def test_a_command_is_too_late_at_the_very_instant_it_expires(hall: SmallHall) -> None:
    late = command(hall)
    hall.books.clock.advance(60)
    assert (await admit(hall, late)).status == "expired"
    assert inbox_of(hall) == []


async def test_a_central_of_a_lower_term_is_refused_after_a_higher_one_has_spoken(hall: SmallHall) -> None:
    await admit(hall, command(hall, term=4))
    assert (await admit(hall, command(hall, command_id="c-2", term=3))).status == "stale-term"
    assert (await admit(hall, command(hall, command_id="c-3", term=4))).status == "admitted"
    other = command(hall, command_id="c-4", term=1, central="central-2")
    assert (await admit(hall, other)).status == "admitted", "terms are counted per central"


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"kind":"egm.disable"}', b'{"term":1.5}', b"[" * 10_000, b'{"a":1,"a":1}'],
    ids=["empty", "cut", "list", "not-utf-8", "members-missing", "float", "deep", "twice"],
)
async def test_what_is_no_command_is_malformed_and_leaves_no_trace(hall: SmallHall, raw: bytes) -> None:
    answer = await admit(hall, raw)
    assert answer.status == "malformed"
    assert answer.command_id is None
    assert inbox_of(hall) == []


async def test_over_a_broker_only_a_signature_that_holds_is_listened_to(hall: SmallHall) -> None:
    unsigned = command(hall)
    assert (await admit(hall, unsigned, "mqtt")).status == "unsigned"
    keyed = command(hall, key_id="central-key-1")
    forged = encode(keyed, OTHER_SECRET)
    assert (await admit(hall, forged, "mqtt")).status == "bad-signature"
    changed = encode(keyed, SECRET.private_bytes_raw()).replace(b'"asset":17', b'"asset":18')
    assert (await admit(hall, changed, "mqtt")).status == "bad-signature"
    unknown = encode(command(hall, key_id="central-key-9"), SECRET.private_bytes_raw())
    assert (await admit(hall, unknown, "mqtt")).status == "unsigned"
    stolen = encode(command(hall, key_id="central-key-1", central="central-2"), SECRET.private_bytes_raw())
    assert (await admit(hall, stolen, "mqtt")).status == "unsigned", "the key of another central"
    assert inbox_of(hall) == []

    assert (await admit(hall, encode(keyed, SECRET.private_bytes_raw()), "mqtt")).status == "admitted"
    assert inbox_of(hall) == [("c-1", False)]


async def test_a_command_that_expires_while_its_machine_is_down_ends_as_expired(hall: SmallHall) -> None:
    hall.machine(17).plugged = False
    began = hall.now
    await hall.up(18)
    await admit(hall, command(hall))
    await hall.go(61)
    assert endings(hall) == [("c-1", "expired")]
    assert inbox_of(hall) == [("c-1", True)]
    hall.machine(17).plugged = True
    await hall.go(60, lambda: hall.hearing.seats[17].up)
    await hall.go(2)
    assert asked(hall, "01", began) == 0, "it was never sent"
    assert endings(hall) == [("c-1", "expired")]


async def test_a_machine_that_comes_back_in_time_is_told_after_who_it_is(hall: SmallHall) -> None:
    hall.machine(17).plugged = False
    await hall.up(18)
    await admit(hall, command(hall))
    await hall.go(20)
    assert endings(hall) == []
    hall.machine(17).plugged = True
    await hall.go(30, lambda: endings(hall) == [("c-1", "done")])
    kinds = hall.books.kinds()
    assert kinds.index("command.done") > kinds.index("egm.link.up")


async def test_a_machine_that_says_no_ends_the_command_as_failed_with_its_word(hall: SmallHall) -> None:
    await hall.up(17, 18)
    hall.machine(17).egm.answers.refused_polls.add(0x01)
    await admit(hall, command(hall))
    await hall.go(3, lambda: endings(hall) == [("c-1", "failed")])
    assert hall.books.events("hall.command.")[0]["data"]["error"] == "refused"
    assert hall.board.egms[17].enabled is None


async def test_a_machine_with_a_full_desk_takes_no_more_and_central_is_told(hall: SmallHall) -> None:
    for number in range(32):
        assert (await admit(hall, command(hall, command_id=f"c-{number}"))).status == "admitted"
    assert (await admit(hall, command(hall, command_id="c-99"))).status == "inbox-full"
    assert (await admit(hall, command(hall, command_id="c-100", body={"asset": 18}))).status == "admitted"
    assert len(inbox_of(hall)) == 33


async def test_all_machines_together_have_a_bound_too(hall: SmallHall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.field.commands.dispatch.OPEN_MAX", 2)
    assert (await admit(hall, command(hall))).status == "admitted"
    assert (await admit(hall, command(hall, command_id="c-2", body={"asset": 18}))).status == "admitted"
    assert (await admit(hall, command(hall, command_id="c-3"))).status == "inbox-full"
    await hall.go(20, lambda: len(endings(hall)) == 2)
    assert (await admit(hall, command(hall, command_id="c-3"))).status == "admitted"


async def test_a_command_of_money_is_refused_while_room_is_critical_and_no_other(
    hall: SmallHall, monkeypatch: pytest.MonkeyPatch
) -> None:
    shedding = Shedding(hall.books.clock.monotonic)
    hall.dispatch._no_room = shedding.refuses
    monkeypatch.setattr("edge.health.shedding.MONEY_COMMANDS", frozenset({"egm.disable", "egm.meters.decide"}))
    levels: tuple[Level, ...] = ("ok", "short", "critical", "full")
    for number, level in enumerate(levels):
        shedding.level = level
        answers = [
            (await admit(hall, command(hall, kind, f"{kind}-{number}"))).status
            for kind in ("egm.disable", "egm.enable")
        ]
        assert answers == ["room-critical" if level in ("critical", "full") else "admitted", "admitted"]
    # What was here before gets its answer whatever the room is; a decision needs no machine and is looked at all the same.
    assert (await admit(hall, command(hall, "egm.disable", "egm.disable-0"))).status == "repeated"
    decide = command(
        hall, "egm.meters.decide", "d-1", body={"asset": 17, "review": 1, "choice": "none", "comment": "seen"}
    )
    assert hall.dispatch.orders["egm.meters.decide"].body(decide.body) is None
    assert (await admit(hall, decide)).status == "room-critical"
    shedding.level = "ok"
    assert (await admit(hall, command(hall, "egm.disable", "egm.disable-3"))).status == "admitted", (
        "nothing of it stayed"
    )


async def test_after_a_restart_an_open_command_is_done_and_only_once(tmp_path: Path) -> None:
    async with opened(tmp_path, PLACES) as hall:
        await admit(hall, command(hall))  # admitted in the silence after the start; then the gateway dies
        wires = hall.wires
    async with opened(tmp_path, PLACES, wires=wires, later_s=10) as hall:
        began = hall.now
        await hall.go(20, lambda: endings(hall) == [("c-1", "done")])
        assert asked(hall, "01", began) == 1
    async with opened(tmp_path, PLACES, wires=wires, later_s=40) as hall:
        began = hall.now
        await hall.up(17, 18)
        await hall.go(1)
        assert asked(hall, "01", began) == 0
        assert endings(hall) == [("c-1", "done")]


async def test_after_a_restart_that_took_too_long_it_is_expired_and_not_sent(tmp_path: Path) -> None:
    async with opened(tmp_path, PLACES) as hall:
        await admit(hall, command(hall))
        wires = hall.wires
    async with opened(tmp_path, PLACES, wires=wires, later_s=90) as hall:
        began = hall.now
        await hall.up(17, 18)
        assert endings(hall) == [("c-1", "expired")]
        assert asked(hall, "01", began) == 0


async def test_an_open_command_whose_machine_is_no_longer_here_ends_and_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, PLACES) as hall:
        await admit(hall, command(hall))

        def retire(tx: Any) -> None:
            tx.execute("UPDATE egms SET enrolled = 0 WHERE asset = 17")

        await hall.books.journal.write(retire)
        wires = hall.wires
    async with opened(tmp_path, {"B": [18]}, wires=wires, later_s=10) as hall:
        await hall.up(18)
        assert endings(hall) == [("c-1", "failed")]
        assert hall.books.events("hall.command.")[0]["data"]["error"] == "not-found"
        assert inbox_of(hall) == [("c-1", True)]


async def test_an_open_command_of_a_kind_this_version_lacks_ends_and_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, PLACES) as hall:
        later_version = parse(encode(command(hall, "hall.lights.off", body={})))
        await hall.books.journal.write(
            lambda tx: inbox.admit(tx, later_version, gateway="hg-07", now=hall.books.clock.wall())
        )
        wires = hall.wires
    async with opened(tmp_path, PLACES, wires=wires) as hall:
        await hall.settle()
        (event,) = hall.books.events("hall.command.")
        assert (event["subject"], event["data"]["error"]) == ("command/c-1", "unknown-kind")
        assert inbox_of(hall) == [("c-1", True)]
