"""The words of an uplink: what it is told, what it tells, and what a person should hear of. No MQTT here."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """Where the broker is and who we are there."""

    host: str
    port: int
    client_id: str
    hall: str
    gateway: str
    consumer: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Callable[[], ssl.SSLContext] | None = None
    "Asked for each session, so that a certificate replaced on disk counts from the next one."
    window: int = 4
    ack_timeout_s: float = 20.0
    keepalive_s: int = 15
    "Half-open links are noticed after this long; not above 15."
    timeout_s: float = 10.0
    retry_first_s: float = 1.0
    retry_max_s: float = 60.0
    spare: tuple[tuple[str, int], ...] = ()
    "Further ways to the same central, used in this order while the first does not work."
    well_for_s: float = 300.0
    "The first way must answer for so long before it is used again."
    probe_every_s: float = 30.0

    @property
    def context(self) -> ssl.SSLContext | None:
        """What to prove the broker with, as of now; None: no TLS."""
        return None if self.tls is None else self.tls()


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should hear of: publish-refused, no-subscriber, subscribe-refused, bad-ack, chain-mismatch,
    epoch-changed, ack-beyond-head, ack-stalled, retained-request, stale-ack, cursor-expired, session-taken-over,
    sessions-cut."""

    slug: str
    text: str
    facts: Mapping[str, object]


@dataclass(slots=True)
class UplinkStatus:
    """How the road is, for status pages."""

    connected: bool = False
    session: str | None = None
    since: str | None = None
    way: int = 0
    "The way of the newest session; 0: the first."
    error: str | None = None
    "Why it is not connected."
    in_flight: int = 0
    batches: int = 0
    events: int = 0
    live_copies: int = 0
    sessions: int = 0
    stalls: int = 0
    central_state: Json | None = None
    "What central last said of itself."
    alarms: Counter[str] = field(default_factory=Counter)
