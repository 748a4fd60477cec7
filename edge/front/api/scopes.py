"""The one table of who may call what. A route that does not stand here is refused, and a test finds it."""

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Open(Enum):
    """Routes without a scope."""

    PUBLIC = "anybody, even without a key"
    LOCAL = "the control socket only"
    KNOWN = "whoever is known, whatever the scopes"


Rule = str | Open
API: Final = "/api/v1"

SCOPES: Mapping[tuple[str, str], Rule] = {
    ("GET", f"{API}/status"): "status:read",
    ("GET", f"{API}/healthz"): Open.PUBLIC,
    ("GET", f"{API}/readyz"): Open.PUBLIC,
    ("GET", f"{API}/live"): "egms:read",
    ("GET", f"{API}/egms"): "egms:read",
    ("GET", f"{API}/egms/{{asset}}"): "egms:read",
    ("POST", f"{API}/egms/{{asset}}/probe"): "egms:write",
    ("GET", f"{API}/lines"): "lines:read",
    ("GET", f"{API}/lines/{{name}}"): "lines:read",
    ("GET", f"{API}/lines/{{name}}/trace"): "trace:read",
    ("POST", f"{API}/lines/{{name}}/scan"): "egms:write",
    ("GET", f"{API}/events"): "events:read",
    ("GET", f"{API}/events/search"): "events:read",
    ("POST", f"{API}/consumers/{{name}}/ack"): "events:ack",
    ("POST", f"{API}/consumers/{{name}}/rewind"): "events:rewind",
    ("POST", f"{API}/consumers/{{name}}/set-aside"): "events:rewind",
    ("GET", f"{API}/consumers"): "events:ack",
    ("POST", f"{API}/commands"): "commands:write",
    ("GET", f"{API}/commands/{{command_id}}"): "commands:write",
    ("GET", f"{API}/reviews"): "reports:read",
    ("GET", f"{API}/reviews/{{review}}"): "reports:read",
    ("GET", f"{API}/reports/day"): "reports:read",
    ("GET", f"{API}/reports/range"): "reports:read",
    ("GET", f"{API}/reports/formulas"): "reports:read",
    ("GET", f"{API}/schemas/{{kind}}.json"): Open.PUBLIC,
    ("GET", f"{API}/metrics"): "metrics:read",
    ("POST", f"{API}/page-links"): Open.LOCAL,
    ("GET", "/api/openapi.json"): Open.PUBLIC,
    # pages for people
    ("GET", "/"): "egms:read",
    ("GET", "/m/{asset}"): "egms:read",
    ("GET", "/report"): "reports:read",
    ("GET", "/login"): Open.PUBLIC,
    ("POST", "/login"): Open.PUBLIC,
    ("GET", "/enter"): Open.PUBLIC,
    ("POST", "/logout"): Open.KNOWN,
    ("GET", "/static/{name}"): Open.PUBLIC,
}

PAGES: Final = frozenset({"/", "/m/{asset}", "/report", "/logout"})
"Pages that send whoever is not logged in to the form, where the API says 401."

TECHNICIAN: Final = frozenset(
    {
        "status:read", "events:read", "events:rewind", "egms:read", "egms:write", "lines:read", "trace:read", "incidents:write",
        "reports:read", "proof:read", "config:read", "metrics:read", "commands:write", "sim:write",
    }
)  # fmt: skip
"""What somebody in the group of the control socket may do. Central's own word, an acknowledgement, is not among it; to set
a cursor back is, and the log tells who did."""

LOOKING: Final = frozenset({"status:read", "events:read", "egms:read", "lines:read", "trace:read", "reports:read"})
"What a page opened by a link may do."
