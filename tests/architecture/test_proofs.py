"""Each demand and each fault has a test that names it, or a reason; and the page that lists them is the tests' own."""

import pytest

from tests.architecture.proofs import PAGE, ROWS, page, shown_by


@pytest.mark.parametrize("number", ROWS)
def test_a_row_has_a_test_that_cites_it_or_a_reason(number):
    what, why_not = ROWS[number]
    assert what
    assert shown_by().get(number) or why_not, f"{number}: no test names it, and nothing says why"


def test_the_page_is_made_from_the_tests():
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m tests.architecture.proofs > docs/proofs.md"
