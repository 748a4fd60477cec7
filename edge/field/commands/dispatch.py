"""A command arrives: is it one of ours, is it allowed, was it here before; then it goes to the desk of its machine.

One table from kind to what it asks. The reply says admitted or refused, with a code; the truth is the event that follows.
Over a broker every command must carry a signature that holds; over HTTP the key of the caller was checked by the front.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from edge.clock import Clock, clock_allows_expiry, stamp
from edge.field.commands import devices, meters
from edge.field.desk import QUEUE_MAX, CommandRef, Desk, DeskFull, Slip
from edge.field.found import CommandEnded, Found
from edge.field.pollers.hearing import Hearing
from edge.field.pollers.seats import Seat, Stage
from edge.hall.events import Fact
from edge.hall.requests import ReadMeters, Request
from edge.hall.shapes import Json, checker
from edge.health.conditions import condition
from edge.seam.messages import Admitted
from sync import inbox
from sync.commands import Command, parse, verify
from sync.db import Transaction
from sync.errors import CommandError, Unsigned

Via = Literal["http", "mqtt", "socket"]
CHANGING = frozenset({"egm.enable", "egm.disable", "egm.clock.set"})
"""Kinds that change a machine: refused while the field is in guarded mode. Reading, confirming and deciding are not."""
OPEN_MAX = 1000
"""Commands without an outcome, over all machines; more are refused with ``inbox-full``."""
CONFLICTS_KNOWN = 256
"""Ids of which a conflict was told; of the same one it is not told again."""
CONFLICT_EVERY_S = 60.0
"""Nor of another one sooner than this: whoever sends nothing but conflicts must not fill the log."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one kind of command takes and asks."""

    body: Callable[[object], str | None]
    "None when the body is right, otherwise what is wrong with it."
    request: Callable[[Mapping[str, Any]], Request]


@dataclass(frozen=True, slots=True)
class Act:
    """A kind of command that no machine is asked for: it is carried out in the books at once, wherever its machine is."""

    body: Callable[[object], str | None]
    found: Callable[[Mapping[str, Any], CommandRef, datetime], Found]


@dataclass(frozen=True, slots=True)
class CommandKey:
    """A public key commands may be signed with; ``central`` None: any."""

    key_id: str
    ed25519: bytes
    central: str | None


