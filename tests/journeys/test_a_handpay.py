"""A handpay across a death: the field is killed between the question that consumes its answer and the answer.

EVT-06, SR-13.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.bad_machine import BadMachine
from tests.journeys.house import FLOOR, House

ASSET = 777_001
HANDPAY = bytes.fromhex("01 1B")
PENDING, RECORDED = "hall.egm.handpay.pending.v1", "hall.egm.handpay.recorded.v1"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def machine() -> Iterator[BadMachine]:
    machine = BadMachine(ASSET)
    yield machine
    machine.close()


@pytest.fixture
def house(tmp_path: Path, machine: BadMachine) -> Iterator[House]:
    floor = tmp_path / "floor.toml"
    floor.write_text(FLOOR, encoding="utf-8")
    house = House(tmp_path / "stage", str(floor), with_mqtt=False, meters_every_s=900, beside=machine.tables)
    try:
        house.open()
        house.wait_for_machines(ASSET)
        yield house
    finally:
        house.close()


def test_killed_between_question_and_answer_the_field_asks_again_first_and_central_hears_the_amount_once(
    house: House, machine: BadMachine
) -> None:
    machine.spoil(HANDPAY[1], lambda _frame: b"", times=100)  # asked, answered, and the answer lost on the wire
    machine.does("bill", 20)
    house.wait_at_central("hall.egm.bill.accepted.v1", asset=ASSET)
    machine.does("cash_out")
    house.wait("the question has left", lambda: HANDPAY in machine.polls)
    house.processes["field"].kill()
    assert house.ask_books("SELECT asset, kind FROM questions") == [(ASSET, "handpay")], "written down before it was sent"
    assert house.at_central(RECORDED) == []

    machine.heal()
    time.sleep(0.1)
    place = len(machine.polls)
    house.processes["field"].start()
    house.wait_at_central(RECORDED, asset=ASSET, within_s=40)
    asked = machine.polls[place:]
    assert b"\x81" not in asked[: asked.index(HANDPAY)], "before anything is taken from its queue"

    (recorded,) = house.at_central(RECORDED, asset=ASSET)
    (pending,) = (event for event in house.at_central(PENDING, asset=ASSET) if not event["data"].get("maybe_repeat"))
    assert (recorded["data"]["amount"], recorded["data"]["kind"]) == (2000, "cancelled_credits")
    assert recorded["data"]["because"] == pending["id"]
    assert house.ask_books("SELECT * FROM questions") == []

    machine.does("reset_handpay")
    house.wait_at_central("hall.egm.handpay.reset.v1", asset=ASSET)
    assert len(house.at_central(RECORDED, asset=ASSET)) == 1
    assert house.faults() == []
