"""Bad input from every side: each gets its coded error or is counted, and the books do not change.

What the catalogue has a kind for (an unknown exception, chatter on a line) is an event of that kind and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.commands import Command, encode
from tests.journeys.bad_machine import BadMachine, Spoiler, cut_short, damaged, of_another, with_nibble_a
from tests.journeys.house import FLOOR, LEFT, Answer, House

BAD = 666_001
SNAPSHOT = "hall.egm.meters.snapshot"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def bad() -> Iterator[BadMachine]:
    machine = BadMachine(BAD)
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, bad: BadMachine) -> Iterator[House]:
    directory: Path = tmp_path_factory.mktemp("bad-input")
    floor = directory / "floor.toml"
    floor.write_text(FLOOR, encoding="utf-8")
    house = House(directory / "stage", str(floor), with_mqtt=False, meters_every_s=900, beside=bad.tables)
    try:
        house.open()
        house.wait_for_machines(BAD, LEFT)
        yield house
    finally:
        house.close()


# the books as they stand ---------------------------------------------------------------------------------------------


def books_of(house: House) -> dict[str, Any]:
    """Head of the log, cursors, inbox, meters, registry: everything that must not move."""

    def digest(sql: str) -> str:
        return hashlib.sha256(repr(house.ask_books(sql)).encode()).hexdigest()[:16]

    return {
        "head": house.ask_books("SELECT max(position) FROM log")[0][0],
        "cursors": house.ask_books("SELECT name, position, hex(chain) FROM consumers ORDER BY name"),
        "inbox": house.ask_books("SELECT command_id, result FROM inbox ORDER BY entry"),
        "terms": house.ask_books("SELECT central, term FROM inbox_terms"),
        "meters": digest("SELECT series, value, width, suspect_value FROM meter_last ORDER BY series"),
        "readings": digest("SELECT * FROM meter_readings ORDER BY snapshot, series"),
        "egms": digest("SELECT * FROM egms ORDER BY asset"),
        "last": house.ask_books("SELECT asset, code, sequence FROM last_exceptions ORDER BY asset"),
    }


def at_rest(house: House) -> dict[str, Any]:
    """The same once central has confirmed what is there, so that its own cursor stands still."""

    def confirmed() -> bool:
        ((cursor, head),) = house.ask_books("SELECT min(position), (SELECT max(position) FROM log) FROM consumers")
        return bool(cursor == head)

    house.wait("central has confirmed all", confirmed)
    return books_of(house)


@pytest.fixture
def unmoved(house: House) -> Iterator[None]:
    """After the test everything in the books is as it was before."""
    before = at_rest(house)
    yield
    assert books_of(house) == before


def refused(answer: Answer, status: int, slug: str) -> None:
    """A problem document with code and remedy."""
    assert (answer.status, answer.slug) == (status, slug), answer.body
    told = answer.json
    assert told["code"].startswith("HE")
    assert told["title"]
    assert told["fix"]
    assert told["status"] == status


# who is asking -------------------------------------------------------------------------------------------------------

ROUTES = (
    ("GET", "/api/v1/events?consumer=central-1"), ("POST", "/api/v1/consumers/central-1/ack"),
    ("POST", "/api/v1/commands"), ("GET", "/api/v1/status"), ("GET", "/api/v1/egms"), ("GET", "/api/v1/lines"),
)  # fmt: skip


@pytest.mark.usefixtures("unmoved")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_key_nothing_is_told_and_nothing_done(house: House, method: str, path: str) -> None:
    body = b"{}" if method == "POST" else None
    refused(house.ask(path, method=method, body=body, key=""), 401, "unauthenticated")
    refused(house.ask(path, method=method, body=body, key=f"hek_stranger{len(path)}_" + "0" * 52), 401, "unauthenticated")


@pytest.mark.usefixtures("unmoved")
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/v1/commands"), ("POST", "/api/v1/consumers/central-1/ack")]
)
def test_a_key_without_the_scope_may_not(house: House, method: str, path: str) -> None:
    body = encode(house.order("disable")) if "commands" in path else b"{}"
    refused(house.ask(path, method=method, body=body, key=house.gateway.person_key), 403, "forbidden")


# cursors -------------------------------------------------------------------------------------------------------------


def true_cursor(house: House) -> dict[str, Any]:
    return dict(house.ask("/api/v1/events?consumer=central-1&after=now").json["head"])


Change = Callable[[dict[str, Any]], dict[str, Any]]
WRONG_CURSORS: tuple[tuple[str, Change, int, str], ...] = (
    ("from the future", lambda c: {**c, "sequence": c["sequence"] + 1000}, 416, "ack-beyond-head"),
    ("of another stream", lambda c: {**c, "streamid": "0" * 32}, 409, "epoch-changed"),
    ("with another hash", lambda c: {**c, "sha256": "0" * 64}, 409, "chain-mismatch"),
    ("with an older place's hash", lambda c: {**c, "sequence": c["sequence"] - 1}, 409, "chain-mismatch"),
    ("with a number as text", lambda c: {**c, "sequence": str(c["sequence"])}, 422, "validation"),
    ("with one member more", lambda c: {**c, "force": True}, 422, "validation"),
    ("with one member less", lambda c: {"streamid": c["streamid"], "sequence": c["sequence"]}, 422, "validation"),
)


@pytest.mark.parametrize(("change", "status", "slug"), [w[1:] for w in WRONG_CURSORS], ids=[w[0] for w in WRONG_CURSORS])
def test_up_8_a_wrong_acknowledgement_moves_no_cursor(house: House, change: Change, status: int, slug: str) -> None:
    before = at_rest(house)
    wrong = json.dumps(change(true_cursor(house))).encode()
    refused(house.ask("/api/v1/consumers/central-1/ack", method="POST", body=wrong), status, slug)
    # A claim that cannot be true is told as an incident, once an hour; central confirms that record like any other.
    after = at_rest(house)
    told = house.ask_books(
        "SELECT json_extract(CAST(body AS TEXT), '$.type'), json_extract(CAST(body AS TEXT), '$.data.slug') "
        f"FROM log WHERE position > {before['head']}"
    )
    assert told in ([], [("hall.gateway.incident.v1", slug)])
    assert slug in ("ack-beyond-head", "chain-mismatch") or not told
    for moved in ("head", "cursors"):
        del before[moved], after[moved]
    assert after == before
    assert house.ask_books("SELECT count(*) FROM epochs") == [(1,)]


@pytest.mark.usefixtures("unmoved")
def test_a_page_after_what_was_never_made_is_refused(house: House) -> None:
    at = true_cursor(house)
    feed = "/api/v1/events?consumer=central-1"
    refused(house.ask(f"{feed}&streamid={at['streamid']}&after={at['sequence'] + 1}"), 416, "ack-beyond-head")
    refused(house.ask(f"{feed}&streamid={'0' * 32}&after=1"), 409, "epoch-changed")
    refused(house.ask(f"{feed}&after=1"), 422, "validation")
    refused(house.ask(f"{feed}&streamid=xyz&after=1"), 422, "validation")
    refused(house.ask(f"{feed}&limit=-1"), 422, "validation")
    refused(house.ask("/api/v1/events?consumer=nobody"), 404, "not-found")


# commands ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unmoved")
@pytest.mark.parametrize(
    ("more", "status", "slug"),
    [
        ({"valid_s": 0.001}, 409, "expired"),
        ({"streamid": "0" * 32}, 409, "wrong-epoch"),
        ({"body": {"asset": 999_999}}, 404, "not-found"),
        ({"body": {"asset": "all"}}, 422, "validation"),
        ({"kind": "egm.reboot"}, 400, "unknown-kind"),
    ],
)
def test_a_command_that_cannot_be_taken_is_refused_with_its_code(
    house: House, more: dict[str, Any], status: int, slug: str
) -> None:
    if slug == "expired" and house.gateway.clock_library is None:
        pytest.skip("gcc is missing: apt install gcc; with a clock nobody believes nothing expires")
    kind = more.pop("kind", "disable")
    refused(house.send(house.order(kind, **more)), status, slug)


@pytest.mark.usefixtures("unmoved")
@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[1]", b'{"kind":"egm.disable"}', b"\x00" * 100_000])
def test_what_is_no_command_is_malformed(house: House, raw: bytes) -> None:
    answer = house.send(raw)
    assert answer.status in (400, 413), answer.body
    assert answer.json["code"].startswith("HE")
    assert answer.json["fix"]


@pytest.mark.usefixtures("unmoved")
def test_a_command_for_another_gateway_is_refused(house: House) -> None:
    raw = encode(house.order("disable")).replace(b'"gateway":"hg-07"', b'"gateway":"hg-08"')
    answer = house.send(raw)
    assert answer.slug == "wrong-gateway"


def test_a_repeated_command_does_nothing_again_and_a_conflicting_one_nothing_at_all(house: House) -> None:
    command = house.order("enable")
    assert house.send(command).status == 202
    house.wait("it is done", lambda: house.endings(command) != [])
    before = at_rest(house)
    again = house.send(command)
    assert (again.status, again.json["status"]) == (200, "repeated")
    assert again.json["result"]["event"] == house.endings(command)[0]["id"]
    other: Command = house.order("disable", command_id=command.command_id)
    refused(house.send(other), 409, "conflict")
    house.wait_at_central("hall.gateway.incident", 1)
    refused(house.send(other), 409, "conflict")
    assert at_rest(house) == {**before, "head": before["head"] + 1, "cursors": at_rest(house)["cursors"]}
    assert len(house.endings(command)) == 1
    assert house.ask_field()["commands_refused"]["conflict"] == 2


# the field's socket --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unmoved")
@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\xff" * 5000 + b"\n",
        b'{"type":"admit","id":1,"command":"{}","via":"http","principal":"x"}\n',  # before hello
        b'{"type":"hello","version":999,"part":"front","program":"x"}\n',
        b'{"type":"hello","version":1,"part":"front","program":"x"}\n{"type":"advance","id":1,"consumer":"central-1"}\n',
    ],
    ids=["http", "bytes", "before-hello", "another-version", "half-a-request"],
)
def test_garbage_on_the_field_s_socket_loses_its_connection_and_is_counted(house: House, said: bytes) -> None:
    before = sum(house.ask_field()["callers_dropped"].values())
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(str(house.gateway.run_directory / "field.sock"))
        s.sendall(said)
        with contextlib.suppress(ConnectionResetError):
            while s.recv(65536):
                pass
    assert sum(house.ask_field()["callers_dropped"].values()) == before + 1
    assert house.ask("/api/v1/status").status == 200, "the front noticed nothing"


# the wire ------------------------------------------------------------------------------------------------------------


def counters(house: House) -> dict[str, int]:
    machine = house.ask(f"/api/v1/egms/{BAD}").json["egm"]
    line = house.ask("/api/v1/lines/BAD").json["line"]
    return {"bad_replies": machine["bad_replies"], "stray": line["stray_bytes"], "misses": machine["misses"]}


def counted(house: House, what: str, more_than: int) -> None:
    house.wait(f"{what} is on the board", lambda: counters(house)[what] > more_than)


SPOILERS: tuple[tuple[str, Spoiler], ...] = (
    ("damaged", damaged), ("of-another", of_another), ("nibble-a", with_nibble_a), ("cut-short", cut_short),
)  # fmt: skip


@pytest.mark.parametrize("spoiler", [s for _, s in SPOILERS], ids=[name for name, _ in SPOILERS])
def test_a_frame_that_is_wrong_is_counted_asked_again_and_never_booked(
    house: House, bad: BadMachine, spoiler: Spoiler
) -> None:
    before = counters(house)
    meters = at_rest(house)["meters"]
    snapshots = len(house.at_central(SNAPSHOT, asset=BAD))
    bad.spoil(0x6F, spoiler)
    command = house.order("read-meters", BAD)
    assert house.send(command).status == 202
    house.wait("the reading came to its end", lambda: house.endings(command) != [])
    assert bad.spoiled
    counted(house, "bad_replies", before["bad_replies"])

    (end,) = house.endings(command)
    assert end["type"] == "hall.command.done.v1"
    (shown,) = (e for e in house.at_central(SNAPSHOT, asset=BAD)[snapshots:] if e["data"]["reason"] == "command")
    assert {reading["verdict"] for reading in shown["data"]["readings"]} == {"equal"}
    assert {reading["delta"] for reading in shown["data"]["readings"] if reading["code"] != 0x0C} == {"0"}
    assert house.ask_books("SELECT count(*) FROM meter_last WHERE suspect_value IS NOT NULL") == [(0,)]
    assert at_rest(house)["meters"] == meters


def test_a_machine_that_never_says_it_right_gives_no_meters_at_all(house: House, bad: BadMachine) -> None:
    snapshots = len(house.at_central(SNAPSHOT, asset=BAD))
    before = at_rest(house)
    for poll in range(0x01, 0x100):
        bad.spoil(poll, with_nibble_a, times=1000)
    command = house.order("read-meters", BAD)
    assert house.send(command).status == 202
    house.wait("the reading came to its end", lambda: house.endings(command) != [], within_s=30)
    bad.heal()
    (end,) = house.endings(command)
    assert end["type"] == "hall.command.failed.v1"
    assert end["data"]["error"] == "no-answer"
    assert len(house.at_central(SNAPSHOT, asset=BAD)) == snapshots, "not an empty one, and no zeros"
    assert at_rest(house)["meters"] == before["meters"]


def test_an_unknown_exception_is_an_event_of_its_own_kind_and_nothing_else(house: House, bad: BadMachine) -> None:
    before = at_rest(house)
    bad.raises(0xF3)
    house.wait_at_central("hall.egm.exception.unknown.v1", asset=BAD)
    house.wait("it was acknowledged", lambda: bad.told()[-1] == (0xF3, True))
    (event,) = house.at_central("hall.egm.exception.unknown.v1", asset=BAD)
    assert event["data"] == {"asset": BAD, "sas_exception": 0xF3}
    after = at_rest(house)
    assert after["head"] == before["head"] + 1
    assert (after["meters"], after["egms"]) == (before["meters"], before["egms"])


def test_bytes_nobody_asked_for_are_counted_and_told_once(house: House, bad: BadMachine) -> None:
    before = at_rest(house)
    stray = counters(house)["stray"]

    def heard() -> bool:
        bad.say(b"\xee\xef\xee\xef")  # again, should a poll have been out and have taken it for a bad answer
        return counters(house)["stray"] > stray

    house.wait("it is on the board", heard)
    house.wait_at_central("hall.line.chatter.v1")
    (chatter,) = house.at_central("hall.line.chatter.v1")
    assert chatter["data"]["line"] == "BAD"
    assert set(bytes.fromhex(chatter["data"]["sample"])) == {0xEE, 0xEF}
    assert at_rest(house)["meters"] == before["meters"]
    new = house.ask_books("SELECT body FROM log WHERE position > ?", before["head"])
    told = [json.loads(body) for (body,) in new]
    # Where a poll was out its answer could not be understood; that, and nothing of what noise could mean.
    doubts = {event["data"]["reason"] for event in told if event["type"] == "hall.egm.data.gap.v1"}
    assert doubts <= {"answer_in_doubt"}
    followed = {"hall.egm.data.gap.v1", "hall.egm.meters.snapshot.v1"} if doubts else set()
    assert {event["type"] for event in told} <= {"hall.line.chatter.v1", "hall.egm.exception.unknown.v1"} | followed


def test_after_all_that_the_machine_is_still_heard_and_the_log_is_whole(house: House, bad: BadMachine) -> None:
    bad.raises(0x11)
    house.wait_at_central("hall.egm.door.opened.v1", asset=BAD)
    assert house.faults() == []
    field = house.ask_field()
    assert field["refused"] == 0, "nothing had to be kept beside the books"
    assert not (house.gateway.state / "incidents").exists()
