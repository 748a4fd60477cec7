"""Books restored, cloned and copied back in any order: no record has two contents, nothing is done twice or lost unsaid."""

from __future__ import annotations

import pytest

from tests.harness.restores import BAD, rounds


@pytest.mark.timeout(240)
def test_id_1_op_8_no_order_of_backups_restores_and_clones_forges_repeats_or_hides_anything():
    figures = rounds(first=1, count=20)
    assert {name: figures[name] for name in BAD} == dict.fromkeys(BAD, 0)
    assert min(figures[name] for name in ("restores", "clones", "copied_back", "backups", "epochs", "commands")) > 10
