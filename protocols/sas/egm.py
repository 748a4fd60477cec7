"""The machine's side of a SAS line: characters with the ninth bit in, characters out. Pure; for simulators and tests.

One port is one address. It finds messages by the wake-up bit alone, keeps in step as the standard wants, answers from the
tables of the catalogue, repeats what was not acknowledged and keeps its exceptions until they are. It outlives its host:
nothing here resets when a cable or a connection goes. In real-time event mode an exception goes out as a frame, in place of
whatever was asked. Source: sas-core 1.5 to 1.10, 2, 6, 11.1.

The owner asks after every character (``receive``) and now and then (``tick``); what comes back is to be sent after
``rules.answer_delay_s``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

from protocols.errors import BadField, BadLength, FrameError
from protocols.sas.catalog.denominations import BILLS
from protocols.sas.catalog.exception_codes import NOT_IN_RTE, RTE_BYTES, RTE_ONLY
from protocols.sas.crc import with_crc
from protocols.sas.egm_queue import QUEUE_MAX, Entry, ExceptionQueue
from protocols.sas.frame import decode_poll, encode_ack, encode_busy, encode_nack, encode_reply, poll_size
from protocols.sas.longpoll import LongPoll, Values

MESSAGE_MAX = 261
"""Address, command, length byte, 255 bytes, check sum and one to spare: more is no message."""
REAL_TIME_EVENTS, MULTI_DENOMINATION = 0x0E, 0xB0
EVENT_MARK, BILL_ACCEPTED = 0xFF, 0x4F
_DENOMINATION_END = 5
"A repeat of B0 is told by address, B0, length, denomination and base poll (sas-core 2, note 1)."

_BILL_OF: Mapping[int, int] = {
    0x47: 1, 0x48: 5, 0x49: 10, 0x4A: 20, 0x4B: 50, 0x4C: 100, 0x4D: 2, 0x4E: 500, 0x50: 200,
}  # fmt: skip
"Exceptions of single bills, which real-time mode does not have, and the bill each stands for."
_BILL_CODE = {value: code for code, value in BILLS.items()}


class Ack:
    """Done."""


class Nack:
    """Cannot be done, or the data make no sense."""


class Busy:
    """Not now."""


Answer: TypeAlias = "Values | Ack | Nack | Busy | None"
Sending: TypeAlias = "tuple[bytes, bool]"
"""Bytes to put on the wire, and whether the first carries the wake-up bit (only a chirp does)."""


@dataclass(frozen=True, slots=True)
class EgmRules:
    """How this machine behaves on the wire; the defaults are the standard's."""

    answer_delay_s: float = 0.003
    "From the last character of a poll to the first of the answer; the standard allows 20 ms."
    gap_s: float = 0.005
    "A message whose characters are further apart is dropped. Wider where a socket carries the line."
    link_down_s: float = 5.0
    "No address byte for so long: link down, chirp."
    ack_within_s: float = 30.0
    "No implied acknowledgement for so long: link down."
    chirp_every_s: float = 0.2
    repeat_compares: Literal["command", "frame"] = "command"
    "What makes a long poll a repeat: address and command (MONACO) or the whole frame (BITBOSS). QUIRKS X6."
    bad_crc: Literal["nack", "silence"] = "nack"
    "Answer to an addressed poll with a bad check sum. QUIRKS X15."
    third_repeat: Literal["silence", "answer"] = "silence"
    "The third identical poll in a row: no answer and the data stay (MONACO), or the answer once more. QUIRKS X7."
    idle_code: int = 0x00
    "Answer to a general poll when nothing happened: 00, or 1F in older machines."
    keeps_over_link_down: bool = True
    """Whether an exception that was answered and not acknowledged is kept over the machine's own link-down. False: it is
    given up, which ``on_dropped`` reports."""
    rte_idle: Literal["frame", "byte", "silence"] = "frame"
    """Answer to a general poll in real-time event mode when nothing happened: a frame with the idle code (seen in the field),
    the bare code, or none (the text). QUIRKS X1."""
    rte_over_power: Literal["off", "kept"] = "off"
    "Real-time event mode after the machine was switched off and on; no source tells."
    queue_max: int = QUEUE_MAX
    also_priority: frozenset[int] = frozenset()
    "Exceptions of class Q/P whose function is configured in this machine (51 and 52 in 6.x, 3D, 3E ...)."


