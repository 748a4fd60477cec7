"""What the field must know, and undo, before its first frame: one transaction.

Who sits where, which exception was stored last of each machine, who reads the log; and no line counts as cleanly stopped
any more. Until this is on disk nothing may leave on any wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge.config.model import Settings
from edge.hall.devices import Egm
from edge.rules.balance import BalanceRules
from edge.store.descriptions import note_polls, unsupported_polls
from edge.store.devices import Seed, SeedDifference, egms, seed_egms
from edge.store.last_exceptions import last_exception
from edge.store.markers import clear_markers, take_markers
from edge.store.meters import codes_read
from edge.store.questions import open_questions
from edge.store.reviews import open_counts
from sync import outbox
from sync.db import Transaction

HANDPAY_INFORMATION = 0x1B


@dataclass(frozen=True, slots=True)
class Registry:
    """The hall as the books know it at this start."""

    egms: Sequence[Egm]
    differences: Sequence[SeedDifference]
    last_exceptions: Mapping[int, int]
    "By asset: code of the exception stored last."
    clean_lines: frozenset[str]
    "Lines whose last stop is proven clean."
    first_run: bool
    "No machine was known before."
    handpays_open: frozenset[int] = frozenset()
    "Machines that must be asked for a handpay before anything else: the question was written down and not answered."
    unsupported_polls: Mapping[int, Sequence[int]] = field(default_factory=dict)
    "By asset: codes of the long polls it does not know."
    meters_read: Mapping[int, Sequence[int]] = field(default_factory=dict)
    "By asset: codes of the meters that were read of it in this life of its meters."
    reviews_open: Mapping[int, int] = field(default_factory=dict)
    "By asset: how many of its readings wait for a person."


def prepare(tx: Transaction, settings: Settings) -> Registry:
    """Seed the registry, register the consumers, take the markers away."""
    first_run = not egms(tx, all_of_them=True)
    seeds = [Seed(e.asset, e.line, e.address, e.location, e.label, e.serial) for e in settings.egms]
    differences = seed_egms(tx, seeds)
    outbox.ensure_consumers(tx, {consumer.name: consumer.required for consumer in settings.consumers})
    markers = take_markers(tx)
    clear_markers(tx, markers)
    machines = egms(tx)
    last = {m.asset: found.code for m in machines if (found := last_exception(tx, m.asset)) is not None}
    for machine in machines:
        # Whether it answers for its handpays is tried once more in each run.
        note_polls(tx, machine.asset, answered=[HANDPAY_INFORMATION])
    asked = frozenset(m.asset for m in machines if any(q.kind == "handpay" for q in open_questions(tx, m.asset)))
    read = {m.asset: codes_read(tx, m.asset) for m in machines}
    unsupported = {m.asset: unsupported_polls(tx, m.asset) for m in machines}
    return Registry(
        machines, differences, last, frozenset(markers), first_run, asked, unsupported, read, open_counts(tx)
    )


def balance_rules(settings: Settings) -> Mapping[int, BalanceRules]:
    """By asset: by what its meters are held against each other. Of this start's configuration, and in no table."""
    return {
        egm.asset: BalanceRules(
            tolerance=egm.balance.tolerance,
            cancelled=egm.balance.cancelled,
            tickets_in_cancelled=egm.balance.tickets_in_cancelled,
            lacks=frozenset(egm.balance.lacks),
        )
        for egm in settings.egms
    }
