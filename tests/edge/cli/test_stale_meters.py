"""MTR-16 on the box: hallctl says how old the meters of a machine are, and never shows stale ones as current."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from edge.board import EgmState
from edge.cli.egm import page
from edge.cli.show import grouped

READ_AT = "2026-11-23T00:11:07.320Z"


def told(why: str | None, *, age_s: int = 75, code_age_s: int = 75) -> dict[str, Any]:
    """What GET /egms/{asset} answers, as far as the page reads it."""
    machine = asdict(EgmState(17, line="A", address=1, link="up", meters_at=READ_AT))
    stale = why is not None
    meters = [
        {"game": 0, "code": code, "name": name, "unit": "credits", "value": "1451", "read_at": READ_AT, "age_s": age,
         "stale": stale or age > 1800}
        for code, name, age in (("00", "coin in", age_s), ("16", "non-cashable in", code_age_s))
    ]  # fmt: skip
    return {
        "egm": machine | {"meters_stale": stale, "meters_stale_because": why, "meters_age_s": age_s},
        "latest_meters": meters,
        "live": {"connected": True, "age_ms": 20, "trouble": None, "time_zone": "Europe/Sofia"},
    }


def lines(**more: Any) -> str:
    return "\n".join(page(told(**more)))


def test_mtr_16_meters_are_shown_with_the_time_and_age_of_their_reading() -> None:
    text = lines(why=None)
    assert "read 02:11:07, 75 s ago" in text
    assert "stale" not in text.lower()


@pytest.mark.parametrize(
    ("why", "words"),
    [("link-down", "does not answer"), ("field-away", "field is away"), ("too-old", "no reading came")],
)
def test_mtr_16_stale_meters_are_called_stale_and_why(why: str, words: str) -> None:
    text = lines(why=why, age_s=4000)
    assert "STALE" in text
    assert words in text
    assert "66 min ago" in text


def test_mtr_16_one_meter_that_was_not_read_with_the_others_is_stale_by_itself() -> None:
    stale = [line for line in lines(why=None, code_age_s=7200).splitlines() if "stale" in line]
    assert len(stale) == 1
    assert "non-cashable in" in stale[0]
    assert "stale, 2 h old" in stale[0]


def test_mtr_09_what_one_denomination_tells_is_not_shown_as_the_machines_own() -> None:
    known = told(None)
    known["latest_meters"].append({**known["latest_meters"][0], "denomination": 2, "value": "77777"})
    text = "\n".join(page(known))
    assert grouped("1451") in text
    assert grouped("77777") not in text
