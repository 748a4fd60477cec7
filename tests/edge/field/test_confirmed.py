"""What was read twice at once is booked so: on a noisy line a wrong number gets past nobody, a true jump says so (MTR-05)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from protocols.sas.crc import with_crc
from simulators.egm.wired import WiredEgm
from tests.edge.field.small_hall import SmallHall, opened

ONE = {"A": [17]}
COIN_IN_FIRST_BYTE = 8
"In 01 6F len game(2) 0000 04 .. .. .. ..: address, code, length, game, meter code and size stand before the value."


def damaged(frame: bytes) -> bytes:
    """A bit fell over on the way: the check sum does not hold, and the line counts as noisy for a while."""
    return frame[:-1] + bytes([frame[-1] ^ 0x04])


def a_million_more(frame: bytes) -> bytes:
    """A digit of coin in is another, and the check sum holds: an hour of play could bring it there."""
    return spoilt(frame, 0x01)


def two_million_more(frame: bytes) -> bytes:
    return spoilt(frame, 0x02)


def spoilt(frame: bytes, digit: int) -> bytes:
    data = bytearray(frame[:-2])
    assert data[COIN_IN_FIRST_BYTE - 3 : COIN_IN_FIRST_BYTE] == bytes.fromhex("00 00 04")
    data[COIN_IN_FIRST_BYTE] += digit
    return with_crc(bytes(data))


def right(frame: bytes) -> bytes:
    return frame


Way = Callable[[bytes], bytes]


def on_the_way(monkeypatch: pytest.MonkeyPatch, *ways: Way) -> list[Way]:
    """What becomes of the next answers to 6F and AF, one after the other. Gives those that are still to come."""
    left, receive = list(ways), WiredEgm.receive

    def heard(egm: WiredEgm, value: int, wakeup: bool, now: float) -> tuple[bytes, bool] | None:
        answer = receive(egm, value, wakeup, now)
        if answer is None or not left or len(answer[0]) < 12 or answer[0][1] not in (0x6F, 0xAF):
            return answer
        return left.pop(0)(answer[0]), answer[1]

    monkeypatch.setattr(WiredEgm, "receive", heard)
    return left


def coin_in(hall: SmallHall) -> list[tuple[str, str | None, str]]:
    """Value, growth and verdict of coin in, of each reading."""
    return [
        (one["value"], one["delta"], one["verdict"])
        for event in hall.books.events("hall.egm.meters.snapshot")
        for one in event["data"]["readings"]
        if one["code"] == 0x00
    ]


def readings(hall: SmallHall) -> list[dict[str, Any]]:
    return hall.books.events("hall.egm.meters.snapshot")


async def read_once_more(hall: SmallHall) -> None:
    before = len(readings(hall))
    await hall.go(20, lambda: len(readings(hall)) > before and hall.desk.depth(17) == 0)


@pytest.mark.parametrize(
    ("ways", "booked"),
    [
        ([a_million_more], [("1000000", "1000000", "delta")]),
        ([damaged, a_million_more, right, right], [("0", "0", "equal")]),
        ([damaged, right, a_million_more, right, right], [("0", "0", "equal")]),
        ([damaged, a_million_more, right, two_million_more], []),
    ],
    ids=["a good line: one read is believed", "the second read contradicts", "the first was right", "no two agree"],
)
async def test_mtr_05_a_plausible_wrong_value_that_the_second_read_contradicts_is_not_booked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ways: Sequence[Way], booked: list[tuple[str, str | None, str]]
) -> None:
    async with opened(tmp_path, ONE, every_s=8.0) as hall:
        await hall.up(17)
        known = len(coin_in(hall))
        left = on_the_way(monkeypatch, *ways)
        await read_once_more(hall)
        assert left == [], "so often it was read, until two reads in a row agreed"
        assert coin_in(hall)[known:] == booked


@pytest.mark.parametrize(
    ("ways", "verdict"),
    [([right], "corrupt_read"), ([damaged, right, right], "ambiguous")],
    ids=["read once", "read twice on a noisy line"],
)
async def test_mtr_05_a_jump_that_a_second_read_at_once_confirms_goes_to_review_as_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ways: Sequence[Way], verdict: str
) -> None:
    async with opened(tmp_path, ONE, every_s=8.0) as hall:
        await hall.up(17)
        known = len(coin_in(hall))
        hall.machine(17).egm.machine.bank._add(0x00, 60_000_000)
        on_the_way(monkeypatch, *ways)
        await read_once_more(hall)
        assert coin_in(hall)[known:] == [("60000000", None, verdict)]
        (review,) = (
            one for one in hall.books.events("hall.egm.meters.review")
            if any(meter["code"] == 0x00 for meter in one["data"]["meters"])
        )  # fmt: skip
        assert review["data"]["cause"] == verdict
