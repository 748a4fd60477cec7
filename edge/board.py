"""How things are now: machines, lines, gateway, in memory. The field has the original, the front a mirror of it.

Values are plain JSON, so that a snapshot and its changes travel over the seam as they are. Nothing here is a record of
what happened, and nothing is lost with it: a restart builds it anew. Changes are gathered and handed to the subscribers
by `flush`, which the owner calls; several changes of one member between two flushes are one.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypedDict

from edge.errors import StaleMirror, UnknownMachine
from edge.hall.shapes import Json

FLUSH_S = 0.1
"A page shows nothing faster than this, and the seam carries at most ten changes a second."


@dataclass(slots=True)
class EgmState:
    """A machine as it stands. Instants are stamps in UTC; None: not known yet."""

    asset: int
    line: str = ""
    address: int = 0
    location: str | None = None
    label: str | None = None
    link: str = "unknown"
    "unknown | up | shaky | down | silent"
    link_since: str | None = None
    last_heard_at: str | None = None
    enabled: bool | None = None
    "May be played, as far as we have told it and it has not been restarted since."
    stage: str = "down"
    "down | greeting | held | accepted | ready: what may be asked of it"
    identity: str = "unknown"
    "unknown | right | wrong, against what is enrolled or was known"
    serial: str | None = None
    stranger: str | None = None
    "What another machine than the enrolled one tells of itself; None: the right one answers."
    game_id: str | None = None
    games: int | None = None
    features: list[str] = field(default_factory=list)
    "In words, as far as the machine declares them."
    player_denominations: list[int] | None = None
    "Codes; None: not told."
    selected_game: int | None = None
    unsupported_polls: list[int] = field(default_factory=list)
    "Codes of long polls it is silent to while it answers others."
    generation: int = 1
    denomination: dict[str, int] | None = None
    doors: dict[str, str] = field(default_factory=dict)
    "door: open | closed, as last told"
    power: str | None = None
    last_event: dict[str, Json] | None = None
    "kind, text, time, sequence of the newest event of this machine"
    meters: dict[str, str] = field(default_factory=dict)
    "Code in hex of two digits: value as digits; of the machine as a whole."
    meters_at: str | None = None
    meters_unsupported: list[int] = field(default_factory=list)
    "Codes it was asked for in its last snapshot and does not have: not zero."
    handpay: dict[str, Json] | None = None
    "The handpay it is locked for; its amount None: not read yet."
    exceptions: int = 0
    "Stored since the start of the field."
    polls: int = 0
    answers: int = 0
    misses: int = 0
    bad_replies: int = 0
    "bad_crc and bad_other together."
    bad_crc: int = 0
    bad_other: int = 0
    "Wrong length, wrong echo, digits that are none, or not confirmed on a noisy line."
    busy: int = 0
    nacks: int = 0
    gaps: int = 0
    "Times in which something of it may be missing, since the start of the field."
    review: int = 0
    "Meter readings that wait for a person's decision."


@dataclass(slots=True)
class LineState:
    """A line as it stands."""

    name: str
    label: str | None = None
    url: str = ""
    state: str = "opening"
    "opening | up | lost | silent | held | closed"
    since: str | None = None
    error: str | None = None
    assets: list[int] = field(default_factory=list)
    polls: int = 0
    answers: int = 0
    misses: int = 0
    bad_replies: int = 0
    stray_bytes: int = 0
    reopened: int = 0
    port: dict[str, Json] = field(default_factory=dict)
    "What the port could be told and what not: latency, parity, who holds it."
    cycle_ms: int | None = None
    "How long the last round over all its machines took."


@dataclass(slots=True)
class GatewayState:
    """The gateway as it stands."""

    gateway: str = ""
    hall: str = ""
    version: str = ""
    started_at: str | None = None
    state: str = "starting"
    "starting | running | held | guarded | safe | stopping"
    why: dict[str, Json] | None = None
    "Of safe and guarded: slug, code, text, remedy, facts."
    wal_bytes: int = 0
    "Size of the write-ahead log at the last look."
    clock: str = "untrusted"
    streamid: str | None = None
    epoch: int = 0
    sequence: int = 0
    commits: int = 0
    waiting: int = 0
    "Facts not durable yet."
    room_level: str = "ok"
    "ok | low | short | critical | full"
    room_free_bytes: int | None = None
    "What the books can still take."
    room_days: int | None = None
    "So long the disk holds at the rate of the last 24 h; None: not known yet."
    late_ms_p99: int | None = None
    consumers: dict[str, int] = field(default_factory=dict)
    "consumer: records it has not acknowledged"


class Change(TypedDict, total=False):
    """What has changed since the change before: per machine (asset as text) and line only the changed members."""

    number: int
    egms: dict[str, dict[str, Any]]
    lines: dict[str, dict[str, Any]]
    gateway: dict[str, Any]
    gone: list[str]
    "Machines that are no more on the board."


Subscriber = Callable[[Change], None]
_EGM = frozenset(part.name for part in fields(EgmState))
_LINE = frozenset(part.name for part in fields(LineState))
_GATEWAY = frozenset(part.name for part in fields(GatewayState))


class Board:
    """The live state. In the field: `update_*`, then `flush`. In the front: `load` a snapshot, then `apply` changes."""

    def __init__(self) -> None:
        self.egms: dict[int, EgmState] = {}
        self.lines: dict[str, LineState] = {}
        self.gateway = GatewayState()
        self.number = 0
        "Counts the changes handed out; a mirror has the number of the last one it applied."
        self.heard_at: float | None = None
        "Mirror: monotonic seconds of the last snapshot or change. None: never, or the original."
        self._egms: dict[int, dict[str, Any]] = {}
        self._lines: dict[str, dict[str, Any]] = {}
        self._gateway: dict[str, Any] = {}
        self._gone: list[str] = []
        self._subscribers: list[Subscriber] = []
        self._flushed_at: float | None = None

    def add_egm(self, asset: int, **members: Any) -> EgmState:
        """Put a machine on the board, or take its members anew."""
        if asset not in self.egms:
            self.egms[asset] = EgmState(asset)
            self._egms.setdefault(asset, {})["asset"] = asset
        self.update_egm(asset, **members)
        return self.egms[asset]

    def remove_egm(self, asset: int) -> None:
        """Take a machine off the board. Unknown: nothing happens."""
        if self.egms.pop(asset, None) is not None:
            self._egms.pop(asset, None)
            self._gone.append(str(asset))

    def update_egm(self, asset: int, **members: Any) -> None:
        """Change members of a machine; what is equal already is no change. Raises UnknownMachine, TypeError."""
        state = self.egms.get(asset)
        if state is None:
            raise UnknownMachine(f"Machine {asset} is not on the board", asset=asset)
        _set(state, members, _EGM, self._egms.setdefault(asset, {}))

    def set_door(self, asset: int, door: str, state: str) -> None:
        """One door of a machine: open or closed."""
        known = self.egms.get(asset)
        if known is not None:
            self.update_egm(asset, doors={**known.doors, door: state})

    def update_line(self, name: str, **members: Any) -> None:
        """Change members of a line, which is put on the board when it is new. Raises TypeError."""
        state = self.lines.get(name)
        if state is None:
            state = self.lines[name] = LineState(name)
            self._lines.setdefault(name, {})["name"] = name
        _set(state, members, _LINE, self._lines.setdefault(name, {}))

    def update_gateway(self, **members: Any) -> None:
        """Change members of the gateway's own state. Raises TypeError."""
        _set(self.gateway, members, _GATEWAY, self._gateway)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call this with each change from now on, until the returned function is called. Start from `snapshot()`."""
        self._subscribers.append(subscriber)

        def leave() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return leave

    def flush(self, now: float, *, every_s: float = FLUSH_S) -> Change | None:
        """Hand what has changed to the subscribers, at most once in `every_s`. None: nothing, or not yet."""
        if self._flushed_at is not None and now - self._flushed_at < every_s:
            return None
        change = self._gathered()
        if change is None:
            return None
        self._flushed_at = now
        for subscriber in tuple(self._subscribers):
            subscriber(change)
        return change

    def _gathered(self) -> Change | None:
        machines = {str(asset): members for asset, members in self._egms.items() if members}
        lines = {name: members for name, members in self._lines.items() if members}
        if not (machines or lines or self._gateway or self._gone):
            return None
        self.number += 1
        change = Change(number=self.number)
        if machines:
            change["egms"] = machines
        if lines:
            change["lines"] = lines
        if self._gateway:
            change["gateway"] = self._gateway
        if self._gone:
            change["gone"] = self._gone
        self._egms, self._lines, self._gateway, self._gone = {}, {}, {}, []
        return change

    def snapshot(self) -> dict[str, Any]:
        """All of it as JSON, with the number of the change it includes.

        What was gathered and not handed out yet is in it as well; the next change repeats it, which does no harm.
        """
        return {
            "number": self.number,
            "egms": {str(asset): asdict(state) for asset, state in self.egms.items()},
            "lines": {name: asdict(state) for name, state in self.lines.items()},
            "gateway": asdict(self.gateway),
        }

    def load(self, snapshot: Mapping[str, Any], now: float) -> None:
        """Mirror: become this snapshot. Members that this version does not know are left out."""
        self.egms = {int(asset): EgmState(**_known(state, _EGM)) for asset, state in snapshot["egms"].items()}
        self.lines = {name: LineState(**_known(state, _LINE)) for name, state in snapshot["lines"].items()}
        self.gateway = GatewayState(**_known(snapshot["gateway"], _GATEWAY))
        self.number = int(snapshot["number"])
        self.heard_at = now
        for subscriber in tuple(self._subscribers):
            subscriber(
                Change(
                    number=self.number,
                    egms={str(asset): asdict(state) for asset, state in self.egms.items()},
                    lines={name: asdict(state) for name, state in self.lines.items()},
                    gateway=asdict(self.gateway),
                )
            )

    def apply(self, change: Change, now: float) -> None:
        """Mirror: take one change, and hand it on to our own subscribers. Raises StaleMirror if one was missed."""
        if change["number"] != self.number + 1:
            raise StaleMirror(
                f"The mirror has change {self.number} and was given {change['number']}",
                has=self.number,
                given=change["number"],
            )
        for text in change.get("gone", ()):
            self.egms.pop(int(text), None)
        for text, members in change.get("egms", {}).items():
            machine = self.egms.setdefault(int(text), EgmState(int(text)))
            _put(machine, _known(members, _EGM))
        for name, members in change.get("lines", {}).items():
            _put(self.lines.setdefault(name, LineState(name)), _known(members, _LINE))
        _put(self.gateway, _known(change.get("gateway", {}), _GATEWAY))
        self.number = change["number"]
        self.heard_at = now
        for subscriber in tuple(self._subscribers):
            subscriber(change)

    def age_s(self, now: float) -> float | None:
        """Mirror: how long ago the original was last heard; None: never."""
        return None if self.heard_at is None else max(0.0, now - self.heard_at)


def _set(state: object, members: Mapping[str, Any], known: frozenset[str], dirty: dict[str, Any]) -> None:
    for name, value in members.items():
        if name not in known:
            raise TypeError(f"{type(state).__name__} has no member {name!r}")
        if getattr(state, name) != value:
            setattr(state, name, value)
            dirty[name] = value


def _put(state: object, members: Mapping[str, Any]) -> None:
    for name, value in members.items():
        setattr(state, name, value)


def _known(members: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name in known}
