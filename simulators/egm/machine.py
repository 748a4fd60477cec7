"""The whole machine: who plays, what happens, and which exceptions follow. Time is an argument; chance is seeded.

`run` makes it live by itself; `do` makes a named thing happen now (the control socket and tests use it). What a poll is
answered is in `answers.py`; the wire is not known here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from simulators.egm.bank import Bank, BillRefused
from simulators.egm.cabinet import (
    BILL_EXCEPTIONS,
    CASHBOX_FULL,
    CASHBOX_NEAR_FULL,
    METERS_CLEARED,
    MOMENTS,
    OTHER_BILL,
    POWER_APPLIED,
    POWER_LOST,
    TROUBLES,
    Cabinet,
)
from simulators.egm.dice import Dice
from simulators.egm.game import Game, GameRules, Round
from simulators.egm.persona import Persona

CASH_OUT_PRESSED, HANDPAY_PENDING, HANDPAY_RESET = 0x66, 0x51, 0x52
GAME_STARTED, GAME_ENDED = 0x7E, 0x7F
OPTIONS_CHANGED = 0x3C

_DOOR_LIKE = ("slot_door", "slot_door", "slot_door", "drop_door", "card_cage", "cashbox_door", "belly_door", "cashbox")
_EVENTS = (*_DOOR_LIKE, *(name for name in TROUBLES if name not in _DOOR_LIKE), *MOMENTS)
"What may happen by itself; doors more often than the rest."


class BadAct(Exception):
    """What was asked of the machine makes no sense now, or is unknown to it."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How lively the machine is. Rates are per minute of the machine's own time."""

    games_per_minute: float = 10.0
    events_per_minute: float = 2.0
    "Exceptions from doors, tilts, printer, menus and bills beside those the play makes."
    queue_limit: int = 15
    "Nothing happens by itself while so many exceptions wait; 0: never mind, let the queue overflow."
    keep_waiting: int = 0
    "This many exceptions always wait: as many events as the host can fetch. 0: off."
    cash_out: float = 0.01
    "Share of moments at which a player with a good sum takes it out."


@dataclass(frozen=True, slots=True)
class Handpay:
    """A sum an attendant must pay."""

    kind: str
    "jackpot, or cancelled (credits)."
    credits: int


