"""How each thing found is entered into the books: one function per kind, run in the writer's thread inside a transaction.

An entry changes tables and appends events; it opens nothing, commits nothing and waits for nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from edge.field.entries.exceptions import enter_exception
from edge.field.entries.handpays import enter_handpay
from edge.field.entries.identity import enter_confirmation, enter_description, enter_identity, enter_polls
from edge.field.entries.meters import enter_snapshot
from edge.field.entries.reviews import enter_decision
from edge.field.found import (
    CommandEnded,
    ConfirmFound,
    DecisionFound,
    DescriptionFound,
    ExceptionFound,
    Found,
    HandpayFound,
    IdentityFound,
    PollsFound,
    SnapshotFound,
)
from edge.field.page import Page
from edge.hall.events import Fact


def enter_command(page: Page, found: CommandEnded) -> None:
    """The outcome of a command: its event, and the inbox closed with it."""
    page.end_command(found.central, found.command_id, found.fact)


def enter_fact(page: Page, found: Fact) -> None:
    """A fact that touches no table beside the log."""
    page.append(found)


_ENTRIES: Mapping[type, Callable[[Page, Any], None]] = {
    ExceptionFound: enter_exception,
    SnapshotFound: enter_snapshot,
    IdentityFound: enter_identity,
    ConfirmFound: enter_confirmation,
    DecisionFound: enter_decision,
    DescriptionFound: enter_description,
    HandpayFound: enter_handpay,
    PollsFound: enter_polls,
    CommandEnded: enter_command,
    Fact: enter_fact,
}


def write_entry(page: Page, found: Found) -> None:
    """Enter one thing. Raises what the tables or the catalogue refuse it with; then nothing of the page is written."""
    _ENTRIES[type(found)](page, found)
