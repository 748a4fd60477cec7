"""Polls that make a machine do something: enable, disable, sounds, bills, real-time events, clock."""

from __future__ import annotations

from protocols.sas.fields import Bcd, Binary, Date, Flags, Time
from protocols.sas.longpoll import Kind, LongPoll


def _order(code: int, name: str, *, source: str = "sas-core 5.1") -> LongPoll:
    return LongPoll(code, name, Kind.S, source=source)


SHUTDOWN = _order(0x01, "shutdown (lock out play)")
STARTUP = _order(0x02, "startup (enable play)")
SOUND_OFF = _order(0x03, "sound off")
SOUND_ON = _order(0x04, "sound on")
GAME_SOUNDS_OFF = _order(0x05, "reel-spin or game-play sounds off")
ENABLE_BILLS = _order(0x06, "enable bill acceptor")
DISABLE_BILLS = _order(0x07, "disable bill acceptor")
CONFIGURE_BILLS = LongPoll(
    0x08, "configure bill denominations", Kind.S, (Flags("mask", 4), Binary("action")), source="sas-core 5.4"
)
ENABLE_GAME = LongPoll(
    0x09, "enable or disable game n", Kind.M, (Bcd("game", 4), Binary("enable")), source="sas-core 5.4"
)
ENTER_MAINTENANCE = _order(0x0A, "enter maintenance mode")
EXIT_MAINTENANCE = _order(0x0B, "exit maintenance mode")
REAL_TIME_EVENTS = LongPoll(
    0x0E, "enable or disable real-time events", Kind.S, (Binary("enable"),), source="sas-core 6"
)
DELAY_GAME = LongPoll(0x2E, "delay game", Kind.S, (Binary("tenths", 2, "tenths of a second"),), source="sas-core 5.4")
READ_DATE_TIME = LongPoll(
    0x7E, "read date and time", Kind.R, reply=(Date("date"), Time("time")), source="sas-core 5.6"
)
SET_DATE_TIME = LongPoll(
    0x7F, "set date and time", Kind.S, (Date("date"), Time("time")), broadcast=True, source="sas-core 5.6"
)
AUTO_REBET = LongPoll(0xAA, "enable or disable auto rebet", Kind.S, (Binary("enable"),), source="sas-core 5.4")

POLLS = (
    SHUTDOWN, STARTUP, SOUND_OFF, SOUND_ON, GAME_SOUNDS_OFF, ENABLE_BILLS, DISABLE_BILLS, CONFIGURE_BILLS, ENABLE_GAME,
    ENTER_MAINTENANCE, EXIT_MAINTENANCE, REAL_TIME_EVENTS, DELAY_GAME, READ_DATE_TIME, SET_DATE_TIME, AUTO_REBET,
)  # fmt: skip