class Machine:
    """One slot machine. ``report`` takes each exception code in the order they happen; ``waiting`` tells the queue."""

    def __init__(
        self,
        persona: Persona,
        dice: Dice,
        *,
        now: float,
        wall: datetime,
        habits: Habits | None = None,
        game_rules: GameRules | None = None,
        report: Callable[[int], None],
        waiting: Callable[[], int] = lambda: 0,
    ) -> None:
        self.persona = persona
        self.habits = habits or Habits()
        self.bank = Bank(persona)
        self.cabinet = Cabinet()
        self.is_enabled = True
        "Polls 01 and 02."
        self.is_frozen = False
        self.handpay: Handpay | None = None
        self.serial = ""
        self.selected_game = 1
        self._dice = dice.fork(1)
        self._game = Game(dice.fork(2), persona.max_bet, game_rules)
        self._report = report
        self._waiting = waiting
        self._running: Round | None = None
        self._clock = wall
        self._clock_at = now
        self._begun: list[str] = []
        self._frozen_at = now
        self._due: dict[str, float] = {
            "game": now + self._pause(self.habits.games_per_minute),
            "result": inf,
            "event": now + self._pause(self.habits.events_per_minute),
            "attendant": inf,
        }
        self._steps: Mapping[str, Callable[[float], None]] = {
            "game": self._play,
            "result": self._result,
            "event": self._event_due,
            "attendant": self._attendant,
        }

    # living

    def next_at(self) -> float:
        """When `run` has something to do; inf when nothing is due ever."""
        return inf if self.is_frozen else min(self._due.values())

    def run(self, now: float) -> None:
        """Let everything happen that was due by now, in its order. Call again at `next_at`."""
        while not self.is_frozen:
            name = min(self._due, key=self._due.__getitem__)
            at = self._due[name]
            if at > now:
                return
            self._steps[name](at)

    def freeze(self, now: float) -> None:
        """A game in play ends; then nothing happens by itself and the meters stand still."""
        if self.is_frozen:
            return
        if self._running is not None:
            self._result(now)
        self.is_frozen = True
        self._frozen_at = now

    def thaw(self, now: float) -> None:
        """Go on where it was frozen."""
        if self.is_frozen:
            self.is_frozen = False
            shift = now - self._frozen_at
            self._due = {name: at + shift for name, at in self._due.items()}

    def top_up(self) -> None:
        """Keep the habit's number of exceptions waiting; call after an acknowledgement."""
        want = self.habits.keep_waiting
        if not want or self.is_frozen or not self.cabinet.is_powered:
            return
        for _ in range(4 * want):
            if self._waiting() >= want:
                return
            self._happen()

    @property
    def may_play(self) -> bool:
        """A player could start a game now."""
        return self.is_enabled and self.cabinet.allows_play and self.handpay is None and self._running is None

    def date_time(self, now: float) -> datetime:
        """The machine's own clock. It runs in real time, however fast the machine plays."""
        return self._clock + timedelta(seconds=now - self._clock_at)

    def set_date_time(self, moment: datetime, now: float) -> None:
        """Poll 7F."""
        self._clock, self._clock_at = moment, now

    def _has_room(self) -> bool:
        return not self.habits.queue_limit or self._waiting() < self.habits.queue_limit

    def _pause(self, per_minute: float) -> float:
        return self._dice.around(60.0 / per_minute) if per_minute > 0 else inf

    def _play(self, at: float) -> None:
        self._due["game"] = at + self._pause(self.habits.games_per_minute)
        if not self.may_play or not self._has_room():
            return
        if self.bank.credits < self.persona.max_bet:
            self._player_pays_in()
        elif self.bank.credits > 4_000 and self._dice.happens(self.habits.cash_out):
            self.cash_out(at)
        else:
            self._start(at)

    def _player_pays_in(self) -> None:
        bills = [value for value in self.persona.bills if 5 <= value <= 100] or list(self.persona.bills)
        if self.cabinet.allows_bills:
            self._accept(bills[self._dice.below(len(bills))])

    def _start(self, at: float) -> None:
        game = self._game.play(self.bank.credits)
        if game is None:
            return
        self.bank.wager(game.wager)
        self._running = game
        self._due["result"] = at + self.persona.game_takes_s
        if self.persona.reports_games:
            self._report(GAME_STARTED)

    def _result(self, at: float) -> None:
        self._due["result"] = inf
        game, self._running = self._running, None
        if game is None:
            return
        by_hand = game.win >= self.persona.jackpot_from
        self.bank.end_game(game.win, by_attendant=by_hand)
        if self.persona.reports_games:
            self._report(GAME_ENDED)
        if by_hand:
            self._lock(Handpay("jackpot", game.win), at)

    def _lock(self, handpay: Handpay, at: float) -> None:
        # Legacy reporting, as operators may choose: 51 once, 52 when it was reset (sas-core 5.5).
        self.handpay = handpay
        self._report(HANDPAY_PENDING)
        self._due["attendant"] = at + self._dice.around(12.0)

    def _attendant(self, at: float) -> None:
        self._due["attendant"] = inf
        if not self._has_room() or not self.cabinet.is_powered:
            self._due["attendant"] = at + 2.0
        elif self.handpay is not None:
            self.reset_handpay()

    def _event_due(self, at: float) -> None:
        if self.cabinet.is_powered and self._has_room():
            self._happen()
        # What stops play is soon over, so that the machine mostly plays; the mean rate stays as said.
        self._due["event"] = at + self._pause(self.habits.events_per_minute) * (0.2 if self._begun else 1.8)

    def _happen(self) -> None:
        """One exception from the cabinet: something begins, or what was begun ends."""
        while self._begun and self._dice.happens(0.85):
            name = self._begun.pop(self._dice.below(len(self._begun)))
            self.end(name)
            if TROUBLES[name].ends is not None:
                return
        name = _EVENTS[self._dice.below(len(_EVENTS))]
        if name in MOMENTS:
            self._report(MOMENTS[name])
        elif name in self.cabinet.troubles:
            self._report(MOMENTS["bill_rejected"])
        else:
            self._begun.append(name)
            self.begin(name)

    # what can be done to it

    def begin(self, name: str) -> None:
        """A door is opened, a reel tilts, a lamp lights up. Raises NoSuchThing."""
        was = name in self.cabinet.troubles
        for code in self.cabinet.begin(name):
            self._report(code)
        if name == "slot_door" and not was and self.cabinet.is_powered:
            self.bank.open_slot_door()

    def end(self, name: str) -> None:
        """... and is closed, cleared, goes out. Raises NoSuchThing."""
        was = name in self.cabinet.troubles
        if name == "cashbox" and was:
            self.bank.empty_stacker()
        if name == "slot_door" and was:
            self.bank.close_slot_door()
        for code in self.cabinet.end(name):
            self._report(code)

    def insert_bill(self, value: int) -> None:
        """A bill goes in. Raises BadAct when the acceptor does not take it now."""
        if not self.cabinet.allows_bills:
            raise BadAct("the bill acceptor takes nothing now")
        self._accept(value)

    def _accept(self, value: int) -> None:
        full = self.bank.value(0x3E) >= self.persona.stacker_full_at
        if full or self.bank.credits >= self.persona.credit_limit:
            self._report(CASHBOX_FULL if full else MOMENTS["bill_rejected"])
            return
        try:
            self.bank.insert_bill(value)
        except BillRefused as refused:
            raise BadAct(str(refused)) from refused
        self._report(BILL_EXCEPTIONS.get(value, OTHER_BILL))
        if self.bank.value(0x3E) == self.persona.stacker_full_at - 20:
            self._report(CASHBOX_NEAR_FULL)

    def play(self, games: int, at: float) -> int:
        """Play so many games at once, as far as credits and state allow; returns how many were."""
        played = 0
        while played < games and self.may_play:
            game = self._game.play(self.bank.credits)
            if game is None:
                break
            self.bank.wager(game.wager)
            self._running = game
            self._result(at)
            played += 1
        return played

    def cash_out(self, at: float) -> None:
        """The player wants the money: no hopper and no printer here, so an attendant pays."""
        if self.handpay is not None or not self.bank.credits or self._running is not None:
            raise BadAct("nothing to cash out now")
        self._report(CASH_OUT_PRESSED)
        self._lock(Handpay("cancelled", self.bank.credits), at)

    def win_jackpot(self, win: int, at: float) -> None:
        """A game that wins so much that an attendant must pay. Raises BadAct when no game can be played."""
        if not self.may_play or not self.bank.credits:
            raise BadAct("no game can be played now")
        self.bank.wager(1)
        self.bank.end_game(win, by_attendant=True)
        self._lock(Handpay("jackpot", win), at)

    def reset_handpay(self) -> None:
        """An attendant paid and turned the key. Raises BadAct when there is nothing to pay."""
        if self.handpay is None:
            raise BadAct("no handpay is pending")
        if self.handpay.kind == "jackpot":
            self.bank.pay_jackpot(self.handpay.credits)
        else:
            self.bank.cancel_credits()
        self.handpay = None
        self._due["attendant"] = inf
        self._report(HANDPAY_RESET)

    def power_off(self) -> None:
        """Everything stops as it is; a running game goes on when power returns."""
        self.cabinet.power_off()

    def power_on(self) -> None:
        """18, 17 and the doors opened in the dark."""
        if self.cabinet.is_powered:
            return
        self.bank.reset_power()
        for code in self.cabinet.power_on():
            self._report(code)

    def power_cycle(self) -> None:
        """Off and on again at once."""
        self.power_off()
        self.power_on()

    def clear_memory(self) -> None:
        """RAM clear: 18, 17, 7A; meters and credits start again (sas-core 9.5)."""
        self.bank.clear()
        self._running = None
        self.handpay = None
        self._due["result"] = self._due["attendant"] = inf
        for code in (POWER_LOST, POWER_APPLIED, METERS_CLEARED):
            self._report(code)

    def do(self, what: str, now: float, number: int | None = None) -> None:
        """A named act, with its number where it takes one. Raises BadAct.

        open/close NAME for doors (``open_door`` is the slot door), begin_NAME/end_NAME for any trouble of the cabinet,
        the moments by name, bill VALUE, jackpot CREDITS, games N, exception CODE, events N, cash_out, reset_handpay,
        power_off, power_on, power_cycle, ram_clear, enable, disable.
        """
        acts: Mapping[str, Callable[[], object]] = {
            "open_door": lambda: self.begin("slot_door"),
            "close_door": lambda: self.end("slot_door"),
            "bill": lambda: self.insert_bill(5 if number is None else number),
            "jackpot": lambda: self.win_jackpot(self.persona.jackpot_from if number is None else number, now),
            "games": lambda: self.play(1 if number is None else number, now),
            "cash_out": lambda: self.cash_out(now),
            "reset_handpay": self.reset_handpay,
            "power_off": self.power_off,
            "power_on": self.power_on,
            "power_cycle": self.power_cycle,
            "ram_clear": self.clear_memory,
            "enable": lambda: setattr(self, "is_enabled", True),
            "disable": lambda: setattr(self, "is_enabled", False),
            "options": lambda: self._report(OPTIONS_CHANGED),
        }
        verb, _, name = what.partition("_")
        if what in acts:
            acts[what]()
        elif what in MOMENTS:
            self._report(MOMENTS[what])
        elif what == "exception" and number is not None and 0 < number <= 0xFF:
            self._report(number)
        elif what == "events":
            for _ in range(1 if number is None else number):
                self._happen()
        elif verb in ("open", "begin") and name in TROUBLES:
            self.begin(name)
        elif verb in ("close", "end") and name in TROUBLES:
            self.end(name)
        else:
            raise BadAct(f"the machine cannot do {what!r}")
