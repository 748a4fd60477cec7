"""Each fault of the store and its delivery has a test that names it, or a reason; the page is made from tests and runs."""

import pytest

from tests.architecture.evidence import PAGE, ROWS, page
from tests.architecture.proofs import shown_by


@pytest.mark.parametrize("number", ROWS)
def test_a_fault_has_a_test_that_cites_it_or_a_reason(number):
    what, why_not = ROWS[number]
    assert what
    assert shown_by(ROWS).get(number) or why_not, f"{number}: no test names it, and nothing says why"


def test_the_page_is_made_from_tests_and_runs():
    assert PAGE.read_text(encoding="utf-8") == page(), "write anew: python -m tests.architecture.evidence > docs/evidence.md"
