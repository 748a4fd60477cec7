"""Polls that read meters: one by one, in the groups of older versions, per game, and by list (2F, 6F and its twin AF)."""

from __future__ import annotations

from protocols.sas.catalog.meter_codes import METERS, MIN_SIZES
from protocols.sas.fields import Bcd, FieldUnit, MeterCodes, SizedMeters, TabledMeters
from protocols.sas.longpoll import Kind, LongPoll

_GAME = Bcd("game", 4)
SINGLE_SIZE = 4
"""Bytes of BCD of a meter in single and group polls, whatever its width in the machine."""


def _single(code: int, name: str, field: str, meter: int | FieldUnit, *, multi_denom: bool = False) -> LongPoll:
    """``meter``: its code, or the unit of one that has none."""
    if isinstance(meter, str):
        meters, unit = {}, meter
    else:
        meters, unit = {field: meter}, METERS[meter].unit
    return LongPoll(
        code, name, Kind.R, reply=(Bcd(field, 8, unit),), meters=meters, multi_denom=multi_denom,
        source="sas-core 5.2, single meters",
    )  # fmt: skip


def _group(code: int, name: str, **meters: int) -> LongPoll:
    reply = tuple(Bcd(field, 8, METERS[meter].unit) for field, meter in meters.items())
    return LongPoll(code, name, Kind.R, reply=reply, meters=meters, source="sas-core 5.2")


CANCELLED_CREDITS = _single(0x10, "total cancelled credits", "cancelled_credits", 0x04)
COIN_IN = _single(0x11, "total coin in", "coin_in", 0x00, multi_denom=True)
COIN_OUT = _single(0x12, "total coin out", "coin_out", 0x01, multi_denom=True)
DROP = _single(0x13, "total drop", "drop", 0x24)
JACKPOT = _single(0x14, "total jackpot", "jackpot", 0x02, multi_denom=True)
GAMES_PLAYED = _single(0x15, "games played", "games_played", 0x05, multi_denom=True)
GAMES_WON = _single(0x16, "games won", "games_won", 0x06, multi_denom=True)
GAMES_LOST = _single(0x17, "games lost", "games_lost", 0x07, multi_denom=True)
CURRENT_CREDITS = _single(0x1A, "current credits", "credits", 0x0C)

METERS_10_TO_15 = _group(
    0x0F, "meters 10 to 15", cancelled_credits=0x04, coin_in=0x00, coin_out=0x01, drop=0x24, jackpot=0x02, games_played=0x05
)
METERS_11_TO_15 = _group(
    0x19, "meters 11 to 15", coin_in=0x00, coin_out=0x01, drop=0x24, jackpot=0x02, games_played=0x05
)
GAMES_SINCE = LongPoll(
    0x18, "games since power-up and since door closure", Kind.R,
    reply=(Bcd("since_power_up", 4, "count"), Bcd("since_door_closed", 4, "count")),
    meters={"since_power_up": 0x25, "since_door_closed": 0x26}, source="sas-core 5.2",
)  # fmt: skip
"""Two bytes each: they wrap at 10,000, their meters 25 and 26 do not."""
MACHINE_METERS = LongPoll(
    0x1C, "machine meters", Kind.R,
    reply=(
        Bcd("coin_in", 8, "credits"), Bcd("coin_out", 8, "credits"), Bcd("drop", 8, "credits"),
        Bcd("jackpot", 8, "credits"), Bcd("games_played", 8, "count"), Bcd("games_won", 8, "count"),
        Bcd("slot_door_opened", 8, "count"), Bcd("power_reset", 8, "count"),
    ),
    meters={"coin_in": 0x00, "coin_out": 0x01, "drop": 0x24, "jackpot": 0x02, "games_played": 0x05, "games_won": 0x06},
    source="sas-core 5.2",
)  # fmt: skip
BILL_COUNTS = _group(
    0x1E, "bill counts", bills_1=0x40, bills_5=0x42, bills_10=0x43, bills_20=0x44, bills_50=0x46, bills_100=0x47
)
HAND_PAID_OF_GAME = LongPoll(
    0x2D, "hand-paid cancelled credits of game n", Kind.M, (_GAME,), (_GAME, Bcd("hand_paid", 8, "credits")),
    source="sas-core 5.2",
)  # fmt: skip
METERS_OF_GAME = LongPoll(
    0x52, "meters of game n", Kind.M, (_GAME,),
    (
        _GAME, Bcd("coin_in", 8, "credits"), Bcd("coin_out", 8, "credits"), Bcd("jackpot", 8, "credits"),
        Bcd("games_played", 8, "count"),
    ),
    source="sas-core 5.2",
)  # fmt: skip
SELECTED_METERS = LongPoll(
    0x2F, "selected meters of game n", Kind.M, (_GAME, MeterCodes("meters", 1, 10)),
    (_GAME, TabledMeters("meters", MIN_SIZES)), request_counted=True, reply_counted=True, multi_denom=True,
    source="sas-core 5.2",
)  # fmt: skip


def _extended(code: int, name: str) -> LongPoll:
    return LongPoll(
        code, name, Kind.M, (_GAME, MeterCodes("meters", 2, 12)), (_GAME, SizedMeters("meters")),
        request_counted=True, reply_counted=True, multi_denom=True, source="sas-core 5.2",
    )  # fmt: skip


EXTENDED_METERS = _extended(0x6F, "extended meters of game n")
EXTENDED_METERS_TWIN = _extended(0xAF, "extended meters of game n, alternate code")

_NAMED = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x1A, 0x2D}
_TO_LATER_STEPS = {0x27}
"""Restricted promotional credits: belongs with transfers."""
OTHER_SINGLES = tuple(
    _single(row.single_poll, row.name, row.slug, row.code)
    for row in METERS.values()
    if row.single_poll is not None and row.single_poll not in _NAMED | _TO_LATER_STEPS
)
"""Every further poll that reads one meter of the table: bills, stacker, acceptor."""
WITHOUT_CODE = (
    _single(0x20, "total value of bills, in whole units of the currency", "bills_value", "currency"),
    _single(0x2A, "true coin in, in coins", "true_coin_in", "coins"),
    _single(0x2B, "true coin out, in coins", "true_coin_out", "coins"),
    _single(0x2C, "current hopper level, in coins", "hopper_level", "coins"),
)
"""Single polls whose meter has no code of the table."""

POLLS = (
    CANCELLED_CREDITS, COIN_IN, COIN_OUT, DROP, JACKPOT, GAMES_PLAYED, GAMES_WON, GAMES_LOST, CURRENT_CREDITS,
    METERS_10_TO_15, METERS_11_TO_15, GAMES_SINCE, MACHINE_METERS, BILL_COUNTS, HAND_PAID_OF_GAME, METERS_OF_GAME,
    SELECTED_METERS, EXTENDED_METERS, EXTENDED_METERS_TWIN, *OTHER_SINGLES, *WITHOUT_CODE,
)  # fmt: skip