class Dispatch:
    """One per field."""

    def __init__(
        self,
        *,
        gateway: str,
        hearing: Hearing,
        desk: Desk,
        write: Callable[[Callable[[Transaction], inbox.Admission]], Awaitable[inbox.Admission]],
        record: Callable[[list[Found]], None],
        clock: Clock,
        keys: Mapping[str, CommandKey],
        snapshot_codes: tuple[int, ...],
        hall_time: Callable[[], datetime],
        read_within_s: float = 150.0,
        no_room: Callable[[str], bool] = lambda _kind: False,
    ) -> None:
        self._gateway = gateway
        self._hearing = hearing
        self._desk = desk
        self._write = write
        self._record = record
        self._clock = clock
        self._keys = keys
        self._no_room = no_room
        self._read_within = timedelta(seconds=read_within_s)
        self._entering: Counter[int] = Counter()
        "By asset: commands on their way into the inbox. They count as open, or all of one instant would pass the bound."
        self._conflicts: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._conflict_told_at = float("-inf")
        hearing.asking.barred = self._barred
        self.guarded: str | None = None
        "Why no command may change a machine now; None: they may."
        self.refused: Counter[str] = Counter()
        "Commands that were not taken since the start of the field, by code."
        body = checker(devices.ASSET_BODY)
        self.orders: Mapping[str, Order | Act] = {
            "egm.enable": Order(body, lambda b: devices.enable(b, hall_time())),
            "egm.disable": Order(body, lambda b: devices.disable(b, hall_time())),
            "egm.clock.set": Order(body, lambda b: devices.set_clock(b, hall_time())),
            "egm.confirm": Order(checker(devices.CONFIRM_BODY), devices.confirm),
            "egm.meters.read": Order(checker(meters.READ_BODY), lambda b: meters.read_now(b, snapshot_codes)),
            "egm.meters.decide": Act(meters.wrong_decision, meters.decide),
        }

    async def admit(self, raw: bytes, via: Via) -> Admitted:
        """Take a command in. What came in never raises; the decision is on disk when it returns."""
        answer = await self._decide(raw, via)
        if answer.status not in ("admitted", "repeated"):
            self.refused[answer.status] += 1
        return answer

    async def _decide(self, raw: bytes, via: Via) -> Admitted:
        try:
            command = parse(raw)
            self._check_signature(command, via)
            order = self.orders.get(command.kind)
            if order is None:
                return _refused(command, "unknown-kind", f"There is no command {command.kind!r}.")
            wrong = order.body(command.body)
            if wrong is not None:
                return _refused(command, "validation", f"The body of {command.kind}: {wrong}.")
        except CommandError as error:
            return Admitted(status=error.slug, text=str(error))
        slip = self._slip(command, order) if isinstance(order, Order) else None
        # Told by the inbox, which knows first whether this very command was here before: that one gets its result.
        bar = _NO_ROOM if self._no_room(command.kind) else None if slip is None else self._speaks_against(slip)
        now, trusted = self._clock.wall(), self._trusted
        if slip is not None:
            self._entering[slip.request.asset] += 1
        try:
            admission = await self._write(
                lambda tx: inbox.admit(
                    tx, command, gateway=self._gateway, now=now if trusted else None, barred=bar is not None
                )
            )
        except CommandError as error:
            return _refused(command, error.slug, str(error))
        finally:
            if slip is not None:
                self._leave(slip.request.asset)
        if admission.status == "barred" and bar is not None:
            return _refused(command, *bar)
        if admission.status == "conflict":
            self._tell_conflict(command)
        if admission.status == "admitted":
            if slip is not None:
                self._put(slip)
            elif isinstance(order, Act):
                self._hearing.enter(order.found(command.body, _ref(command), now))
        return Admitted(
            status=admission.status,
            command_id=command.command_id,
            text=_TEXTS.get(admission.status, ""),
            result=admission.result,
        )

    def resume(self, commands: list[Command]) -> None:
        """After a start: what was admitted and has no outcome goes to the desk again; all of them may be repeated.

        What can no longer be done, because its machine or its kind is not here any more, ends as failed.
        """
        for command in commands:
            order = self.orders.get(command.kind)
            named = command.body.get("asset")
            asset = named if isinstance(named, int) else None
            ref = _ref(command)
            if order is None:
                self._fail(ref, asset, "unknown-kind", f"This version has no command {command.kind!r}.")
            elif isinstance(order, Act):
                now = self._clock.wall()
                if now < command.expires_at or not self._trusted:
                    self._hearing.enter(order.found(command.body, ref, now))
                else:
                    self._record([_expired(ref, command.body["asset"], command.expires_at, now)])
            elif asset not in self._hearing.seats:
                self._fail(ref, asset, "not-found", f"No machine {named!r} is enrolled here any more.")
            else:
                self._put(self._slip(command, order))

    def expire(self) -> None:
        """Called about once a second: what was too late and was never sent ends as ``hall.command.expired.v1``."""
        now = self._clock.wall()
        found: list[Found] = []
        for slip in self._desk.withdraw_expired(now, sure=self._trusted):
            if slip.command is None or slip.expires_at is None:
                continue
            found.append(_expired(slip.command, slip.request.asset, slip.expires_at, now))
        for slip in self._desk.give_up(now):
            if slip.command is not None:
                text = f"Machine {slip.request.asset} did not tell its meters in time. If it still does, they are kept."
                found.append(_failed(slip.command, slip.request.asset, "timeout", text, now))
        if found:
            self._record(found)

    @property
    def _trusted(self) -> bool:
        """Asked anew each time: a clock may lose its source at any moment."""
        return clock_allows_expiry(self._clock.quality())

    def _speaks_against(self, slip: Slip) -> tuple[str, str] | None:
        """Code and sentence of what the house has against a new command; None: nothing."""
        asset = slip.request.asset
        seat = self._hearing.seats.get(asset)
        if self.guarded is not None and slip.command is not None and slip.command.kind in CHANGING:
            return "guarded-mode", f"{self.guarded} Send this one again when that is over."
        if seat is None:
            return "not-found", f"No machine {asset} is enrolled here."
        if slip.serial is not None and (other := _another(seat, slip.serial)) is not None:
            return "wrong-machine", other
        if self._desk.commands_of(asset) + self._entering[asset] >= QUEUE_MAX:
            return (
                "inbox-full",
                f"Machine {asset} has {QUEUE_MAX} commands without an outcome. Send this one again later.",
            )
        if self._desk.commands + self._entering.total() >= OPEN_MAX:
            return "inbox-full", f"{OPEN_MAX} commands have no outcome yet. Send this one again later."
        return None

    def _leave(self, asset: int) -> None:
        self._entering[asset] -= 1
        if not self._entering[asset]:
            del self._entering[asset]

    def _barred(self, seat: Seat, slip: Slip) -> bool:
        """The last look before a command is begun, also after the whole process stood still: is it too late, is it still
        the machine that was meant? True: it has ended, and must not be begun."""
        if slip.command is None:
            return False
        now = self._clock.wall()
        if slip.expires_at is not None and now >= slip.expires_at and self._trusted:
            self._record([_expired(slip.command, seat.asset, slip.expires_at, now)])
            return True
        if slip.serial is not None and seat.egm.identity.serial != slip.serial:
            self._fail(slip.command, seat.asset, "wrong-machine", _meant(seat, slip.serial))
            return True
        return False

    def _tell_conflict(self, command: Command) -> None:
        """One incident for each id; whoever goes on and on is told of once a minute."""
        known, now = (command.central, command.command_id), self._clock.monotonic()
        if known in self._conflicts or now - self._conflict_told_at < CONFLICT_EVERY_S:
            return
        self._conflicts[known] = None
        if len(self._conflicts) > CONFLICTS_KNOWN:
            self._conflicts.popitem(last=False)
        self._conflict_told_at = now
        row = condition("conflict")
        data: dict[str, Json] = {
            "code": row.code,
            "slug": row.slug,
            "text": f"{command.central} used the id of a command again with another content. Nothing was done.",
            "facts": {"central": command.central, "command_id": command.command_id, "kind": command.kind},
        }
        self._record([Fact("hall.gateway.incident.v1", f"gateway/{self._gateway}", self._clock.wall(), data)])

    def _put(self, slip: Slip) -> None:
        try:
            self._hearing.ask(slip)
        except DeskFull as full:
            assert slip.command is not None
            self._fail(slip.command, slip.request.asset, full.slug, str(full))

    def _fail(self, ref: CommandRef, asset: int | None, error: str, text: str) -> None:
        self._record([_failed(ref, asset, error, text, self._clock.wall())])

    def _slip(self, command: Command, order: Order) -> Slip:
        request, expires_at = order.request(command.body), command.expires_at
        if isinstance(request, ReadMeters):
            # MTR-08: whoever asks has meters or a failure within the limit, however long the command would be valid.
            expires_at = min(expires_at, self._clock.wall() + self._read_within)
        return Slip(request, _ref(command), expires_at, command.body.get("expected_serial"))

    def _check_signature(self, command: Command, via: Via) -> None:
        if via != "mqtt":
            return
        key = self._keys.get(command.key_id or "")
        if key is None or (key.central is not None and key.central != command.central):
            raise Unsigned("The command is not signed with a key of its central.")
        verify(command, key.ed25519)


