"""What is found becomes records: who answers (IDN-01), what it offers, what a handpay comes to (EVT-06), what is lost (SR-14).

On a real file and its writer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge.field.found import (
    ConfirmFound,
    DescriptionFound,
    ExceptionFound,
    HandpayFound,
    IdentityFound,
    PollsFound,
)
from edge.hall.devices import Identity
from edge.hall.shapes import Json
from simulators.central.commands import make
from sync import inbox
from sync.commands import encode, parse
from sync.db import Transaction
from tests.edge.field.books import NIGHT, TWO_MACHINES, Books, open_books, settings_for

ENROLLED = [{**TWO_MACHINES[0], "serial": "SN-1"}, TWO_MACHINES[1]]


def identity(serial: str | None, **more: Any) -> IdentityFound:
    return IdentityFound(17, NIGHT, Identity(serial=serial, version="602", game_id="IG", **more), (0x51,), (0x54, 0x1F))


def exception(code: int, **more: Any) -> ExceptionFound:
    return ExceptionFound(17, code, NIGHT, more.pop("doubtful", False), **more)


def handpay(amount: int = 4000, level: int = 0) -> HandpayFound:
    """The answer 1B gives (sas-core 5.5), as translate makes it."""
    record: dict[str, Json] = {
        "progressive_group": 0,
        "level": level,
        "amount": amount,
        "partial_pay": 0,
        "reset_id": 0,
    }
    told: dict[str, Json] = {
        **record, "kind": "jackpot", "unit": "credits", "denomination": None, "currency": "EUR", "minor": None,
    }  # fmt: skip
    return HandpayFound(17, NIGHT, record, told)


NO_RECORD = HandpayFound(17, NIGHT, None)


def kinds(books: Books, after: int = 0) -> list[str]:
    return [kind.removeprefix("egm.") for kind in books.kinds()[after:]]


# who answers ---------------------------------------------------------------------------------------------------------


async def test_another_serial_number_is_told_before_who_it_is_and_opens_a_generation(books: Books) -> None:
    await books.record(identity("SN-1"))
    written = await books.record(identity("SN-2"))
    assert kinds(books) == ["identified", "replaced", "identified"]
    assert (written.identities[17].kind, written.identities[17].generation) == ("replaced", 2)
    assert books.events()[-2]["data"]["serial_before"] == "SN-1"


async def test_a_conversion_in_the_same_cabinet_is_an_alarm_with_both_sides(books: Books) -> None:
    await books.record(identity("SN-1", paytable="P1"))
    await books.record(identity("SN-1", paytable="P2"))
    changed = books.events("hall.egm.changed")[0]["data"]
    assert changed["differences"] == [{"what": "paytable", "before": "P1", "after": "P2"}]
    assert changed["generation"] == 1


async def test_a_machine_that_is_not_the_enrolled_one_is_an_alarm_once_and_goes_on_as_another(tmp_path: Path) -> None:
    async with open_books(settings_for(tmp_path, ENROLLED)) as books:
        await books.record(identity("SN-9"))
        written = await books.record(identity("SN-9"))
        assert kinds(books) == ["wrong", "identified", "identified"]
        wrong = books.events("hall.egm.wrong")[0]["data"]
        assert (wrong["expected"], wrong["told"], wrong["held"]) == ("SN-1", "SN-9", False)
        assert (written.identities[17].kind, written.identities[17].wrong) == ("same", "serial")


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Books]:
    settings = settings_for(tmp_path, polling={"on_wrong_machine": "hold"})
    async with open_books(settings) as books:
        yield books


async def test_where_a_hall_would_rather_wait_nothing_of_another_machine_is_taken(strict: Books) -> None:
    await strict.record(identity("SN-1"))
    written = await strict.record(identity("SN-2"))
    assert written.identities[17].kind == "held"
    assert kinds(strict) == ["identified", "wrong"], "not identified: the registry still has the first"
    assert strict.ask("SELECT serial, generation FROM egms WHERE asset = 17") == [("SN-1", 1)]
    await strict.record(identity("SN-2"))
    assert kinds(strict, 2) == [], "told once"
    back = await strict.record(identity("SN-1"))
    assert back.identities[17].kind == "same"
    assert strict.ask("SELECT * FROM strangers") == [], "the cables are as they were"


async def admitted(books: Books) -> ConfirmFound:
    """A command of central that is in the inbox."""
    command = parse(
        encode(make("egm.confirm", {"asset": 17}, central="central-1", gateway="hg-07", streamid=_stream(books)))
    )

    def admit(tx: Transaction) -> inbox.Admission:
        return inbox.admit(tx, command, gateway="hg-07", now=NIGHT)

    await books.journal.write(admit)
    return ConfirmFound(17, NIGHT, None, command.central, command.command_id, command.kind)


def _stream(books: Books) -> str:
    return str(books.ask("SELECT stream_id FROM epochs")[0][0])


async def test_a_person_confirms_and_the_other_machine_begins_a_generation(strict: Books) -> None:
    await strict.record(identity("SN-1"))
    await strict.record(identity("SN-2"))
    written = await strict.record(await admitted(strict))
    assert kinds(strict, 2) == ["confirmed", "replaced", "identified", "command.done"]
    assert written.identities[17].generation == 2
    assert strict.ask("SELECT serial, enrolled_serial FROM egms WHERE asset = 17") == [("SN-2", "SN-2")]
    assert strict.ask("SELECT count(*) FROM strangers") == [(0,)]


async def test_a_confirmation_of_another_serial_number_than_answers_changes_nothing(strict: Books) -> None:
    await strict.record(identity("SN-1"))
    await strict.record(identity("SN-2"))
    await strict.record(dataclasses.replace(await admitted(strict), serial="SN-3"))
    assert kinds(strict, 2) == ["command.failed"]
    assert strict.events()[-1]["data"]["error"] == "another-serial"
    assert strict.ask("SELECT serial FROM egms WHERE asset = 17") == [("SN-1",)]


async def test_where_nobody_is_wrong_there_is_nothing_to_confirm(books: Books) -> None:
    await books.record(identity("SN-1"))
    await books.record(await admitted(books))
    assert books.events()[-1]["data"]["error"] == "nothing-to-confirm"


# what it offers ------------------------------------------------------------------------------------------------------


def description(asset_told: int | None = None, games: int = 0) -> DescriptionFound:
    told: dict[str, Json] = {
        "game_count": games, "games": [], "enabled_games": None, "enabled_by_denomination": [], "games_left_out": 0,
        "features": ["extended meters"],
        "token_denomination": None, "player_denominations": [1, 2], "cash_out_limit": None,
        "asset_number": asset_told, "floor_location": None,
    }  # fmt: skip
    return DescriptionFound(17, NIGHT, told, asset_told, (0xB7,), (0xB1, 0xB2))


async def test_a_description_is_told_when_it_changed(books: Books) -> None:
    for games in (0, 0, 3):
        await books.record(description(games=games))
    assert [(e["data"]["game_count"], e["data"]["first"]) for e in books.events("hall.egm.described")] == [
        (0, True),
        (3, False),
    ]
    assert books.ask("SELECT code FROM unsupported_polls") == [(0xB7,)]


async def test_an_asset_number_of_its_own_that_is_another_than_ours_is_an_alarm(books: Books) -> None:
    await books.record(identity("SN-1"))
    await books.record(description(asset_told=99))
    wrong = books.events("hall.egm.wrong")[0]["data"]
    assert (wrong["reason"], wrong["expected"], wrong["told"]) == ("asset", "17", "99")
    await books.record(description(asset_told=99))
    await books.record(description(asset_told=17))
    assert len(books.events("hall.egm.wrong")) == 1
    assert books.ask("SELECT * FROM strangers") == []


async def test_another_machine_takes_nothing_over_of_what_the_old_one_did_not_know(books: Books) -> None:
    await books.record(identity("SN-1"))
    await books.record(PollsFound(17, unsupported=(0x48,)))
    assert books.ask("SELECT code FROM unsupported_polls ORDER BY code") == [(0x48,), (0x51,)]
    await books.record(identity("SN-2"))
    assert books.ask("SELECT code FROM unsupported_polls") == [(0x51,)]


# handpays (EVT-06) ---------------------------------------------------------------------------------------------------


async def test_the_question_for_a_handpay_is_on_disk_with_the_exception_and_gone_with_its_answer(books: Books) -> None:
    await books.record(exception(0x51))
    assert books.ask("SELECT asset, kind FROM questions") == [(17, "handpay")]
    await books.record(handpay())
    assert books.ask("SELECT * FROM questions") == []
    pending, recorded = books.events()
    assert recorded["type"] == "hall.egm.handpay.recorded.v1"
    assert recorded["data"]["because"] == pending["id"]
    assert recorded["data"]["amount"] == 4000


async def test_an_exception_issued_again_after_15_s_does_not_make_a_second_handpay(books: Books) -> None:
    await books.record(exception(0x51))
    await books.record(handpay())
    await books.record(exception(0x51))
    await books.record(handpay())
    assert kinds(books) == ["handpay.pending", "handpay.recorded", "handpay.pending"]
    first, _, again = books.events()
    assert again["data"]["handpay"] == first["id"], "booked, and shown to be the same"
    assert books.ask("SELECT count(*) FROM handpays") == [(1,)]


@pytest.mark.parametrize(("code", "how"), [(0x52, "reset"), (0x55, "cancelled"), (0x5A, "keyed_off")])
async def test_the_same_amount_after_the_first_was_settled_is_another_handpay(
    books: Books, code: int, how: str
) -> None:
    for found in (exception(0x51), handpay(), exception(code), exception(0x51), handpay()):
        await books.record(found)
    assert len(books.events("hall.egm.handpay.recorded")) == 2
    first, settled = books.events()[0], books.events()[2]
    assert settled["data"]["handpay"] == first["id"]
    assert books.ask("SELECT closed_by FROM handpays ORDER BY handpay") == [(how,), (None,)]


async def test_a_record_that_is_gone_when_asked_for_is_an_alarm_and_no_zero(books: Books) -> None:
    await books.record(exception(0x51))
    await books.record(NO_RECORD)
    unknown = books.events()[-1]
    assert unknown["type"] == "hall.egm.handpay.unknown.v1"
    assert unknown["data"] == {"asset": 17, "because": books.events()[0]["id"], "reason": "no_record"}
    await books.record(NO_RECORD)
    assert len(books.events()) == 2, "once"


async def test_a_machine_that_does_not_know_the_question_is_told_so(books: Books) -> None:
    await books.record(exception(0x51))
    await books.record(HandpayFound(17, NIGHT, None, why="unsupported"))
    assert books.events()[-1]["data"]["reason"] == "unsupported"
    assert books.ask("SELECT code FROM unsupported_polls") == [(0x1B,)]
    await books.record(exception(0x52))
    await books.record(exception(0x51))
    assert [e["data"]["reason"] for e in books.events("hall.egm.handpay.unknown")] == ["unsupported", "unsupported"]
    assert books.ask("SELECT * FROM questions") == [], "it is not asked again, and each is an alarm"


async def test_a_record_found_without_its_exception_is_a_handpay_all_the_same(books: Books) -> None:
    await books.record(handpay())
    assert books.events()[0]["data"]["because"] is None
    await books.record(handpay(amount=77))
    assert books.ask("SELECT closed_by FROM handpays ORDER BY handpay") == [("superseded",), (None,)]


async def test_with_the_machine_or_its_memory_gone_the_amount_is_declared_unknown(books: Books) -> None:
    await books.record(identity("SN-1"))
    await books.record(exception(0x51))
    await books.record(identity("SN-2"))
    assert books.events("hall.egm.handpay.unknown")[0]["data"]["reason"] == "replaced"
    await books.record(exception(0x51))
    await books.record(exception(0x7A))
    assert books.events("hall.egm.handpay.unknown")[1]["data"]["reason"] == "ram_clear"
    assert books.ask("SELECT * FROM questions") == []
    assert books.ask("SELECT closed_by FROM handpays ORDER BY handpay") == [("replaced",), ("ram_clear",)]


# lost exceptions -----------------------------------------------------------------------------------------------------


async def test_an_overflow_opens_a_gap_from_the_last_exception_stored(books: Books) -> None:
    await books.record(exception(0x11))
    await books.record(exception(0x70))
    lost, gap = books.events()[-2:]
    assert (lost["type"], gap["type"]) == ("hall.egm.exceptions.lost.v1", "hall.egm.data.gap.v1")
    assert gap["data"]["because"] == lost["id"]
    assert gap["data"]["reason"] == "overflow"
    assert gap["data"]["since"] == books.events()[0]["recordedat"]


async def test_what_a_real_time_frame_carried_stands_in_the_event(books: Books) -> None:
    await books.record(exception(0x7E, frame={"wagered": 5, "coin_in": 1234, "wager_type": 0, "progressive_group": 0}))
    assert books.events()[0]["data"]["wagered"] == 5


async def test_an_exception_taken_before_it_was_known_who_sits_there_says_so(books: Books) -> None:
    await books.record(exception(0x11, unidentified=True))
    assert books.events()[0]["data"]["unidentified"] is True
