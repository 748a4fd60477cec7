"""What the field must know, and undo, before its first frame."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.field.found import ExceptionFound, PollsFound, SnapshotFound
from edge.field.registry import Registry, prepare
from edge.hall.meters import Reading
from edge.store.last_exceptions import note_exception
from edge.store.markers import mark_clean
from sync.db import Transaction
from tests.edge.field.books import NIGHT, TWO_MACHINES, Books, open_books, settings_for


async def test_the_configuration_seeds_the_registry_at_the_first_start(books: Books) -> None:
    registry = books.registry
    assert registry.first_run
    assert [(egm.asset, egm.line, egm.address, egm.location) for egm in registry.egms] == [
        (17, "A", 1, "104"),
        (18, "B", 1, None),
    ]
    assert registry.clean_lines == frozenset()
    assert registry.last_exceptions == {}
    assert books.ask("SELECT name, required FROM consumers") == [("central-1", 1)]


async def test_afterwards_the_registry_counts_and_what_differs_is_told(tmp_path: Path) -> None:
    async with open_books(settings_for(tmp_path)):
        pass
    moved = [{**TWO_MACHINES[0], "address": 5}, TWO_MACHINES[1]]
    async with open_books(settings_for(tmp_path, moved)) as books:
        assert not books.registry.first_run
        assert books.registry.egms[0].address == 1
        assert [(d.asset, d.field, d.configured, d.registered) for d in books.registry.differences] == [
            (17, "address", "5", "1")
        ]


async def test_markers_are_taken_and_cleared_in_one_transaction(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with open_books(settings) as books:

        def stop(tx: Transaction) -> None:
            mark_clean(tx, "A")
            note_exception(tx, 17, 0x11, 4)

        await books.journal.write(stop)
        assert books.ask("SELECT line FROM line_markers") == [("A",)]

    async with open_books(settings) as books:
        assert books.registry.clean_lines == frozenset({"A"})
        assert books.registry.last_exceptions == {17: 0x11}
        assert books.ask("SELECT line FROM line_markers") == [], "durably gone before the first frame"

    async with open_books(settings) as books:
        assert books.registry.clean_lines == frozenset(), "a run that wrote no marker did not stop cleanly"


async def test_a_start_that_fails_half_way_leaves_the_markers_as_they_were(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with open_books(settings) as books:
        await books.journal.write(lambda tx: mark_clean(tx, "A"))

        def broken(tx: Transaction) -> Registry:
            registry = prepare(tx, settings)
            raise OSError(f"the power went at {registry.clean_lines}")

        with pytest.raises(OSError, match="power"):
            await books.journal.write(broken)
        assert books.ask("SELECT line FROM line_markers") == [("A",)]


async def test_a_consumer_that_is_no_longer_named_holds_nothing_back(tmp_path: Path) -> None:
    async with open_books(settings_for(tmp_path)):
        pass
    async with open_books(settings_for(tmp_path, consumer=[{"name": "central-2"}])) as books:
        assert books.ask("SELECT name, required FROM consumers ORDER BY name") == [("central-1", 0), ("central-2", 1)]


async def test_what_is_known_of_a_machine_beside_its_place_is_known_at_the_next_start(tmp_path: Path) -> None:
    """A handpay that was asked for and not answered is asked for first; what it does not know is not asked again."""
    settings = settings_for(tmp_path)
    async with open_books(settings) as books:
        await books.record(
            ExceptionFound(17, 0x51, NIGHT, doubtful=False),
            PollsFound(17, unsupported=(0x48,)),
            SnapshotFound(
                asset=17, time=NIGHT, reason="event", because=None, coherent=True, denomination=None,
                readings=[Reading(0, None, 0x44, 3, 4), Reading(1, None, 0x00, 9, 4)], unsupported=(),
            ),
        )  # fmt: skip
    async with open_books(settings) as books:
        assert books.registry.handpays_open == frozenset({17})
        assert books.registry.unsupported_polls == {17: (0x48,), 18: ()}
        assert books.registry.meters_read == {17: (0x44,), 18: ()}, "of the machine as a whole"
