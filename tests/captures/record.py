"""Records the captures of simulated machines that stand beside this file: ``python -m tests.captures.record``.

Virtual time and seeded dice: twice the same host gives twice the same file. Run it when the host has learned to send
something else on purpose; ``published.cap`` is written by hand and left alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from protocols.line.capture import note_text
from protocols.line.tap import CaptureSink
from protocols.sas.events import SasEvent
from protocols.sas.replaying import REMARK, Player, setup_of
from simulators.egm.dice import Dice
from simulators.egm.machine import Habits
from simulators.egm.persona import Persona
from simulators.egm.wired import WiredEgm
from tests.support.bench_line import BenchLine

HERE = Path(__file__).parent
STARTED = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
NOW = 1000.0
QUIET = Habits(games_per_minute=0.0, events_per_minute=0.0)
SAS5 = Persona(
    name="sas5", version="500", unsupported_polls=frozenset({0xA0, 0x6F, 0xAF, 0xB1, 0xB2, 0xB3, 0xB5}),
    answer_delay_s=0.012,
)  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """One capture: machine, host, weather, and what happens when."""

    name: str
    machine: str
    seconds: float
    host: str = "addresses 1, start clean"
    "As protocols.sas.replaying reads it."
    persona: Persona = field(default_factory=Persona)
    acts: tuple[tuple[float, str, int | None], ...] = ()
    "Seconds after the start, what the machine does, with its number."
    damaged: float = 0.0
    "Share of its answers of which one bit is turned over."


SCENES = (
    Scene(
        "start-up", "simulated, plain, SAS 602", 11.0, "addresses 1, start unclean, identify",
        acts=((0.2, "open_door", None),),
    ),
    Scene(
        "start-up-greeted", "simulated, plain, SAS 602", 6.0, "addresses 1, start clean, greet, identify",
        acts=((0.05, "open_door", None),),
    ),
    Scene(
        "sas5", "simulated, SAS 500, without A0, 6F and B polls", 12.0, "addresses 1, start clean, identify", persona=SAS5,
    ),
    Scene(
        "door-and-bills", "simulated, plain, SAS 602", 6.0,
        acts=(
            (1.5, "bill", 20), (1.6, "bill", 20), (2.5, "open_door", None), (3.5, "close_door", None), (4.0, "bill", 100),
        ),
    ),
    Scene(
        "noisy", "simulated, plain, SAS 602; one answer in twenty damaged", 15.0, damaged=0.05,
        acts=tuple((1.5 + number, what, None) for number, what in enumerate(("open_door", "close_door") * 6)),
    ),
    Scene(
        "link-down-and-up", "simulated, plain, SAS 602; switched off and on", 45.0,
        acts=((2.0, "power_off", None), (20.0, "power_on", None)),
    ),
)  # fmt: skip


def record(scene: Scene) -> str:
    """The text of its capture."""
    egm = WiredEgm(100401, 1, scene.persona, Dice(1), serial="SIM100401", now=NOW, wall=STARTED, habits=QUIET)
    bench = BenchLine([egm], delay_s=max(0.003, scene.persona.answer_delay_s), now=NOW)
    bench.damage = _weather(scene.damaged)
    text: list[str] = []
    sink = CaptureSink(
        text.append, line="SIM", machine=scene.machine, who="tests/captures/record.py", started=STARTED, now=NOW
    )
    text.append(note_text(f"host: {scene.host}"))
    bench.tap(sink)
    for after_s, what, number in scene.acts:
        bench.at(NOW + after_s, partial(_do, egm, bench, what, number))
    setup = setup_of([f"{REMARK}{scene.host}"])
    host = setup.host(NOW)
    player = Player(host, setup, began=NOW)

    def tell(events: Sequence[SasEvent]) -> None:
        player.now = bench.now
        player.tell(events)

    bench.tell = tell
    bench.run(host, until=lambda: bench.now >= NOW + scene.seconds and not host.awaiting)
    return "".join(text)


def _do(egm: WiredEgm, bench: BenchLine, what: str, number: int | None) -> None:
    egm.do(what, bench.now, number)


def _weather(damaged: float) -> Callable[[bytes], bytes]:
    dice = random.Random(5)

    def weather(data: bytes) -> bytes:
        if dice.random() >= damaged:
            return data
        place, bit = dice.randrange(len(data)), dice.randrange(8)
        return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]

    return weather


if __name__ == "__main__":
    for scene in SCENES:
        (HERE / f"{scene.name}.cap").write_text(record(scene), encoding="utf-8")
