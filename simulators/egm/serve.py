"""One line of simulated machines on a tcp9 socket: characters to every machine on it, their answers back, in time.

All machines of a line hear all the host sends; at most one answers, unless two were set to the same address: then the host
hears both at once. A lost connection changes nothing in a machine: to
it the host has only fallen silent. Nothing here knows what an exception or a meter is.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from protocols.line.line import Char
from protocols.line.tcp import Tcp9Listener
from simulators.egm.collision import mixed
from simulators.egm.wired import WiredEgm


class MachineLine:
    """A line and its machines. ``start`` it, let `Hall` call ``tick`` and ``play``."""

    def __init__(self, name: str, egms: Sequence[WiredEgm], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.egms = tuple(egms)
        self.frames = 0
        "Answers and chirps sent."
        self.listener = Tcp9Listener(self._received, name=name, clock=clock)
        self._clock = clock
        self._late: asyncio.TimerHandle | None = None
        self._only = self.egms[0] if len(self.egms) == 1 else None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises LineUnfit when the place is taken."""
        return await self.listener.start(host, port)

    async def close(self) -> None:
        """Stop listening; the machines stay as they are."""
        self._forget_late()
        await self.listener.close()

    def tick(self, now: float) -> None:
        """Chirps and the passing of link time-outs; every 50 to 100 ms."""
        for egm in self.egms:
            chirp = egm.tick(now)
            if chirp is not None:
                self._send(*chirp)

    def _received(self, chars: Sequence[Char]) -> None:
        now = chars[0].at
        if self._late is not None and any(char.wakeup for char in chars):
            # Whoever is spoken to while about to answer must be silent at once (sas-core 1.10).
            self._forget_late()
        egm = self._only
        if egm is not None:
            for char in chars:
                answer = egm.receive(char.value, char.wakeup, now)
                if answer is not None:
                    self._answer(egm.answer_delay_s, answer)
            return
        for char in chars:
            answers = []
            delay_s = 0.0
            for egm in self.egms:
                answer = egm.receive(char.value, char.wakeup, now)
                if answer is not None:
                    answers.append(answer)
                    delay_s = max(delay_s, egm.answer_delay_s)
            if answers:
                self._answer(delay_s, answers[0] if len(answers) == 1 else mixed(answers))

    def _answer(self, delay_s: float, answer: tuple[bytes, bool]) -> None:
        if delay_s <= 0:
            self._send(*answer)
        else:
            self._late = asyncio.get_running_loop().call_later(delay_s, self._send_late, answer)

    def _send_late(self, answer: tuple[bytes, bool]) -> None:
        self._late = None
        self._send(*answer)

    def _forget_late(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _send(self, data: bytes, wakeup: bool) -> None:
        self.frames += 1
        self.listener.send(data, wakeup=wakeup)
