"""A disk drops what central already holds: the log goes on under a new name, central follows, and both know what is gone."""

from __future__ import annotations

import shutil

import pytest

from tests.journeys.house import LEFT, RIGHT, House
from tests.support.keptbooks import copy_back

OPENED, EPOCH, GAP = "hall.egm.door.opened.v1", "hall.gateway.epoch.opened.v1", "hall.egm.data.gap.v1"

pytestmark = pytest.mark.timeout(180)


def test_st_8_up_8_central_follows_into_the_new_epoch_after_a_tail_was_lost(house: House) -> None:
    field, front, state = house.processes["field"], house.processes["front"], house.gateway.state
    assert field.stop() == 0
    shutil.copytree(state, house.directory / "older")
    field.start()
    house.wait_for_polls()
    house.do(LEFT, "open_door")
    house.wait_at_central(OPENED, asset=LEFT)
    before = house.streamid
    held = [event for event in house.at_central() if event["streamid"] == before]

    field.kill()
    front.stop()
    copy_back(house.directory / "older", state, in_place=True)
    field.start()
    front.start()
    house.wait_at_central(EPOCH, within_s=40)
    (opened,) = house.at_central(EPOCH)
    assert opened["data"]["reason"] == "tail-lost"
    assert opened["data"]["previous_streamid"] == before
    assert opened["data"]["last_sequence"] < int(held[-1]["sequence"])
    house.wait_at_central(GAP, 2)
    assert {gap["data"]["asset"] for gap in house.at_central(GAP)} == {LEFT, RIGHT}
    house.wait_for_polls()
    house.do(RIGHT, "open_door")
    house.wait_at_central(OPENED, asset=RIGHT, within_s=40)
    (door,) = house.at_central(OPENED, asset=RIGHT)
    assert door["streamid"] == house.streamid != before
    assert held == [event for event in house.at_central() if event["streamid"] == before], (
        "what it held stays as it was"
    )
