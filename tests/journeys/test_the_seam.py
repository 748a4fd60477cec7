"""The two halves torn apart in every way, as real processes on a real socket: the lines are polled on, nothing is done twice.

PW-3, PW-8, PW-9, PW-10, PW-11, HX-13. What the seam does with single messages: tests/edge/seam.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from edge.seam.client import SILENT_AFTER_S
from simulators.central.commands import make
from sync.commands import Command, encode
from tests.harness.processes import Process
from tests.journeys.house import LEFT, RIGHT, Answer, House, open_house
from tests.journeys.seam_proxy import SeamProxy

pytestmark = pytest.mark.timeout(120)

DOORS = 50
"""Ten at a time: this machine keeps 26 that nobody has asked for."""
HELLO = b'{"type":"hello","version":1,"part":"front","program":"x"}\n'
SLOWEST_POLL_S = 0.2
"""The lines here are polled every 40 ms; on a loaded box now and then one comes later, but a silent line is seen at once."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("seam")) as house:
        try:
            yield house
        finally:
            for process in house.processes.values():
                if process.alive:
                    send(process, signal.SIGCONT)


# eyes and hands -------------------------------------------------------------------------------------------------------


def send(process: Process, number: int) -> None:
    assert process.child is not None
    os.kill(process.child.pid, number)


