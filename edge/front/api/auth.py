"""Who is asking, and may they: one guard in front of every route.

Three ways in, one table of scopes (`scopes`): a key in the Authorization header, the control socket (the kernel says
which user), a session's cookie. Whatever a session changes must also come from our own page.
"""

import pwd
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from edge.access import Principal
from edge.errors import NotAuthenticated
from edge.front.api.problems import Problem
from edge.front.api.scopes import PAGES, SCOPES, TECHNICIAN, Open
from edge.front.api.sessions import COOKIE, Patience, Sessions
from edge.front.context import Front
from edge.front.serving import PEER

SAFE = frozenset({"GET", "HEAD"})


class ToLogin(Exception):
    """Somebody at a browser without a session: to the login form."""


async def to_login(_request: Request, _error: Exception) -> Response:
    """The answer to ToLogin."""
    return RedirectResponse("/login", 303)


class Guard:
    """Called before every route. Puts the principal (or None, on public routes) into `request.state.principal`."""

    def __init__(self, front: Front, sessions: Sessions, patience: Patience) -> None:
        self._front = front
        self._sessions = sessions
        self._patience = patience

    async def __call__(self, request: Request) -> None:
        """Raises Problem: unauthenticated, forbidden, rate-limited."""
        path = getattr(request.scope.get("route"), "path", None)
        rule = SCOPES.get((request.method, str(path)))
        if rule is None:
            raise Problem("forbidden", "This route has no rule, so nobody may use it.")
        request.state.principal = None
        if rule is Open.PUBLIC:
            return
        principal = self._who(request)
        if principal is None:
            if path in PAGES:
                raise ToLogin
            raise Problem("unauthenticated")
        if rule is Open.LOCAL:
            if principal.way != "socket":
                raise Problem("forbidden", "This is answered on the control socket only.")
        elif isinstance(rule, str) and not principal.may(rule):
            raise Problem("forbidden", f"{principal.name} has no scope {rule}.", scope=rule)
        request.state.principal = principal

    def _who(self, request: Request) -> Principal | None:
        header = request.headers.get("authorization")
        if header is not None:
            return self.by_key(request, header)
        peer = request.scope.get(PEER)
        if peer is not None:
            return Principal(f"unix:{_user(peer[1])}", TECHNICIAN, None, "socket")
        session = self._sessions.of(request.cookies.get(COOKIE))
        if session is None:
            return None
        if request.method not in SAFE and not same_origin(request):
            raise Problem("forbidden", "This request does not come from our own page.")
        return session.principal

    def by_key(self, request: Request, header: str) -> Principal:
        """The principal of an Authorization header. Raises Problem; a source that guesses has to wait."""
        # Source and account together: who guesses at one key must not lock out another behind the same address.
        host = request.client.host if request.client else "socket"
        source = f"{host} {header[:50].partition('hek_')[2].partition('_')[0]}"
        wait_s = self._patience.must_wait_s(source)
        if wait_s:
            raise Problem("rate-limited", f"Too many wrong keys from {host}; wait {wait_s} s.", retry_after_s=wait_s)
        try:
            principal = self._front.keyring.who_bearer(header)
        except NotAuthenticated:
            self._patience.failed(source)
            raise Problem("unauthenticated") from None
        self._patience.succeeded(source)
        return principal


def same_origin(request: Request) -> bool:
    """Does the browser say that our own page sent this? A browser sends Origin with every POST."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


def principal_of(request: Request) -> Principal:
    """Who asks; the guard has let them in."""
    principal = request.state.principal
    assert isinstance(principal, Principal)  # routes with a rule that is not public only
    return principal


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
