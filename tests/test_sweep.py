"""kill -9 at system calls, sampled: 27 of the books and 3 of the real field (PW-2, PW-6). The long form is ``./dev sweep``."""

from __future__ import annotations

import pytest

from tests.harness import sweep

WITHOUT = sweep.missing()
pytestmark = pytest.mark.skipif(WITHOUT is not None, reason=f"{WITHOUT}")


@pytest.mark.timeout(180)
def test_pw_6_books_killed_at_any_call_that_touches_the_disk_have_all_that_was_acknowledged() -> None:
    report = sweep.books(27, 2026, workers=1)
    assert report["wrong"] == []
    assert report["points"] == 27
    assert report["killed"] >= 18


@pytest.mark.timeout(180)
def test_pw_2_the_field_killed_at_what_it_writes_and_sends_loses_and_doubles_nothing() -> None:
    report = sweep.field(3, 3, lives=3)
    assert report["wrong"] == []
    assert report["killed"] >= 1
    assert report["acknowledged"] > 0
