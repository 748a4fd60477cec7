"""Polls that make a machine do something: enable, disable, sounds, bills, real-time events, clock, meters about to change.

The preamble B0 stands here too: what it does is what the poll inside does.
"""

from __future__ import annotations

from protocols.sas.clock_fields import Date, Time
from protocols.sas.fields import Bcd, Binary, Flags, Raw
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
    0x09, "enable or disable game n", Kind.M, (Bcd("game", 4), Binary("enable")), multi_denom=True, source="sas-core 5.4"
)
ENTER_MAINTENANCE = _order(0x0A, "enter maintenance mode")
EXIT_MAINTENANCE = _order(0x0B, "exit maintenance mode")
SOUND_VOLUME = LongPoll(0x0C, "set sound volume", Kind.S, (Flags("data", 4),), certain=False, source="sas-core 5.1")
PLAY_SOUND = LongPoll(0x0D, "play sound", Kind.S, (Flags("data", 4),), certain=False, source="sas-core 5.1")
"""0C and 0D: one old test tool alone knows them, and only how many bytes they carry (QUIRKS Q24)."""
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
MULTI_DENOMINATION = LongPoll(
    0xB0, "multi-denomination preamble", Kind.S,
    (Binary("denomination"), Binary("base"), Raw("data", 253)),
    (Binary("denomination"), Binary("base"), Raw("data", 253)),
    request_counted=True, reply_counted=True, nested=True, source="sas-core 5.7",
)  # fmt: skip
"""Another poll, for one denomination. What is inside is written and read by `protocols.sas.denominated`."""
METER_COLLECT = LongPoll(
    0xB6, "meter collect status", Kind.S, (Binary("status"),), (Binary("status"),),
    request_counted=True, reply_counted=True, version="6.03", source="sas-core 5.8",
)  # fmt: skip
"""Request: 00 seen, keep waiting; 01 collected, go ahead; 80 cannot now. Reply: 00 lifetime meters will be cleared or games
remapped; 01 games or denominations only enabled or disabled; 80 nothing pending."""

POLLS = (
    SHUTDOWN, STARTUP, SOUND_OFF, SOUND_ON, GAME_SOUNDS_OFF, ENABLE_BILLS, DISABLE_BILLS, CONFIGURE_BILLS, ENABLE_GAME,
    ENTER_MAINTENANCE, EXIT_MAINTENANCE, SOUND_VOLUME, PLAY_SOUND, REAL_TIME_EVENTS, DELAY_GAME, READ_DATE_TIME,
    SET_DATE_TIME, AUTO_REBET, MULTI_DENOMINATION, METER_COLLECT,
)  # fmt: skip
