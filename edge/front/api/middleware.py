"""Around every answer: a request id, the headers that make a browser strict, the clock of the box, one log line."""

import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Inner = Callable[[Scope, Receive, Send], Awaitable[None]]

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
STRICT = [
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
HSTS = (b"strict-transport-security", b"max-age=31536000")
log = structlog.get_logger()


class Wrapped:
    """The outermost ASGI layer."""

    def __init__(self, app: Inner) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        request_id = secrets.token_hex(8)
        scope["hall.request_id"] = request_id
        extra = [(b"x-request-id", request_id.encode()), *STRICT]
        if scope.get("scheme") == "https":
            extra.append(HSTS)
        status = 0
        began = time.monotonic()

        async def sending(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:  # `problems` has told it as a problem and logged it; the server would log it a second time.
            if status == 0:
                raise
        finally:
            took_s = time.monotonic() - began
            # What a command or an acknowledgement did stands in the books; the log is for what went wrong.
            level = log.info if status >= 500 else log.debug
            level(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                took_ms=int(took_s * 1000),
                request_id=request_id,
            )
