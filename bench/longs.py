"""Rows about long polls: what reading ten meters in every slot costs, and the silence after the wake-up byte."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from bench.lines import PERIOD_S
from bench.machines import ADDRESS, machines
from bench.report import Budget, Limit, Row, Sample, WorkNotDone
from bench.ticks import in_child
from bench.wire import METERS
from protocols.line.line import LineSettings
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.frame import encode_poll

LINES = 64
WRONG_MAX = 0.005
"""Share of answers that came too late for their slot, or not as asked: more, and it is not this work that was measured."""

ANSWER_SIZE = {0x6F: 7 + len(METERS) * 8, 0x2F: 7 + len(METERS) * 5}
"""Characters of the canned answer: five bytes of BCD a meter in 6F, four in 2F."""


def _told(urls: list[str], budget: Budget, **orders: Any) -> dict[str, float]:
    try:
        return in_child(urls, seconds=budget.seconds, period_s=PERIOD_S, warm_s=1.5, **orders)
    except subprocess.CalledProcessError as error:
        raise WorkNotDone(f"{error.cmd[-1]} ended with {error.returncode}") from error


def _bare(code: int) -> Callable[[Budget], Sample]:
    """The bare loop sends the same bytes and holds each answer against its length."""
    frame = encode_poll(long_poll(code), ADDRESS, {"game": 0, "meters": METERS}).hex()

    def run(budget: Budget) -> Sample:
        with machines(LINES, seed=budget.seed) as canned:
            told = _told(canned.urls, budget, frame=frame, answer=ANSWER_SIZE[code])
            heard = canned.counts()
        return _checked(told, heard, told["polls"])

    return run


def _wire(code: int) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        with machines(LINES, seed=budget.seed) as canned:
            told = _told(canned.urls, budget, module="bench.wire", code=code, slots="every")
            heard = canned.counts()
        return _checked(told, heard, told["longs"])

    return run


def _checked(told: Sample, heard: dict[str, int], longs: float) -> Sample:
    if heard["bad"] or heard["unknown"] or heard["answered"] < longs:
        raise WorkNotDone(f"{longs:.0f} long polls answered by the gateway's count, by the machines': {heard}")
    if not longs or told["wrong"] > WRONG_MAX * longs:
        raise WorkNotDone(f"{told['wrong']:.0f} of {longs:.0f} answers were missing or not the meters asked for")
    return {
        "cpu_us_per_poll": told["cpu_us"] / longs,
        "lateness_p99_us": told["lateness_p99_us"],
        "longs": longs,
        "rate_percent": 100 * longs * PERIOD_S / LINES / told["seconds"],
    }


def _silence(lines: int) -> Callable[[Budget], Sample]:
    """Every second slot a long poll of 27 bytes, the others general polls, on ports that are pseudo-terminals."""
    char_us = LineSettings().char_s * 1e6

    def run(budget: Budget) -> Sample:
        with machines(lines, seed=budget.seed, pty=True, gaps=True) as canned:
            told = _told(canned.urls, budget, module="bench.wire", code=0x6F, slots="second")
            heard = canned.counts()
        if not told["longs"] or told["wrong"] > WRONG_MAX * told["longs"] or heard["bad"]:
            raise WorkNotDone(
                f"{told['wrong']:.0f} of {told['longs']:.0f} long polls went wrong; the machines: {heard}"
            )
        seen = heard["parity_right"] + heard["parity_wrong"]
        return {
            "over_p50_us": told["silence_p50_us"] - told["set_us"],
            "over_p99_us": told["silence_p99_us"] - told["set_us"],
            "over_p999_us": told["silence_p999_us"] - told["set_us"],
            "set_us": told["set_us"],
            "heard_p50_us": heard["gap_p50_us"] - char_us,
            "heard_p99_us": heard["gap_p99_us"] - char_us,
            "joined_percent": 100 * heard["gaps_joined"] / heard["gaps"],
            "parity_right_percent": 100 * heard["parity_right"] / seen if seen else 0.0,
            "longs": told["longs"],
            "lateness_p99_us": told["lateness_p99_us"],
        }

    return run


def _on_a_socket(budget: Budget) -> Sample:
    """tcp9: the flags travel in one segment with the rest, so there is nothing to keep and nothing to be late."""
    with machines(LINES, seed=budget.seed, gaps=True) as canned:
        told = _told(canned.urls, budget, module="bench.wire", code=0x6F, slots="second")
        heard = canned.counts()
    if not told["longs"] or told["wrong"] > WRONG_MAX * told["longs"] or heard["bad"]:
        raise WorkNotDone(f"{told['wrong']:.0f} of {told['longs']:.0f} long polls went wrong; the machines: {heard}")
    return {
        "heard_p50_us": float(heard["gap_p50_us"]),
        "heard_p99_us": float(heard["gap_p99_us"]),
        "joined_percent": 100 * heard["gaps_joined"] / heard["gaps"],
        "longs": told["longs"],
        "lateness_p99_us": told["lateness_p99_us"],
    }


def _row(code: int, name: str) -> Row:
    return Row(
        name=f"long-{code:02X}",
        what=f"{LINES} lines at 40 ms, every slot {name} of {len(METERS)} meters: CPU beside the bare loop, same bytes",
        counts="a long poll whose answer was decoded and holds the ten values (bare loop: has the right length), with the "
        "80 before it; tick, host, codec, tap and line, without journal and board",
        figure="cpu_us_per_poll",
        floor="bare loop",
        variants={"bare loop": _bare(code), "wire": _wire(code)},
        limits=(Limit("wire", "rate_percent", 90, at_least=True),),
    )


ROWS = (
    _row(0x6F, "extended meters (6F)"),
    _row(0x2F, "selected meters (2F)"),
    Row(
        name="gap",
        what="silence after the wake-up byte beside what is set, while lines are polled at 40 ms, every second poll long",
        counts="a long poll of 27 bytes with a right answer; over: by the moments of our writes, heard: by the machines' "
        "reads (both less one character time; read in one go counts as none); parity: as the port stood at each read",
        figure="over_p99_us",
        floor=None,
        variants={"tty, 64 lines": _silence(64), "tty, 256 lines": _silence(256), "tcp9, 64 lines": _on_a_socket},
        limits=(Limit("tty, 64 lines", "over_p99_us", 1000),),
    ),
)
