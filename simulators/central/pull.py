"""A central that pulls: pages over HTTP, each stored before it is acknowledged; connects again for ever.

One blocking loop, as simple as the contract allows it to be written. Which page follows is said by our own books alone.
"""

import gzip
import http.client
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from simulators.central.books import BadBatch, Claim, Finding, Position, split_page
from simulators.central.store import CentralStore

PAGE_MAX_BYTES = 64 * 1024 * 1024
"A page after unpacking; more is a broken sender."
BACKOFF_MAX_S = 2.0
_BACKOFF_FIRST_S = 0.1


class GatewayAway(Exception):
    """No answer, or one that says to ask again later."""


class Refusal(Exception):
    """The gateway understood and says no."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        words = (str(status), problem.get("type"), problem.get("detail") or problem.get("title"))
        super().__init__(" ".join(str(word) for word in words if word))
        self.status = status
        self.problem = problem
        self.slug = str(problem.get("type", "")).rpartition(":")[2]


class Http:
    """One kept connection to the gateway, opened again when it is gone."""

    def __init__(self, url: str, key: str, *, ca: str | None = None, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is not http://HOST:PORT or https://HOST:PORT")
        self._parts = parts
        self._base = parts.path.rstrip("/")
        self._key = key
        self._tls = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None
        self._unpack = _unpackers()

    def ask(self, method: str, path: str, body: bytes | None = None, *, extra_s: float = 0.0) -> tuple[int, bytes]:
        """Status and body. Raises GatewayAway when there is no whole answer; the connection is then closed."""
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Accept": "application/json",
            "Accept-Encoding": ", ".join(self._unpack),
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection = self._open(extra_s)
            connection.request(method, self._base + path, body, headers)
            answer = connection.getresponse()
            packing = answer.headers.get("Content-Encoding", "identity")
            return answer.status, self._unpacked(answer.read(PAGE_MAX_BYTES + 1), packing)
        except (OSError, http.client.HTTPException, EOFError) as gone:
            self.close()
            raise GatewayAway(f"{method} {path}: {gone!r}") from gone

    def _unpacked(self, content: bytes, packing: str) -> bytes:
        if len(content) > PAGE_MAX_BYTES or packing not in self._unpack:
            raise http.client.HTTPException(f"an answer of {len(content)} bytes packed as {packing}")
        return self._unpack[packing](content)

    def _open(self, extra_s: float) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = self._parts.hostname or "", self._parts.port
            if self._tls is not None:
                self._connection = http.client.HTTPSConnection(host, port, context=self._tls, timeout=self._timeout_s)
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=self._timeout_s)
            self._connection.connect()
        if self._connection.sock is not None:
            self._connection.sock.settimeout(self._timeout_s + extra_s)
        return self._connection

    def interrupt(self) -> None:
        """Make a running `ask` end now; for signal handlers."""
        sock = None if self._connection is None else self._connection.sock
        if sock is not None:
            try:
                sock.shutdown(2)
            except OSError:
                return

    def close(self) -> None:
        """Close the connection; the next `ask` opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _unpackers() -> dict[str, Callable[[bytes], bytes]]:
    known: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "identity": bytes}
    try:
        import zstandard
    except ImportError:
        return known

    def unzstd(packed: bytes) -> bytes:
        try:
            return zstandard.ZstdDecompressor().stream_reader(packed).read(PAGE_MAX_BYTES)
        except zstandard.ZstdError as broken:
            raise http.client.HTTPException(str(broken)) from broken

    return {"zstd": unzstd, **known}


@dataclass(slots=True)
class PullStats:
    """Counters of this run."""

    pages: int = 0
    records: int = 0
    empty: int = 0
    away: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0


