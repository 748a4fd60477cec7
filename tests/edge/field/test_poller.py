"""The gate: no frame leaves a line while anything heard on it is not on disk; and nothing else stops a line (EVT-03)."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from protocols.sas.rules import LineRules
from simulators.egm.wired import WiredEgm
from tests.edge.field.small_hall import SmallHall, opened

SINGLE = {"A": [17], "B": [18]}
SHARED = {"A": [17, 18, 19]}


async def begun(hall: SmallHall, *assets: int) -> None:
    await hall.up(*(assets or hall.wires.machines))


def kinds_of(hall: SmallHall, asset: int) -> list[str]:
    return [
        event["type"].removeprefix("hall.egm.").removesuffix(".v1")
        for event in hall.books.events()
        if event["subject"] == f"egm/{asset}"
    ]


async def test_a_line_without_a_marker_is_silent_first_and_then_learns_who_is_there(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        began = hall.now
        await begun(hall)
        first_at, _, first = hall.frames[0]
        assert first_at - began >= 5.3
        assert first == "80"
        assert kinds_of(hall, 17) == ["link.up", "identified", "described", "meters.snapshot", "link.tested"]
        assert hall.books.kinds().count("line.silent") == 2
        assert hall.board.egms[17].serial == "SN0017"


async def test_no_frame_leaves_while_what_was_heard_is_not_on_disk(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        await begun(hall)
        hall.happens(17, "open_door")
        await hall.hold()
        await hall.go(1, lambda: hall.machine(17).answered == [0x11])
        await hall.go(0.02)  # the answer itself is on its way
        told_at = hall.now
        await hall.go(2)
        assert hall.sent("A", told_at) == [], "the next frame, whatever it is, would acknowledge"
        assert hall.machine(17).acknowledged == []
        assert hall.wire("A").blocked
        assert len(hall.sent("B", told_at)) >= 30, "a line that told nothing goes on"
        assert hall.books.events("hall.egm.door") == []

        hall.let_go()
        await hall.settle()
        assert hall.sent("A", told_at) != [], "with the commit, not with the next tick"
        stored = hall.books.events("hall.egm.door")
        assert [event["data"]["sas_exception"] for event in stored] == [0x11]
        await hall.go(1, lambda: hall.machine(17).acknowledged == [0x11])


async def test_on_a_shared_line_nobody_is_polled_while_one_of_them_is_not_written_down(tmp_path: Path) -> None:
    """On a multidrop line the poll of a neighbour acknowledges just as well."""
    async with opened(tmp_path, SHARED) as hall:
        await begun(hall)
        hall.happens(18, "open_door")
        await hall.hold()
        await hall.go(1, lambda: hall.machine(18).answered == [0x11])
        await hall.go(0.02)
        told_at = hall.now
        await hall.go(1)
        assert hall.sent("A", told_at) == []
        hall.let_go()
        await hall.go(1, lambda: hall.machine(18).acknowledged == [0x11])


async def test_the_door_is_written_before_its_meters_are_asked_for_and_they_name_it(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        await begun(hall)
        hall.happens(17, "open_door")
        await hall.go(3, lambda: kinds_of(hall, 17)[-2:] == ["door.opened", "meters.snapshot"])
        door, snapshot = hall.books.events()[-2:]
        assert snapshot["data"]["because"] == door["id"]
        assert snapshot["data"]["reason"] == "access"
        assert hall.board.egms[17].doors == {"main": "open"}
        assert hall.machine(17).acknowledged == [0x11]


async def test_a_line_that_is_lost_is_opened_again_and_repeats_the_poll_that_was_unanswered(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        await begun(hall)
        sent = len(hall.sent("A"))
        await hall.go(1, lambda: len(hall.sent("A")) > sent and hall.sent("A")[-1] == "81")
        hall.happens(17, "open_door")  # and the answer to this very poll is lost with the wire
        hall.wires.wires["A"].cut()
        await hall.go(0.3)
        assert not hall.wire("A").open
        assert hall.board.lines["A"].state == "lost"
        hall.wires.wires["A"].mend()
        cut_at = hall.now
        await hall.go(2, lambda: hall.sent("A", cut_at) != [])
        assert hall.sent("A", cut_at)[0] == "81", "the same poll says: not acknowledged"
        await hall.go(2, lambda: kinds_of(hall, 17).count("door.opened") == 1)
        assert hall.board.lines["A"].reopened == 1
        await hall.go(2, lambda: "line.restored" in hall.books.kinds())
        assert [kind for kind in hall.books.kinds() if kind.startswith("line.")][-2:] == ["line.lost", "line.restored"]
        await hall.go(1)
        assert hall.machine(17).acknowledged == [0x11]
        assert kinds_of(hall, 17).count("door.opened") == 1


async def test_a_line_that_was_away_over_five_seconds_is_silent_before_it_speaks(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        await begun(hall)
        hall.happens(17, "open_door")
        await hall.go(1, lambda: hall.machine(17).answered == [0x11])
        hall.wires.wires["A"].cut()  # the answer is in flight and lost
        await hall.go(5.5)
        hall.wires.wires["A"].mend()
        await hall.go(6, lambda: hall.board.lines["A"].state == "silent")
        silent_at = hall.now
        assert hall.books.events("hall.line.silent")[-1]["data"]["reason"] == "reopened"
        await hall.go(5.2)
        assert hall.sent("A", silent_at) == []
        await hall.go(3, lambda: kinds_of(hall, 17).count("door.opened") == 1)
        assert hall.sent("A", silent_at)[0] == "80"
        await hall.go(1, lambda: hall.machine(17).acknowledged == [0x11])
        assert [event["data"].get("maybe_repeat") for event in hall.books.events("hall.egm.door")] == [None]


async def test_a_silence_long_after_a_line_came_back_is_not_put_down_to_that(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        await begun(hall)
        hall.wires.wires["A"].cut()
        await hall.go(0.1)
        hall.wires.wires["A"].mend()
        await hall.go(1, lambda: hall.board.lines["A"].reopened == 1)
        await hall.go(1)
        hall.machine(17).plugged = False
        await hall.go(3, lambda: hall.board.lines["A"].state == "silent")
        assert hall.books.events("hall.line.silent")[-1]["data"]["reason"] == "three_tries"


async def test_one_line_s_trouble_does_not_delay_another(tmp_path: Path) -> None:
    async with opened(tmp_path, {"A": [17], "B": [18], "C": [19]}) as hall:
        await begun(hall)
        hall.machine(17).plugged = False
        hall.wires.wires["B"].cut()
        began = hall.now
        await hall.go(8)
        moments = [at for at, name, _ in hall.frames if name == "C" and at >= began]
        longest = max(later - earlier for earlier, later in itertools.pairwise(moments))
        assert longest < 0.045, f"40 ms and a tick, not {longest * 1000:.0f} ms"
        assert hall.books.events("hall.egm.link.down")[-1]["data"]["asset"] == 17


async def test_a_stop_sends_the_80_that_acknowledges_and_marks_the_line(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        await begun(hall)
        hall.happens(17, "open_door")
        await hall.go(1, lambda: hall.machine(17).answered == [0x11])
        assert await hall.stop() == ["A", "B"]
        assert hall.sent("A")[-1] == hall.sent("B")[-1] == "80"
        await hall.go(0.01)
        assert hall.machine(17).acknowledged == [0x11]
        assert len(hall.books.events("hall.egm.door")) == 1
        assert hall.books.ask("SELECT line FROM line_markers ORDER BY line") == [("A",), ("B",)]
        wires = hall.wires

    async with opened(tmp_path, SINGLE, wires=wires, later_s=60) as hall:
        began = hall.now
        await hall.go(1, lambda: hall.sent("A") != [])
        assert hall.now - began < 0.3, "proven clean: no silence"


async def test_no_marker_for_a_line_that_did_not_come_to_its_end(tmp_path: Path) -> None:
    places = {"A": [17], "B": [18], "C": [19]}
    async with opened(tmp_path, places) as hall:
        await begun(hall)
        hall.machine(17).plugged = False
        await hall.go(3, lambda: hall.board.lines["A"].state == "silent")
        hall.wires.wires["B"].cut()
        await hall.go(0.1)
        assert await hall.stop() == ["C"]
        assert hall.books.ask("SELECT line FROM line_markers") == [("C",)]


async def test_no_marker_while_the_last_thing_heard_is_not_on_disk(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        await begun(hall)
        hall.happens(17, "open_door")
        await hall.hold()
        await hall.go(1, lambda: hall.wire("A").blocked)
        assert await hall.stop() == ["B"]
        assert hall.sent("A")[-1] != "80"
        assert hall.machine(17).acknowledged == []


async def test_what_was_stored_and_not_acknowledged_comes_again_after_the_restart_and_is_flagged(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        await begun(hall)
        hall.happens(17, "open_door")
        await hall.hold()
        await hall.go(1, lambda: hall.wire("A").blocked)
        hall.wires.wires["A"].host.close()  # the process dies between the commit and the frame that would acknowledge
        hall.let_go()
        await hall.settle()
        assert len(hall.books.events("hall.egm.door")) == 1
        assert hall.machine(17).acknowledged == []
        wires = hall.wires
    async with opened(tmp_path, SINGLE, wires=wires, later_s=30) as hall:
        await hall.go(9, lambda: hall.machine(17).acknowledged == [0x11])
        assert [event["data"].get("maybe_repeat") for event in hall.books.events("hall.egm.door")] == [None, True]
        hall.happens(17, "close_door")
        await hall.go(1, lambda: hall.machine(17).acknowledged == [0x11, 0x12])
        assert "maybe_repeat" not in hall.books.events("hall.egm.door")[-1]["data"]


async def test_what_nobody_asked_for_is_counted_and_told_once_a_minute(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        await begun(hall)
        before = len(hall.books.kinds())
        for _ in range(20):
            hall.machine(17).end.send(b"\xaa\x55", wakeup=False, now=hall.now)
            await hall.go(0.3)
        (chatter,) = hall.books.events("hall.line.chatter")
        assert chatter["data"]["line"] == "A"
        assert hall.board.lines["A"].stray_bytes >= 20
        # Twenty times something that follows an answer: it may as well be a second machine, and that is said once too.
        assert sorted(hall.books.kinds()[before:]) == ["egm.address.contested", "line.chatter"]


async def test_the_regular_snapshot_comes_round_without_being_asked_for(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE, every_s=5.0) as hall:
        await begun(hall)
        await hall.go(8, lambda: [e["data"]["reason"] for e in hall.books.events("hall.egm.meters")].count("interval") >= 2)


async def test_where_a_hall_would_rather_go_on_than_be_silent_the_gap_is_told(tmp_path: Path) -> None:
    rules = LineRules(poll_interval_s=0.04, after_three_tries="go_on")
    async with opened(tmp_path, SHARED, rules=rules) as hall:
        await begun(hall)
        hall.machine(18).plugged = False
        began = hall.now
        await hall.go(4, lambda: hall.books.events("hall.egm.data.gap") != [])
        assert hall.books.events("hall.egm.data.gap")[0]["data"]["asset"] == 18
        await hall.go(1)
        assert len([data for data in hall.sent("A", began) if data == "81"]) > 5, "its neighbours are served"


async def test_a_line_that_gives_back_what_is_sent_is_told_once_and_its_machine_is_heard(tmp_path: Path) -> None:
    async with opened(tmp_path, {"A": [17]}) as hall:
        await begun(hall)
        end = hall.machine(17).end
        receive = WiredEgm.receive

        def echoed(egm: WiredEgm, value: int, wakeup: bool, now: float) -> tuple[bytes, bool] | None:
            end.send(bytes([value]), wakeup=False, now=now)
            return receive(egm, value, wakeup, now)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(WiredEgm, "receive", echoed)
            await hall.go(30, lambda: hall.books.events("hall.line.echoes") != [])
            hall.happens(17, "open_door")
            await hall.go(20, lambda: "door.opened" in kinds_of(hall, 17))
        assert [event["data"]["line"] for event in hall.books.events("hall.line.echoes")] == ["A"]