def memory_kib(process: Process) -> int:
    assert process.child is not None
    status = Path(f"/proc/{process.child.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


@contextlib.contextmanager
def polled_all_the_while(house: House) -> Iterator[None]:
    """Inside, each line is polled at least at two thirds of its pace, and no machine's link goes down."""
    downs = len(house.ask_books("SELECT 1 FROM log WHERE CAST(body AS TEXT) LIKE '%hall.egm.link.down.v1%'"))
    polls, began = int(house.ask_field()["polls"]), time.monotonic()
    yield
    per_s = (int(house.ask_field()["polls"]) - polls) / (time.monotonic() - began)
    assert per_s > 2 * 25 * 2 / 3, f"two lines, 25 polls a second each; there were {per_s:.0f}"
    assert len(house.ask_books("SELECT 1 FROM log WHERE CAST(body AS TEXT) LIKE '%hall.egm.link.down.v1%'")) == downs


def ready(house: House) -> bool:
    try:
        return house.ask("/api/v1/readyz").status == 200
    except OSError:
        return False


def served(house: House) -> bool:
    try:
        return bool(house.ask_field())
    except OSError:
        return False


def done_once(house: House, command: Command) -> None:
    """By central's book and by the gateway's."""
    house.wait("the command ended", lambda: house.endings(command) != [])
    assert [end["type"] for end in house.endings(command)] == ["hall.command.done.v1"]
    assert house.ask_books("SELECT count(*) FROM inbox WHERE command_id = ?", command.command_id) == [(1,)]


# PW-8: the front dies -------------------------------------------------------------------------------------------------


def test_pw_8_the_front_killed_in_mid_drain_and_between_a_command_and_its_reply_costs_no_poll_and_nothing_is_doubled(
    house: House,
) -> None:
    central, front, field = (house.processes[name] for name in ("central", "front", "field"))
    central.kill()
    with polled_all_the_while(house):
        for some in range(10, DOORS + 1, 10):
            for _ in range(5):
                house.do(LEFT, "open_door")
                house.do(LEFT, "close_door")
            house.wait("the doors are in the log", lambda n=some: len(doors(house)) >= n, within_s=30)  # type: ignore[misc]
        known = len(house.at_central())
        central.start()
        house.wait("the drain has begun", lambda: len(house.at_central()) > known)
        front.kill()
        time.sleep(0.3)
        front.start()
        assert house.wait("the front is back", lambda: ready(house), within_s=10) < 10
        house.wait("all is at central", lambda: len(house.at_central("hall.egm.door.", asset=LEFT)) >= DOORS)
    assert house.faults() == []

    # The field stands still with the command in its socket; the one who would get the answer dies meanwhile.
    command = house.order("disable", LEFT)
    with ThreadPoolExecutor(1) as pool:
        send(field, signal.SIGSTOP)
        lost: Future[Answer] = pool.submit(house.send, command)
        time.sleep(0.3)
        front.kill()
        send(field, signal.SIGCONT)
        with pytest.raises(OSError):
            lost.result(10)
    house.wait("the field did it all the same", lambda: ended(house, command))
    front.start()
    house.wait("the front is back", lambda: ready(house))
    answers = [house.send(command) for _ in range(2)]
    assert [(one.status, one.json["status"]) for one in answers] == [(200, "repeated")] * 2
    assert answers[0].json["result"]["type"] == "hall.command.done.v1"
    done_once(house, command)


def doors(house: House) -> list[tuple[Any, ...]]:
    return house.ask_books(
        "SELECT 1 FROM log WHERE CAST(body AS TEXT) LIKE '%hall.egm.door.%' AND CAST(body AS TEXT) LIKE ?",
        f"%egm/{LEFT}%",
    )


def ended(house: House, command: Command) -> bool:
    return house.ask_books("SELECT result IS NOT NULL FROM inbox WHERE command_id = ?", command.command_id) == [(1,)]


# PW-9: the front hangs ------------------------------------------------------------------------------------------------


def test_pw_9_a_front_that_hangs_holds_up_no_line_and_a_reader_that_never_reads_is_dropped(house: House) -> None:
    front, field = house.processes["front"], house.processes["field"]
    before = memory_kib(field)
    with polled_all_the_while(house):
        send(front, signal.SIGSTOP)
        try:
            with socket.socket(socket.AF_UNIX) as deaf:
                deaf.connect(str(house.gateway.run_directory / "field.sock"))
                deaf.setblocking(False)
                deaf.sendall(HELLO + b'{"type":"subscribe","id":1}\n')
                dropped = house.ask_field()["callers_dropped"].get("slow", 0)
                house.wait("it is dropped", lambda: pestered(house, deaf) > dropped, within_s=25)
        finally:
            send(front, signal.SIGCONT)
    assert memory_kib(field) - before < 24 * 1024, "its send buffer is bounded: 4 MiB and what goes with it"
    house.wait("the front goes on", lambda: ready(house))
    assert house.ask("/api/v1/status").json["field"]["connected"] is True


def pestered(house: House, deaf: socket.socket) -> int:
    """Ask more whose answers are never read; returns how many callers were dropped for being slow."""
    for _ in range(10):
        with contextlib.suppress(OSError):
            deaf.sendall(b'{"type":"status","id":2}\n' * 40)
        time.sleep(0.045)  # or it would be dropped as a flood
    return int(house.ask_field()["callers_dropped"].get("slow", 0))


# PW-10: the socket between them ---------------------------------------------------------------------------------------


def test_pw_10_whatever_happens_to_the_socket_the_front_comes_back_and_a_lost_answer_is_got_by_its_id(
    house: House,
) -> None:
    front = house.processes["front"]
    path = house.gateway.run_directory / "field.sock"
    with polled_all_the_while(house), SeamProxy(path) as between:
        front.kill()
        front.start()
        house.wait("through the proxy", lambda: ready(house))

        (before,) = house.ask_books("SELECT count(*) FROM inbox")[0]
        command = house.order("enable", LEFT)
        between.swallow_answers()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(house.send, command)
            house.wait("the field has it", lambda: ended(house, command))
            between.cut()
            lost = waiting.result(15)
        assert (lost.status, lost.slug) == (503, "field-away")
        house.wait("it is back", lambda: ready(house))
        again = house.send(command)
        assert (again.status, again.json["status"]) == (200, "repeated")
        done_once(house, command)
        assert house.ask_books("SELECT count(*) FROM inbox") == [(before + 1,)], "and it was sent on under no other id"

        for fault in (
            between.cut_in_a_message_to_the_front,
            between.cut_in_a_message_to_the_field,
            between.garbage_to_the_front,
            between.garbage_to_the_field,
            between.another_version_to_the_front,
            between.refuse_for_a_while,
            between.remove_for_a_while,
        ):
            lost_before = between.connections
            fault()
            house.wait(f"a new connection after {fault.__name__}", lambda n=lost_before: between.connections > n)  # type: ignore[misc]
            house.wait(f"the front is back after {fault.__name__}", lambda: ready(house))
            assert house.ask("/api/v1/egms").status == 200
    front.kill()
    front.start()
    house.wait("without the proxy", lambda: ready(house))
    house.do(LEFT, "open_door")
    house.do(LEFT, "close_door")
    house.wait("central has confirmed all", lambda: all_confirmed(house))
    assert house.faults() == []


def all_confirmed(house: House) -> bool:
    ((cursor, head),) = house.ask_books("SELECT min(position), (SELECT max(position) FROM log) FROM consumers")
    return bool(cursor == head)


# PW-11: the field dies ------------------------------------------------------------------------------------------------


def test_pw_11_without_a_field_five_pages_say_so_and_a_waiting_drain_ends_and_all_goes_on_by_itself(
    house: House,
) -> None:
    field, front = house.processes["field"], house.processes["front"]
    assert front.child is not None
    front_pid = front.child.pid
    at = house.ask("/api/v1/status").json["log"]
    waiting_for = f"/api/v1/events?consumer=central-1&streamid={at['streamid']}&after={at['sequence']}&wait=20"
    with ThreadPoolExecutor(6) as pool:
        pages = [pool.submit(page_until_away, house) for _ in range(5)]
        polling = pool.submit(house.ask, waiting_for)
        time.sleep(1.0)
        field.kill()
        began = time.monotonic()
        assert all(page.result(10) for page in pages), "each open page was told"
        assert polling.result(10).status in (200, 503)
        assert time.monotonic() - began < 5, "and at once"
    told = house.ask("/api/v1/status").json
    assert (told["state"], told["field"]["connected"], told["consumers"]) == ("field away", False, None)
    assert told["front"]["mirror_age_ms"] >= 0, "since when"
    for path in ("/api/v1/events?consumer=central-1", "/api/v1/readyz", "/api/v1/commands/c-1"):
        assert house.ask(path).status == 503
    assert not reads_books(front_pid, house), "nothing is read from a file that may be in recovery"
    field.start()
    house.wait("the front goes on by itself", lambda: ready(house), within_s=15)
    assert front.child.pid == front_pid
    assert front.alive
    house.wait("polled again", house.polls)
    assert house.faults() == []


def page_until_away(house: House) -> bool:
    """An open page: reads its stream until a picture says that the field is away."""
    request = urllib.request.Request(
        house.gateway.url + "/api/v1/live", headers={"Authorization": f"Bearer {house.gateway.person_key}"}
    )
    with urllib.request.urlopen(request, timeout=15) as stream:
        for line in stream:
            if line.startswith(b"data: ") and says_away(json.loads(line[6:])):
                return True
    return False


def says_away(picture: dict[str, object]) -> bool:
    top = picture.get("top")
    return isinstance(top, dict) and not top["connected"] and "machines as of" in str(top["mirror"])


def reads_books(pid: int, house: House) -> bool:
    """Has this process the database open?"""
    opened = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            opened.append(os.readlink(link))
    return any(name.startswith(str(house.gateway.state / "hall.db")) for name in opened)


# PW-3: the field stands still -----------------------------------------------------------------------------------------


def test_pw_3_a_field_frozen_for_ten_seconds_wakes_without_a_burst_and_without_doing_what_is_too_late(
    house: House,
) -> None:
    if house.gateway.clock_library is None:
        pytest.skip("gcc is missing: apt install gcc; with a clock nobody believes nothing expires")
    field = house.processes["field"]
    house.wait("all is confirmed", lambda: all_confirmed(house))
    order: dict[str, Any] = {"central": "central-1", "gateway": house.gateway.gateway_id, "streamid": house.streamid}
    with ThreadPoolExecutor(1) as pool:
        send(field, signal.SIGSTOP)
        began = time.monotonic()
        late = make("disable", {"asset": RIGHT}, valid_s=4.0, **order)
        asked = pool.submit(house.send, late)
        house.do(RIGHT, "open_door")
        assert asked.result(15).status == 503
        time.sleep(max(0.0, 10 - (time.monotonic() - began)))
        send(field, signal.SIGCONT)
    # The door and its meters are asked for beside; made up for, it would be 500 in one go.
    polls = int(house.ask_field()["polls"])
    time.sleep(1.0)
    assert int(house.ask_field()["polls"]) - polls < 150, "ten seconds are not made up for"
    house.wait("the front is back", lambda: ready(house))
    house.do(RIGHT, "close_door")
    house.wait_at_central("hall.egm.door.opened", 1, asset=RIGHT)
    refused = house.send(late)
    assert (refused.status, refused.slug) == (409, "expired")
    assert house.endings(late) == []
    house.wait("its meters are asked as before", lambda: house.ask("/api/v1/status").json["machines"]["up"] == 2)
    read = house.order("read-meters", RIGHT)
    assert house.send(read).status == 202
    done_once(house, read)
    snapshot = house.at_central("hall.egm.meters.snapshot", asset=RIGHT)[-1]
    assert snapshot["data"]["reason"] == "command"
    assert house.faults() == []
    assert time.monotonic() - began > SILENT_AFTER_S


# HX-13: a front taken over --------------------------------------------------------------------------------------------


def test_hx_13_a_hostile_client_on_the_seam_hurts_neither_the_field_nor_the_books(house: House) -> None:
    field, dice = house.processes["field"], random.Random(13)
    path = str(house.gateway.run_directory / "field.sock")
    house.wait("all is confirmed", lambda: all_confirmed(house))
    before = house.ask_books("SELECT (SELECT count(*) FROM inbox), (SELECT max(position) FROM log), * FROM consumers")
    kib = memory_kib(field)
    said = [
        *(dice.randbytes(dice.randrange(1, 4000)) + b"\n" for _ in range(40)),
        b"x" * (2 << 20),
        HELLO + b"[" * 500_000 + b"\n",
        HELLO + b'{"type":"shutdown","id":1}\n',
        HELLO + b'{"type":"sql","id":1,"text":"DROP TABLE log"}\n',
        HELLO + b'{"type":"admit","id":1,"command":"' + b"\\u0000" * 10_000 + b'","via":"mqtt","principal":"x"}\n',
        HELLO + b'{"type":"trace-start","id":1,"line":"../../etc/passwd"}\n',
        HELLO + b'{"type":"scan-line","id":1,"line":"L99"}\n',
        HELLO * 3000,
    ]
    with polled_all_the_while(house):
        for one in said:
            with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(OSError):
                s.settimeout(0.05)
                s.connect(path)
                s.sendall(one)
                s.recv(65536)
        for _ in range(3000):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)  # waits while too many others wait
        house.wait("others are served", lambda: served(house))
        forged = make("enable", {"asset": LEFT}, central="central-1", gateway="hg-07", streamid=house.streamid)
        told = admit_over(path, forged)
        assert told["status"] == "unsigned", "over a broker nothing can be invented"
    house.wait("the front is served", lambda: ready(house))
    assert memory_kib(field) - kib < 24 * 1024
    assert sum(house.ask_field()["callers_dropped"].values()) > 40
    after = house.ask_books("SELECT (SELECT count(*) FROM inbox), (SELECT max(position) FROM log), * FROM consumers")
    assert after == before


def admit_over(path: str, command: Command) -> dict[str, object]:
    text = encode(command).decode()
    admit = json.dumps({"type": "admit", "id": 9, "command": text, "via": "mqtt", "principal": "x"})
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.settimeout(5)
        s.sendall(HELLO + admit.encode() + b"\n")
        with s.makefile("rb") as lines:
            for line in lines:
                told: dict[str, object] = json.loads(line)
                if told.get("id") == 9:
                    return told
    raise AssertionError("no answer")