def _another(seat: Seat, serial: str) -> str | None:
    """Does another machine answer there than the one with this serial number? None: no, or nobody knows yet."""
    if seat.stage is Stage.HELD:
        return f"Another machine than the enrolled one answers for {seat.asset}; it waits to be confirmed."
    known = seat.egm.identity.serial
    if known == serial or (known is None and seat.stage in (Stage.DOWN, Stage.GREETING)):
        return None
    return _meant(seat, serial)


def _meant(seat: Seat, serial: str) -> str:
    return f"Machine {seat.asset} has serial number {seat.egm.identity.serial or 'unknown'}; {serial} was meant."


def _ref(command: Command) -> CommandRef:
    return CommandRef(command.central, command.command_id, command.kind)


def _expired(ref: CommandRef, asset: int, expires_at: datetime, now: datetime) -> CommandEnded:
    data: dict[str, Json] = {
        "central": ref.central,
        "command_id": ref.command_id,
        "kind": ref.kind,
        "asset": asset,
        "expired_at": stamp(expires_at),
    }
    return CommandEnded(ref.central, ref.command_id, Fact("hall.command.expired.v1", f"egm/{asset}", now, data))


def _failed(ref: CommandRef, asset: int | None, error: str, text: str, now: datetime) -> CommandEnded:
    data: dict[str, Json] = {
        "central": ref.central,
        "command_id": ref.command_id,
        "kind": ref.kind,
        "asset": asset,
        "error": error,
        "text": text,
    }
    subject = f"command/{ref.command_id}" if asset is None else f"egm/{asset}"
    return CommandEnded(ref.central, ref.command_id, Fact("hall.command.failed.v1", subject, now, data))


def _refused(command: Command, status: str, text: str) -> Admitted:
    return Admitted(status=status, command_id=command.command_id, text=text)


_NO_ROOM = (
    "room-critical",
    "The disk has too little room for a command that moves money. Send it again when there is.",
)
_TEXTS: Mapping[str, str] = {
    "repeated": "This command was here before; nothing was done again.",
    "conflict": "This command id was used before with another content. Nothing was done.",
    "expired": "The command was too late: its time is over. Nothing was done.",
    "wrong-epoch": "The command names another stream of records than the present one. Ask what became of it first.",
    "stale-term": "A central with a higher term has spoken since. Nothing was done.",
    "wrong-gateway": "The command is for another gateway.",
    "too-old": "The command is older than what this gateway still remembers. Nothing was done.",
}
