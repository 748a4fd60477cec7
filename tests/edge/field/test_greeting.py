"""Who is there is known, and stored, before anything is taken from it (COM-05, IDN-01); and the way to it is tested.

The tests that carry SR numbers show the rows of the table of faults in docs that concern a machine and its books.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.field import entries
from edge.field.found import IdentityFound
from edge.field.pollers import greeting
from edge.field.pollers.seats import Stage
from simulators.egm.persona import Persona
from sync.commands import Command, encode
from tests.edge.field.books import STREAM
from tests.edge.field.small_hall import SmallHall, opened

ONE = {"A": [17]}
SWAPPED = {"A": [17], "B": [18]}
PLAIN = Persona()


def story(hall: SmallHall, asset: int = 17, after: int = 0) -> list[str]:
    """What the log says of this machine, in order."""
    return [
        event["type"].removeprefix("hall.egm.").removesuffix(".v1")
        for event in hall.books.events()[after:]
        if event["subject"] == f"egm/{asset}"
    ]


def count(hall: SmallHall) -> int:
    return len(hall.books.events())


def general_polls(hall: SmallHall, since: float = 0.0) -> int:
    return sum(frame == "81" for frame in hall.sent("A", since))


async def replaced_while_off(hall: SmallHall, serial: str, asset: int = 17) -> Any:
    """The cabinet loses its cable; another one is put there. Returns the one that was carried away."""
    hall.machine(asset).plugged = False
    await hall.go(30, lambda: not hall.hearing.seats[asset].up)
    before = hall.wires.replace(asset, serial, hall.now)
    hall.machine(asset).plugged = True
    return before


def confirm(hall: SmallHall, serial: str | None = None, kind: str = "egm.confirm") -> bytes:
    now = hall.books.clock.wall()
    body: dict[str, Any] = {"asset": 17} | ({"serial": serial} if serial else {})
    made = Command("central-1", 1, "c-1", "hg-07", STREAM, now, now + timedelta(minutes=5), kind, body)
    return encode(made)


# before anything is taken --------------------------------------------------------------------------------------------


async def test_com_05_who_is_there_is_on_disk_before_the_first_general_poll(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        hall.happens(17, "open_door")
        await hall.go(20, lambda: "81" in hall.sent("A"))
        assert story(hall)[:2] == ["link.up", "identified"], "stored by the time the first exception can be taken"
        assert {frame[:5] for frame in hall.sent("A")} - {"80", "81"} <= {"01 54", "01 1F", "01 0E", "01 A0", "01 51"}
        await hall.up(17)
        assert story(hall).index("door.opened") > story(hall).index("identified")


async def test_com_05_while_the_identity_is_not_on_disk_nothing_of_the_queue_is_taken(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        hall.happens(17, "open_door")
        await hall.go(20, lambda: any(frame.startswith("01 0E") for frame in hall.sent("A")))
        await hall.hold()
        await hall.go(3)
        assert general_polls(hall) == 0
        assert hall.machine(17).answered == []
        hall.let_go()
        await hall.go(3, lambda: story(hall)[-1:] != [] and "door.opened" in story(hall))


async def test_after_a_lost_link_it_is_asked_again_who_it_is_and_then_read(tmp_path: Path) -> None:
    """COM-05, COM-08, COM-09: loss and return are events, and the way back is recorded as a test."""
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)
        hall.machine(17).plugged = False
        await hall.go(30, lambda: not hall.hearing.seats[17].up)
        told = count(hall)
        hall.machine(17).plugged = True
        await hall.up(17)
        assert story(hall, after=told) == ["link.up", "identified", "meters.snapshot", "link.tested"]
        assert hall.books.events("hall.egm.meters.snapshot")[-1]["data"]["reason"] == "link_up"


# another machine -----------------------------------------------------------------------------------------------------


async def test_sr_5_of_another_machine_nothing_is_booked_to_the_one_before(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        hall.happens(17, "bill")
        await hall.up(17)
        told = count(hall)
        await replaced_while_off(hall, "OTHER")
        hall.happens(17, "bill")
        hall.happens(17, "open_door")
        await hall.up(17)
        after = story(hall, after=told)
        assert after[: after.index("meters.snapshot")].index("replaced") < after.index("identified")
        assert after.index("replaced") < min(after.index("door.opened"), after.index("bill.accepted"))
        snapshots = [e["data"] for e in hall.books.events("hall.egm.meters.snapshot")]
        later = [s for s in snapshots if s["generation"] == 2]
        assert later, "a generation of its own"
        assert all(reading["delta"] is None for reading in later[0]["readings"]), "no difference across machines"
        assert [s["generation"] for s in snapshots] == sorted(s["generation"] for s in snapshots)
        assert hall.board.egms[17].serial == "OTHER"
        assert hall.board.egms[17].generation == 2
        assert hall.books.events("hall.egm.link.tested")[-1]["data"]["occasion"] == "replacement"


async def test_com_05_swapped_cables_hold_both_machines_until_they_are_as_they_were(tmp_path: Path) -> None:
    """The check of COM-05: two cables are swapped while the machines are off; both are refused until confirmed."""
    async with opened(tmp_path, SWAPPED, polling={"on_wrong_machine": "hold"}) as hall:
        await hall.up(17, 18)
        for asset in SWAPPED["A"] + SWAPPED["B"]:
            hall.machine(asset).plugged = False
        await hall.go(30, lambda: not any(seat.up for seat in hall.hearing.seats.values()))
        left, right = hall.machine(17), hall.machine(18)
        left.egm, right.egm = right.egm, left.egm
        left.plugged = right.plugged = True
        left.egm.do("open_door", hall.now)
        told, swapped_at = count(hall), hall.now
        seats = hall.hearing.seats
        await hall.go(40, lambda: all(seat.stage is Stage.HELD for seat in seats.values()))
        await hall.go(10)
        assert story(hall, 17, told) == story(hall, 18, told) == ["link.up", "wrong"]
        assert general_polls(hall, swapped_at) == 0, "the door stays in the machine's queue"
        assert left.acknowledged == []
        assert not [frame for frame in hall.sent("A", swapped_at) if frame.startswith("01 6F")], "no meters either"
        assert seats[17].up, "and its link is kept up meanwhile"

        left.plugged = right.plugged = False
        await hall.go(30, lambda: not any(seat.up for seat in seats.values()))
        left.egm, right.egm = right.egm, left.egm
        left.plugged = right.plugged = True
        await hall.up(17, 18)
        assert {e["data"]["generation"] for e in hall.books.events("hall.egm.meters.snapshot")} == {1}
        assert hall.books.events("hall.egm.door.opened")[0]["data"]["asset"] == 18, "told where it happened"


async def test_idn_01_a_person_confirms_the_other_machine_and_only_then_it_is_taken(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE, serials={17: "SN0017"}, polling={"on_wrong_machine": "hold"}) as hall:
        await hall.up(17)
        await replaced_while_off(hall, "OTHER")
        hall.happens(17, "open_door")
        await hall.go(40, lambda: hall.hearing.seats[17].stage is Stage.HELD)
        told = count(hall)
        assert hall.board.egms[17].stranger == "serial number OTHER"
        assert (await hall.dispatch.admit(confirm(hall, "OTHER"), "http")).status == "admitted"
        await hall.up(17)
        assert story(hall, after=told)[:3] == ["confirmed", "replaced", "identified"]
        assert "door.opened" in story(hall, after=told)
        assert hall.board.egms[17].stranger is None
        assert hall.books.events("hall.command.")[-1]["type"] == "hall.command.done.v1"
        assert hall.books.ask("SELECT enrolled_serial FROM egms") == [("OTHER",)]


async def test_a_machine_that_is_held_is_still_held_after_a_restart(tmp_path: Path) -> None:
    hold = {"on_wrong_machine": "hold"}
    async with opened(tmp_path, ONE, polling=hold) as hall:
        await hall.up(17)
        await replaced_while_off(hall, "OTHER")
        await hall.go(40, lambda: hall.hearing.seats[17].stage is Stage.HELD)
        wires = hall.wires
    async with opened(tmp_path, ONE, polling=hold, wires=wires, later_s=100) as hall:
        await hall.go(40, lambda: hall.hearing.seats[17].stage is Stage.HELD)
        await hall.go(2)
        assert general_polls(hall) == 0
        assert len(hall.books.events("hall.egm.wrong")) == 1, "told once"


async def test_idn_01_an_enrolled_serial_number_that_does_not_answer_is_an_alarm_where_the_hall_goes_on(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, ONE, serials={17: "ENROLLED"}) as hall:
        await hall.up(17)
        assert story(hall)[:3] == ["link.up", "wrong", "identified"]
        wrong = hall.books.events("hall.egm.wrong")[0]["data"]
        assert (wrong["expected"], wrong["told"], wrong["held"]) == ("ENROLLED", "SN0017", False)
        assert hall.hearing.seats[17].identity == "wrong"
        assert hall.books.events("hall.egm.link.tested")[0]["data"]["identity"] == "wrong"


async def test_another_paytable_after_the_options_were_changed_is_told_with_both_sides(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)
        told = count(hall)
        hall.machine(17).egm.machine.persona = replace(PLAIN, paytable="SIM002")
        hall.happens(17, "options")
        await hall.go(5, lambda: "link.tested" in story(hall, after=told))
        assert story(hall, after=told) == [
            "options.changed", "changed", "identified", "described", "meters.snapshot", "link.tested",
        ]  # fmt: skip
        differences = hall.books.events("hall.egm.changed")[0]["data"]["differences"]
        assert differences == [{"what": "paytable", "before": "SIM001", "after": "SIM002"}]
        assert hall.books.events("hall.egm.link.tested")[-1]["data"]["occasion"] == "conversion"


# what it offers ------------------------------------------------------------------------------------------------------


async def test_what_a_machine_offers_is_told_once_and_stands_on_the_board(tmp_path: Path) -> None:
    silent = replace(PLAIN, unsupported_polls=frozenset({0xA4}))
    async with opened(tmp_path, ONE, personas={17: silent}) as hall:
        await hall.up(17)
        told = hall.books.events("hall.egm.described")[0]["data"]
        assert told["features"] == ["extended meters", "polling every 40 ms", "standard validation"]
        assert (told["player_denominations"], told["token_denomination"], told["enabled_games"]) == ([1], 1, [1])
        assert told["games"][0]["game"] == 0
        assert told["cash_out_limit"] is None, "not told is not zero"
        state = hall.board.egms[17]
        assert (state.games, state.player_denominations) == (1, [1])
        assert state.features == told["features"]
        assert (0xA4,) in hall.books.ask("SELECT code FROM unsupported_polls"), "and this is why"
        hall.machine(17).plugged = False
        await hall.go(30, lambda: not hall.hearing.seats[17].up)
        hall.machine(17).plugged = True
        await hall.up(17)
        assert len(hall.books.events("hall.egm.described")) == 1, "nothing has changed"


async def test_mtr_07_the_games_of_a_machine_that_has_several_are_read_when_its_link_comes_up(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE, personas={17: replace(PLAIN, games=3)}, every_s=5.0) as hall:
        await hall.up(17)
        described = hall.books.events("hall.egm.described")[0]["data"]
        assert [game["game"] for game in described["games"]] == [0, 1, 2, 3]
        whole, games = (event["data"] for event in hall.books.events("hall.egm.meters.snapshot"))
        assert {reading["game"] for reading in whole["readings"]} == {0}
        assert {(r["game"], r["code"]) for r in games["readings"]} == {
            (game, code) for game in (0, 1, 2, 3) for code in (0x00, 0x01, 0x02, 0x05)
        }
        await hall.go(6)
        await hall.up(17)
        later = [event["data"] for event in hall.books.events("hall.egm.meters.snapshot")[2:]]
        assert all(reading["game"] == 0 for snapshot in later for reading in snapshot["readings"])
        assert hall.board.egms[17].meters.keys() >= {"00", "01", "05"}


# a machine that does not say -----------------------------------------------------------------------------------------


async def test_a_machine_that_says_nothing_of_itself_does_not_stop_the_hall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greeting, "IDENTITY_AGAIN_S", 5.0)
    mute = replace(PLAIN, unsupported_polls=frozenset({0x54, 0x1F, 0xA0, 0x51, 0x0E}))
    async with opened(tmp_path, ONE, personas={17: mute}) as hall:
        await hall.go(90, lambda: "identity.unknown" in story(hall))
        hall.happens(17, "open_door")
        await hall.go(5, lambda: "door.opened" in story(hall))
        await hall.go(2, lambda: hall.machine(17).acknowledged == [0x11])
        hall.machine(17).egm.machine.persona = PLAIN
        await hall.go(90, lambda: "identified" in story(hall))
        assert hall.hearing.seats[17].identity == "right", "asked again later"


async def test_a_machine_whose_answer_the_books_refuse_does_not_stop_the_hall_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("a bug of ours")

    monkeypatch.setitem(entries._ENTRIES, IdentityFound, refuse)  # type: ignore[arg-type]  # read-only by its type
    async with opened(tmp_path, ONE) as hall:
        hall.happens(17, "open_door")
        await hall.go(30, lambda: "door.opened" in story(hall))
        assert list(hall.books.incidents.iterdir()), "what it told is kept beside the books"
        assert hall.hearing.seats[17].identity == "unknown"


# the test of the way, and commands -----------------------------------------------------------------------------------


async def test_com_09_the_way_to_a_machine_is_tested_at_installation_and_after_an_interruption(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)
        hall.machine(17).plugged = False
        await hall.go(30, lambda: not hall.hearing.seats[17].up)
        hall.machine(17).plugged = True
        await hall.up(17)
        first, second = (event["data"] for event in hall.books.events("hall.egm.link.tested"))
        assert (first["occasion"], second["occasion"]) == ("installation", "interruption")
        assert (first["result"], first["identity"], first["serial"]) == ("passed", "right", "SN0017")
        assert first["meters_read"] == 3
        assert first["answers"] > 0


async def test_com_10_no_command_goes_to_a_machine_before_it_is_known_and_read(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        hall.machine(17).plugged = False
        await hall.go(12)
        assert (await hall.dispatch.admit(confirm(hall, kind="egm.disable"), "http")).status == "admitted"
        hall.machine(17).plugged = True
        await hall.go(60, lambda: hall.books.events("hall.command.done") != [])
        frames = hall.sent("A")
        ordered = next(place for place, frame in enumerate(frames) if frame.startswith("01 01"))
        assert any(frame.startswith("01 6F") for frame in frames[:ordered])
        kinds = hall.books.kinds()
        assert kinds.index("egm.link.tested") < kinds.index("command.done")


async def test_com_08_the_loss_of_a_machine_is_an_event_with_its_moments(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)
        hall.machine(17).plugged = False
        await hall.go(30, lambda: "link.down" in story(hall))
        down = hall.books.events("hall.egm.link.down")[0]["data"]
        assert down["last_heard_at"] is not None
        assert hall.board.egms[17].link == "down"
        hall.machine(17).plugged = True
        await hall.go(30, lambda: story(hall).count("link.up") == 2)
        up = hall.books.events("hall.egm.link.up")[-1]["data"]
        assert up["down_since"] == hall.books.events("hall.egm.link.down")[0]["time"]


# meters that fall, and exceptions that are lost ----------------------------------------------------------------------


async def test_sr_6_a_cleared_memory_opens_a_generation_and_the_total_before_it_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)
        hall.happens(17, "bill")
        hall.machine(17).egm.do("games", hall.now, 5)
        await hall.go(5, lambda: story(hall).count("meters.snapshot") == 2)
        before = hall.books.events("hall.egm.meters.snapshot")[-1]
        hall.happens(17, "ram_clear")
        await hall.go(20, lambda: "generation.opened" in story(hall))
        opened_ = hall.books.events("hall.egm.generation.opened")[0]["data"]
        assert (opened_["cause"], opened_["generation"], opened_["last_snapshot"]) == ("ram_clear", 2, before["id"])
        await hall.up(17)
        games = [
            (event["data"]["generation"], reading["value"], reading["delta"])
            for event in hall.books.events("hall.egm.meters.snapshot")
            for reading in event["data"]["readings"]
            if reading["code"] == 0x05
        ]
        assert (1, "5", "5") in games
        assert all(delta in (None, "0") for generation, _, delta in games if generation == 2)


async def test_sr_7_a_meter_that_wraps_is_counted_exactly(tmp_path: Path) -> None:
    old = replace(PLAIN, meters_at_start={0x05: 99_999_998})
    async with opened(tmp_path, ONE, personas={17: old}) as hall:
        await hall.up(17)
        await hall.go(2)  # four games need their time, or the fall is no roll-over but a doubt
        hall.happens(17, "bill")
        played = hall.machine(17).egm.machine
        played.play(4, hall.now)
        hall.happens(17, "open_door")
        await hall.go(5, lambda: story(hall).count("meters.snapshot") >= 2)
        await hall.up(17)
        rows = [
            (reading["verdict"], int(reading["delta"]))
            for event in hall.books.events("hall.egm.meters.snapshot")[1:]
            for reading in event["data"]["readings"]
            if reading["code"] == 0x05
        ]
        assert sum(delta for _, delta in rows) == 4
        assert "rollover" in [verdict for verdict, _ in rows]
        assert hall.books.events("hall.egm.generation.opened") == []


async def test_sr_14_an_overflow_is_a_gap_of_that_machine_and_everything_is_read_again(tmp_path: Path) -> None:
    async with opened(tmp_path, {"A": [17, 18]}) as hall:
        await hall.up(17, 18)
        hall.happens(17, "open_door")
        await hall.go(3, lambda: "door.opened" in story(hall))
        hall.machine(17).plugged = False
        for _ in range(40):
            hall.machine(17).egm.do("exception", hall.now, 0x20)
        hall.machine(17).plugged = True
        told = count(hall)
        await hall.go(30, lambda: "exceptions.lost" in story(hall, after=told))
        await hall.up(17)
        lost = hall.books.events("hall.egm.exceptions.lost")[0]
        gap = hall.books.events("hall.egm.data.gap")[0]["data"]
        assert (gap["asset"], gap["reason"], gap["because"]) == (17, "overflow", lost["id"])
        assert gap["since"] == hall.books.events("hall.egm.door.opened")[0]["recordedat"]
        after = story(hall, after=told)
        assert "identified" in after[after.index("exceptions.lost") :]
        snapshots = [e["data"]["because"] for e in hall.books.events("hall.egm.meters.snapshot")]
        assert lost["id"] in snapshots
        assert hall.board.egms[17].gaps == 1
        assert hall.board.egms[18].gaps == 0
