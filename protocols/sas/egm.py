"""The machine's side of a SAS line: characters with the ninth bit in, characters out. Pure; for simulators and tests.

One port is one address. It finds messages by the wake-up bit alone, keeps in step as the standard wants, answers from the
tables of the catalogue, repeats what was not acknowledged and keeps its exceptions until they are. It outlives its host:
nothing here resets when a cable or a connection goes. Source: sas-core 1.5 to 1.10, 2, 11.1.

The owner asks after every character (``receive``) and now and then (``tick``); what comes back is to be sent after
``rules.answer_delay_s``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

from protocols.errors import FrameError
from protocols.sas.egm_queue import QUEUE_MAX, Entry, ExceptionQueue
from protocols.sas.frame import decode_poll, encode_ack, encode_busy, encode_nack, encode_reply, poll_size
from protocols.sas.longpoll import LongPoll, Values

MESSAGE_MAX = 261
"""Address, command, length byte, 255 bytes, check sum and one to spare: more is no message."""


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
        "_ack_by", "_address", "_answer", "_cached", "_cached_entry", "_cached_for", "_chirp_at", "_general", "_heard_at",
        "_idle", "_message", "_message_at", "_repeats", "_rules", "_sync", "link_downs", "on_acknowledged", "on_answered",
        "queue",
    )  # fmt: skip

    def __init__(
        self, address: int, answer: Callable[[LongPoll, Values], Answer], rules: EgmRules, now: float
    ) -> None:
        self._address = address
        self._general = 0x80 | address
        self._answer = answer
        self._rules = rules
        self._idle: Sending = (bytes([rules.idle_code]), False)
        self.queue = ExceptionQueue(rules.queue_max, rules.also_priority)
        self.on_acknowledged: Callable[[int, int], None] | None = None
        "Called with code and serial when the host has acknowledged an exception."
        self.on_answered: Callable[[int, int], None] | None = None
        "Called with code and serial each time an exception is put on the wire."
        self.link_downs = 0
        self._sync = _Sync.WAIT_OTHER
        self._message = bytearray()
        self._message_at = now
        self._heard_at = now
        self._chirp_at = now + rules.link_down_s
        self._forget_cache()

    @property
    def on_dropped(self) -> Callable[[int, int], None] | None:
        """Called with code and serial of an exception lost by overflow."""
        return self.queue.on_dropped

    @on_dropped.setter
    def on_dropped(self, call: Callable[[int, int], None] | None) -> None:
        self.queue.on_dropped = call

    @property
    def in_step(self) -> bool:
        """It answers polls. False: it waits for a foreign address first."""
        return self._sync is _Sync.IN_STEP

    def raise_exception(self, code: int, serial: int) -> None:
        """Something happened. ``serial`` is the caller's own number for it."""
        self.queue.add(code, serial)

    def power_up(self, now: float) -> None:
        """The machine was off: the link begins anew. The queue is in memory that keeps."""
        self._sync = _Sync.WAIT_OTHER
        self._message.clear()
        self._heard_at = now
        self._chirp_at = now + self._rules.link_down_s
        self._forget_cache()

    # time -----------------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> Sending | None:
        """A chirp when it is time for one; otherwise only the link's clocks run."""
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
        if self.on_answered is not None:
            self.on_answered(entry.code, entry.serial)
        return self._keep(bytes([entry.code]), key, entry, now)

    def _long_poll(self, frame: bytes, now: float) -> Sending | None:
        if self._sync is not _Sync.IN_STEP:
            if self._sync is _Sync.WAIT_OTHER:
                return None
            self._sync = _Sync.IN_STEP
        key = frame if self._rules.repeat_compares == "frame" else frame[:2]
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
        answer = self._answer(poll, values)
        if answer is None:
            return None
        if isinstance(answer, Ack):
            return encode_ack(self._address), False
        if isinstance(answer, Nack):
            return encode_nack(self._address), False
        if isinstance(answer, Busy):
            return encode_busy(self._address), False
        return self._keep(encode_reply(poll, self._address, answer), key, None, now)

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
        self._repeats = 0
        self._ack_by: float | None = None

    def _keep(self, answer: bytes, key: bytes, entry: Entry | None, now: float) -> Sending:
        self._cached, self._cached_for, self._cached_entry, self._repeats = answer, key, entry, 0
        if self._ack_by is None:
            self._ack_by = now + self._rules.ack_within_s
        return answer, False

    def _repeat(self) -> Sending | None:
        """The same poll again says: not acknowledged."""
        self._repeats += 1
        if self._repeats >= 2 and self._rules.third_repeat == "silence":
            # The answer is given up, what it told of stays: the exception is still in its queue. The 30 s go on, or a host
            # that sends nothing but this poll would hold the link for ever.
            self._cached = self._cached_entry = None
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
        entry = self._cached_entry
        self._forget_cache()
        if entry is not None and self.queue.remove(entry) and entry.serial >= 0 and self.on_acknowledged is not None:
            self.on_acknowledged(entry.code, entry.serial)
