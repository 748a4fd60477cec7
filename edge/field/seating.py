"""Which machine hangs on which line: a host for each SAS line that has machines, a seat and a place on the board for each.

Whether a line may poll at once is decided here, by the marker of its last stop (rule 11).
"""

from __future__ import annotations

from edge.board import Board
from edge.config.model import Settings
from edge.field.openers import opener
from edge.field.pollers.hearing import Hearing
from edge.field.pollers.sas import Wire
from edge.field.pollers.supervisor import Supervisor, not_open
from edge.field.registry import Registry
from protocols.sas.host import Host, Start
from protocols.sas.rules import LineRules


def seat_all(
    settings: Settings, registry: Registry, hearing: Hearing, supervisor: Supervisor, board: Board, now: float
) -> list[str]:
    """At a start, before any line is opened. Returns the lines that stay silent first (rule 11). ``now``: monotonic."""
    unclean: list[str] = []
    lines = [line for line in settings.lines if line.is_sas and line.enabled]
    for place, line in enumerate(lines):
        here = [machine for machine in registry.egms if machine.line == line.name]
        board.update_line(line.name, label=line.label, url=line.url, assets=[m.asset for m in here])
        if not here:
            continue
        clean = line.name in registry.clean_lines
        if not clean:
            unclean.append(line.name)
        rules = LineRules(
            poll_interval_s=max(0.040, line.poll_ms / 1000),
            reply_within_s=line.reply_within_ms / 1000,
            silence_s=line.silence_ms / 1000,
            after_three_tries=line.after_three_tries,
            confirm=line.confirm,
            greet=True,
            # Each line a slightly other period: lines that fell due together drift apart again, no tick stays crowded.
            phase_slack_s=0.001 + 0.002 * (place * 618 % 1000) / 1000,
        )
        start = Start.CLEAN if clean else Start.UNCLEAN
        opens_at = now + (rules.clean_pause_s if clean else rules.silence_s)
        host = Host(
            [machine.address for machine in here],
            rules,
            now=now,
            start=start,
            # Spread over the period, or all lines would want their first poll in one tick.
            first_poll_at=opens_at + rules.poll_interval_s * place / len(lines),
            last_exceptions={m.address: registry.last_exceptions.get(m.asset) for m in here},
        )
        wire = Wire(line.name, not_open(line.name), host)
        for machine in here:
            hearing.seat(
                machine,
                wire,
                handpay_open=machine.asset in registry.handpays_open,
                unsupported_polls=registry.unsupported_polls.get(machine.asset, ()),
                meters_read=registry.meters_read.get(machine.asset, ()),
            )
            board.add_egm(
                machine.asset,
                line=machine.line,
                address=machine.address,
                location=machine.location,
                label=machine.label,
                serial=machine.identity.serial,
                game_id=machine.identity.game_id,
                generation=machine.generation,
                review=registry.reviews_open.get(machine.asset, 0),
            )
        assets = [machine.asset for machine in here]
        supervisor.add(wire, opener(line), assets, deaf_after_s=line.deaf_after_s)
    return unclean
