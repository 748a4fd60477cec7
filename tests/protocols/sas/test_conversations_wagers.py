"""Coin in of a game by wager category: width and payback as told, and what is not told (sas-core 5.3, B4)."""

from __future__ import annotations

import pytest

from protocols.errors import BadRequest
from protocols.sas.conversations.base import NoAnswer, Unsupported
from protocols.sas.conversations.wagers import ReadWagers, WagerCategory, WagersRead
from tests.support.interview import DAMAGED, SILENT, dialogue

NOT_THERE = (("01 1F", SILENT), ("01 54", SILENT))
INFO = "01 1F 41 54 30 30 30 01 FF 00 00 00 50 31 32 33 34 35 39 32 35 30"
WHOLE = ("01 B4 00 02 00 00", "01 B4 0D 00 02 00 00 39 32 35 30 04 00 00 14 51")


def test_the_width_of_each_category_is_the_frame_s_and_size_00_is_not_zero():
    read = dialogue(
        ReadWagers(2, 3),
        WHOLE,
        ("01 B4 00 02 00 01", "01 B4 12 00 02 00 01 39 34 30 30 09 12 34 56 78 90 12 34 56 78"),
        ("01 B4 00 02 00 02", "01 B4 0A 00 02 00 02 38 38 30 30 01 99"),
        ("01 B4 00 02 00 03", "01 B4 09 00 02 00 03 38 38 30 30 00"),
    )
    assert read == WagersRead(
        2,
        (
            WagerCategory(0, "9250", 1451, 4),
            WagerCategory(1, "9400", 123_456_789_012_345_678, 9),
            WagerCategory(2, "8800", 99, 1),
            WagerCategory(3, "8800", None, 0),
        ),
        unread=(),
    )


def test_another_category_or_game_is_an_old_answer():
    read = dialogue(ReadWagers(2, 1), WHOLE, ("01 B4 00 02 00 01", WHOLE[1]))
    assert read == WagersRead(2, (WagerCategory(0, "9250", 1451, 4),), unread=(1,))
    assert dialogue(ReadWagers(3, 0), ("01 B4 00 03 00 00", WHOLE[1])) == NoAnswer()


def test_what_stays_damaged_ends_the_reading_and_is_listed():
    read = dialogue(ReadWagers(2, 3), WHOLE, ("01 B4 00 02 00 01", DAMAGED))
    assert isinstance(read, WagersRead)
    assert read.unread == (1, 2, 3)


def test_a_category_the_machine_says_no_to_is_listed_and_the_next_one_asked():
    read = dialogue(
        ReadWagers(2, 2),
        WHOLE,
        ("01 B4 00 02 00 01", "81"),
        ("01 B4 00 02 00 02", "01 B4 0A 00 02 00 02 38 38 30 30 01 99"),
    )
    assert isinstance(read, WagersRead)
    assert [one.category for one in read.categories] == [0, 2]
    assert read.unread == (1,)


def test_a_machine_without_wager_categories():
    assert dialogue(ReadWagers(0, 4), ("01 B4 00 00 00 00", SILENT), ("01 1F", INFO)) == Unsupported()
    assert dialogue(ReadWagers(0, 4), ("01 B4 00 00 00 00", SILENT), *NOT_THERE) == NoAnswer()
    for game, categories in ((10_000, 0), (-1, 0), (0, 101), (0, -1)):
        with pytest.raises(BadRequest):
            ReadWagers(game, categories)
