"""Tell a machine to do something: enable or disable play, set its clock. Nothing here decides whether it should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.asking import once
from protocols.sas.conversations.base import NoAnswer, Poll, Refused, Script, Steps, Unsupported
from protocols.sas.frame import encode_poll
from protocols.sas.longpoll import LongPoll, Reply, Values

SET_DATE_TIME = long_poll(0x7F)
READ_DATE_TIME = long_poll(0x7E)


@dataclass(frozen=True, slots=True)
class Done:
    """The machine acknowledged."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "done"


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The machine acknowledged the new clock and kept another: it is controlled elsewhere (sas-core X16)."""

    ok: ClassVar[bool] = False
    slug: ClassVar[str] = "not-taken"

    date: str
    time: str
    "What it says now."


class Control(Script):
    """One set poll. Outcome: Done; Refused (NACK, or busy for long); Unsupported; NoAnswer (whether it acted is not
    known).

    Raises BadField, BadRequest for values the poll cannot carry, before anything is sent.
    """

    def __init__(self, poll: LongPoll, values: Values | None = None) -> None:
        self._question = Poll(poll, values or {})
        encode_poll(poll, 1, self._question.values)
        super().__init__()

    def steps(self) -> Steps:
        told = yield from once(self._question)
        return Done() if isinstance(told, Reply) else told


class SetClock(Script):
    """Set date and time, then read them back. date: MMDDYYYY, time: HHMMSS, 24 hours.

    Outcome: Done; Refused; NotTaken with what the machine says; NoAnswer. It is not tried again by itself.
    """

    def __init__(self, date: str, time: str) -> None:
        self._date = date
        self._time = time
        self._question = Poll(SET_DATE_TIME, {"date": date, "time": time})
        encode_poll(SET_DATE_TIME, 1, self._question.values)
        super().__init__()

    def steps(self) -> Steps:
        answer = yield self._question
        if answer.reply is not None and answer.reply.status == "nack":
            return Refused()
        if answer.why == "busy":
            return Refused()
        # Also after silence: the clock may have been set and only the ACK lost.
        read = yield Poll(READ_DATE_TIME)
        if read.reply is None or read.reply.status != "data":
            return NoAnswer()
        date, time = str(read.reply.values["date"]), str(read.reply.values["time"])
        elapsed_s = (_seconds(time) - _seconds(self._time)) % DAY_S
        if elapsed_s <= SET_WITHIN_S and (date == self._date or time < self._time):
            return Done()
        if answer.reply is None and answer.why == "silent":
            return Unsupported()
        return NotTaken(date, time)


SET_WITHIN_S = 30
"""From setting to reading back, with repeats and general polls between."""


DAY_S = 86_400


def _seconds(time: str) -> int:
    return int(time[0:2]) * 3600 + int(time[2:4]) * 60 + int(time[4:6])
