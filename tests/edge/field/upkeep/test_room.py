"""Full books hold the bus: nothing is acknowledged that is not on disk, and all goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from edge.board import Board
from edge.field.upkeep import ballast
from edge.field.upkeep.bus import Lines
from edge.field.upkeep.room import Room
from edge.hall.events import Fact
from edge.health.room import BALLAST_BYTES
from sync.errors import StorageFull
from tests.edge.field.books import NIGHT, Books, open_books, settings_for
from tests.edge.field.small_hall import SmallHall, opened
from tests.harness.smalldisk import SmallDisk, why_not

WITHOUT = why_not()
needs_disk = pytest.mark.skipif(WITHOUT is not None, reason=f"{WITHOUT}")
DOOR = Fact("hall.egm.door.opened.v1", "egm/17", NIGHT, {"asset": 17, "sas_exception": 0x11, "door": "main"})
UNLIMITED = 1 << 30


def joined(hall: SmallHall) -> tuple[Room, Lines]:
    """The room and the lines, joined to a small hall as the field joins them."""
    books = hall.books
    lines = Lines(books.journal, hall.hearing, hall.poller, hall.supervisor, books.clock)
    room = Room(
        books.path.parent, books.path, books.settings.store, clock=books.clock, board=hall.board, bus=lines,
        write=books.journal.write, record=lines.record, subject="gateway/hg-07",
    )  # fmt: skip
    hall.hearing.full = lines.full = room.full
    return room, lines


async def limit(books: Books, pages: int | None = None) -> None:
    """The books may grow to so many pages; None: not beyond those they have."""

    def set_it(tx: Any) -> None:
        most = tx.execute("PRAGMA page_count").fetchone()[0] if pages is None else pages
        tx.execute(f"PRAGMA max_page_count={most}")

    await books.journal.write(set_it)


async def until_full(hall: SmallHall, room: Room, asset: int = 17) -> None:
    for _ in range(300):
        hall.happens(asset, "open_door")
        hall.happens(asset, "close_door")
        await hall.go(0.2)
        if room.level == "full":
            return
    raise AssertionError("the books did not fill")


def stored(hall: SmallHall, asset: int) -> list[int]:
    """Without what is marked: a machine that was not spoken to for 5 s tells its last item once more."""
    return [
        event["data"]["sas_exception"]
        for event in hall.books.events("hall.egm.door")
        if event["subject"] == f"egm/{asset}" and not event["data"].get("maybe_repeat")
    ]


async def test_st_1_full_books_hold_every_line_and_what_is_acknowledged_is_stored(tmp_path: Path) -> None:
    async with opened(tmp_path, {"A": [17], "B": [18]}) as hall:
        room, lines = joined(hall)
        await hall.up(17, 18)
        await room.look()
        assert (hall.books.path.parent / "ballast").stat().st_size == BALLAST_BYTES
        await limit(hall.books)
        await until_full(hall, room)
        held_at = hall.now
        lines.record([DOOR])  # what no line waits for waits as well
        await hall.go(8)
        assert [hall.sent(line, held_at) for line in ("A", "B")] == [[], []], "any frame would acknowledge"
        assert all(wire.host.held for wire in hall.supervisor.wires)
        assert hall.board.gateway.state == "held"
        acknowledged = hall.machine(17).acknowledged
        assert stored(hall, 17)[: len(acknowledged)] == acknowledged
        assert lines.waits_for_room

        await room.look()
        await hall.settle()
        assert room.level == "full", "there is none yet"
        await limit(hall.books, UNLIMITED)
        await room.look()
        await hall.settle()
        assert not lines.waits_for_room
        assert hall.sent("A", held_at) == [], "written, but the lines go on with the next look"
        await room.look()
        assert (room.level, hall.board.gateway.room_level, hall.board.gateway.state) == ("ok", "ok", "starting")
        raised = [entry.code for entry in hall.machine(17).egm.book.entries]
        await hall.go(8, lambda: hall.machine(17).acknowledged == raised)
        assert sorted(stored(hall, 17)) == sorted([*raised, 0x11]), "all of them, and the fact that no line waited for"
        assert hall.sent("B", held_at) != []
        levels = [event["data"]["level"] for event in hall.books.events("hall.gateway.storage")]
        assert levels == ["full", "ok"]


async def test_what_is_heard_behind_what_waits_for_room_is_written_behind_it(tmp_path: Path) -> None:
    async with opened(tmp_path, {"A": [17]}) as hall:
        room, _ = joined(hall)
        await hall.up(17)
        await limit(hall.books)
        await until_full(hall, room)
        wire = hall.wire("A")
        before = len(hall.books.events())
        await limit(hall.books, UNLIMITED)
        hall.hearing._stray(wire, _stray(b"\x55"), NIGHT, hall.now, heard := _heard())
        hall.hearing._record(wire, heard)
        await hall.settle()
        assert len(hall.books.events()) <= before + 1, "it does not overtake"
        hall.hearing.write_waiting()
        await hall.settle()
        kinds = [kind for kind in hall.books.kinds() if kind.startswith(("egm.door", "line.chatter"))]
        assert kinds[-1] == "line.chatter"


def _stray(data: bytes) -> Any:
    from protocols.sas.events import Stray

    return Stray(data, 0)


def _heard() -> Any:
    from edge.field.pollers.seats import Heard

    return Heard()


class Bus:
    """Lines of which nothing is known but whether they are held."""

    held = False
    waits_for_room = False

    def hold(self) -> None:
        self.held = True

    def let_go(self) -> None:
        self.held = False

    def write_waiting(self) -> None:
        """Nothing waits."""


@pytest.fixture
async def on_disk(tmp_path: Path) -> AsyncIterator[tuple[Books, SmallDisk, Room, Bus]]:
    """Books and room on a disk of 32 MiB."""
    disk = SmallDisk(tmp_path / "disk.img", tmp_path / "state", mib=32)
    disk.open()
    try:
        async with open_books(settings_for(tmp_path)) as books:
            bus = Bus()

            def record(found: list[Fact]) -> None:
                books.journal.record(found, lambda _written, _error: None)

            room = Room(
                books.path.parent, books.path, books.settings.store, clock=books.clock, board=Board(), bus=bus,
                write=books.journal.write, record=record, subject="gateway/hg-07",
            )  # fmt: skip
            yield books, disk, room, bus
    finally:
        disk.close()


async def looked(room: Room) -> str:
    await room.look()
    await asyncio.sleep(0.05)
    return room.level


@needs_disk
async def test_each_level_is_told_once_as_the_disk_fills_and_empties(
    on_disk: tuple[Books, SmallDisk, Room, Bus],
) -> None:
    books, disk, room, bus = on_disk
    assert await looked(room) == "ok"
    whole = disk.size
    levels = []
    for percent in (12, 6, 2):
        disk.fill(leave=whole * percent // 100)
        levels += [await looked(room), await looked(room)]
    assert levels == ["low", "low", "short", "short", "critical", "critical"]
    assert room.shedding.gives_up("hall.egm.game.started.v1", "egm/17") is False
    assert room.shedding.gives_up("hall.egm.game.started.v1", "egm/17") is True
    assert not bus.held, "events and meters go on"
    disk.release()
    assert await looked(room) == "ok"
    told = [event["data"] for event in books.events("hall.gateway.storage")]
    assert [one["level"] for one in told] == ["low", "short", "critical", "ok"]
    assert told[-1]["thinned_out"] == 1


@needs_disk
async def test_st_1_without_the_ballast_nothing_can_be_written_or_deleted_and_with_its_room_all_can(
    on_disk: tuple[Books, SmallDisk, Room, Bus],
) -> None:
    books, disk, room, bus = on_disk
    await looked(room)
    await books.record(DOOR)
    disk.fill()

    async def write_on() -> None:
        for _ in range(200):
            await books.record(*[DOOR] * 20)

    with pytest.raises(StorageFull):
        await write_on()
    with pytest.raises(StorageFull):
        await books.journal.write(lambda tx: tx.execute("DELETE FROM consumers"))
    room.full()
    assert bus.held
    assert await looked(room) == "full"
    assert not (disk.place / "ballast").exists()
    await books.record(DOOR)
    await books.journal.write(lambda tx: tx.execute("DELETE FROM consumers"))
    assert await looked(room) == "full", "its room is for what is open, not for going on"
    assert bus.held
    disk.release()
    assert await looked(room) == "ok"
    assert (disk.place / "ballast").stat().st_size == BALLAST_BYTES
    assert not bus.held


@needs_disk
def test_st_2_a_start_without_room_or_inodes_begins_by_giving_up_the_ballast(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "disk.img", tmp_path / "state", mib=32, inodes=40)
    disk.open()
    try:
        waste: tuple[Callable[[], None], ...] = (disk.fill, disk.use_up_inodes)
        for use_up in waste:
            assert ballast.lay(disk.place)
            ballast.make_way(disk.place)
            assert (disk.place / "ballast").exists(), "there is room"
            use_up()
            ballast.make_way(disk.place)
            assert not (disk.place / "ballast").exists()
            disk.release()
    finally:
        disk.close()


@needs_disk
def test_a_ballast_without_room_leaves_no_half_one(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "disk.img", tmp_path / "state", mib=32)
    disk.open()
    try:
        disk.fill(leave=1 << 20)
        assert not ballast.lay(disk.place)
        assert not (disk.place / "ballast").exists()
    finally:
        disk.close()


def test_the_course_of_the_books_outlives_a_restart(tmp_path: Path) -> None:
    ballast.keep_course(tmp_path, [(100.0, 1000), (3700.0, 2000)], 4000.0)
    kept = ballast.kept_course(tmp_path, 50.0)
    assert [used for _, used in kept] == [1000, 2000]
    assert abs((kept[1][0] - kept[0][0]) - 3600) < 2
    assert abs(kept[1][0] - (50.0 - 300.0)) < 2
    (tmp_path / "room.json").write_text("[[1")
    assert ballast.kept_course(tmp_path, 50.0) == []


async def test_few_days_left_and_a_slow_disk_are_alarms_each_told_once(tmp_path: Path) -> None:
    async with open_books(settings_for(tmp_path)) as books:
        ballast.keep_course(books.path.parent, [(0.0, 0)], 6 * 3600.0)
        found: list[Fact] = []
        board = Board()
        room = Room(
            books.path.parent, books.path, books.settings.store.model_copy(update={"quota_mib": 1}), clock=books.clock,
            board=board, bus=Bus(), write=books.journal.write, record=found.extend, subject="gateway/hg-07",
        )  # fmt: skip
        room.note_commit(0.2)
        await room.look()
        room.note_commit(2.5)
        await room.look()
        room.note_commit(3.5)
        await room.look()
        told = [(fact.data["slug"], fact.data["code"]) for fact in found if fact.kind == "hall.gateway.incident.v1"]
        assert told == [("room-days", "HE3033"), ("disk-slow", "HE3034")]
        assert board.gateway.room_days is not None
        assert board.gateway.room_days <= 7
