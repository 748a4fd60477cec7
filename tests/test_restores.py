"""Books restored, cloned and copied back in any order: no record has two contents, nothing is done twice or lost unsaid."""

from __future__ import annotations

import functools
import json

import pytest

from tests.harness import evidence, restores
from tests.harness.restores import BAD, rounds


@pytest.mark.timeout(240)
def test_id_1_op_8_no_order_of_backups_restores_and_clones_forges_repeats_or_hides_anything():
    figures, first_bad = rounds(first=1, count=20)
    assert first_bad is None
    assert {name: figures[name] for name in BAD} == dict.fromkeys(BAD, 0)
    assert min(figures[name] for name in ("restores", "clones", "copied_back", "backups", "epochs", "commands")) > 10


def test_a_run_adds_its_rounds_to_the_figures_of_its_row_only_when_asked(tmp_path, monkeypatch, capsys):
    sums = tmp_path / "evidence.json"
    monkeypatch.setattr(restores, "add", functools.partial(evidence.add, file=sums))
    assert restores.main(["--rounds", "1", "--seed", "3"]) == 0
    assert not sums.exists()
    assert restores.main(["--rounds", "2", "--seed", "3", "--evidence"]) == 0
    (row,) = json.loads(sums.read_text()).items()
    assert row[0].startswith("ID-1 ")
    assert (row[1]["runs"], row[1]["violations"], row[1]["seeds"], row[1]["first_bad_seed"]) == (2, 0, [3], None)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rounds"] == 2
