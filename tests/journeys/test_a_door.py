"""From the wire to central and back: a door opens, central knows; central orders, the machine obeys; processes die."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.house import LEFT, RIGHT, House

OPENED, CLOSED, SNAPSHOT = "hall.egm.door.opened.v1", "hall.egm.door.closed.v1", "hall.egm.meters.snapshot.v1"

pytestmark = pytest.mark.timeout(120)


def told_by(house: House, asset: int) -> list[tuple[int, bool]]:
    """(code, answered and acknowledged) of all the machine knows it raised."""
    book = house.ask_hall(op="book", asset=asset)
    return [(entry["code"], entry["acknowledged_at"] is not None) for entry in book["exceptions"]]


def codes(events: list[dict[str, Any]]) -> list[int]:
    return [event["data"]["sas_exception"] for event in events if "sas_exception" in event["data"]]


def test_a_door_opens_and_central_knows_with_the_meters_it_caused(house: House) -> None:
    house.do(LEFT, "open_door")
    took = house.wait_at_central(OPENED, asset=LEFT)
    assert took < 5, "within seconds"
    (door,) = house.at_central(OPENED)
    assert door["data"] == {"asset": LEFT, "sas_exception": 0x11, "door": "main", "location": 1}

    def named() -> list[dict[str, Any]]:
        return [event for event in house.at_central(SNAPSHOT) if event["data"]["because"] == door["id"]]

    house.wait("the meters of that moment are at central", lambda: named() != [])
    (snapshot,) = named()
    assert snapshot["data"]["asset"] == LEFT
    assert snapshot["sequence"] > door["sequence"], "the door was written down before its meters were asked for"
    assert house.at_central(OPENED, asset=RIGHT) == []
    assert told_by(house, LEFT) == [(0x11, True)]

    house.do(LEFT, "close_door")
    house.wait_at_central(CLOSED, asset=LEFT)


def test_a_bill_goes_in_and_its_meters_grow_by_exactly_that(house: House) -> None:
    house.do(RIGHT, "bill", 20)
    house.wait_at_central("hall.egm.bill.accepted.v1", asset=RIGHT)
    (bill,) = house.at_central("hall.egm.bill.accepted.v1", asset=RIGHT)
    assert bill["data"]["bill_denomination"] == 20

    def grown() -> list[Any]:
        return [
            reading["delta"]
            for event in house.at_central(SNAPSHOT, asset=RIGHT)
            if event["data"]["because"] == bill["id"]
            for reading in event["data"]["readings"]
            if reading["code"] == 0x0B
        ]

    house.wait("its meters are read", lambda: grown() != [])
    assert grown() == ["2000"], "20 euros in credits of a cent: meter 0B"


def test_central_orders_and_the_machine_obeys(house: House) -> None:
    house.do(LEFT, "bill", 5)
    assert house.can_be_played(LEFT)
    disable = house.order("disable")
    answer = house.send(disable)
    assert (answer.status, answer.json["status"]) == (202, "admitted")
    house.wait("its end is at central", lambda: house.endings(disable) != [])
    assert [event["type"] for event in house.endings(disable)] == ["hall.command.done.v1"]
    assert not house.can_be_played(LEFT), "the machine itself, not only our word for it"
    assert house.can_be_played(RIGHT)

    enable, clock, read = house.order("enable"), house.order("set-clock"), house.order("read-meters")
    assert [house.send(one).status for one in (enable, clock, read)] == [202, 202, 202]
    house.wait("all have ended", lambda: all(house.endings(one) for one in (enable, clock, read)))
    for one in (enable, clock, read):
        (end,) = house.endings(one)
        assert end["type"] == "hall.command.done.v1", end["data"]
        found = house.ask(f"/api/v1/commands/{one.command_id}").json
        assert found["result"] == {"event": end["id"], "type": end["type"]}
    assert house.can_be_played(LEFT)
    assert [event["data"]["reason"] for event in house.at_central(SNAPSHOT, asset=LEFT)].count("command") == 1


def test_the_front_dies_and_central_misses_nothing(house: House) -> None:
    house.processes["front"].kill()
    opened = len(house.at_central(OPENED))
    house.do(LEFT, "open_door")
    house.do(RIGHT, "open_drop_door")
    house.wait("both were heard meanwhile", lambda: told_by(house, RIGHT)[-1] == (0x13, True))
    assert len(house.at_central(OPENED)) == opened
    house.processes["front"].start()
    house.wait_at_central(OPENED, opened + 2, within_s=20)
    assert house.at_central(OPENED, asset=RIGHT)[-1]["data"]["door"] == "drop"
    assert house.faults() == []


def test_the_field_dies_and_what_happens_meanwhile_arrives_once_and_in_order(house: House) -> None:
    house.processes["field"].kill()
    for what in ("close_drop_door", "open_card_cage", "close_card_cage", "open_belly_door", "close_belly_door"):
        house.do(RIGHT, what)
    order = house.order("disable", RIGHT)
    refused = house.send(order)
    assert (refused.status, refused.slug) == (503, "field-away")
    house.processes["field"].start()
    house.wait("the machine has told all", lambda: all(known for _, known in told_by(house, RIGHT)), within_s=30)
    assert house.send(order).status == 202, "the same bytes again; the first time it was admitted nowhere"
    house.wait("central has the last and the command's end", lambda: house.endings(order) != [], within_s=15)

    raised = [code for code, _ in told_by(house, RIGHT)]
    stored = [event for event in house.at_central(asset=RIGHT) if not event["data"].get("maybe_repeat")]
    assert codes(stored) == raised
    assert len(house.endings(order)) == 1
    started = house.at_central("hall.gateway.started.v1")[-1]["data"]
    assert (started["last_stop"], sorted(started["lines_unclean"])) == ("unclean", ["L01", "L02"])
    assert house.faults() == []


def test_a_stop_that_was_asked_for_is_clean_and_the_next_start_is_quick(house: House) -> None:
    field = house.processes["field"]
    house.wait("it polls", house.polls, within_s=20)
    house.wait("nothing waits", lambda: house.ask_field()["waiting"] == 0)
    assert field.stop(within_s=4) == 0
    assert house.ask_books("SELECT line FROM line_markers ORDER BY line") == [("L01",), ("L02",)]
    field.start()
    house.wait("it polls again without a silence", house.polls, within_s=5)
    house.wait_at_central("hall.gateway.started.v1", 3, within_s=10)
    assert house.at_central("hall.gateway.started.v1")[-1]["data"]["last_stop"] == "clean"
    assert house.at_central("hall.gateway.stopped.v1")[-1]["data"]["clean"] is True
