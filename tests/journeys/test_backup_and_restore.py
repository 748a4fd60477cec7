"""OP-8: backups while machines play, then the box is lost and a bare one goes on from the newest of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from edge.jobs.places import backups_in
from edge.jobs.restore import verify
from tests.harness.processes import python
from tests.journeys.house import FLOOR, LEFT, RIGHT, House, open_house

pytestmark = pytest.mark.timeout(180)
BACKUPS = 4
RESTORED_WITHIN_S = 15 * 60
TOLD_WITHIN_S = 60.0
GAP = "hall.egm.data.gap"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    busy = FLOOR.replace("games_per_minute = 0", "games_per_minute = 60")
    busy = busy.replace("events_per_minute = 0", "events_per_minute = 120")
    with open_house(tmp_path_factory.mktemp("busy"), busy, meters_every_s=5) as house:
        yield house


def job(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(python("-m", "edge", *arguments), capture_output=True, text=True, check=False, timeout=120)


def last(house: House) -> int:
    (row,) = house.ask_books("SELECT max(position) FROM log")
    return int(row[0])


def test_op_8_backups_under_load_each_open_hold_and_are_told_to_central(house):
    gaps = len(house.at_central(GAP))
    for number in range(1, BACKUPS + 1):
        before = last(house)
        made = job(house, "backup", "--config", str(house.gateway.config))
        assert made.returncode == 0, made.stderr
        newest = backups_in(house.gateway.state / "backups")[-1]
        assert newest.number == number
        found = verify(newest.path)
        assert before <= found.sound.head.position <= last(house)
        (row,) = house.ask_books("SELECT chain FROM log WHERE position = ?", found.sound.head.position)
        assert row[0].hex() == found.manifest.sha256
        house.wait_at_central("hall.egm.", len(house.at_central("hall.egm.")) + 3)
    house.wait_at_central("hall.gateway.backup", BACKUPS, within_s=TOLD_WITHIN_S)
    told = house.at_central("hall.gateway.backup")
    assert [event["data"]["result"] for event in told] == ["made"] * BACKUPS
    assert house.faults() == []
    assert len(house.at_central(GAP)) == gaps
    assert not list((house.gateway.state / "untold").iterdir())


def test_op_8_id_1_a_bare_box_goes_on_from_the_newest_backup_and_says_so(house):
    stream = house.streamid
    archive = shutil.copy(backups_in(house.gateway.state / "backups")[-1].path, house.directory / "stick")
    house.wait_at_central("hall.egm.", len(house.at_central("hall.egm.")) + 5)
    for part in ("front", "field"):
        house.processes[part].kill()
    began = time.monotonic()
    house.gateway.state.rename(house.directory / "the-lost-box")
    house.gateway.state.mkdir()
    put = job(house, "restore", str(archive), "--into", str(house.gateway.state))
    assert put.returncode == 0, put.stderr
    for part in ("field", "front"):
        house.processes[part].start()

    def reasons() -> list[str]:
        rows = house.ask_books("SELECT body FROM log ORDER BY position")
        events = [json.loads(body) for (body,) in rows]
        return [one["data"]["reason"] for one in events if one["type"] == "hall.gateway.epoch.opened.v1"]

    # Whoever reads books in their first moments keeps them from being opened: the field says when it is there.
    house.wait_for_polls()
    house.wait("a new epoch is open", lambda: reasons() == ["restored"])
    house.wait("machines are polled again", lambda: house.ask_books(
        "SELECT count(*) FROM log WHERE position > (SELECT first_position + 10 FROM epochs ORDER BY epoch DESC LIMIT 1)"
    )[0][0] > 0)  # fmt: skip
    took = time.monotonic() - began
    print(f"\nfrom the loss of the box to polled machines: {took:.1f} s")
    assert took < RESTORED_WITHIN_S
    assert house.streamid != stream
    assert not (house.gateway.state / "restored.json").exists()
    house.wait("central has the new stream", lambda: any(
        event["streamid"] == house.streamid for event in house.at_central("hall.gateway.epoch.opened")
    ), within_s=30)  # fmt: skip
    assert {event["data"]["asset"] for event in house.at_central(GAP) if event["streamid"] == house.streamid} >= {
        LEFT, RIGHT,
    }  # fmt: skip
