"""A meter jumps as no play explains: central is told, a person at the box decides it, central is told who and how much."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.journeys.house import LEFT, House
from tests.journeys.test_orders import hallctl

pytestmark = pytest.mark.timeout(120)
COIN_IN = 0x00
AT_THE_END = 99_999_990
"Where ``near_rollover`` puts a meter of eight digits."


def read_meters(house: House) -> None:
    command = house.order("egm.meters.read", LEFT)
    assert house.send(command).status == 202
    house.wait("the meters are read", lambda: bool(house.endings(command)))
    assert house.endings(command)[0]["type"] == "hall.command.done.v1"


def open_of_coin_in(house: House) -> list[dict[str, Any]]:
    done = hallctl(house, "review", "list", "--egm", str(LEFT), "--json")
    assert done.returncode == 0, done.stderr
    return [one for one in json.loads(done.stdout)["reviews"] if one["code"] == f"{COIN_IN:02x}"]


def test_mtr_12_from_a_meter_that_jumped_to_a_decision_that_central_can_name(house: House) -> None:
    read_meters(house)
    house.do(LEFT, "near_rollover", COIN_IN)
    read_meters(house)
    (spike,) = open_of_coin_in(house)
    assert spike["cause"] == "corrupt_read"
    too_early = hallctl(house, "review", "decide", str(spike["review"]), "--count", "7", "--comment", "the display")
    assert too_early.returncode == 1
    assert "the next reading of this meter counts over the doubtful one" in too_early.stdout

    read_meters(house)  # it stands there still
    (review,) = open_of_coin_in(house)
    number = str(review["review"])
    assert (review["cause"], review["after"]["value"]) == ("ambiguous", str(AT_THE_END))
    shown = hallctl(house, "review", "show", number)
    assert shown.returncode == 0, shown.stderr
    assert "99 999 990 credits" in shown.stdout
    assert f"Machine {LEFT}: meters need a person's decision (corrupt reading)" in shown.stdout, (
        "the spike between the two"
    )

    done = hallctl(house, "review", "decide", number, "--count", "250", "--comment", "the display said 250 more")
    assert (done.returncode, done.stdout) == (0, f"Review {number} is decided; 250 credits are counted.\n"), done.stderr
    again = hallctl(house, "review", "decide", number, "--none", "--comment", "no")
    assert (again.returncode, "decided already" in again.stderr) == (6, True)

    house.wait("central knows", lambda: any(e["data"]["choice"] == "count" for e in decided(house)))
    told = {str(event["data"]["review"]): event["data"] for event in decided(house)}
    assert told[str(spike["review"])]["choice"] == "confirmed"
    assert {name: told[number][name] for name in ("choice", "amount", "comment", "central", "code")} == {
        "choice": "count", "amount": "250", "comment": "the display said 250 more", "central": "hallctl-anna", "code": 0,
    }  # fmt: skip
    named = [m for e in house.at_central("hall.egm.meters.review", asset=LEFT) for m in e["data"]["meters"]]
    assert number in {str(meter["review"]) for meter in named}, "by the number that central could decide it with"
    assert house.ask_books("SELECT sum(corrected) FROM meter_days WHERE code = 0") == [(250,)]
    assert house.faults() == []


def decided(house: House) -> list[dict[str, Any]]:
    return house.at_central("hall.egm.meters.decided", asset=LEFT)
