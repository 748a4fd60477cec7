"""A recorded snapshot is held against the one before it: do the machine's own meters agree (MTR-09 to MTR-11)?

What is held against what, and when nothing is said, is in ``edge.rules.balance``. Here a range goes on from snapshot to
snapshot, and a residual is told once, again when it changes, and when it is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from edge.field.page import Page
from edge.hall.events import Fact
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.hall.shapes import Json
from edge.rules.balance import (
    NOT_AN_END,
    BalanceRules,
    End,
    Identity,
    MeterOf,
    Step,
    base_of,
    grown,
    identities_of,
    judge,
    needs_telling,
    unfit,
)
from edge.store.balances import Balance, event_of, growth_between, keep_balance, standing
from edge.store.descriptions import player_denominations
from edge.store.meters import Recorded
from protocols.sas.catalog.denominations import DENOMINATIONS

STANDARD = BalanceRules()
"Of a machine for which the configuration says nothing else."


@dataclass(frozen=True, slots=True)
class _Moment:
    """The snapshot that is being judged."""

    page: Page
    recorded: Recorded
    snapshot_id: str
    time: datetime


def enter_balance(page: Page, recorded: Recorded, snapshot_id: str, time: datetime) -> None:
    """Judge what this snapshot was read for; the events that follow, and how it stands now."""
    end = _end(recorded)
    asset = recorded.source.asset
    found = standing(page.tx, asset)
    moment = _Moment(page, recorded, snapshot_id, time)
    here = _verdicts(recorded)
    growths: dict[int | None, Mapping[MeterOf, int | None] | None] = {None: {}}
    rules = page.ways.balance.get(asset, STANDARD)
    apart = any(len(key) == 3 for key in end.readings)
    choices = player_denominations(page.tx, asset) if apart else ()
    per_unit = _minor_per_unit(recorded.source.denomination)
    for identity in identities_of(end, found.games, per_unit, rules, denominations=choices):
        code = identity.stated.code
        before = found.balances.get((identity.rule, code)) or Balance(asset, identity.rule, code, None)
        wrong = unfit(identity, end)
        if wrong is not None:
            if before.unjudged != wrong.reason:
                keep_balance(page.tx, replace(before, unjudged=wrong.reason))
            continue
        judged = before.judged_snapshot
        if judged is not None and judged not in growths:
            between = growth_between(page.tx, asset, recorded.generation, judged, recorded.snapshot)
            growths[judged] = None if between is None else grown(between, here)
        _carry_on(moment, identity, before, end, growths[judged])


def _carry_on(
    moment: _Moment, identity: Identity, before: Balance, end: End, growth: Mapping[MeterOf, int | None] | None
) -> None:
    """The range goes on to this snapshot, or a new one begins with it."""
    page, number = moment.page, moment.recorded.snapshot
    result = judge(identity, before.base, end, growth)
    base = base_of(identity, end)
    if not isinstance(result, Step):
        assert result.reason not in NOT_AN_END or result.reason == "doubtful"
        if before.told:
            _say_balanced(moment, identity, before, "new_range")
        began = replace(before, base=base, residual=0, told=0, since_snapshot=number, judged_snapshot=number)
        keep_balance(page.tx, replace(began, unjudged=result.reason))
        return
    if base.worth is None and before.base is not None:
        # Told once, it stands: a machine that is silent about it now has not changed it.
        base = base._replace(worth=before.base.worth)
    residual = identity.total(before.residual, result, end)
    told = before.told
    telling = needs_telling(told, residual, identity.tolerance)
    if telling == "unbalanced":
        _say_unbalanced(moment, identity, before, result, residual)
        told = residual
    elif telling == "balanced":
        _say_balanced(moment, identity, before, "agrees")
        told = 0
    after = replace(before, base=base, residual=residual, told=told, judged_snapshot=number, unjudged=None)
    keep_balance(page.tx, after)


def _say_unbalanced(moment: _Moment, identity: Identity, before: Balance, step: Step, residual: int) -> None:
    tx = moment.page.tx
    data: dict[str, Json] = {
        **_which(moment, identity),
        "residual": str(residual),
        "before": str(before.told),
        "stated": str(step.stated),
        "summed": str(step.summed),
        "terms": [_term(key, growth) for key, growth in step.growth.items()],
        "since": None if before.since_snapshot is None else event_of(tx, before.since_snapshot),
        "from": None if before.judged_snapshot is None else event_of(tx, before.judged_snapshot),
        "snapshot": moment.snapshot_id,
    }
    moment.page.append(Fact("hall.egm.meters.unbalanced.v1", f"egm/{before.asset}", moment.time, data))


def _term(key: MeterOf, growth: int) -> dict[str, Json]:
    game, code, *denomination = key
    told: dict[str, Json] = {"game": game, "code": code, "growth": str(growth)}
    return {**told, "denomination": denomination[0]} if denomination else told


def _say_balanced(moment: _Moment, identity: Identity, before: Balance, how: str) -> None:
    data: dict[str, Json] = {
        **_which(moment, identity),
        "how": how,
        "before": str(before.told),
        "snapshot": moment.snapshot_id,
    }
    moment.page.append(Fact("hall.egm.meters.balanced.v1", f"egm/{before.asset}", moment.time, data))


def _which(moment: _Moment, identity: Identity) -> dict[str, Json]:
    return {
        "asset": moment.recorded.source.asset,
        "generation": moment.recorded.generation,
        "rule": identity.rule,
        "code": identity.stated.code,
        "scale": identity.scale,
        "per": identity.per,
    }


def _end(recorded: Recorded) -> End:
    source = recorded.source
    return End(
        generation=recorded.generation,
        worth=source.denomination.minor if source.denomination else None,
        coherent=source.coherent,
        readings={_meter_of(one.reading): one.reading for one in recorded.judged},
        doubtful={_meter_of(one.reading) for one in recorded.judged if not one.verdict.booked},
        unsupported=frozenset(source.unsupported),
    )


def _verdicts(recorded: Recorded) -> list[tuple[MeterOf, str, int | None]]:
    return [(_meter_of(one.reading), one.verdict.kind, one.verdict.delta) for one in recorded.judged]


def _meter_of(reading: Reading) -> MeterOf:
    game, code, denomination = reading.game, reading.code, reading.denomination
    return (game, code) if denomination is None else (game, code, denomination)


def _minor_per_unit(worth: Denomination | None) -> int | None:
    """Of the hall's currency, as the worth of a credit was reckoned with it."""
    value = None if worth is None else DENOMINATIONS.get(worth.code)
    if worth is None or value is None:
        return None
    exact: Fraction = worth.minor / value
    return int(exact) if exact.denominator == 1 else None
