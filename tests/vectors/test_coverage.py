"""No hole in what is there of SAS, and the page that says so is the code's."""

from protocols.sas.catalog.companion import COMPANION
from protocols.sas.catalog.exception_codes import EXCEPTIONS
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.catalog.meter_codes import METERS
from simulators.egm.answers import answered_polls
from tests.vectors.coverage import PAGE, exception_vectors, meter_vectors, page, poll_vectors


def test_the_page_is_made_from_the_code():
    assert PAGE.read_text() == page(), "write it anew: python -m tests.vectors.coverage > docs/sas.md"


def test_every_long_poll_of_the_catalogue_has_a_vector_and_is_answered_by_the_simulated_machine():
    assert set(BY_CODE) - set(poll_vectors()) == set()
    assert set(BY_CODE) - answered_polls() == set()


def test_every_exception_has_a_vector():
    assert set(EXCEPTIONS) - set(exception_vectors()) == set()


def test_every_meter_has_a_vector():
    assert set(METERS) - set(meter_vectors()) == set()


def test_what_is_left_to_the_money_step_is_known_by_name_and_in_no_table_of_ours():
    assert set(COMPANION) & set(BY_CODE) == set()
    assert len(COMPANION) >= 50
