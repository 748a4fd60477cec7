"""One file says what stands in the hall, to the machines and to the gateway alike."""

import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from edge.config.model import EgmSettings, LineSettings
from simulators.floor import SCENARIOS, BadFloor, load, read, simple


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_scenario_can_be_read_and_gives_tables_the_gateway_takes(path: Path) -> None:
    floor = load(path).with_ports({line.name: 4001 + n for n, line in enumerate(load(path).lines)})
    tables = tomllib.loads(floor.gateway_tables())
    lines = [LineSettings(**line) for line in tables["line"]]
    egms = [EgmSettings(**egm) for egm in tables["egm"]]
    assert lines[0].url == "tcp9:127.0.0.1:4001"
    assert {egm.asset for egm in egms} == {egm.asset for egm in floor.egms}
    assert {egm.line for egm in egms} == {line.name for line in lines}


def test_a_scenario_is_found_by_its_name() -> None:
    floor = load(Path("crash"))
    assert len(floor.egms) == 16
    assert [len(line.egms) for line in floor.lines] == [4, 4, 1, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("hall", "sizes"),
    [
        ({"machines": 3}, [1, 1, 1]),
        ({"machines": 5, "lines": 2}, [3, 2]),
        ({"machines": 5, "shared": [3]}, [3, 1, 1]),
        ({"machines": 9, "shared": [4], "lines": 3}, [4, 3, 2]),
        ({"machines": 4, "shared": [4], "lines": 1}, [4]),
    ],
)
def test_machines_are_laid_out_on_lines(hall: dict[str, Any], sizes: list[int]) -> None:
    floor = read({"hall": hall})
    assert [len(line.egms) for line in floor.lines] == sizes
    assert [egm.address for egm in floor.lines[0].egms] == list(range(1, sizes[0] + 1))


def test_lines_and_personas_may_be_written_out() -> None:
    floor = read(
        {
            "persona": {"old": {"version": "500", "unsupported_polls": [0x6F, 0xAF, 0xA0], "credit": "0.05",
                                "denomination_code": 2, "meters_at_start": {"1C": 5}}},
            "line": [{"name": "A", "port": 4001, "egm": [{"asset": 7, "address": 9, "persona": "old"}]}],
        }
    )  # fmt: skip
    persona = floor.egms[0].persona
    assert persona.credit == Fraction(1, 20)
    assert persona.unsupported_polls == {0x6F, 0xAF, 0xA0}
    assert persona.meters_at_start == {0x1C: 5}
    assert 'url = "tcp9:127.0.0.1:4001"' in floor.gateway_tables()


def test_a_hall_has_one_persona_or_several_in_turn_ours_or_its_own() -> None:
    one = read({"hall": {"machines": 2, "persona": "sas5"}})
    assert [egm.persona.version for egm in one.egms] == ["500", "500"]
    turns = read(
        {"persona": {"tame": {"base": "sas5", "max_bet": 1}}, "hall": {"machines": 3, "personas": ["slow", "tame"]}}
    )
    assert [egm.persona.name for egm in turns.egms] == ["slow", "tame", "slow"]
    assert (turns.egms[1].persona.version, turns.egms[1].persona.max_bet) == ("500", 1)
    line = {"name": "A", "egm": [{"asset": 1}, {"asset": 2, "address": 2, "persona": "plain"}]}
    usual = read({"hall": {"persona": "multi_game"}, "line": [line]})
    assert [egm.persona.games for egm in usual.egms] == [4, 1]


def test_two_machines_may_be_set_to_one_address_and_the_gateway_knows_one_of_them() -> None:
    floor = read({"line": [{"name": "A", "egm": [{"asset": n, "persona": "duplicate_address"} for n in (7, 8)]}]})
    assert [egm.address for egm in floor.egms] == [1, 1]
    assert [egm["asset"] for egm in tomllib.loads(floor.gateway_tables())["egm"]] == [7]


@pytest.mark.parametrize(
    "told",
    [
        {"hall": {"machine": 3}},
        {"hall": {"machines": 0}},
        {"hall": {"machines": 3, "shared": [4]}},
        {"hall": {"machines": 3, "shared": [1]}},
        {"hall": {"machines": 3, "lines": 4}},
        {"hall": {"machines": 3, "personas": ["nobody"]}},
        {"hall": {"machines": 3, "speed": "fast"}},
        {"hall": {"machines": 1}, "line": [{"name": "A", "egm": [{"asset": 1}]}]},
        {"line": []},
        {"line": [{"name": "A", "egm": []}]},
        {"line": [{"name": "A", "egm": [{"address": 1}]}]},
        {"line": [{"name": "A", "egm": [{"asset": 1}, {"asset": 2}]}]},
        {"line": [{"name": "A", "egm": [{"asset": 1}]}, {"name": "B", "egm": [{"asset": 1}]}]},
        {"line": [{"name": "A", "egm": [{"asset": 1, "address": 128}]}]},
        {"hall": {"machines": 1, "persona": "nobody"}},
        {"hall": {"machines": 1, "persona": "slow", "personas": ["slow"]}},
        {"line": [{"name": "A", "egm": [{"asset": 1, "persona": "nobody"}]}]},
        {"line": [{"name": "A", "egm": [{"asset": 1, "persona": "duplicate_address"}, {"asset": 2}]}]},
        {"persona": {"x": {"colour": "red"}}},
        {"persona": {"x": {"credit": "much"}}},
        {"game": {"luck": 1}},
    ],
)  # fmt: skip
def test_what_is_no_hall_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(BadFloor):
        read(told)


def test_a_file_that_is_not_toml_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "hall.toml").write_text("[hall\n", encoding="utf-8")
    with pytest.raises(BadFloor, match=r"hall\.toml"):
        load(tmp_path / "hall.toml")


def test_a_floor_can_be_made_without_a_file() -> None:
    assert len(simple(16, shared=[4, 4], seed=3).lines) == 10
