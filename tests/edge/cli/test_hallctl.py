"""hallctl as a person runs it: the real program against the real front over the control socket."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import jsonschema
import pytest

from tests.edge.front.made_up_hall import Hall, made_up_hall


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    async with made_up_hall(tmp_path) as made:
        yield made


def run(directory: Path, *arguments: str, stdin: str = "", timeout_s: float = 20.0) -> subprocess.CompletedProcess[str]:
    """One run of the program."""
    environment = {**os.environ, "HALL_EDGE__GATEWAY__RUN_DIRECTORY": str(directory), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "edge.cli.main", *arguments],
        capture_output=True,
        text=True,
        input=stdin,
        env=environment,
        timeout=timeout_s,
        check=False,
    )


async def hallctl(hall: Hall, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The same, while the hall's loop goes on."""
    return await asyncio.to_thread(run, hall.directory, *arguments)


async def test_status_shows_the_hall_on_one_screen(hall: Hall) -> None:
    await hall.open_door()
    done = await hallctl(hall, "status")
    assert done.returncode == 0, done.stderr
    assert "Hall 7 · gateway hg-07" in done.stdout
    assert "1 of 2 on line" in done.stdout
    assert "■ 18" in done.stdout
    assert "A ● 1/2" in done.stdout
    assert "central-1: nothing acknowledged yet, 1 waiting" in done.stdout
    assert "(hall time)" in done.stdout


async def test_status_as_json_is_the_api_object(hall: Hall) -> None:
    told = json.loads((await hallctl(hall, "status", "--json")).stdout)
    jsonschema.validate(
        told,
        {
            "type": "object",
            "required": ["hall", "gateway", "machines", "lines", "log", "consumers", "field", "front", "clock", "time"],
            "properties": {"machines": {"required": ["all", "up", "not_up"]}, "lines": {"type": "array"}},
        },
    )


async def test_status_is_there_before_one_notices(hall: Hall) -> None:
    took = []
    for _ in range(3):
        began = time.perf_counter()
        assert (await hallctl(hall, "status")).returncode == 0
        took.append(time.perf_counter() - began)
    assert min(took) < 0.6  # 0.3 s on a box of its own; this machine is shared


async def test_ping_says_who_answers_and_which_half_is_away(hall: Hall) -> None:
    both = await hallctl(hall, "ping")
    assert (both.returncode, both.stdout.count("answers")) == (0, 2)
    await hall.seam.close()
    await hall.until_connected(yes=False)
    one = await hallctl(hall, "ping")
    assert one.returncode == 3
    assert "The field does not answer the front" in one.stderr
    assert one.stderr.strip().endswith("(HE6001)")
    status = await hallctl(hall, "status")
    assert status.returncode == 0
    assert "field away" in status.stdout


async def test_machines_are_listed_and_shown_by_what_people_call_them(hall: Hall) -> None:
    listed = await hallctl(hall, "egm", "list")
    assert "100417" in listed.stdout
    assert "OFF LINE" in listed.stdout
    shown = await hallctl(hall, "egm", "show", "17")
    assert "Book of Nights · asset 100417" in shown.stdout
    assert json.loads((await hallctl(hall, "egm", "show", "100418", "--json")).stdout)["egm"]["asset"] == 100418
    assert (await hallctl(hall, "egm", "show", "nothing")).returncode == 5
    ambiguous = await hallctl(hall, "egm", "show", "1004")
    assert ambiguous.returncode == 6
    assert "17 (asset 100417), 18 (asset 100418)" in ambiguous.stderr


async def test_events_are_told_oldest_first_and_a_follower_sees_the_next(hall: Hall) -> None:
    await hall.open_door(100417)
    await hall.open_door(100418)
    tail = await hallctl(hall, "event", "tail", "-n", "2")
    assert [line.split(maxsplit=2) for line in tail.stdout.splitlines()] == [
        ["02:11:07.320", "1", "Machine 100417: main door opened"],  # the hall's time, Sofia
        ["02:11:07.320", "2", "Machine 100418: main door opened"],
    ]
    only = await hallctl(hall, "event", "tail", "--egm", "18", "--json")
    assert [json.loads(line)["sequence"] for line in only.stdout.splitlines()] == [2]
    environment = {**os.environ, "HALL_EDGE__GATEWAY__RUN_DIRECTORY": str(hall.directory), "PYTHONUNBUFFERED": "1"}
    follower = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge.cli.main", "event", "tail", "-n", "1", "-f", env=environment, stdout=subprocess.PIPE
    )
    assert follower.stdout is not None
    async with asyncio.timeout(10):
        assert b"       2  Machine 100418" in await follower.stdout.readline()
        await hall.open_door(100417)
        assert b"       3  Machine 100417" in await follower.stdout.readline()
    follower.terminate()
    await follower.wait()
    follower._transport.close()  # type: ignore[attr-defined] # or Python 3.11 warns of it at its end


