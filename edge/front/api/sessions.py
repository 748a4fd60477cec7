"""Sessions of people in a browser, one-time links, patience with those who guess. In memory: a restart ends them."""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from edge.access import Principal

COOKIE = "hall_edge"
TOTAL_S = 12 * 3600.0
LINK_S = 300.0
SESSIONS_MAX = 200
LINKS_MAX = 20
FAILURES_FREE = 5
"Failures of one source before it has to wait."
WAIT_MAX_S = 60.0
SOURCES_MAX = 1000


@dataclass(slots=True)
class Session:
    """Somebody at a browser."""

    principal: Principal
    began_at: float
    seen_at: float


class Sessions:
    """By secret cookie. Idle ones end after the configured minutes, all after 12 h."""

    def __init__(self, idle_s: float, monotonic: Callable[[], float]) -> None:
        self._idle_s = idle_s
        self._monotonic = monotonic
        self._sessions: dict[str, Session] = {}
        self._links: dict[str, tuple[Principal, float]] = {}

    def begin(self, principal: Principal) -> str:
        """A new session; returns its cookie."""
        self._tidy()
        while len(self._sessions) >= SESSIONS_MAX:
            del self._sessions[next(iter(self._sessions))]
        cookie = secrets.token_urlsafe(32)
        now = self._monotonic()
        self._sessions[cookie] = Session(principal, now, now)
        return cookie

    def of(self, cookie: str | None) -> Session | None:
        """The session of a cookie, which is thereby in use; None: none, or over."""
        session = self._sessions.get(cookie or "")
        if session is None:
            return None
        if self._over(session):
            del self._sessions[cookie or ""]
            return None
        session.seen_at = self._monotonic()
        return session

    def end(self, cookie: str | None) -> None:
        """Over, on the server too."""
        self._sessions.pop(cookie or "", None)

    def new_link(self, principal: Principal) -> str:
        """A code that opens one session within five minutes."""
        while len(self._links) >= LINKS_MAX:
            del self._links[next(iter(self._links))]
        code = secrets.token_urlsafe(24)
        self._links[code] = (principal, self._monotonic())
        return code

    def use_link(self, code: str) -> Principal | None:
        """Whom the code stands for; it is used up by asking. None: unknown, used or too old."""
        found = None
        for known in tuple(self._links):
            if hmac.compare_digest(known.encode(), code.encode()):
                found = known
        if found is None:
            return None
        principal, made_at = self._links.pop(found)
        return principal if self._monotonic() - made_at <= LINK_S else None

    def _over(self, session: Session) -> bool:
        now = self._monotonic()
        return now - session.seen_at > self._idle_s or now - session.began_at > TOTAL_S

    def _tidy(self) -> None:
        for cookie, session in tuple(self._sessions.items()):
            if self._over(session):
                del self._sessions[cookie]


class Patience:
    """Each failure of a source beyond the fifth doubles its wait: 1, 2, 4 ... 60 s. A success forgives."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures: dict[str, tuple[int, float]] = {}

    def must_wait_s(self, source: str) -> int:
        """Seconds until this source is listened to again; 0: now."""
        count, last = self._failures.get(source, (0, 0.0))
        if count < FAILURES_FREE:
            return 0
        wait_s = min(WAIT_MAX_S, 2.0 ** min(10, count - FAILURES_FREE))
        return max(0, int(last + wait_s - self._monotonic() + 0.999))

    def failed(self, source: str) -> None:
        """A wrong key from this source."""
        count, _ = self._failures.pop(source, (0, 0.0))
        while len(self._failures) >= SOURCES_MAX:
            del self._failures[next(iter(self._failures))]
        self._failures[source] = (count + 1, self._monotonic())

    def succeeded(self, source: str) -> None:
        """The right key from this source."""
        self._failures.pop(source, None)
