"""Long poll -> what this machine answers, from its state. None: it does not know the poll and stays silent.

The rows are in the tables of `control_answers`, `identity_answers` and `meter_answers`; here a row is found, B0 is opened, and
what a test or a busy model puts off is put off. Lengths, check sums, repeats and the general poll are the port's affair.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from protocols.errors import FrameError
from protocols.sas import denominated
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.egm import Ack, Answer, Busy, Nack
from protocols.sas.longpoll import LongPoll, Values
from simulators.egm.book import Book
from simulators.egm.control_answers import CONTROL_ANSWERS
from simulators.egm.facts import NACK, Facts
from simulators.egm.identity_answers import IDENTITY_ANSWERS
from simulators.egm.machine import Machine
from simulators.egm.meter_answers import METER_ANSWERS, single

MULTI_DENOMINATION = 0xB0
TABLE: Mapping[int, Callable[[Facts, Values], Answer]] = {**CONTROL_ANSWERS, **IDENTITY_ANSWERS, **METER_ANSWERS}


class Answers:
    """What one machine says. ``answer`` is given to its port."""

    def __init__(self, machine: Machine, book: Book, now: Callable[[], float], lived: Callable[[], float]) -> None:
        self._facts = Facts(machine, book, now, lived)
        self._since = now()
        self.busy_polls: set[int] = set()
        "Polls answered with BUSY for now; a test's switch."
        self.refused_polls: set[int] = set()
        "Polls answered with NACK for now."

    def answer(self, poll: LongPoll, values: Values) -> Answer:
        """The values of the reply, an acknowledgement, or silence."""
        code = poll.code
        it = self._facts
        if code in it.persona.unsupported_polls:
            return None
        if code in self.busy_polls or self._is_put_off():
            return Busy()
        if code in self.refused_polls:
            return NACK
        if code == MULTI_DENOMINATION:
            return self._inside(values)
        return _row(it, poll, values)

    def _is_put_off(self) -> bool:
        every, lasts = self._facts.persona.busy_every_s, self._facts.persona.busy_for_s
        # At the end of each period, so that a machine begins well.
        return every > 0 and (self._facts.now() - self._since) % every >= every - lasts

    def _inside(self, values: Values) -> Answer:
        """B0: the poll inside, for one denomination; errors by the list of sas-core 5.7."""
        it = self._facts
        asked = values["denomination"]
        assert isinstance(asked, int)
        if not it.persona.is_multi_denomination:
            return None
        try:
            denomination, base, asked_inside = denominated.read_request(values)
        except FrameError as wrong:
            error = wrong.facts["error"]
            assert isinstance(error, int)
            return denominated.error_values(asked, error)
        if denomination and denomination not in it.persona.player_denominations:
            return denominated.error_values(denomination, denominated.NO_DENOMINATION)
        if base.code in it.persona.unsupported_polls:
            return denominated.error_values(denomination, denominated.NOT_SUPPORTED)
        if base.code in self.busy_polls:
            return denominated.reply_values(base, it.machine.address, denomination, "busy")
        if base.code in self.refused_polls:
            told: Answer = NACK
        else:
            told = _row(replace(it, denomination=denomination), base, asked_inside)
        if told is None or (isinstance(told, Nack) and base.reply is not None):
            return denominated.error_values(denomination, denominated.NOT_SUPPORTED)
        if isinstance(told, Ack | Nack):
            inner: denominated.Inner = "ack" if isinstance(told, Ack) else "nack"
        else:
            assert not isinstance(told, Busy)
            inner = told
        return denominated.reply_values(base, it.machine.address, denomination, inner)


def _row(it: Facts, poll: LongPoll, values: Values) -> Answer:
    make = TABLE.get(poll.code)
    if make is not None:
        return make(it, values)
    return single(it, poll) if poll.meters else None


def answered_polls() -> frozenset[int]:
    """Codes of all long polls that a machine of some persona answers."""
    singles = {code for code, poll in BY_CODE.items() if poll.meters}
    return frozenset({*TABLE, *singles, MULTI_DENOMINATION})
