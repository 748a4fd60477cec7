"""structlog, set up once per process: journald's native fields, colours for a person, JSON lines elsewhere.

Whoever logs calls `structlog.get_logger()`; events are short sentences, facts are keywords, and whatever is a warning
or worse carries a `code`. Pure rooms do not log at all. Here also: what is never logged, and how often the same is.
"""

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Literal, Protocol

import structlog
from logging_journald import JournaldTransport, check_journal_stream  # type: ignore[import-untyped] # ships no types
from structlog.typing import EventDict, Processor, WrappedLogger

Form = Literal["journal", "console", "json"]
_PRIORITY: Mapping[str, int] = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
SUMMARY_EVERY_S = 60.0
SUBJECTS_MAX = 4096
"Pairs of code and subject remembered by the rate limit; beyond that the oldest is forgotten and shown anew."

_SECRET_NAMES = re.compile(
    r"(?i)(passw|secret|hmac|private|access_key|authorization|cookie|(ticket|validation|card)_number|(^|_)pin(_|$))"
)
_SECRET_VALUES = re.compile(r"hek_[a-z0-9]+_[A-Za-z0-9_-]+")
HIDDEN = "[hidden]"


class Transport(Protocol):
    """The way into the journal."""

    def send(self, fields: list[tuple[str, Any]]) -> None:
        """Send one entry."""


class _Journald:
    """journald's own protocol, one datagram per entry.

    Never waits and never raises: a journal that hangs or is gone costs entries, which are counted, not polls.
    """

    def __init__(self) -> None:
        # Not connected: the journal's socket may be replaced while we run.
        self._transport = JournaldTransport(connected=False)
        self._transport.socket.setblocking(False)
        self.lost = 0

    def send(self, fields: list[tuple[str, Any]]) -> None:
        try:
            self._transport.send(fields)
        except OSError:
            self.lost += 1


def setup(
    level: str = "info",
    *,
    part: str = "",
    form: Form | None = None,
    monotonic: Callable[[], float],
    transport: Transport | None = None,
) -> Form:
    """Set logging up for this process; `part` (field, front) is bound to every entry. Returns the form chosen."""
    form = form or _form()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        _with_part(part),
        RateLimit(monotonic),
        hide_secrets,
    ]
    if form != "journal":
        shared.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    last: list[Processor]
    if form == "journal":
        shared.append(structlog.processors.format_exc_info)
        last = [Journal(transport or _Journald())]
    elif form == "console":
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    else:
        shared.append(structlog.processors.format_exc_info)
        last = [structlog.processors.JSONRenderer(sort_keys=True)]

    # Libraries (paho, uvicorn) log through stdlib's logging and come out looking the same.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    if form == "journal":
        handler = _Dropping(handler)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return form


def _form() -> Form:
    if check_journal_stream():
        return "journal"
    return "console" if sys.stderr.isatty() else "json"


class _Dropping(logging.StreamHandler[Any]):
    """Formats, which sends to the journal, and writes nothing itself."""

    def __init__(self, inner: logging.Handler) -> None:
        super().__init__()
        self.setFormatter(inner.formatter)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.format(record)
        except structlog.DropEvent:
            return


def _with_part(part: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if part:
            event.setdefault("part", part)
        return event

    return add


class Journal:
    """Last processor: one journal entry with our facts as fields of their own (`HE_EGM=1017`)."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> str:
        """Send, and let nothing through to be written elsewhere."""
        self._transport.send(journal_fields(event))
        raise structlog.DropEvent


def journal_fields(event: MutableMapping[str, Any]) -> list[tuple[str, Any]]:
    """The fields of a journal entry, with names as the journal wants them: upper-case letters, digits, underscores."""
    facts = dict(event)
    level, message = str(facts.pop("level", "info")), str(facts.pop("event", ""))
    fields: list[tuple[str, Any]] = [
        ("MESSAGE", message),
        ("PRIORITY", _PRIORITY.get(level, 6)),
        ("SYSLOG_IDENTIFIER", "hall-edge"),
    ]
    for name, value in facts.items():
        if not name.startswith("_"):
            fields.append((re.sub(r"[^A-Z0-9_]", "_", f"HE_{name.upper()}"), value))
    return fields


class RateLimit:
    """The same code about the same subject: the first at once, then one summary a minute with the number kept back.

    Only entries that carry a `code` are limited. The subject is the machine, else the line, else the consumer.
    """

    def __init__(self, monotonic: Callable[[], float], *, every_s: float = SUMMARY_EVERY_S) -> None:
        self._monotonic = monotonic
        self._every_s = every_s
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Let through, with `kept_back` where some were not; or drop."""
        code = event.get("code")
        if code is None:
            return event
        subject = event.get("egm", event.get("line", event.get("consumer", "")))
        key = (str(code), str(subject))
        now = self._monotonic()
        shown_at, kept = self._seen.pop(key, (None, 0))
        if shown_at is not None and now - shown_at < self._every_s:
            self._seen[key] = (shown_at, kept + 1)
            raise structlog.DropEvent
        if len(self._seen) >= SUBJECTS_MAX:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = (now, 0)
        if kept:
            event["kept_back"] = kept
        return event


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keys, passwords, ticket and card numbers never reach a log, whatever they are called with."""
    for name, value in event.items():
        event[name] = HIDDEN if name != "event" and _SECRET_NAMES.search(name) else _hidden(value)
    return event


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRET_VALUES.sub(HIDDEN, value)
    if isinstance(value, Mapping):
        return {name: HIDDEN if _SECRET_NAMES.search(str(name)) else _hidden(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(part) for part in value]
    return value
