"""After an exception the machine is asked what it is about, at once where it waits: handpays (EVT-06), bills, selection."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulators.egm.persona import Persona
from tests.edge.field.small_hall import SmallHall, opened

ONE = {"A": [17]}
PLAIN = Persona()
QUEUED = replace(PLAIN, handpays="queued")
"Records outlive everything, 51 comes again every 15 s until 1B was read; plain machines tell the live state (sas-core 5.5)."
ASKS = replace(PLAIN, version="603", features=(0x00, 0x08, 0x05))
"Announces meter changes (A0, third byte, bit 2) and waits with them."


def events(hall: SmallHall, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in hall.books.events(f"hall.egm.{kind}")]


def places(frames: list[str], start: str) -> list[int]:
    return [place for place, frame in enumerate(frames) if frame.startswith(start)]


async def test_evt_06_a_jackpot_is_read_at_once_and_told_with_its_kind_and_worth(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        hall.happens(17, "bill")
        await hall.up(17)
        since = hall.now
        hall.machine(17).egm.do("jackpot", hall.now, 12_345)
        await hall.go(3, lambda: events(hall, "handpay.recorded") != [])
        recorded = events(hall, "handpay.recorded")[0]
        assert recorded["because"] == hall.books.events("hall.egm.handpay.pending")[0]["id"]
        assert (recorded["kind"], recorded["amount"], recorded["unit"]) == ("jackpot", 12_345, "credits")
        assert (recorded["minor"], recorded["currency"]) == (12_345, "EUR"), "credits of one cent"
        frames = hall.sent("A", since)
        asked = places(frames, "01 1B")[0]
        assert frames[asked - 2 : asked] == ["81", "80"], "nothing else between the exception and the question"
        assert hall.books.ask("SELECT * FROM questions") == []
        assert hall.board.egms[17].handpay is not None
        assert hall.board.egms[17].handpay["amount"] == 12_345

        hall.happens(17, "reset_handpay")
        await hall.go(3, lambda: events(hall, "handpay.reset") != [])
        assert hall.board.egms[17].handpay is None
        assert hall.books.ask("SELECT closed_by FROM handpays") == [("reset",)]
        await hall.up(17)
        because = [snapshot["because"] for snapshot in events(hall, "meters.snapshot")]
        assert hall.books.events("hall.egm.handpay.reset")[0]["id"] in because


async def test_evt_06_cancelled_credits_are_told_as_that(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        hall.happens(17, "bill")
        await hall.up(17)
        hall.happens(17, "cash_out")
        await hall.go(3, lambda: events(hall, "handpay.recorded") != [])
        recorded = events(hall, "handpay.recorded")[0]
        assert (recorded["kind"], recorded["amount"], recorded["level"]) == ("cancelled_credits", 500, 0x80)


async def test_evt_06_what_is_issued_again_while_it_is_open_is_told_once(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        hall.happens(17, "bill")
        await hall.up(17)
        hall.happens(17, "cash_out")
        await hall.go(3, lambda: events(hall, "handpay.recorded") != [])
        hall.machine(17).egm.do("exception", hall.now, 0x51)
        await hall.go(3, lambda: len(events(hall, "handpay.pending")) == 2)
        await hall.up(17)
        assert len(events(hall, "handpay.recorded")) == 1
        assert hall.books.ask("SELECT count(*) FROM handpays") == [(1,)]


@pytest.mark.parametrize("persona", [PLAIN, QUEUED], ids=["live state", "kept records"])
async def test_the_process_dies_between_question_and_answer_and_it_is_asked_first_again(
    tmp_path: Path, persona: Persona
) -> None:
    async with opened(tmp_path, ONE, personas={17: persona}) as hall:
        hall.happens(17, "bill")
        await hall.up(17)
        since = hall.now
        hall.happens(17, "cash_out")
        await hall.go(3, lambda: places(hall.sent("A", since), "01 1B") != [])
        hall.wires.wires["A"].host.close()  # the answer is on its way; nobody hears it
        await hall.settle()
        assert hall.books.ask("SELECT asset, kind FROM questions") == [(17, "handpay")], "written down before it was sent"
        assert events(hall, "handpay.recorded") == []
        wires = hall.wires
    async with opened(tmp_path, ONE, wires=wires, later_s=6) as hall:
        await hall.go(20, lambda: events(hall, "handpay.recorded") != [])
        frames = hall.sent("A")
        assert "81" not in frames[: places(frames, "01 1B")[0]], "before anything is taken from its queue"
        assert events(hall, "handpay.recorded")[0]["amount"] == 500
        await hall.up(17)
        await hall.go(2)
        assert len(events(hall, "handpay.recorded")) == 1
        assert hall.books.ask("SELECT * FROM questions") == []


async def test_a_machine_that_never_answers_for_its_handpay_does_not_keep_its_line_silent(tmp_path: Path) -> None:
    mute = replace(PLAIN, unsupported_polls=frozenset({0x1B}))
    async with opened(tmp_path, ONE, personas={17: mute}) as hall:
        hall.happens(17, "bill")
        await hall.up(17)
        hall.happens(17, "cash_out")
        await hall.go(120, lambda: events(hall, "handpay.unknown") != [])
        assert events(hall, "handpay.unknown")[0]["because"] == hall.books.events("hall.egm.handpay.pending")[0]["id"]
        assert len(hall.books.events("hall.line.silent")) <= 1 + 3, "one of the start, one for each try"
        await hall.up(17)
        told = len(hall.books.events("hall.line.silent"))
        await hall.go(60, lambda: hall.machine(17).egm.machine.handpay is None)  # an attendant has paid
        hall.happens(17, "bill")
        hall.happens(17, "cash_out")
        await hall.go(20, lambda: len(events(hall, "handpay.unknown")) == 2)
        assert len(hall.books.events("hall.line.silent")) == told, "known by now"
        assert (0x1B,) in hall.books.ask("SELECT code FROM unsupported_polls")


async def test_a_bill_is_told_with_its_value_and_count_and_its_meters_are_read(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)
        hall.machine(17).egm.do("bill", hall.now, 20)
        await hall.go(5, lambda: events(hall, "bill.recorded") != [])
        await hall.up(17)
        recorded = events(hall, "bill.recorded")[0]
        accepted = hall.books.events("hall.egm.bill.accepted")[0]
        assert recorded["because"] == accepted["id"]
        assert (recorded["value"], recorded["code"], recorded["count"]) == (20, 0x04, 1)
        snapshot = next(s for s in events(hall, "meters.snapshot") if s["because"] == accepted["id"])
        read = {reading["code"]: reading["value"] for reading in snapshot["readings"]}
        assert (read[0x44], read[0x0B], read[0x3E]) == ("1", "2000", "1"), "twenties, credits from bills, bills stacked"


async def test_what_was_once_read_beside_is_read_with_every_later_snapshot(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE, every_s=5.0) as hall:
        await hall.up(17)
        hall.machine(17).egm.do("bill", hall.now, 20)
        await hall.go(10, lambda: events(hall, "meters.snapshot")[-1]["reason"] == "interval")
        codes = {reading["code"] for reading in events(hall, "meters.snapshot")[-1]["readings"]}
        assert {0x44, 0x3E, 0x3F} <= codes
        wires = hall.wires
    async with opened(tmp_path, ONE, wires=wires, later_s=30) as hall:
        await hall.up(17)
        codes = {reading["code"] for reading in events(hall, "meters.snapshot")[-1]["readings"]}
        assert {0x44, 0x3E, 0x3F} <= codes, "also after a restart"


async def test_a_selected_game_is_asked_for(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE) as hall:
        await hall.up(17)
        hall.machine(17).egm.do("exception", hall.now, 0x8C)
        await hall.go(5, lambda: events(hall, "selection.recorded") != [])
        recorded = events(hall, "selection.recorded")[0]
        assert (recorded["game"], recorded["denomination"]) == (1, 1)
        assert hall.board.egms[17].selected_game == 1


async def test_what_a_machine_does_not_know_is_kept_and_not_asked_again(tmp_path: Path) -> None:
    unaware = replace(PLAIN, unsupported_polls=frozenset({0x48}))
    async with opened(tmp_path, ONE, personas={17: unaware}) as hall:
        await hall.up(17)
        since = hall.now
        hall.machine(17).egm.do("bill", hall.now, 20)
        await hall.go(5, lambda: (0x48,) in hall.books.ask("SELECT code FROM unsupported_polls"))
        await hall.up(17)
        tries = len(places(hall.sent("A", since), "01 48"))
        hall.machine(17).egm.do("bill", hall.now, 20)
        await hall.go(5, lambda: len(events(hall, "bill.accepted")) == 2)
        await hall.up(17)
        assert len(places(hall.sent("A", since), "01 48")) == tries
        assert events(hall, "bill.recorded") == []
        await hall.go(1.5)
        hall.board.flush(hall.now)
        assert 0x48 in hall.hearing.seats[17].unsupported_polls


# meter changes (sas-core 5.8) ----------------------------------------------------------------------------------------


def told_to_wait(hall: SmallHall, since: float, status: str) -> list[int]:
    return places(hall.sent("A", since), f"01 B6 01 {status}")


async def test_before_meters_are_cleared_all_of_them_are_on_disk_and_only_then_the_machine_may_go_on(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, ONE, personas={17: ASKS}) as hall:
        await hall.up(17)
        since = hall.now
        hall.happens(17, "change_meters")
        await hall.go(30, lambda: events(hall, "meters.collected") != [])
        announced = hall.books.events("hall.egm.meters.change")[0]
        assert events(hall, "meters.collected") == [
            {"asset": 17, "because": announced["id"], "answer": "go_ahead", "machine": "meters_will_be_cleared"}
        ]
        wait, go = told_to_wait(hall, since, "00"), told_to_wait(hall, since, "01")
        frames = hall.sent("A", since)
        assert frames[wait[0] - 2 : wait[0]] == ["81", "80"], "at once: the machine counts its patience"
        assert len(go) == 1
        assert places(frames, "01 6F")[-1] < go[0] or places(frames, "01 AF")[-1] < go[0]
        snapshot = next(e for e in hall.books.events("hall.egm.meters.snapshot") if e["data"]["because"] == announced["id"])
        codes = {reading["code"] for reading in snapshot["data"]["readings"]}
        assert codes >= {0x00, 0x01, 0x02, 0x05, 0x22, 0x24, 0x44, 0x58}
        assert 0x80 in snapshot["data"]["unsupported"], "what it does not have is said, not read as 0"
        await hall.go(10, lambda: events(hall, "generation.opened") != [])
        assert events(hall, "generation.opened")[0]["cause"] == "ram_clear"


async def test_while_the_books_wait_the_machine_is_not_told_to_go_on(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE, personas={17: ASKS}) as hall:
        await hall.up(17)
        since = hall.now
        hall.happens(17, "change_meters")
        await hall.go(10, lambda: told_to_wait(hall, since, "00") != [])
        await hall.hold()
        await hall.go(8)
        assert told_to_wait(hall, since, "01") == []
        hall.let_go()
        await hall.go(20, lambda: told_to_wait(hall, since, "01") != [])


async def test_a_change_that_was_given_up_is_not_answered(tmp_path: Path) -> None:
    async with opened(tmp_path, ONE, personas={17: ASKS}) as hall:
        await hall.up(17)
        since = hall.now
        hall.machine(17).egm.do("exception", hall.now, 0xA0)
        hall.machine(17).egm.do("exception", hall.now, 0xA1)
        await hall.go(5, lambda: len(events(hall, "meters.change")) == 2)
        await hall.up(17)
        assert told_to_wait(hall, since, "01") == []
        assert events(hall, "meters.collected") == []


async def test_evt_06_a_record_that_is_not_read_comes_again_and_is_one_handpay(tmp_path: Path) -> None:
    """A machine that keeps records reminds every 15 s until its record was read; 52 comes when it was read and paid."""
    async with opened(tmp_path, ONE, personas={17: QUEUED}) as hall:
        hall.happens(17, "bill")
        await hall.up(17)
        hall.happens(17, "progressive")
        await hall.go(3, lambda: events(hall, "handpay.recorded") != [])
        recorded = events(hall, "handpay.recorded")[0]
        assert (recorded["kind"], recorded["unit"], recorded["level"]) == ("progressive", "cents", 1)
        assert recorded["minor"] == recorded["amount"]
        await hall.go(20)
        assert len(events(hall, "handpay.pending")) == 1, "it was read: nothing to remind of"
        if events(hall, "handpay.reset") == []:
            hall.happens(17, "reset_handpay")
            await hall.go(5, lambda: events(hall, "handpay.reset") != [])
        assert len(events(hall, "handpay.recorded")) == 1
        assert hall.books.ask("SELECT closed_by FROM handpays") == [("reset",)]
