"""MTR-08: meters asked for by command are there, or the command has failed, within the limit; and where it stands is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.field.answers import Answers
from edge.seam.connection import Caller
from edge.seam.messages import FindCommand
from sync.commands import Command, encode
from tests.edge.field.books import STREAM
from tests.edge.field.small_hall import SmallHall, opened

HALL = {f"L{line:02}": [100 * line + place for place in range(1, 6)] for line in range(1, 21)}
"A hundred machines on twenty lines."
ONE = {"A": [17]}
LIMIT_S = 10
LATE_S = 1.0
"What is due is looked at once a second."


async def ask(hall: SmallHall, asset: int, **body: Any) -> None:
    now = hall.books.clock.wall()
    given = Command(
        "central-1",
        1,
        f"c-{asset}",
        "hg-07",
        STREAM,
        now,
        now + timedelta(hours=1),
        "egm.meters.read",
        {"asset": asset},
    )
    answer = await hall.dispatch.admit(encode(replace(given, body={"asset": asset, **body})), "http")
    assert answer.status == "admitted", answer.text


async def state(hall: SmallHall, asset: int) -> str:
    """As GET /commands/{id} tells it."""
    answers = Answers(
        hall.books.journal, hall.books.writer, hall.dispatch, hall.poller, hall.supervisor, subject="gateway/hg-07"
    )
    found = (await answers.find_command(FindCommand(central=None, command_id=f"c-{asset}"), Caller(0, 0, 0))).command
    assert found is not None
    return str(found["state"])


def endings(hall: SmallHall) -> dict[int, str]:
    return {e["data"]["asset"]: e["type"].split(".")[2] for e in hall.books.events("hall.command.")}


def snapshots(hall: SmallHall, *reasons: str) -> list[tuple[int, str]]:
    read = [event["data"] for event in hall.books.events("hall.egm.meters.snapshot")]
    return [(one["asset"], one["reason"]) for one in read if not reasons or one["reason"] in reasons]


async def test_mtr_08_a_hundred_machines_asked_at_once_all_answer_or_fail_within_the_limit(tmp_path: Path) -> None:
    assets = [asset for here in HALL.values() for asset in here]
    away = {101, 1203}
    async with opened(tmp_path, HALL, polling={"read_within_s": LIMIT_S}) as hall:
        await hall.up(*assets)
        for asset in away:
            hall.machine(asset).plugged = False
        for asset in assets:
            await ask(hall, asset)
        assert await state(hall, 102) == await state(hall, 101) == "pending"
        whole = [asset for name, here in HALL.items() if not away & set(here) for asset in here]
        took = await hall.go(LIMIT_S, lambda: not any(hall.desk.depth(asset) for asset in whole))
        assert took <= 3, "own goal: 30 s for all"
        took += await hall.go(LIMIT_S, lambda: not any(hall.desk.depth(asset) for asset in set(assets) - away))
        assert took <= 6, "their lines are silent for 5.3 s after three lost tries"
        await hall.go(LIMIT_S + LATE_S - took, lambda: hall.desk.commands == 0)
        await hall.settle()
        assert Counter(endings(hall).values())["done"] == 98
        assert {asset for asset, how in endings(hall).items() if how != "done"} == away
        assert sorted(snapshots(hall, "command")) == [(asset, "command") for asset in sorted(set(assets) - away)]
        assert (await state(hall, 102), await state(hall, 101)) == ("complete", "failed")


async def test_mtr_08_one_machine_answers_within_five_seconds(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)
        await ask(hall, 17)
        await hall.go(5, lambda: endings(hall) == {17: "done"})


async def test_mtr_08_a_reading_cut_off_in_the_middle_fails_in_time_and_what_still_comes_is_kept(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, ONE, polling={"read_within_s": LIMIT_S}) as hall:
        await hall.up(17)
        await ask(hall, 17)
        await hall.go(2, lambda: hall.sent("A")[-1].startswith("01 6F"))
        hall.wires.wires["A"].cut()
        await hall.go(LIMIT_S + LATE_S, lambda: endings(hall) == {17: "failed"})
        (failed,) = hall.books.events("hall.command.failed")
        assert failed["data"]["error"] == "timeout"
        assert await state(hall, 17) == "failed"
        hall.wires.wires["A"].mend()
        await hall.up(17)
        assert endings(hall) == {17: "failed"}, "one ending, whatever comes later"


@pytest.mark.parametrize("occasion", ["move", "last"])
async def test_mtr_15_a_machine_that_is_to_be_moved_or_taken_away_is_read_with_that_reason(
    tmp_path: Path, occasion: str
) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)
        await ask(hall, 17, occasion=occasion)
        await hall.go(5, lambda: endings(hall) == {17: "done"})
        assert snapshots(hall) == [(17, "first"), (17, occasion)]


async def test_another_occasion_than_those_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        with pytest.raises(AssertionError, match="occasion"):
            await ask(hall, 17, occasion="whim")
