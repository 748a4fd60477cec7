"""Read the meters somebody wants, in as few polls as the machine allows; what it does not have is said, never read as 0.

Three ways, from best to oldest: extended (6F and its twin AF, 12 codes, sizes in the frame), selected (2F, 10 codes,
sizes by table), single (one poll per meter, or one of the group polls). A way that fails three times before it ever
worked is left for the next one; a way that has worked is never left again, and what it does not give for one meter is
tried by the next ways for that meter (sas-core 9.1). Per denomination the same polls go inside B0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Sequence
from typing import TypeAlias

from protocols.errors import BadRequest
from protocols.sas.catalog.meter_codes import METERS
from protocols.sas.conversations.base import Answer, NoAnswer, Outcome, Poll, Refused, Script, Steps, Unsupported
from protocols.sas.conversations.identity import EXTENDED_METERS_BIT, MULTI_DENOMINATION_BIT
from protocols.sas.conversations.meter_polls import (
    EXTENDED,
    EXTENDED_MAX,
    KEY,
    OF_GAME,
    SELECTED,
    SELECTED_MAX,
    TOTAL,
    UNSETTLED,
    Found,
    Heard,
    MeterPolls,
    Offer,
    Request,
    Target,
    alone,
    chunks,
    groups,
)
from protocols.sas.conversations.meter_readings import MeterReading, MetersRead, Use, Way

__all__ = ["KEY", "MeterReading", "MetersRead", "ReadMeters", "Use", "Way"]

FAILURES_MAX = 3
"""Polls of one way without a usable answer, each with all its tries, before it is left for the next one."""
ROUNDS_MAX = 3
"""So often all is read at most, to find a moment in which the key meters stand still."""
SPLITS_MAX = 16
"""So often a list that gives nothing is halved to find the meter the machine stumbles over."""
DAMAGED_MAX = 8
"""So many polls may come damaged, each with all its tries, before the rest is left for another time."""
SILENT_MAX = 3
"""After so many silent single polls in a row the machine is asked whether it is there."""
GAMES_PLAYED = 0x05

_BEST_FIRST: tuple[Use, ...] = ("extended", "selected", "single")
Key: TypeAlias = tuple[Target, int]


class Taken:
    """What one pass over the meters gave."""

    def __init__(self, before: Taken | None = None) -> None:
        """before: an earlier pass; what the machine did not have then is not asked for again."""
        self.found: dict[Key, Found] = {}
        self.unclear: set[Key] = set()
        "Could not be read now."
        self.silent: dict[Key, int] = {}
        "Nothing reads it; with how often the machine had been heard by then."
        self.twice: set[Key] = set()
        "Two reads at once said the same."
        self.answers = 0
        if before is not None:
            self.found = {key: found for key, found in before.found.items() if found.value is None}
            self.silent = dict(before.silent)

    def wants(self, target: Target, codes: Sequence[int]) -> list[int]:
        return [code for code in codes if (target, code) not in self.found and (target, code) not in self.silent]

    def values(self, codes: Collection[int]) -> dict[int, Found]:
        """Of the machine as a whole, those it has."""
        found = {code: self.found.get((TOTAL, code)) for code in codes}
        return {code: one for code, one in found.items() if one is not None and one.value is not None}

    def keep(self, target: Target, codes: Sequence[int], heard: dict[int, Found], *, twice: bool) -> None:
        self.answers += 1
        for code in codes:
            key = (target, code)
            found = heard.get(code, Found(0, None))  # Left out: the machine does not have it.
            if found == UNSETTLED:
                self.unclear.add(key)
            else:
                self.unclear.discard(key)
                self.found[key] = found
                (self.twice.add if twice else self.twice.discard)(key)


class ReadMeters(Script):
    """Outcome: MetersRead; NoAnswer when nothing was answered; Refused when all that was answered was no; Unsupported when
    the machine is there and silent to every poll for meters.

    codes: of the catalogue, in the order wanted. games: 0 is the whole machine; of the others only meters a game has are
    asked. denominations: codes for which the same is asked too, beside the total. features: A0 as Identified gives it; empty:
    not known, then the ways are tried from the best. avoid: codes this model answers wrong in any list, avoid_in_2f: in 2F
    only; they are read otherwise, or reported unread (QUIRKS Q5). known_way: from an earlier MetersRead of this machine.
    Raises BadRequest for no codes, no games or a code outside the catalogue.
    """

    def __init__(
        self,
        codes: Sequence[int],
        games: Sequence[int] = (0,),
        use: Use = "auto",
        *,
        denominations: Sequence[int] = (),
        features: bytes = b"",
        avoid: Collection[int] = frozenset(),
        avoid_in_2f: Collection[int] = frozenset(),
        known_way: Way | None = None,
    ) -> None:
        self._codes = tuple(dict.fromkeys(codes))
        unknown = [code for code in self._codes if code not in METERS]
        if unknown or not self._codes or not games:
            raise BadRequest("Meters are read by codes of the catalogue and by game.", codes=tuple(unknown))
        self._wanted = tuple(
            Target(game, denomination)
            for game in dict.fromkeys(games)
            for denomination in (None, *dict.fromkeys(denominations))
        )
        self._targets = tuple(sorted(self._wanted, key=lambda target: target != TOTAL))
        self._avoided = {
            "extended": frozenset(avoid),
            "selected": frozenset((*avoid, *avoid_in_2f)),
        }
        known = use == "auto" and known_way is not None and known_way.use in _BEST_FIRST
        self._ways: tuple[Use, ...] = _BEST_FIRST if use == "auto" else (use,)
        self._worked: set[tuple[Use, bool]] = set()
        if known_way is not None and known:
            self._ways = _BEST_FIRST[_BEST_FIRST.index(known_way.use) :]
            self._worked.add((known_way.use, False))
        elif use == "auto" and len(features) >= 2 and not features[1] & EXTENDED_METERS_BIT:
            self._ways = _BEST_FIRST[1:]
        self._dead: set[tuple[Use, bool]] = set()
        self._failures: Counter[tuple[Use, bool]] = Counter()
        self._splits = SPLITS_MAX
        self._no_groups: set[int] = set()
        "Group polls it was silent to."
        self._no_denomination: set[int | None] = set()
        if len(features) >= 2 and not features[1] & MULTI_DENOMINATION_BIT:
            self._no_denomination.update(denominations)
        self._damaged = 0
        self._gone = False
        "It is not there, stays busy, or nothing but damage comes: no more polls now."
        self._answered = False
        self._polls = MeterPolls(has_twin=known_way is None or known_way.twin)
        super().__init__()

    def steps(self) -> Steps:
        keyed = not self._fits_one_poll()
        opening: dict[int, Found] | None = None
        best: Taken | None = None
        coherent = False
        rounds = 0
        while rounds < ROUNDS_MAX and not coherent and not self._gone:
            rounds += 1
            taken = Taken(best)
            for target in self._targets:
                codes = taken.wants(target, self._codes)
                if keyed and opening is None:
                    opening = yield from self._open(taken, target, codes)
                else:
                    yield from self._read(taken, target, codes)
            if best is None or len(taken.found) >= len(best.found):
                best = taken
            if not keyed:
                # More polls than foreseen: their moments have to be compared.
                coherent, keyed = taken.answers <= 1, True
                continue
            closing = Taken()
            yield from self._read(closing, TOTAL, sorted(opening or (), key=KEY.index))
            after = closing.values(KEY)
            if opening is None or GAMES_PLAYED not in opening:
                break
            coherent = after == opening and best is taken and not self._gone
            opening = after
        assert best is not None
        tail = [key for key, heard in best.silent.items() if heard == self._polls.heard]
        if tail and not (yield from self._polls.is_there()):
            best.unclear.update(tail)
        return self._result(best, coherent, rounds)

    def _open(self, taken: Taken, target: Target, codes: list[int]) -> Generator[Poll, Answer, dict[int, Found]]:
        """The first poll of all reads the key meters, with as much of what is wanted as there is room for."""
        if target == TOTAL:
            yield from self._read(taken, TOTAL, [*KEY, *(code for code in codes if code not in KEY)])
            return taken.values(KEY)
        keys = Taken()
        yield from self._read(keys, TOTAL, KEY)
        yield from self._read(taken, target, codes)
        return keys.values(KEY)

    def _fits_one_poll(self) -> bool:
        """One poll is enough, so its values belong together without a witness."""
        use = self._ways[0]
        limit = {"extended": EXTENDED_MAX, "selected": SELECTED_MAX}.get(use, 1)
        avoided = self._avoided.get(use, frozenset())
        return len(self._targets) == 1 and len(self._codes) <= limit and avoided.isdisjoint(self._codes)

    def _result(self, taken: Taken, coherent: bool, rounds: int) -> Outcome:
        if not self._answered:
            if self._polls.refused:
                return Refused()
            return Unsupported() if self._polls.heard and not taken.unclear else NoAnswer()
        keys = [(target, code) for target in self._wanted for code in self._codes]
        values = [
            MeterReading(*target, code, found.size, found.value)
            for target, code in keys
            if (found := taken.found.get((target, code))) is not None and found.value is not None
        ]
        unread = [key for key in keys if key in taken.unclear]
        read = {(Target(one.game, one.denomination_code), one.code) for one in values}
        lacking = [key for key in keys if key not in taken.unclear and key not in read]
        best = next((use for use in self._ways if (use, False) in self._worked), None)
        # What two reads contradicted is unread: among the values there is none of which the second read said another.
        confirmed = True if values and read <= taken.twice else None
        return MetersRead(
            readings=tuple(values),
            unsupported=_of_games(lacking),
            unread=_of_games(unread),
            coherent=coherent and not unread,
            unsupported_by_denomination=_of_denominations(lacking),
            unread_by_denomination=_of_denominations(unread),
            way=None if best is None else Way(best, self._polls.has_twin),
            rounds=rounds,
            confirmed=confirmed,
        )

    # one target -----------------------------------------------------------------------------------------------------

    def _read(self, taken: Taken, target: Target, codes: Sequence[int]) -> Generator[Poll, Answer, None]:
        """Read these by the best way, and what it does not give by the next ones."""
        left = list(codes) if target == TOTAL else [code for code in codes if code in OF_GAME]
        for use in self._ways:
            if not left or self._gone or target.denomination_code in self._no_denomination:
                break
            if use == "single":
                left = yield from self._singly(taken, target, left)
            else:
                left = yield from self._by_lists(taken, use, target, left)
        for code in codes:
            key = (target, code)
            if key in taken.found or key in taken.unclear:
                continue
            if code in left and (self._gone or code in self._avoided["selected"]):
                taken.unclear.add(key)
            else:
                taken.silent.setdefault(key, self._polls.heard)

    def _by_lists(self, taken: Taken, use: Use, target: Target, codes: list[int]) -> Generator[Poll, Answer, list[int]]:
        """Gives the codes it got nothing for."""
        level = (use, target.denomination_code is not None)
        if level == ("selected", True) and target.game:
            return codes  # Inside B0, 2F knows the whole machine only.
        if (use, False) in self._dead:
            return codes  # What it does not know bare it does not know inside B0.
        avoided = self._avoided[use]
        lists = chunks([code for code in codes if code not in avoided], use)
        nothing: list[int] = [code for code in codes if code in avoided]
        while lists:
            if self._gone or level in self._dead or target.denomination_code in self._no_denomination:
                nothing += [code for one in lists for code in one]
                break
            one = lists.pop(0)
            poll = EXTENDED if use == "extended" else SELECTED
            heard = yield from self._ask(taken, Request(use, target, one, poll), level)
            if isinstance(heard, dict):
                continue
            worked = level in self._worked
            if heard == "silent" and worked and not (yield from self._polls.is_there()):
                self._gone = True
            if not worked and level not in self._dead and not self._gone:
                last = self._failures[level] == FAILURES_MAX - 1 and len(one) > 1
                # The last try is a list of one: a code in the first list may be what it stumbles over.
                lists[:0] = [one[:1], one[1:]] if last else [one]
            elif worked and len(one) > 1 and self._splits and not self._gone:
                self._splits -= 1
                lists[:0] = [one[: len(one) // 2], one[len(one) // 2 :]]
            elif not (worked and heard == "damaged"):
                # Damage of a way that works is unread: by another way the meter might have another width.
                nothing += one
        return [code for code in codes if code in nothing]

    def _singly(self, taken: Taken, target: Target, codes: list[int]) -> Generator[Poll, Answer, list[int]]:
        """By group polls where at least two wanted meters stand in one, then one by one."""
        before, after = groups(target)
        left = list(codes)
        tried: set[int] = set()
        for stage in (before, KEY, after, codes):
            for one in stage:
                offer = one if isinstance(one, Offer) else alone(target, one) if one in left else None
                chunk = () if offer is None else tuple(code for code in offer.fields.values() if code in left)
                if offer is None or len(chunk) < 1 + isinstance(one, Offer) or offer.poll.code in tried:
                    continue
                if self._gone or target.denomination_code in self._no_denomination:
                    return left
                if isinstance(one, Offer) and offer.poll.code in self._no_groups:
                    continue
                tried.add(offer.poll.code)
                level: tuple[Use, bool] = ("single", target.denomination_code is not None)
                heard = yield from self._ask(taken, Request("single", target, chunk, *offer), level)
                if isinstance(heard, dict):
                    left = [code for code in left if code not in chunk]
                    continue
                if isinstance(one, Offer) and heard == "silent":
                    self._no_groups.add(offer.poll.code)
                if self._polls.silent_in_row >= SILENT_MAX:
                    self._gone = not (yield from self._polls.is_there())
        return left

    def _ask(self, taken: Taken, request: Request, level: tuple[Use, bool]) -> Generator[Poll, Answer, Heard]:
        """One poll, and what it teaches about the way."""
        heard = yield from self._polls.confirmed(request)
        target, codes = request.target, request.codes
        if isinstance(heard, dict):
            self._answered = True
            self._worked.add(level)
            taken.keep(target, codes, heard, twice=self._polls.read_twice)
            return heard
        if heard in ("damaged", "busy"):
            taken.unclear.update((target, code) for code in codes)
        if heard == "damaged" and level in self._worked:
            self._damaged += 1
        if heard == "busy" or self._damaged > DAMAGED_MAX:
            self._gone = True
        elif heard == "no-denomination":
            self._no_denomination.add(target.denomination_code)
        elif heard == "cannot":
            self._dead.add(level)
        elif level not in self._worked:
            yield from self._failed(level, heard == "silent")
        return heard

    def _failed(self, level: tuple[Use, bool], silent: bool) -> Generator[Poll, Answer, None]:
        """A way that never worked; after some failures it is left, unless it is the machine that is not there."""
        self._failures[level] += 1
        if self._failures[level] < FAILURES_MAX or level[0] == "single":
            return
        self._dead.add(level)
        if silent and not self._answered:
            self._gone = not (yield from self._polls.is_there())
        if silent and level[1] and not self._polls.has_preamble:
            # Not this way is what it ignores, but B0.
            self._no_denomination.update(one.denomination_code for one in self._targets)
            self._no_denomination.discard(None)


def _of_games(keys: Sequence[Key]) -> tuple[tuple[int, int], ...]:
    return tuple((target.game, code) for target, code in keys if target.denomination_code is None)


def _of_denominations(keys: Sequence[Key]) -> tuple[tuple[int, int, int], ...]:
    return tuple(
        (target.game, target.denomination_code, code) for target, code in keys if target.denomination_code is not None
    )
