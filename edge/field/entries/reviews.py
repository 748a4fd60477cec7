"""Readings that a person must decide: told, answered by a later reading, or decided by a command (MTR-05, MTR-12).

Nothing is counted of a doubtful reading until somebody says how much. The amount is a new fact of the day on which it is
decided; the reading, its day and the log stay as they are.
"""

from __future__ import annotations

from itertools import groupby

from edge.field.found import DecisionFound
from edge.field.page import Page
from edge.hall.events import Fact
from edge.hall.shapes import Json
from edge.store import days
from edge.store.meters import Recorded
from edge.store.reviews import (
    GATEWAY,
    Choice,
    Review,
    answered_by,
    awaits_next,
    decide,
    find,
    name_reviews,
    open_count,
    open_reviews,
    worth_of,
)
from sync.envelope import Envelope

_ANSWERED = {
    "refuted": "The next reading stood on the old line; the growth over this one is counted.",
    "no_base": "The next reading is the first of this meter; there was nothing to count from.",
    "confirmed": "The next reading stood there too; its own review has the whole growth.",
}


def open_reviews_of(page: Page, recorded: Recorded, event_id: str) -> None:
    """What this snapshot, told by that event, means for reviews: some are answered by it, and some begin."""
    asset, time = recorded.source.asset, recorded.source.read_at
    answered = answered_by(page.tx, recorded)
    for review, choice in answered:
        why = _ANSWERED[choice if review.before else "no_base"]
        _settle(page, Fact("hall.egm.meters.decided.v1", f"egm/{asset}", time, _data(
            review, choice, 0, why, GATEWAY
        )), review, choice)  # fmt: skip
    opened = open_reviews(page.tx, recorded, page.day)
    for cause, group in groupby(sorted(opened, key=lambda one: one.cause), key=lambda one: one.cause):
        reviews = list(group)
        data: dict[str, Json] = {
            "asset": asset,
            "generation": recorded.generation,
            "cause": cause,
            "meters": [_meter(review) for review in reviews],
            "snapshot": event_id,
        }
        told = page.append(Fact("hall.egm.meters.review.v1", f"egm/{asset}", time, data))
        name_reviews(page.tx, reviews, told.id)
    if answered or opened:
        page.reviews[asset] = open_count(page.tx, asset)


def enter_decision(page: Page, found: DecisionFound) -> None:
    """A person decides: booked once, told, and the command ended; or refused, and nothing is changed."""
    asset = found.asset
    head: dict[str, Json] = {
        "central": found.central, "command_id": found.command_id, "kind": found.kind, "asset": asset,
    }  # fmt: skip
    review = find(page.tx, found.review)
    refusal = _refusal(page, found, review)
    if refusal is not None or review is None:
        error, text = refusal or ("no-such-review", "")
        failed = Fact("hall.command.failed.v1", f"egm/{asset}", found.time, {**head, "error": error, "text": text})
        page.end_command(found.central, found.command_id, failed)
        return
    data = _data(review, found.choice, found.amount, found.comment, found.central)
    decided = _settle(page, Fact("hall.egm.meters.decided.v1", f"egm/{asset}", found.time, data), review, found.choice)
    if found.choice == "count":
        _book(page, review, found.amount)
    page.reviews[asset] = open_count(page.tx, asset)
    result: dict[str, Json] = {"outcome": "decided", "event": decided.id}
    page.end_command(
        found.central,
        found.command_id,
        Fact("hall.command.done.v1", f"egm/{asset}", found.time, {**head, "result": result}),
    )


def _refusal(page: Page, found: DecisionFound, review: Review | None) -> tuple[str, str] | None:
    """Error and text; None: it may be decided so."""
    number = found.review
    if review is None:
        return "no-such-review", f"There is no review {number}."
    if review.asset != found.asset:
        return "another-machine", f"Review {number} is of machine {review.asset}, not of {found.asset}."
    if not review.is_open:
        return "already-decided", f"Review {number} was decided at {review.decided_at} by {review.central}."
    if found.choice == "none":
        return None
    if found.amount >= review.limit:
        return "amount-too-large", f"Review {number}: this meter cannot have grown by {review.limit} or more."
    if awaits_next(page.tx, review):
        return (
            "awaits-reading",
            f"Review {number}: the next reading of this meter counts over the doubtful one, or confirms it; an amount "
            "now would be counted twice.",
        )
    return None


def _settle(page: Page, fact: Fact, review: Review, choice: Choice) -> Envelope:
    """The event of a decision, and its row."""
    envelope = page.append(fact)
    data = fact.data
    done = decide(
        page.tx,
        review,
        choice,
        amount=int(str(data["amount"])),
        comment=str(data["comment"]),
        central=str(data["central"]),
        day=page.day,
        decision_id=envelope.id,
    )
    assert done, "asked a moment ago in the same transaction"
    return envelope


def _book(page: Page, review: Review, amount: int) -> None:
    """A correction of today, in credits of the worth in which the doubtful reading was made."""
    meter = review.after
    days.correct(
        page.tx,
        page.day,
        review.asset,
        review.generation,
        meter.game,
        meter.denomination,
        meter.code,
        worth_of(page.tx, review),
        amount,
    )


def _meter(review: Review) -> dict[str, Json]:
    return {
        "game": review.after.game,
        "denomination": review.after.denomination,
        "code": review.after.code,
        "before": str(review.before.value if review.before else 0),
        "after": str(review.after.value),
        "width": review.after.width,
        "review": review.review,
    }


def _data(review: Review, choice: Choice, amount: int, comment: str, central: str) -> dict[str, Json]:
    return {
        "asset": review.asset,
        "generation": review.generation,
        "review": review.review,
        "game": review.after.game,
        "denomination": review.after.denomination,
        "code": review.after.code,
        "cause": review.cause,
        "choice": choice,
        "amount": str(amount),
        "comment": comment,
        "central": central,
    }
