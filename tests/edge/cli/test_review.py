"""A person at the box looks at a doubtful reading and decides it (MTR-05, MTR-12)."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge.seam.messages import Admit, CommandFound, FindCommand
from edge.store import reviews
from tests.edge.cli.test_hallctl import hallctl
from tests.edge.front.made_up_hall import Hall, made_up_hall
from tests.edge.front.test_reviews import DAY, LEFT, read, unheard


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    async with made_up_hall(tmp_path) as made:
        yield made


def ends(hall: Hall, kind: str, text: str = "") -> None:
    """Whatever is ordered ends so."""

    async def find_command(asked: FindCommand, _caller: Any) -> CommandFound:
        result = {"event": "x:1", "type": f"hall.command.{kind}.v1"} | ({"text": text} if text else {})
        return CommandFound(
            command={"command_id": asked.command_id, "finished_at": "2026-11-23T00:11:08.000Z", "result": result}
        )

    hall.field.find_command = find_command  # type: ignore[method-assign] # the field's part, played by hand


def ordered(hall: Hall) -> dict[str, Any]:
    (admit,) = (asked for asked in hall.field.asked if isinstance(asked, Admit))
    return dict(json.loads(admit.command))


async def test_those_that_wait_are_one_line_each(hall: Hall) -> None:
    assert (await hallctl(hall, "review", "list")).stdout == "No reading waits for a decision.\n"
    await unheard(hall)
    listed = (await hallctl(hall, "review", "list", "--egm", "17")).stdout.splitlines()
    assert re.split(r"  +", listed[1]) == ["1", str(LEFT), "00", "50 000 000", "70 000 000", "ambiguous", DAY, "waits"]
    assert (await hallctl(hall, "review", "list", "--egm", "18")).stdout == "No reading waits for a decision.\n"


async def test_mtr_05_all_that_is_known_of_one_stands_on_one_screen(hall: Hall) -> None:
    await unheard(hall)
    shown = (await hallctl(hall, "review", "show", "1")).stdout
    for line in (
        "  before          50 000 000 credits · 4 bytes · read 2026-11-23 02:11:07 (interval) · credit of 1 minor units",
        "  after           70 000 000 credits · 4 bytes · read 2026-12-07 02:11:07 (interval) · credit of 1 minor units",
        "  between   14 d",
        "  growth          20 000 000 if it did not wrap",
        "                 120 000 000 if it wrapped once",
        "  decide    hallctl review decide 1 --count AMOUNT | --none  --comment TEXT",
    ):
        assert line in shown.splitlines()
    assert re.search(r"05 +games played.* 54 +\+14 +delta", shown)
    assert f"Machine {LEFT}: main door opened" in shown
    told = json.loads((await hallctl(hall, "review", "show", "1", "--json")).stdout)
    assert [event["type"] for event in told["events"]] == ["hall.egm.door.opened.v1"]
    assert (await hallctl(hall, "review", "show", "2")).returncode == 5


async def test_a_corrupt_read_says_what_to_wait_for(hall: Hall) -> None:
    await read(hall, LEFT, 50_000, 0)
    await read(hall, LEFT, 40_000, 0)
    shown = (await hallctl(hall, "review", "show", "1")).stdout
    assert "until then only --none can be decided" in shown
    assert "growth    none without a wrap: it stands lower than before" in shown
    assert "events    between the two readings: none of this machine in the log" in shown


async def test_mtr_12_a_decision_is_sent_with_who_how_much_and_why(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")
    await unheard(hall)
    ends(hall, "done")
    done = await hallctl(hall, "review", "decide", "1", "--count", "120 000 000", "--comment", "log book, page 3")
    assert (done.returncode, done.stdout) == (0, "Review 1 is decided; 120 000 000 credits are counted.\n"), done.stderr
    command = ordered(hall)
    assert (command["kind"], command["central"]) == ("egm.meters.decide", "hallctl-anna")
    assert command["body"] == {
        "asset": LEFT, "review": 1, "choice": "count", "amount": "120000000", "comment": "log book, page 3",
    }  # fmt: skip


async def test_a_decision_for_nothing_names_no_amount_and_a_refusal_is_told(hall: Hall) -> None:
    await unheard(hall)
    ends(hall, "failed", "Review 1 was decided at noon by central-1.")
    done = await hallctl(hall, "review", "decide", "1", "--none", "--comment", "display was at 70 000 000 before")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "Review 1 was decided at noon by central-1."
    assert "amount" not in ordered(hall)["body"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--comment", "why"],
        ["--count", "5", "--none", "--comment", "why"],
        ["--count", "5"],
        ["--count", "-5", "--comment", "why"],
        ["--count", "1.5", "--comment", "why"],
        ["--none", "--comment", " "],
        ["2", "--count", "5", "--comment", "why"],
        ["x", "--none", "--comment", "why"],
        ["5-2", "--none", "--comment", "why"],
    ],
)
async def test_without_one_choice_and_a_comment_nothing_is_sent(hall: Hall, arguments: list[str]) -> None:
    await unheard(hall)
    assert (await hallctl(hall, "review", "decide", "1", *arguments)).returncode == 2
    assert hall.field.asked == []


async def test_a_snapshot_full_of_doubt_is_decided_in_one_go_or_not_at_all(hall: Hall) -> None:
    for value, days in ((50_000_000, 0), (70_000_000, 14), (90_000_000, 28)):
        await read(hall, LEFT, value, days)
    ends(hall, "done")
    wrong = await hallctl(hall, "review", "decide", "1-3", "--none", "--comment", "bench test")
    assert (wrong.returncode, hall.field.asked) == (5, []), "there is no third one"
    done = await hallctl(hall, "review", "decide", "1-2", "2", "--none", "--comment", "bench test")
    assert done.stdout.splitlines() == [f"Review {n} is decided; nothing is counted of it." for n in (1, 2)]
    sent = [json.loads(asked.command)["body"]["review"] for asked in hall.field.asked if isinstance(asked, Admit)]
    assert sent == [1, 2]


async def test_what_is_decided_is_shown_with_its_decision_and_not_decided_again(hall: Hall) -> None:
    await unheard(hall)
    review = await hall.writer.run(lambda tx: reviews.find(tx, 1))
    assert review is not None
    await hall.writer.run(
        lambda tx: reviews.decide(
            tx, review, "count", amount=120_000_000, comment="log book", central="ann", day=DAY, decision_id="x:1"
        )
    )
    shown = (await hallctl(hall, "review", "show", "1")).stdout
    assert "by ann: counted 120 000 000 credits in the day 2026-11-22 · log book" in shown
    listed = (await hallctl(hall, "review", "list", "--all")).stdout
    assert "counted 120 000 000" in listed
    again = await hallctl(hall, "review", "decide", "1", "--none", "--comment", "no")
    assert again.returncode == 6
    assert "Review 1 is decided already (counted by ann). Nothing was changed." in again.stderr
    assert hall.field.asked == []
