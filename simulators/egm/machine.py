"""The whole machine: who plays, what happens, and which exceptions follow. Time is an argument; chance is seeded.

`run` makes it live by itself; `do` makes a named thing happen now (`acts.py`; the control socket and tests use it). What a
poll is answered is in `answers.py`; the wire is not known here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from math import inf

from protocols.sas.catalog.denominations import BILLS
from protocols.sas.fields import write_bcd
from simulators.egm import acts
from simulators.egm.acts import BadAct as BadAct
from simulators.egm.bank import BILL_METERS, COIN_IN, Bank, BillRefused
from simulators.egm.cabinet import (
    BILL_EXCEPTIONS,
    CASHBOX_FULL,
    CASHBOX_NEAR_FULL,
    METERS_CLEARED,
    MOMENTS,
    OTHER_BILL,
    POWER_APPLIED,
    POWER_LOST,
    Cabinet,
)
from simulators.egm.changes import NOTHING, Change
from simulators.egm.dice import Dice
from simulators.egm.game import Game, GameRules, Round
from simulators.egm.glass import Glass
from simulators.egm.habits import Habits as Habits
from simulators.egm.habits import Mishaps
from simulators.egm.handpays import CANCELLED_LEVEL, REMIND_EVERY_S, Handpay, Handpays
from simulators.egm.persona import Persona
from simulators.egm.wallclock import WallClock

CASH_OUT_PRESSED = 0x66
GAME_STARTED, GAME_ENDED, REEL_STOPPED = 0x7E, 0x7F, 0x88
GAME_RECALLED, GAME_SELECTED = 0x8A, 0x8C
ROOM_LEFT = 4
"Between what a talkative machine keeps waiting and what it takes to silence it."
_BILL_CODES = {value: code for code, value in BILLS.items()}


class Machine:
    """One slot machine. ``report`` takes each exception, code and data, in the order they happen.

    ``waiting`` tells how many wait to be heard, ``is_waiting`` whether one of a code does, ``real_time`` whether the host
    wants to know of reels. ``speed``: seconds of the machine's life a second, for what the wire times.
    """

    def __init__(
        self,
        persona: Persona,
        dice: Dice,
        *,
        now: float,
        wall: datetime,
        habits: Habits | None = None,
        game_rules: GameRules | None = None,
        speed: float = 1.0,
        report: Callable[[int, bytes], None],
        waiting: Callable[[], int] = lambda: 0,
        is_waiting: Callable[[int], bool] = lambda _: False,
        real_time: Callable[[], bool] = lambda: False,
    ) -> None:
        self.persona: Persona = persona
        self.habits = habits or Habits()
        self.bank = Bank(persona)
        self.cabinet = Cabinet()
        self.is_enabled = True
        "Polls 01 and 02."
        self.is_frozen = False
        self.is_in_maintenance = False
        "Polls 0A and 0B."
        self.auto_rebet = False
        "Poll AA."
        self.serial = ""
        self.asset = 0
        self.location = ""
        self.address = 1
        self.set_address: Callable[[int], None] = lambda _: None
        "What the attendant sets in the cabinet, to be told to the port."
        self.selected_game = 1
        "0: the player is in the menu."
        self.enabled = {(game, code) for game in range(1, persona.games + 1) for code in persona.player_denominations}
        "Games and the denominations they may be played for."
        self.glass = Glass(dice.fork(0), reels=persona.reels, has_cards=persona.has_cards)
        self.clock = WallClock(wall, now)
        self._dice = dice.fork(1)
        rules = game_rules or GameRules()
        self._games = {n: Game(dice.fork(1 + n), persona.title(n).max_bet, rules) for n in range(1, persona.games + 1)}
        self._give = report
        self._waiting = waiting
        self._real_time = real_time
        self._speed = speed
        self.handpays = Handpays(queued=persona.handpays == "queued", say=self.report, waits=is_waiting)
        self.change = Change(self.report, is_waiting, lambda at: self._due.update(change=at), speed)
        self._delayed_until = -inf
        self._running: Round | None = None
        self.mishaps: Mishaps = Mishaps(self._dice)
        self._frozen_at = now
        self._due: dict[str, float] = {
            "game": now + self._pause(self.habits.games_per_minute),
            "result": inf,
            "event": now + self._pause(self.habits.events_per_minute),
            "attendant": inf,
            "reminder": inf,
            "change": inf,
        }
        self._steps: Mapping[str, Callable[[float], None]] = {
            "game": self._play,
            "result": self._result,
            "event": self._event_due,
            "attendant": self._attendant,
            "reminder": self._remind,
            "change": self.change.run,
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
        want = max(self.habits.keep_waiting, self.persona.keeps_waiting)
        if not want or self.is_frozen or not self.cabinet.is_powered:
            return
        for _ in range(4 * want):
            if self._waiting() >= want:
                return
            self.mishaps.happen(self)

    @property
    def may_play(self) -> bool:
        """A player could start a game now."""
        return (
            self.is_enabled
            and self.cabinet.allows_play
            and self.handpay is None
            and not self.handpays.is_full
            and self._running is None
            and self.change.state == NOTHING
            and (self.selected_game, self.bank.denomination) in self.enabled
        )

    @property
    def handpay(self) -> Handpay | None:
        """What an attendant must pay before play goes on."""
        return self.handpays.pending

    @property
    def is_busy(self) -> bool:
        """A game is running."""
        return self._running is not None

    def report(self, code: int, data: bytes = b"") -> None:
        """An exception; ``data`` is what a real-time frame carries of it."""
        self._give(code, data)

    def delay_game(self, seconds: float, at: float) -> None:
        """Poll 2E: no game begins so long, in the wire's seconds; 0 lets it go on."""
        self._delayed_until = at + seconds * self._speed

    def _has_room(self) -> bool:
        limit = self.habits.queue_limit
        if limit and self.persona.keeps_waiting:
            limit = max(limit, self.persona.keeps_waiting + ROOM_LEFT)
        return not limit or self._waiting() < limit

    def _pause(self, per_minute: float) -> float:
        return self._dice.around(60.0 / per_minute) if per_minute > 0 else inf

    def _play(self, at: float) -> None:
        self._due["game"] = at + self._pause(self.habits.games_per_minute)
        if at < self._delayed_until:
            return
        if len(self.enabled) > 1 and not self.is_busy and self.handpay is None and self._dice.happens(0.05):
            self._choose()
        if not self.may_play or not self._has_room():
            return
        if self.bank.credits < self.persona.max_bet:
            self._player_pays_in()
        elif self.bank.credits > 4_000 and self._dice.happens(self.habits.cash_out):
            self.cash_out(at)
        else:
            self._start(at)

    def _player_pays_in(self) -> None:
        taken = [value for value in self.persona.bills if self.cabinet.takes(value)]
        bills = [value for value in taken if 5 <= value <= 100] or taken
        if self.cabinet.allows_bills and bills:
            self._accept(bills[self._dice.below(len(bills))])

    def _start(self, at: float) -> None:
        if self._wager():
            self._due["result"] = at + self.persona.game_takes_s

    def _choose(self) -> None:
        """The player goes to another game, or another denomination."""
        others = sorted(self.enabled - {(self.selected_game, self.bank.denomination)})
        if others:
            game, denomination = others[self._dice.below(len(others))]
            self.bank.denomination = denomination
            self.select_game(game)

    def _wager(self) -> bool:
        units = self.persona.units(self.bank.denomination)
        game = self._games[self.selected_game].play(self.bank.credits // units)
        if game is None:
            return False
        game = Round(game.wager * units, game.win * units)
        self.bank.wager(game.wager)
        self._running = game
        if self.persona.reports_games:
            data = write_bcd("wager", game.wager % 10**4, 2) + write_bcd("coin in", self.bank.shown(COIN_IN, 4), 4)
            self.report(GAME_STARTED, data + bytes([0, self.persona.progressive_group]))
        return True

    def _result(self, at: float) -> None:
        self._due["result"] = inf
        game, self._running = self._running, None
        if game is None:
            return
        by_hand = game.win >= self.persona.jackpot_from
        self.bank.end_game(game.win, by_attendant=by_hand)
        self._show()
        if self.persona.reports_games:
            self.report(GAME_ENDED, write_bcd("win", game.win % 10**8, 4))
        if by_hand:
            self._lock(Handpay("jackpot", game.win, self.persona.top_award_level, game.win), at)

    def _show(self) -> None:
        """Reels stand and cards lie as they fell."""
        self.glass.show()
        if self._real_time() and self.persona.reports_games:
            for reel, stop in enumerate(self.glass.reel_stops):
                self.report(REEL_STOPPED, bytes([reel + 1, stop]))

    def _lock(self, handpay: Handpay, at: float) -> None:
        self.handpays.lock(handpay)
        self._due["attendant"] = at + self._dice.around(12.0)
        if self.handpays.wants_reading:
            self._due["reminder"] = min(self._due["reminder"], at + REMIND_EVERY_S * self._speed)

    def _remind(self, at: float) -> None:
        self.handpays.remind()
        # While a record is there another may come up behind it, which is then reminded of in its turn.
        self._due["reminder"] = at + REMIND_EVERY_S * self._speed if self.handpays.wants_reading else inf

    def handpay_read(self, at: float) -> None:
        """The host has acknowledged the answer to 1B."""
        self.handpays.acknowledged()
        self._due["reminder"] = at + REMIND_EVERY_S * self._speed if self.handpays.wants_reading else inf

    def _attendant(self, at: float) -> None:
        self._due["attendant"] = inf
        if not self._has_room() or not self.cabinet.is_powered:
            self._due["attendant"] = at + 2.0
        elif self.handpay is not None:
            self.reset_handpay()

    def _event_due(self, at: float) -> None:
        if self.cabinet.is_powered and self._has_room():
            self.mishaps.happen(self)
        # What stops play is soon over, so that the machine mostly plays; the mean rate stays as said.
        self._due["event"] = at + self._pause(self.habits.events_per_minute) * (0.2 if self.mishaps.begun else 1.8)

    # what can be done to it

    def moment(self, name: str) -> None:
        """Something that only happens, by its name in the cabinet's table."""
        code = MOMENTS[name]
        game = write_bcd("game", self.selected_game, 2)
        data = {GAME_RECALLED: game + b"\x00\x01", GAME_SELECTED: game}
        self.report(code, data.get(code, b""))

    def select_game(self, game: int) -> None:
        """The player goes to a game, or (0) to the menu. Raises BadAct during a game and for one there is not."""
        if self.is_busy or self.handpay is not None or not 0 <= game <= self.persona.games:
            raise BadAct(f"game {game} cannot be selected now")
        self.selected_game = game
        if game:
            self.bank.game = game
        self.report(GAME_SELECTED, write_bcd("game", game, 2))

    def begin(self, name: str) -> None:
        """A door is opened, a reel tilts, a lamp lights up. Raises NoSuchThing."""
        was = name in self.cabinet.troubles
        for code in self.cabinet.begin(name):
            self.report(code)
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
            self.report(code)

    def insert_bill(self, value: int) -> None:
        """A bill goes in. Raises BadAct when the acceptor does not take it now."""
        if not self.cabinet.allows_bills or self.change.state != NOTHING:
            raise BadAct("the bill acceptor takes nothing now")
        if not self.cabinet.takes(value):
            self.report(MOMENTS["bill_rejected"])
            return
        self._accept(value)

    def _accept(self, value: int) -> None:
        full = self.bank.value(0x3E) >= self.persona.stacker_full_at
        if full or self.bank.credits >= self.persona.credit_limit:
            self.report(CASHBOX_FULL if full else MOMENTS["bill_rejected"])
            return
        try:
            self.bank.insert_bill(value)
        except BillRefused as refused:
            raise BadAct(str(refused)) from refused
        if not self.cabinet.stays_enabled:
            self.cabinet.takes_bills = False
        head = bytes([self.persona.bill_country, _BILL_CODES[value]])
        count = write_bcd("count", self.bank.shown(BILL_METERS[value], 4), 4)
        self.report(BILL_EXCEPTIONS.get(value, OTHER_BILL), head + count)
        if self.bank.value(0x3E) == self.persona.stacker_full_at - 20:
            self.report(CASHBOX_NEAR_FULL)

    def play(self, games: int, at: float) -> int:
        """Play so many games at once, as far as credits and state allow; returns how many were."""
        played = 0
        while played < games and self.may_play:
            if at < self._delayed_until or not self._wager():
                break
            self._result(at)
            played += 1
        return played

    def cash_out(self, at: float) -> None:
        """The player wants the money: the hopper pays what it may, an attendant the rest; there is no printer."""
        credits_now = self.bank.credits
        if self.handpay is not None or self.handpays.is_full or not credits_now or self._running is not None:
            raise BadAct("nothing to cash out now")
        self.report(CASH_OUT_PRESSED)
        if "hopper_empty" not in self.cabinet.troubles and self.bank.pay_from_hopper():
            return
        self._lock(Handpay("cancelled", credits_now, CANCELLED_LEVEL, credits_now), at)

    def win_jackpot(self, win: int, at: float, level: int | None = None) -> None:
        """A game that wins so much that an attendant must pay; with a level from 1, a progressive one.

        Raises BadAct when no game can be played.
        """
        units = self.persona.units(self.bank.denomination)
        if not self.may_play or self.bank.credits < units:
            raise BadAct("no game can be played now")
        self.bank.wager(units)
        self.bank.end_game(win, by_attendant=True)
        if level is None:
            handpay = Handpay("jackpot", win, self.persona.top_award_level, win)
        else:
            cents = int(win * self.persona.credit * 100)
            handpay = Handpay("jackpot", win, level, cents, self.persona.progressive_group)
        self._lock(handpay, at)

    def reset_handpay(self) -> None:
        """An attendant paid and turned the key. Raises BadAct when there is nothing to pay."""
        handpay = self.handpay
        if handpay is None:
            raise BadAct("no handpay is pending")
        if handpay.kind == "jackpot":
            self.bank.pay_jackpot(handpay.credits, is_progressive=1 <= handpay.level <= 0x20)
        else:
            self.bank.cancel_credits()
        self._due["attendant"] = inf
        self.handpays.reset()

    def cancel_handpay(self) -> None:
        """The player would rather play on. Raises BadAct when no credits wait to be paid."""
        if self.handpay is None or self.handpay.kind != "cancelled":
            raise BadAct("no credits wait for an attendant")
        self._due["attendant"] = inf
        self.handpays.cancel()

    def power_off(self) -> None:
        """Everything stops as it is; a running game goes on when power returns."""
        self.cabinet.power_off()

    def power_on(self) -> None:
        """18, 17 and the doors opened in the dark."""
        if self.cabinet.is_powered:
            return
        self.bank.reset_power()
        for code in self.cabinet.power_on():
            self.report(code)

    def clear_memory(self) -> None:
        """RAM clear: 18, 17, 7A; meters and credits start again (sas-core 9.5)."""
        self.forget()
        for code in (POWER_LOST, POWER_APPLIED, METERS_CLEARED):
            self.report(code)

    def forget(self) -> None:
        """Meters, credits, handpays and what the host had set are as from the factory."""
        self.bank.clear()
        self._running = None
        self.handpays.clear()
        self.change.forget()
        self.cabinet.forget()
        self._due["result"] = self._due["attendant"] = self._due["reminder"] = inf

    def do(self, what: str, now: float, number: int | None = None) -> None:
        """A named act, with its number where it takes one; `acts` has the list. Raises BadAct."""
        acts.do(self, what, now, number)
