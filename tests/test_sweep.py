"""kill -9 of the real field at its system calls, sampled (PW-2). The long form is ``./dev sweep``."""

from __future__ import annotations

import pytest

from tests.harness import sweep

WITHOUT = sweep.missing()
pytestmark = pytest.mark.skipif(WITHOUT is not None, reason=f"{WITHOUT}")


@pytest.mark.timeout(180)
def test_pw_2_the_field_killed_at_what_it_writes_and_sends_loses_and_doubles_nothing() -> None:
    report = sweep.field(3, 3, lives=3)
    assert report["wrong"] == []
    assert report["killed"] >= 1
    assert report["acknowledged"] > 0