class _Sync(Enum):
    WAIT_OTHER = "waits for a poll to another address, or to 0"
    WAIT_OWN = "waits for its own first poll"
    IN_STEP = "answers"


class EgmPort:
    """One machine's port. ``answer(poll, values)`` gives the reply's values, Ack, Nack, Busy, or None: not known."""

    __slots__ = (
        "_ack_by", "_address", "_answer", "_cached", "_cached_entry", "_cached_for", "_cached_poll", "_chirp_at", "_general",
        "_heard_at", "_idle", "_message", "_message_at", "_real_time", "_repeats", "_rules", "_sync", "link_downs",
        "on_acknowledged", "on_answered", "on_consumed", "queue",
    )  # fmt: skip

    def __init__(self, address: int, answer: Callable[[LongPoll, Values], Answer], rules: EgmRules, now: float) -> None:
        self._answer = answer
        self._rules = rules
        self._real_time = False
        self._be(address)
        self.queue = ExceptionQueue(rules.queue_max, rules.also_priority)
        self.on_acknowledged: Callable[[int, int], None] | None = None
        "Called with code and serial when the host has acknowledged an exception."
        self.on_answered: Callable[[int, int], None] | None = None
        "Called with code and serial each time an exception is put on the wire."
        self.on_consumed: Callable[[int], None] | None = None
        "Called with the poll's code when the host has acknowledged an answer that this deletes (1B)."
        self.link_downs = 0
        self._sync = _Sync.WAIT_OTHER
        self._message = bytearray()
        self._message_at = now
        self._heard_at = now
        self._chirp_at = now + rules.link_down_s
        self._forget_cache()

    @property
    def on_dropped(self) -> Callable[[int, int], None] | None:
        """Called with code and serial of an exception lost by overflow, or of one that this mode does not have."""
        return self.queue.on_dropped

    @on_dropped.setter
    def on_dropped(self, call: Callable[[int, int], None] | None) -> None:
        self.queue.on_dropped = call

    @property
    def in_step(self) -> bool:
        """It answers polls. False: it waits for a foreign address first."""
        return self._sync is _Sync.IN_STEP

    @property
    def address(self) -> int:
        """1 to 127; 0: SAS is off."""
        return self._address

    @property
    def real_time(self) -> bool:
        """Real-time event mode. Poll 0E switches it; a machine may also be found in it, as a host before left it."""
        return self._real_time

    @real_time.setter
    def real_time(self, on: bool) -> None:
        self._real_time = on
        self._be(self._address)
        if not on:
            for entry in [entry for entry in self.queue if entry.code in RTE_ONLY]:
                self.queue.give_up(entry)

    def raise_exception(self, code: int, serial: int, data: bytes = b"") -> None:
        """Something happened. ``serial`` is the caller's own number for it.

        ``data``: what the real-time frame carries (sas-core 6.1; for any bill the six bytes of 4F); without them zeros are
        told. An exception of real-time mode alone (87, 88, 89, 8B) is dropped at once outside of it. Raises BadLength.
        """
        size = _data_bytes(code)
        if data and len(data) != size:
            raise BadLength(f"The event {code:02X} carries {size} bytes, not {len(data)}.")
        if code in RTE_ONLY and not self._real_time:
            if self.on_dropped is not None:
                self.on_dropped(code, serial)
            return
        self.queue.add(code, serial, data)

    def readdress(self, address: int, now: float) -> None:
        """The attendant set another address; 0 switches SAS off: the machine hears nothing, answers nothing, does not chirp.

        The link begins anew; what was not acknowledged is kept. Raises BadField outside 0 to 127.
        """
        if not 0 <= address <= 127:
            raise BadField(f"A machine's address is 0 to 127, not {address}.", field="address")
        self._be(address)
        self._begin(now)

    def _be(self, address: int) -> None:
        self._address = address
        self._general = 0x80 | address
        code = self._rules.idle_code
        idle: Sending | None = (bytes([code]), False)
        if self._real_time and self._rules.rte_idle != "byte":
            frame = with_crc(bytes([address, EVENT_MARK, code]))
            idle = (frame, False) if self._rules.rte_idle == "frame" else None
        self._idle = idle

    def power_up(self, now: float) -> None:
        """The machine was off: the link begins anew. The queue is in memory that keeps."""
        if self._real_time and self._rules.rte_over_power == "off":
            self.real_time = False
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._sync = _Sync.WAIT_OTHER
        self._message.clear()
        self._heard_at = now
        self._chirp_at = now + self._rules.link_down_s
        self._forget_cache()

    # time -----------------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> Sending | None:
        """A chirp when it is time for one; otherwise only the link's clocks run."""
        if self._address == 0:
            return None
        if now - self._heard_at >= self._rules.link_down_s:
            self._link_down()
            if now >= self._chirp_at:
                self._chirp_at = now + self._rules.chirp_every_s
                return bytes([self._address]), True
        elif self._ack_by is not None and now >= self._ack_by:
            self._link_down()
        return None

    def _link_down(self) -> None:
        if self._sync is _Sync.IN_STEP:
            self.link_downs += 1
            entry = self._cached_entry
            if entry is not None and not self._rules.keeps_over_link_down:
                self.queue.give_up(entry)
            self._forget_cache()
        self._sync = _Sync.WAIT_OTHER

    # characters -----------------------------------------------------------------------------------------------------

    def receive(self, value: int, wakeup: bool, now: float) -> Sending | None:
        """One character of the host. Returns what this machine sends for it, or None."""
        if wakeup:
            if self._address == 0:
                return None
            self.tick(now)
            self._heard_at = now
            self._chirp_at = now + self._rules.link_down_s
            self._message.clear()
            if value >= 0x80:
                if value == self._general:
                    return self._general_poll(now)
                self._foreign()
                return None
            self._message.append(value)
            self._message_at = now
            if value not in (self._address, 0):
                self._foreign()
            return None
        message = self._message
        if not message:
            return None
        if now - self._message_at > self._rules.gap_s or len(message) >= MESSAGE_MAX:
            message.clear()
            return None
        self._message_at = now
        message.append(value)
        if message[0] not in (self._address, 0):
            return None
        size = poll_size(message)
        if size == 0:
            # Not for this machine's tables; that something else than the same poll was sent counts all the same.
            is_broadcast = message[0] == 0
            message.clear()
            if is_broadcast:
                self._foreign()
            elif self._sync is _Sync.IN_STEP:
                self._acknowledge()
            return None
        if size is None or len(message) < size:
            return None
        frame = bytes(message)
        message.clear()
        if frame[0] == 0:
            self._broadcast(frame)
            return None
        return self._long_poll(frame, now)

    def _foreign(self) -> None:
        """A poll to somebody else, or to nobody: keeps in step and acknowledges."""
        if self._sync is _Sync.WAIT_OTHER:
            self._sync = _Sync.WAIT_OWN
        elif self._sync is _Sync.IN_STEP:
            self._acknowledge()

    def _general_poll(self, now: float) -> Sending | None:
        if self._sync is not _Sync.IN_STEP:
            if self._sync is _Sync.WAIT_OTHER:
                return None
            self._sync = _Sync.IN_STEP
        key = b"\x80"
        if self._cached_for != key:
            self._acknowledge()
        elif self._cached is not None:
            return self._repeat()
        entry = self.queue.first()
        if entry is None:
            return self._idle
        return self._tell(entry, key, now)

    def _tell(self, entry: Entry, key: bytes, now: float) -> Sending:
        if self.on_answered is not None:
            self.on_answered(entry.code, entry.serial)
        if self._real_time:
            return self._keep(_event(self._address, entry), key, entry, None, now)
        return self._keep(bytes([entry.code]), key, entry, None, now)

    def _long_poll(self, frame: bytes, now: float) -> Sending | None:
        if self._sync is not _Sync.IN_STEP:
            if self._sync is _Sync.WAIT_OTHER:
                return None
            self._sync = _Sync.IN_STEP
        key = frame if self._rules.repeat_compares == "frame" else frame[: _same(frame)]
        if self._cached_for != key:
            self._acknowledge()
        elif self._cached is not None:
            return self._repeat()
        try:
            poll, _, values = decode_poll(frame)
        except FrameError as error:
            if error.slug == "bad-crc" and self._rules.bad_crc == "silence":
                return None
            return encode_nack(self._address), False
        if self._real_time:
            entry = self.queue.first()
            if entry is not None:
                # What happened goes first; the poll is not executed (sas-core 6).
                return self._tell(entry, key, now)
        answer = self._answer(poll, values)
        if answer is None:
            return None
        if isinstance(answer, Ack):
            if poll.code == REAL_TIME_EVENTS:
                self.real_time = bool(values["enable"])
            return encode_ack(self._address), False
        if isinstance(answer, Nack):
            return encode_nack(self._address), False
        if isinstance(answer, Busy):
            return encode_busy(self._address), False
        return self._keep(encode_reply(poll, self._address, answer), key, None, poll, now)

    def _broadcast(self, frame: bytes) -> None:
        self._foreign()
        try:
            poll, _, values = decode_poll(frame)
        except FrameError:
            return
        if poll.broadcast:
            self._answer(poll, values)

    # the cached answer ----------------------------------------------------------------------------------------------

    def _forget_cache(self) -> None:
        self._cached: bytes | None = None
        self._cached_for = b""
        self._cached_entry: Entry | None = None
        self._cached_poll: LongPoll | None = None
        self._repeats = 0
        self._ack_by: float | None = None

    def _keep(self, answer: bytes, key: bytes, entry: Entry | None, poll: LongPoll | None, now: float) -> Sending:
        self._cached, self._cached_for, self._cached_entry, self._cached_poll = answer, key, entry, poll
        self._repeats = 0
        if self._ack_by is None:
            self._ack_by = now + self._rules.ack_within_s
        return answer, False

    def _repeat(self) -> Sending | None:
        """The same poll again says: not acknowledged."""
        self._repeats += 1
        if self._repeats >= 2 and self._rules.third_repeat == "silence":
            # The answer is given up, what it told of stays: the exception is still in its queue. The 30 s go on, or a host
            # that sends nothing but this poll would hold the link for ever.
            self._cached = self._cached_entry = self._cached_poll = None
            return None
        entry = self._cached_entry
        if entry is not None and self.on_answered is not None:
            self.on_answered(entry.code, entry.serial)
        assert self._cached is not None
        return self._cached, False

    def _acknowledge(self) -> None:
        """Another frame than the same poll: whatever was answered last has been heard."""
        if self._cached is None:
            if self._ack_by is not None:  # Given up after the third try: there is nothing left to acknowledge.
                self._forget_cache()
            return
        entry, poll = self._cached_entry, self._cached_poll
        self._forget_cache()
        if entry is not None and self.queue.remove(entry) and entry.serial >= 0 and self.on_acknowledged is not None:
            self.on_acknowledged(entry.code, entry.serial)
        elif poll is not None and poll.consumes and self.on_consumed is not None:
            self.on_consumed(poll.code)


def _same(frame: bytes) -> int:
    """So many bytes must be equal for a long poll to be the one before it."""
    return _DENOMINATION_END if frame[1] == MULTI_DENOMINATION else 2


def _data_bytes(code: int) -> int:
    return RTE_BYTES.get(BILL_ACCEPTED if code in NOT_IN_RTE else code, 0)


def _event(address: int, entry: Entry) -> bytes:
    """The exception as a frame. A single bill goes as 4F; what its owner did not say is 0."""
    code, data = entry.code, entry.data or bytes(_data_bytes(entry.code))
    if code in NOT_IN_RTE:
        if not entry.data:
            data = bytes([0, _BILL_CODE[_BILL_OF[code]], 0, 0, 0, 0])
        code = BILL_ACCEPTED
    return with_crc(bytes([address, EVENT_MARK, code]) + data)