async def test_a_page_link_is_printed(hall: Hall) -> None:
    assert "/enter?code=" in (await hallctl(hall, "page-link")).stdout


async def test_lines_are_listed_with_their_counters(hall: Hall) -> None:
    told = await hallctl(hall, "line", "list")
    assert "Bank 1" in told.stdout
    assert (await hallctl(hall, "line", "trace", "Z")).returncode == 5


def test_without_a_front_it_says_so_in_four_sentences(tmp_path: Path) -> None:
    done = run(tmp_path, "status")
    assert done.returncode == 3
    assert done.stdout == ""
    assert "there is no such socket" in done.stderr
    assert "systemctl status hall-edge-front" in done.stderr
    assert done.stderr.strip().endswith("(HE6002)")
    told = json.loads(run(tmp_path, "status", "--json").stdout)
    assert told["error"]["exit"] == 3


def test_a_front_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    from edge.cli.box import Box
    from edge.cli.faults import Fault

    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "control.sock"))
        deaf.listen()
        with pytest.raises(Fault) as fault:
            Box(str(tmp_path)).get("/status", timeout_s=0.1)
    assert fault.value.exit_code == 7


def test_a_dead_socket_and_garbage_are_told_as_a_front_that_is_away(tmp_path: Path) -> None:
    from edge.cli.box import Box
    from edge.cli.faults import Fault

    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))
    with pytest.raises(Fault) as fault:
        Box(str(tmp_path)).get("/status")
    assert fault.value.exit_code == 3


@pytest.mark.parametrize(
    ("status", "code"), [(401, 4), (403, 4), (404, 5), (409, 6), (416, 6), (422, 2), (503, 3), (504, 7), (500, 70)]
)
def test_each_problem_has_its_exit_code(status: int, code: int) -> None:
    from edge.cli.faults import from_problem

    fault = from_problem(status, {"detail": "It is so", "fix": "Do this.", "code": "HE1"})
    assert fault.exit_code == code
    assert fault.text == "It is so. Nothing was changed. Do this. (HE1)"


@pytest.mark.parametrize(
    ("arguments", "code"), [([], 2), (["--help"], 0), (["nonsense"], 2), (["egm", "show"], 2), (["version"], 0)]
)
def test_usage(tmp_path: Path, arguments: list[str], code: int) -> None:
    assert run(tmp_path, *arguments).returncode == code


def test_help_names_every_command_without_loading_them(tmp_path: Path) -> None:
    check = (
        "import sys; from edge.cli.main import cli; "
        "import click.testing; print(click.testing.CliRunner().invoke(cli, ['--help']).output); "
        "heavy = [m for m in sys.modules if m.split('.')[0] in "
        "('fastapi', 'pydantic', 'sqlite3', 'aiomqtt', 'rich', 'httpx', 'orjson', 'sync', 'protocols')]; "
        "print('HEAVY', heavy)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=20)
    for name in ("status", "egm", "event", "line", "sim", "ping", "page-link", "version"):
        assert f"  {name}" in done.stdout
    assert "HEAVY []" in done.stdout


def test_text_from_a_machine_cannot_steer_the_terminal() -> None:
    from edge.cli.show import plain

    assert plain("17\x1b[2J\r\nok\u202e") == "17?[2J??ok?"


def test_numbers_and_times_for_people() -> None:
    from edge.cli.show import ago, grouped

    assert grouped(8112406) == "8 112 406"
    assert [ago(s) for s in (3.24, 45, 600, 90_000, 864_000, None)] == ["3.2 s", "45 s", "10 min", "25 h", "10 d", "—"]
