"""From the first answer of a machine to its readiness: who it is, stored; then its exceptions; then what it offers, its
meters, and the record that the way to it was tested (COM-05, COM-09, COM-10, IDN-01).

A machine that does not say who it is is accepted after some tries, told so, and asked again later: one of them must not
stop a hall. Another than enrolled is accepted with a new generation of meters, or held until a person confirms it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from edge.clock import stamp
from edge.field.desk import Slip
from edge.field.page import Decision
from edge.field.pollers.asking import Asking
from edge.field.pollers.seats import Habits, Heard, LinkTest, Occasion, Seat, Stage
from edge.field.translate import descriptions
from edge.field.translate import sas as translate
from edge.hall.events import Fact
from edge.hall.requests import Describe, Identify, ReadMeters
from edge.hall.shapes import Json
from protocols.sas.conversations.description import Described
from protocols.sas.conversations.identity import Identified
from protocols.sas.conversations.meters import MetersRead
from protocols.sas.events import Outcome

IDENTITY_TRIES = 3
"""So often a machine is asked who it is before it is accepted without saying."""
IDENTITY_AGAIN_S = 60.0
"""And asked again after this."""
METERS_AGAIN_S = 15.0
"""First meters that could not be read are asked for again after this."""
WHO = frozenset({0x54, 0x1F})
"""Polls without which it is not known who answers; where their answers were damaged, nothing is decided on the rest."""


class Greeting:
    """One per field; decides when ``Asking`` may accept a machine."""

    def __init__(self, asking: Asking, habits: Habits) -> None:
        self._asking = asking
        asking.stranded = self._stranded
        self._habits = habits

    # link -----------------------------------------------------------------------------------------------------------

    def link_up(self, seat: Seat) -> None:
        """The link is up, and that is stored. Up only now: nothing may begin before it is known who sits there."""
        seat.up, seat.down_since = True, None
        seat.stage = Stage.GREETING
        seat.identity, seat.identity_tries, seat.identity_again_at = "unknown", 0, float("inf")
        self._begin_test(seat, "interruption" if seat.egm.identified_at else "installation")
        self._asking.ask_own(Slip(Identify(seat.asset)), first=True)
        self._asking.next(seat)

    def link_down(self, seat: Seat, at: datetime) -> None:
        """Whatever was under way has ended with it."""
        seat.up, seat.down_since, seat.stage = False, at, Stage.DOWN
        seat.next_snapshot_at = seat.identity_again_at = seat.describe_again_at = float("inf")
        seat.test = seat.collecting = None

    # who it is ------------------------------------------------------------------------------------------------------

    def identified(self, seat: Seat, outcome: Outcome, at: datetime, now: float, heard: Heard) -> None:
        """The conversation about who it is has ended: with an answer, or not."""
        if isinstance(outcome, Identified) and not outcome.damaged & WHO:
            heard.found.append(translate.identity(seat.asset, outcome, at))
            heard.then.append(lambda written: self._told(seat, outcome, written.identities[seat.asset], at))
            return
        seat.identity_tries += 1
        if not seat.up or seat.stage not in (Stage.GREETING, Stage.HELD):
            seat.identity_again_at = now + IDENTITY_AGAIN_S
        elif seat.stage is Stage.GREETING and seat.identity_tries < IDENTITY_TRIES:
            heard.then.append(lambda _written: self._asking.ask_own(Slip(Identify(seat.asset)), first=True))
        elif seat.stage is Stage.GREETING:
            reason = "damaged" if isinstance(outcome, Identified) else "no_answer"
            data: dict[str, Json] = {"asset": seat.asset, "tries": seat.identity_tries, "reason": reason}
            heard.found.append(Fact("hall.egm.identity.unknown.v1", f"egm/{seat.asset}", at, data))
            seat.identity_again_at = now + IDENTITY_AGAIN_S
            heard.then.append(lambda _written: self._accept(seat))

    def _stranded(self, seat: Seat) -> None:
        seat.identity_tries += 1
        if seat.identity_tries < IDENTITY_TRIES:
            self._asking.ask_own(Slip(Identify(seat.asset)), first=True)
        else:
            self._accept(seat)

    def _told(self, seat: Seat, identified: Identified, decision: Decision, at: datetime) -> None:
        if seat.features != identified.features or decision.kind != "same":
            seat.unsupported_meters.clear()
            seat.way = seat.denominations = None
        seat.features = identified.features
        seat.games = identified.games or 0
        seat.version = identified.version
        if identified.polls_fast:
            seat.wire.host.set_poll_interval(seat.egm.address, self._habits.fast_poll_s)
        self.decided(seat, decision, at)
        seat.unsupported_polls |= identified.unsupported

    def decided(self, seat: Seat, decision: Decision, at: datetime) -> None:
        """The books have compared it with what is enrolled and known; that is stored. Also after a confirmation."""
        if decision.kind == "held":
            seat.identity = "wrong"
            self._asking.forget_own(seat)
            if seat.stage in (Stage.GREETING, Stage.ACCEPTED, Stage.READY):
                seat.stage, seat.test = Stage.HELD, None
                # It may have been accepted without saying who it is.
                seat.wire.host.decline(seat.egm.address)
            return
        was_unknown = seat.identity == "unknown"
        seat.identity = "wrong" if decision.wrong else "right"
        seat.identity_again_at = float("inf")
        seat.egm = replace(
            seat.egm, identity=decision.identity, generation=decision.generation, identified_at=stamp(at)
        )
        seat.worth = translate.denomination(decision.identity.denomination_code, self._habits.currency)
        if decision.kind == "replaced":
            seat.handpay_open = seat.follows = False
            seat.new = True
            seat.unsupported_polls.clear()
        if seat.stage in (Stage.GREETING, Stage.HELD):
            if decision.kind == "replaced":
                self._asking.forget_own(seat)
                self._begin_test(seat, "replacement")
            elif seat.test is None:
                self._begin_test(seat, "interruption")
            self._accept(seat)
            return
        if decision.kind in ("changed", "replaced"):
            self._begin_test(seat, "conversion" if decision.kind == "changed" else "replacement")
        if was_unknown:
            # Accepted without saying who it is, and now it does. After an exception, what is asked stands in a table.
            self._ask_all(seat)

    def _accept(self, seat: Seat) -> None:
        if not seat.up:
            return
        seat.stage = Stage.ACCEPTED
        self._asking.accept(seat)
        self._ask_all(seat)

    def _ask_all(self, seat: Seat) -> None:
        self._asking.ask_own(Slip(Describe(seat.asset)))
        self._asking.ask_meters(seat, "link_up")

    def described(self, seat: Seat, outcome: Outcome, at: datetime, now: float, heard: Heard) -> None:
        """What it offers has been told, or not: then it is asked again later."""
        found = descriptions.description(seat.asset, outcome, at, features=seat.features, games=seat.games)
        if found is None:
            seat.describe_again_at = now + IDENTITY_AGAIN_S
            return
        heard.found.append(found)
        if isinstance(outcome, Described) and outcome.denominations is not None:
            self._asking.learnt_denominations(seat, translate.read_apart(outcome.denominations, features=seat.features))
        seat.unsupported_polls |= set(found.unsupported)
        seat.unsupported_polls -= set(found.answered)

    # the test -------------------------------------------------------------------------------------------------------

    def _begin_test(self, seat: Seat, occasion: Occasion) -> None:
        stats = seat.wire.host.stats(seat.egm.address)
        seat.test = LinkTest(occasion, stats.polls, stats.answers, stats.misses, stats.bad_crc + stats.bad_other)

    def read(self, seat: Seat, request: ReadMeters, outcome: Outcome, at: datetime, now: float, heard: Heard) -> None:
        """Meters were asked for, and came or not: that ends a test under way, and commands may go from then on."""
        if not request.whole or not seat.up:
            return
        if isinstance(outcome, MetersRead):
            seat.missed = False
        else:
            seat.next_snapshot_at = now + METERS_AGAIN_S
            if not seat.missed:
                seat.missed = True
                heard.found.append(_missed(request, outcome, at))
        if seat.test is not None:
            heard.found.append(self._tested(seat, seat.test, outcome, at))
            seat.test = None
        if seat.stage is Stage.ACCEPTED:
            heard.then.append(lambda _written: self._ready(seat))

    def _ready(self, seat: Seat) -> None:
        if seat.stage is Stage.ACCEPTED:
            seat.stage = Stage.READY
            self._asking.next(seat)

    def _tested(self, seat: Seat, test: LinkTest, outcome: Outcome, at: datetime) -> Fact:
        stats = seat.wire.host.stats(seat.egm.address)
        meters = _counted(outcome)
        passed = meters["meters_read"] > 0 and meters["meters_unread"] == 0 and seat.identity == "right"
        failed = meters["meters_read"] == 0
        data: dict[str, Json] = {
            "asset": seat.asset,
            "occasion": test.occasion,
            "result": "failed" if failed else "passed" if passed else "partly",
            "identity": seat.identity,
            "serial": seat.egm.identity.serial,
            "polls": stats.polls - test.polls,
            "answers": stats.answers - test.answers,
            "misses": stats.misses - test.misses,
            "damaged": stats.bad_crc + stats.bad_other - test.damaged,
            **meters,
            "polls_unsupported": sorted(seat.unsupported_polls),
        }
        return Fact("hall.egm.link.tested.v1", f"egm/{seat.asset}", at, data)


def _missed(request: ReadMeters, outcome: Outcome, at: datetime) -> Fact:
    """A reading that did not come is a fact with a time, and no repeat of the last values (MTR-16)."""
    why = outcome.slug.replace("-", "_")
    data: dict[str, Json] = {
        "asset": request.asset,
        "reason": request.reason,
        "because": request.because,
        "why": why if why in ("no_answer", "refused", "unsupported") else "other",
    }
    return Fact("hall.egm.meters.missed.v1", f"egm/{request.asset}", at, data)


def _counted(outcome: Outcome) -> Mapping[str, int]:
    if not isinstance(outcome, MetersRead):
        return {"meters_read": 0, "meters_unsupported": 0, "meters_unread": 0}
    return {
        "meters_read": len(outcome.readings),
        "meters_unsupported": len(outcome.unsupported),
        "meters_unread": len(outcome.unread),
    }
