"""CM-2: the field dies while it carries out commands; afterwards each admitted one has exactly one ending, and a machine is
as the last of its commands says.

Every kind there is may be asked twice of a machine: to enable what is enabled, to disable, to set a clock and to read meters
does no harm. So a command without an ending is simply carried out again after the restart; what may not be asked twice is
not built yet and will ask the machine first what became of it.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.commands import Command
from tests.harness.processes import Process
from tests.journeys.house import LEFT, RIGHT, House, open_house

pytestmark = pytest.mark.timeout(120)
KINDS = ("disable", "enable", "set-clock", "read-meters", "disable")
"""In this order to each machine: afterwards it must not be played."""
DONE = "hall.command.done.v1"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("effect")) as house:
        for asset in (LEFT, RIGHT):
            house.do(asset, "bill", 50)
        yield house


def sent(house: House, orders: list[Command]) -> None:
    """Sent until the field is gone; who gets no answer asks again afterwards."""
    for order in orders:
        with contextlib.suppress(OSError):
            if house.send(order).status == 503:
                return


def orders_of_a_round(house: House) -> list[Command]:
    return [house.order(kind, asset, valid_s=600) for kind in KINDS for asset in (LEFT, RIGHT)]


def settled(house: House, orders: list[Command]) -> None:
    """The same bytes again, until each is answered; then the books and the machines are looked at."""
    field = house.processes["field"]
    if not field.alive:
        field.start()
    waiting = list(orders)

    def all_known() -> bool:
        while waiting:
            with contextlib.suppress(OSError):
                if house.send(waiting[0]).status in (200, 202):
                    waiting.pop(0)
                    continue
            return False
        return True

    house.wait("each was answered", all_known, within_s=20)
    ids = tuple(order.command_id for order in orders)
    marks = ",".join("?" * len(ids))
    opened = f"SELECT count(*) FROM inbox WHERE result IS NULL AND command_id IN ({marks})"
    house.wait("each has ended", lambda: house.ask_books(opened, *ids) == [(0,)], within_s=25)
    house.wait("central knows", lambda: all(house.endings(order) for order in orders), within_s=15)
    assert [[end["type"] for end in house.endings(order)] for order in orders] == [[DONE]] * len(orders)
    for asset in (LEFT, RIGHT):
        ended = [e["data"]["command_id"] for e in house.at_central(DONE, asset=asset) if e["data"]["command_id"] in ids]
        assert ended == [order.command_id for order in orders if order.body["asset"] == asset], "in their order"
        assert not house.can_be_played(asset), "the last one said so"
    assert house.faults() == []


@pytest.mark.parametrize("seed", [2, 11])
def test_cm_2_killed_at_any_moment_each_command_ends_once_and_the_machine_is_as_the_log_says(
    house: House, seed: int
) -> None:
    dice = random.Random(seed)
    orders = orders_of_a_round(house)
    house.wait("it polls", house.polls)
    sent(house, orders[: dice.randrange(3, len(orders) + 1)])
    time.sleep(dice.uniform(0.0, 0.25))
    house.processes["field"].kill()
    settled(house, orders)


def test_cm_2_killed_at_a_flush_of_the_books_in_the_middle_of_it(house: House) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is missing: apt install strace")
    killed_at_flush(house, 5)


def killed_at_flush(house: House, flush: int) -> None:
    """The process dies when it is about to make the n-th group of records of its round durable."""
    field = house.processes["field"]
    house.wait("it polls", house.polls, within_s=25)
    house.wait("nothing waits", lambda: house.ask_field()["waiting"] == 0)
    assert field.child is not None
    inject = f"inject=fdatasync:signal=SIGKILL:when={flush}"
    tracer = Process(
        "strace",
        ["strace", "-f", "-q", "-p", str(field.child.pid), "-e", "trace=fdatasync", "-e", inject],
        house.logs / "strace.log",
    )
    tracer.start()
    try:
        house.wait("it is traced", lambda: traced(field.child.pid if field.child else 0))
        orders = orders_of_a_round(house)
        sent(house, orders)
        house.wait("the field was killed", lambda: not field.alive, within_s=10)
    finally:
        tracer.kill()
    settled(house, orders)


def traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("TracerPid:")[1].split()[0]) != 0
