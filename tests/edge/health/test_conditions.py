"""Every error of ours has words, a remedy and a code of its own."""

import re
from pathlib import Path

import pytest

from edge.health.conditions import BY_CODE, CONDITIONS, condition, told

ROOT = Path(__file__).parents[3]
OUTCOMES = {
    "done", "identified", "meters-read", "answered", "bill-read", "cards-read", "collect-status", "described", "handpay-read",
    "hopper-read", "numbers-kept", "numbers-set", "probed", "reels-read", "selection-read", "wagers-read",
}  # fmt: skip
"Slugs of what went well: no condition."


def slugs_in(wing: str) -> set[str]:
    """Every slug that a class of this wing carries, read from the source so that none is forgotten."""
    found: set[str] = set()
    for path in (ROOT / wing).rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'^    slug(?:: ClassVar\[str\])? = "([a-z-]+)"$', source, re.MULTILINE))
    return found - OUTCOMES


def test_codes_are_four_digits_and_their_own():
    assert len(BY_CODE) == len(CONDITIONS)
    for row in CONDITIONS.values():
        assert re.fullmatch(r"HE\d{4}", row.code)
        assert row.remedy, row.slug
        assert row.text.strip().endswith("."), row.text


def test_nobody_is_told_please_or_failed():
    for row in CONDITIONS.values():
        assert not re.search(r"(?i)please|failed|invalid", row.text + row.remedy), row.slug


def test_what_is_hidden_exists():
    for row in CONDITIONS.values():
        assert set(row.hides) <= set(CONDITIONS)


@pytest.mark.parametrize("wing", ["edge", "protocols", "sync"])
def test_every_error_of_ours_has_a_row(wing):
    missing = slugs_in(wing) - set(CONDITIONS)
    assert not missing, f"{wing}: no row in edge/health/conditions.py for {sorted(missing)}"


def test_every_code_named_in_the_configuration_room_has_a_row():
    for path in (ROOT / "edge" / "config").glob("*.py"):
        for code in re.findall(r"HE\d{4}", path.read_text(encoding="utf-8")):
            assert code in BY_CODE, code


def test_facts_are_put_in_and_a_missing_one_is_a_dash():
    assert told(condition("line-lost"), {"line": "A"})[0] == "Line A is gone. Its machines are not polled."
    assert told(condition("line-lost"), {})[0].startswith("Line - is gone")
    assert condition("never-heard-of").code == "HE6000"
