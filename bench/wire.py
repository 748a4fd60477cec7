"""The tick, the hosts, the codec and the real lines of the gateway, without journal and board: for figures of one poll.

What the field cannot be made to do by its configuration, such as a long poll in every slot, is done here with the same
parts: `SasPoller`, `Host`, `Tap`, and tcp9 or tty lines to the canned machines. Runs as a process of its own, so that its
CPU is its own: orders and figures as JSON on standard input and output.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from array import array
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from bench.machines import ADDRESS
from edge.field.pollers import exact
from edge.field.pollers.sas import SasPoller, Wire
from protocols.errors import LineLost
from protocols.line.line import Line, LineSettings
from protocols.line.open import open_line
from protocols.line.tap import Tap
from protocols.line.tty import TtyLine
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.base import Answer, NoAnswer, Outcome, Poll
from protocols.sas.events import SasEvent
from protocols.sas.host import Host, Start
from protocols.sas.rules import LineRules

METERS = (0x00, 0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x1C, 0x1D, 0x24)
"""Ten meters: 10 codes fit both ways of asking. Coin in and out, jackpot, hand-paid, games, wins, drop."""
VALUE = 42
"""What a canned machine answers for every meter."""

Slots: TypeAlias = Literal["every", "second"]
"""Which slots of a machine carry a long poll; the others carry the general poll."""


class Endless:
    """A conversation that asks the same meters again and again, and looks at each answer."""

    outcome: Outcome | None = None

    def __init__(self, code: int, slots: Slots) -> None:
        self.urgent = slots == "every"
        self.right = self.wrong = 0
        self._question = Poll(long_poll(code), {"game": 0, "meters": METERS})

    def next_poll(self) -> Poll | None:
        return self._question

    def heard(self, answer: Answer) -> None:
        meters = answer.reply.values.get("meters") if answer.reply is not None else None
        if isinstance(meters, tuple) and len(meters) == len(METERS) and all(meter.value == VALUE for meter in meters):
            self.right += 1
        else:
            self.wrong += 1

    def abandon(self) -> Outcome:
        return NoAnswer()


class _Ears:
    """Takes what the lines tell; nothing is stored, so nothing ever waits for a commit."""

    def heard(self, wire: Wire, events: Sequence[SasEvent], now: float) -> None:
        return

    def hurry(self) -> None:
        return

    def lost(self, wire: Wire, error: LineLost, now: float) -> None:
        raise error


class _Stamps:
    """The clock a tty line reads right after each write: byte 0 and the rest of each long poll, in turn."""

    def __init__(self) -> None:
        self.at = array("d")

    def __call__(self) -> float:
        now = time.monotonic()
        self.at.append(now)
        return now

    def silences(self, char_s: float) -> list[float]:
        """From the computed end of byte 0 to the write of the rest, in seconds."""
        whole = len(self.at) & ~1
        return [self.at[place + 1] - self.at[place] - char_s for place in range(0, whole, 2)]


def _open(url: str, name: str, stamps: _Stamps) -> Line:
    settings = LineSettings(allow_no_parity=True)
    if url.startswith("tty:"):
        return TtyLine(url.removeprefix("tty:"), name=name, settings=settings, now=time.monotonic(), clock=stamps)
    return open_line(url, name=name, settings=settings, now=time.monotonic())


def _opened(urls: list[str], stamps: list[_Stamps]) -> list[Line]:
    lines = [_open(url, f"L{place}", stamps[place]) for place, url in enumerate(urls)]
    while not all(line.ready(time.monotonic()) for line in lines):
        time.sleep(0.01)  # nothing is polled yet
    return lines


async def drive(
    urls: list[str], *, period_s: float, warm_s: float, seconds: float, code: int, slots: Slots
) -> dict[str, float]:
    """Poll every line, and read ten meters by ``code`` (2F, 6F) in every slot or in every second one.

    polls: general polls and long polls sent; longs: of them, meters read and right; wrong: answers missing or not the
    meters asked for; cpu_us: of this process in the measured time; lateness_*_us of every frame; silence_*_us: on tty
    lines, between byte 0 of a long poll and the rest, by the moments of the writes; set_us: what it is set to."""
    loop = asyncio.get_running_loop()
    poller = SasPoller(_Ears())
    stamps = [_Stamps() for _ in urls]
    lines = _opened(urls, stamps)
    now = time.monotonic()
    poller.start(loop)
    talks: list[Endless] = []
    hosts: list[Host] = []
    for place, line in enumerate(lines):
        rules = LineRules(poll_interval_s=period_s, phase_slack_s=0.001 + 0.002 * (place * 618 % 1000) / 1000)
        first_at = now + rules.clean_pause_s + period_s * place / len(urls)
        host = Host([ADDRESS], rules, now=now, start=Start.CLEAN, first_poll_at=first_at)
        hosts.append(host)
        talks.append(Endless(code, slots))
        host.begin(ADDRESS, talks[-1])
        poller.add(Wire(line.name, Tap(line), host), now)
    await asyncio.sleep(warm_s)

    def sums() -> tuple[int, int, int]:
        polls = sum(host.stats(ADDRESS).polls for host in hosts)
        return polls, sum(talk.right for talk in talks), sum(talk.wrong for talk in talks)

    for stamp in stamps:
        del stamp.at[: len(stamp.at) & ~1]
    before, mark, usage = sums(), poller.lateness.mark(), resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.sleep(seconds)
    after, used = sums(), resource.getrusage(resource.RUSAGE_SELF)
    figures: dict[str, float] = {**poller.lateness.figures(mark)}
    polls, longs, wrong = (now - then for now, then in zip(after, before, strict=True))
    poller.close()
    silences = sorted(s for stamp in stamps for s in stamp.silences(LineSettings().char_s))
    for line in lines:
        line.close()
    if silences:
        for label, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("worst", 1.0)):
            at = min(len(silences) - 1, int(share * len(silences)))
            figures[f"silence_{label}_us"] = round(silences[at] * 1e6)
        figures["set_us"] = round(LineSettings().gap_s * 1e6)
    cpu_s = used.ru_utime + used.ru_stime - usage.ru_utime - usage.ru_stime
    return {**figures, "polls": polls, "longs": longs, "wrong": wrong, "cpu_us": round(cpu_s * 1e6)}


if __name__ == "__main__":
    orders: dict[str, Any] = json.load(sys.stdin)
    print(json.dumps(exact.run(drive(orders.pop("urls"), **orders))))
