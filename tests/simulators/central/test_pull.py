"""A central that pulls from a real log over real HTTP gets all of it, in order, whatever the gateway does meanwhile."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.central.commands import make, new_key, read_key, send_http
from simulators.central.pull import Http, PullCentral, Refusal
from simulators.central.store import CentralStore
from sync import outbox
from sync.commands import parse, verify


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CentralStore]:
    with CentralStore(tmp_path / "books.db") as made:
        yield made


@pytest.fixture
def central(gateway: Any, store: CentralStore) -> Iterator[Callable[..., PullCentral]]:
    made: list[PullCentral] = []

    def make_one(key: str = "hek_test_secret", **more: Any) -> PullCentral:
        http_ = Http(f"http://127.0.0.1:{gateway.port}", key, timeout_s=5.0)
        made.append(PullCentral(http_, store, "central-1", **more))
        return made[-1]

    yield make_one
    for each in made:
        each.http.close()


def until(done: Callable[[], bool]) -> Callable[[], bool]:
    rounds = iter(range(200))
    return lambda: done() or next(rounds, None) is None


def test_everything_is_pulled_stored_and_confirmed(
    gateway: Any, store: CentralStore, central: Callable[..., PullCentral]
) -> None:
    gateway.happen(1234)
    puller = central(limit=500)
    assert [puller.step(0) for _ in range(4)] == [500, 500, 234, 0]
    assert gateway.confirmed == 1234
    report = store.report()
    assert (report["records"], report["is_whole"], report["repeats"]) == (1234, True, 0)
    assert report["machines"] == {"1": {"events": 1234, "exceptions": 1234, "maybe_repeat": 0, "snapshots": 0}}


def test_after_its_own_death_it_confirms_once_more_and_goes_on_from_its_books(
    gateway: Any, store: CentralStore, central: Callable[..., PullCentral]
) -> None:
    gateway.happen(10)
    gateway.failures.append(("/ack", None))
    puller = central()
    puller.run(until(lambda: puller.stats.away > 0))
    assert gateway.confirmed == 0
    again = central()
    gateway.happen(5)
    assert again.step(0) == 5
    assert gateway.confirmed == 15
    assert store.report()["repeats"] == 0


def test_a_gateway_that_is_away_hangs_up_or_says_later_is_asked_again(
    gateway: Any, store: CentralStore, central: Callable[..., PullCentral]
) -> None:
    gateway.happen(30)
    gateway.failures += [("/events", 503), ("/events", None), ("/ack", 503), ("/ack", None)]
    puller = central(limit=10)
    puller.run(until(lambda: puller.stats.records >= 30 and gateway.confirmed == 30))
    assert gateway.confirmed == 30
    assert puller.stats.away == 4
    gateway.close()
    puller.http.close()
    puller.run(until(lambda: puller.stats.away > 5))
    gateway.open()
    gateway.happen(3)
    puller.run(until(lambda: gateway.confirmed == 33))
    assert store.report()["is_whole"]


def test_a_stream_that_is_not_the_gateways_any_more_is_told_and_the_new_one_is_read(
    gateway: Any, store: CentralStore, central: Callable[..., PullCentral]
) -> None:
    gateway.happen(4)
    puller = central()
    puller.step(0)
    gateway.do(lambda tx: outbox.open_epoch(tx, "restored"))
    gateway.happen(3)
    puller.run(until(lambda: gateway.confirmed == 3 and puller.stats.records == 7))
    report = store.report()
    assert [(stream["epoch"], stream["last"]) for stream in report["streams"]] == [(1, 4), (2, 3)]
    assert report["is_whole"]


def test_a_gateway_with_another_log_is_refused_and_written_down(
    gateway: Any, store: CentralStore, central: Callable[..., PullCentral]
) -> None:
    gateway.happen(4)
    puller = central()
    puller.step(0)
    with CentralStore(store.path) as forged:
        forged._db.execute("UPDATE record SET chain = zeroblob(32) WHERE sequence = 4")
    with pytest.raises(Refusal) as refusal:
        central().step(0)
    assert refusal.value.slug == "chain-mismatch"
    assert not store.report()["is_whole"]


def test_without_a_key_nothing_is_got(gateway: Any, store: CentralStore, central: Callable[..., PullCentral]) -> None:
    gateway.happen(1)
    puller = central(key="wrong")
    puller.run(until(lambda: bool(puller.stats.refused)))
    assert puller.stats.refused == {"unauthenticated": 1}
    assert store.position is None


def test_a_command_carries_every_member_and_a_signature_that_holds(
    gateway: Any, store: CentralStore, tmp_path: Path
) -> None:
    public = new_key(tmp_path / "central.key")
    secret = read_key(tmp_path / "central.key")
    command = make(
        "disable", {"asset": 100417}, central="central-1", gateway="hg-07", streamid="5e" * 16, key_id="central-1-2026"
    )
    http_ = Http(f"http://127.0.0.1:{gateway.port}", "hek_test_secret")
    answer = send_http(http_, command, store, secret)
    http_.close()
    assert answer["status"] == 202
    assert answer["answer"]["status"] == "admitted"
    sent = gateway.commands[0]
    assert sent["kind"] == "egm.disable"
    row = store._db.execute("SELECT body, answer FROM command").fetchone()
    verify(parse(row[0]), bytes.fromhex(public))
    assert "admitted" in row[1]


def test_the_command_pulls_until_it_is_told_to_end_and_another_sends_a_command(gateway: Any, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hek_test_secret\n", encoding="ascii")
    gateway.happen(700)
    program = [sys.executable, "-m", "simulators", "central", "--pull", f"http://127.0.0.1:{gateway.port}",
               "--key-file", str(tmp_path / "key"), "--books", str(tmp_path / "books.db")]  # fmt: skip
    child = subprocess.Popen([*program, "--json"], stdout=subprocess.PIPE, text=True)
    until_s = time.monotonic() + 10
    while gateway.confirmed < 700 and time.monotonic() < until_s:
        time.sleep(0.02)
    sent = subprocess.run(
        [*program, "command", "enable", "--asset", "100417", "--json"], check=True, capture_output=True, text=True
    )
    assert json.loads(sent.stdout)["status"] == 202
    assert gateway.commands[0]["body"] == {"asset": 100417}
    child.send_signal(signal.SIGTERM)
    assert child.stdout is not None
    closed = json.loads(child.stdout.read())
    child.stdout.close()
    assert child.wait(5) == 0
    assert (closed["position"], closed["records"]) == (700, 700)
