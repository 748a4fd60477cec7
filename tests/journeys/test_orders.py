"""What a technician orders on the box: the real program, the real gateway, a simulated machine that obeys."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.journeys.house import LEFT, House

pytestmark = pytest.mark.timeout(120)


def hallctl(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", "SUDO_USER": "anna"}
    directory = ["--run-directory", str(house.gateway.run_directory)]
    return subprocess.run(
        [sys.executable, "-m", "edge.cli.main", *directory, *arguments],
        capture_output=True, text=True, env=environment, timeout=60, check=False,
    )  # fmt: skip


def test_a_machine_is_stopped_and_let_go_again_from_the_box_and_the_log_says_who_did_it(house: House) -> None:
    house.do(LEFT, "bill", 5)
    assert house.can_be_played(LEFT)
    done = hallctl(house, "egm", "disable", str(LEFT))
    assert (done.returncode, done.stdout.strip()) == (0, f"Machine {LEFT} is not played any more."), done.stderr
    assert not house.can_be_played(LEFT)

    done = hallctl(house, "egm", "enable", str(LEFT))
    assert (done.returncode, done.stdout.strip()) == (0, f"Machine {LEFT} may be played."), done.stderr
    assert house.can_be_played(LEFT)

    house.wait_at_central("hall.command.done.v1", 2, asset=LEFT)
    assert {event["data"]["central"] for event in house.at_central("hall.command.done.v1", asset=LEFT)} == {
        "hallctl-anna"
    }


def test_mtr_15_the_last_reading_before_a_machine_is_taken_away_is_ordered_on_the_box_and_told_to_central(
    house: House,
) -> None:
    done = hallctl(house, "egm", "read", str(LEFT), "--before", "removal")
    assert (done.returncode, done.stdout.strip()) == (0, f"The meters of machine {LEFT} were read."), done.stderr
    house.wait_at_central("hall.command.done.v1", 1, asset=LEFT)
    reasons = [event["data"]["reason"] for event in house.at_central("hall.egm.meters.snapshot", asset=LEFT)]
    assert (reasons.count("first"), reasons.count("last")) == (1, 1)


def test_a_machine_that_is_the_enrolled_one_needs_no_confirmation_and_none_is_made(house: House) -> None:
    done = hallctl(house, "egm", "confirm", str(LEFT))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"No other machine than the enrolled one answers for machine {LEFT}.",
        f"Nothing was changed. See: hallctl event search --egm {LEFT}",
    ]
    assert house.at_central("hall.egm.confirmed", asset=LEFT) == []


def test_a_machine_nobody_knows_is_not_ordered_about(house: House) -> None:
    done = hallctl(house, "egm", "disable", "999999")
    assert done.returncode == 5
    assert "No machine is known as 999999. Nothing was changed." in done.stderr