class PullCentral:
    """Pulls, stores, acknowledges."""

    def __init__(self, http_: Http, store: CentralStore, consumer: str, *, limit: int = 500, wait_s: int = 25) -> None:
        self.http = http_
        self.store = store
        self.consumer = consumer
        self.limit = limit
        self.wait_s = wait_s
        self.stats = PullStats()
        self.head: Position | None = None
        self.last_error: str | None = None
        self._owed = store.position
        "What must be acknowledged (once more): after a start nobody knows whether the last one arrived."
        self._next_stream: tuple[str, int] | None = None

    def run(self, stop: Callable[[], bool], until: float | None = None) -> None:
        """Pull until ``stop()`` or the monotonic moment ``until``. Whatever goes wrong is counted and tried again."""
        pause = _BACKOFF_FIRST_S
        while not stop() and (until is None or time.monotonic() < until):
            left = self.wait_s if until is None else min(self.wait_s, until - time.monotonic())
            try:
                self.step(max(0, int(left)))
                self.last_error = None
                pause = _BACKOFF_FIRST_S
            except (GatewayAway, BadBatch) as away:
                self.stats.away += 1
                self.last_error = str(away)
            except Refusal as no:
                self.stats.refused[no.slug] = self.stats.refused.get(no.slug, 0) + 1
                self.last_error = str(no)
            if self.last_error is not None:
                time.sleep(pause if until is None else min(pause, max(0.0, until - time.monotonic())))
                pause = min(BACKOFF_MAX_S, pause * 2)

    def step(self, wait_s: int) -> int:
        """Acknowledge what is owed, or fetch one page and store it; returns how many records came.

        Raises GatewayAway, Refusal, BadBatch; the books are as they were or further.
        """
        if self._owed is not None:
            self._acknowledge(self._owed)
            self._owed = None
        here = self.store.position
        asked: dict[str, str] = {"consumer": self.consumer, "limit": str(self.limit), "wait": str(wait_s)}
        if self._next_stream is not None:
            asked["streamid"], asked["after"] = self._next_stream[0], str(self._next_stream[1])
        elif here is not None:
            asked["streamid"], asked["after"] = here.streamid, str(here.sequence)
        else:
            asked["after"] = "oldest"
        status, body = self.http.ask("GET", f"/api/v1/events?{urlencode(asked)}", extra_s=wait_s)
        if status != 200:
            self._refused(status, body, here)
        return self._page(body, here)

    def _page(self, body: bytes, here: Position | None) -> int:
        try:
            bodies, others = split_page(body.decode("utf-8"))
            claim = Claim(**others["next"])
            anchor = self._anchor(others) if here is None or self._next_stream is not None else None
        except (UnicodeDecodeError, KeyError, TypeError, ValueError) as broken:
            raise BadBatch(f"the page lacks what the contract promises: {broken!r}") from broken
        taken = self.store.take(bodies, claim, way="pull", anchor=anchor)
        self.stats.pages += 1
        self.stats.records += len(taken.records)
        self.stats.empty += not bodies
        faults = [finding for finding in taken.findings if finding.is_fault]
        if faults:
            raise BadBatch(f"{faults[0].kind} at {faults[0].sequence}: {faults[0].text}")
        if taken.records and taken.position is not None:
            self._next_stream = None
            self._owed = taken.position
            self._acknowledge(taken.position)
            self._owed = None
        elif self._next_stream is None and here is not None and claim.streamid != here.streamid:
            self._next_stream = (claim.streamid, claim.sequence)
        return len(taken.records)

    def _anchor(self, others: dict[str, Any]) -> Position | None:
        oldest, epoch = others.get("oldest"), others.get("epoch")
        if not oldest or not oldest["sequence"] > 1:
            return None
        return Position(oldest["streamid"], int(epoch or 0), oldest["sequence"], bytes.fromhex(oldest["sha256"]))

    def _acknowledge(self, position: Position) -> None:
        said = {"streamid": position.streamid, "sequence": position.sequence, "sha256": position.chain.hex()}
        path = f"/api/v1/consumers/{quote(self.consumer)}/ack"
        status, body = self.http.ask("POST", path, json.dumps(said).encode())
        if status == 200:
            self.store.was_acknowledged(position)
            self.stats.acknowledged += 1
            return
        problem = _problem(status, body)
        if problem.slug in ("chain-mismatch", "ack-beyond-head"):
            self.store.found(Finding(problem.slug, position.streamid, position.sequence, str(problem)))
        elif problem.slug == "epoch-changed":
            return  # the next page says which epochs there are
        self._raise(problem)

    def _refused(self, status: int, body: bytes, here: Position | None) -> None:
        problem = _problem(status, body)
        if problem.slug == "epoch-changed" and here is not None:
            self._change_epoch(problem, here)
        elif problem.slug == "cursor-expired" and here is not None:
            self.store.found(Finding("gap", here.streamid, here.sequence, "what follows was deleted before we had it"))
        elif problem.slug == "ack-beyond-head" and here is not None and self._next_stream is None:
            # It may have lost its tail, and can learn that only from what we hold: we say so once more.
            self._owed = here
        self._raise(problem)

    def _change_epoch(self, problem: Refusal, here: Position) -> None:
        later = [epoch for epoch in problem.problem.get("epochs", ()) if int(epoch["epoch"]) > here.epoch]
        self.store.found(
            Finding("epoch-changed", here.streamid, here.sequence, f"our stream is gone; later: {later}", is_fault=True)
        )
        if later:
            following = min(later, key=lambda epoch: int(epoch["epoch"]))
            self._next_stream = (str(following["streamid"]), 0)

    def _raise(self, problem: Refusal) -> None:
        if problem.status in (502, 503, 504, 429):
            raise GatewayAway(str(problem))
        raise problem


def _problem(status: int, body: bytes) -> Refusal:
    try:
        told = json.loads(body)
    except ValueError:
        told = {}
    return Refusal(status, told if isinstance(told, dict) else {})
