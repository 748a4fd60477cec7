"""Who may do what: API keys with their scopes, for every face of the gateway alike.

A key is `hek_<id>_<secret>`: the id in clear for look-up and audit, the secret 32 random bytes, shown once and kept
only as HMAC-SHA-256 under the front's access key. A slow hash would buy nothing against 256 random bits .
The answer to a wrong key is the same, and takes as long, as to an unknown one.
"""

import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from re import compile as pattern_of
from typing import Protocol

from edge.errors import NotAllowed, NotAuthenticated

SCOPES = frozenset(
    {
        "status:read", "events:read", "events:ack", "events:rewind", "commands:write", "egms:read", "egms:write", "lines:read",
        "trace:read", "incidents:write", "reports:read", "proof:read", "config:read", "config:write", "access:admin",
        "backup:admin", "remote:admin", "metrics:read", "sim:write",
    }
)  # fmt: skip
SECRET_BYTES = 32
ACCESS_KEY_MIN_BYTES = 16
_KEY = pattern_of(r"^hek_([a-z0-9]{1,32})_([A-Za-z0-9_-]{43})\Z")
_NOBODY = "0" * 64


class StoredKey(Protocol):
    """A key as the configuration keeps it."""

    @property
    def id(self) -> str:
        """Name in clear."""

    @property
    def hmac(self) -> str:
        """HMAC-SHA-256 of the secret, hex."""

    @property
    def scopes(self) -> Sequence[str]:
        """What it may do."""

    @property
    def consumer(self) -> str | None:
        """The consumer it is bound to."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever is at the other end, once proven."""

    name: str
    scopes: frozenset[str]
    consumer: str | None = None
    "The one consumer it may read and acknowledge for; None: any, where its scopes allow it."
    way: str = "key"
    "key | socket | certificate | session"

    def may(self, scope: str) -> bool:
        """Has it this scope? A scope that does not exist is a bug of the caller."""
        if scope not in SCOPES:
            raise ValueError(f"there is no scope {scope!r}")
        return scope in self.scopes

    def require(self, scope: str) -> None:
        """Raises NotAllowed without this scope."""
        if not self.may(scope):
            raise NotAllowed(f"{self.name} has no scope {scope}", principal=self.name, scope=scope)

    def require_consumer(self, consumer: str) -> None:
        """Raises NotAllowed if it is bound to another consumer."""
        if self.consumer is not None and self.consumer != consumer:
            raise NotAllowed(f"{self.name} may not act for consumer {consumer}", principal=self.name, consumer=consumer)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `text` is shown once; `id` and `hmac` go into the configuration."""

    text: str = field(repr=False)
    id: str
    hmac: str


def new_key(key_id: str, access_key: bytes) -> NewKey:
    """Make a key: 1 to 32 lower-case letters and digits as its id. Raises ValueError."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    text = f"hek_{key_id}_{secret}"
    if _KEY.match(text) is None:
        raise ValueError(f"{key_id!r} is not an id: 1 to 32 lower-case letters and digits")
    return NewKey(text, key_id, _digest(secret, access_key))


def _digest(secret: str, access_key: bytes) -> str:
    return hmac.digest(access_key, secret.encode("ascii"), "sha256").hex()


class Keyring:
    """All keys of this gateway, and the one question: whose is this?"""

    def __init__(self, keys: Iterable[StoredKey], access_key: bytes) -> None:
        """Raises ValueError for an access key that is too short to be one, if there is any key to be kept by it."""
        self._keys = {key.id: key for key in keys}
        if self._keys and len(access_key) < ACCESS_KEY_MIN_BYTES:
            raise ValueError(f"the access key has {len(access_key)} bytes, needs {ACCESS_KEY_MIN_BYTES} or more")
        self._access_key = access_key

    def who(self, text: str) -> Principal:
        """The principal of this key. Raises NotAuthenticated, with one text whatever the reason."""
        match = _KEY.match(text)
        key_id, secret = (match[1], match[2]) if match else ("", "")
        key = self._keys.get(key_id)
        given = _digest(secret, self._access_key)
        fits = hmac.compare_digest(given, key.hmac if key is not None else _NOBODY)
        if key is None or match is None or not fits:
            raise NotAuthenticated("This key is not known here")
        return Principal(f"key:{key.id}", frozenset(key.scopes), key.consumer)

    def who_bearer(self, header: str | None) -> Principal:
        """The principal of an Authorization header. Raises NotAuthenticated."""
        kind, _, text = (header or "").partition(" ")
        if kind.lower() != "bearer":
            raise NotAuthenticated("This key is not known here")
        return self.who(text.strip())
