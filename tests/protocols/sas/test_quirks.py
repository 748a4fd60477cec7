"""The page of departures from the standard keeps its word: what it names exists, and no conflict of the register is missing."""

import re
from pathlib import Path

import protocols.sas

PAGE = (Path(protocols.sas.__file__).parent / "QUIRKS.md").read_text()
HERE = Path(__file__).parent
FILES = (*HERE.glob("test_*.py"), *(HERE.parents[1] / "simulators" / "egm").glob("test_*.py"))


def test_every_test_that_the_page_names_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    known = {name for file in FILES for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)}
    assert named
    assert named <= known, named - known


def test_every_conflict_of_the_register_is_spoken_of():
    spoken_of = {int(number) for number in re.findall(r"\bX(\d+)\b", PAGE)}
    assert spoken_of >= set(range(1, 17))


def test_every_entry_has_what_sources_a_way_to_cope_and_a_setting_or_none():
    rows = re.findall(r"^\| ([XQ]\d+) \|(.*)\|$", PAGE.split("## Shown by")[0], re.M)
    assert len(rows) > 30
    assert [number for number, cells in rows if len(cells.split(" | ")) != 4] == []
    numbers = [number for number, _ in rows]
    assert len(set(numbers)) == len(numbers)
