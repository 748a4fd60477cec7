"""The front's control socket, spoken to with the standard library's HTTP: it starts in milliseconds."""

import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from edge.cli import faults

RUN_DIRECTORY = "/run/hall-edge"
TIMEOUT_S = 10.0
RUN_ENVIRONMENT = "HALL_EDGE__GATEWAY__RUN_DIRECTORY"


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Call(NamedTuple):
    """One question to the front."""

    method: str
    path: str
    query: dict[str, Any]
    timeout_s: float = TIMEOUT_S
    sent: dict[str, Any] | None = None
    "The body, as JSON; None: there is none."


class Box:
    """The gateway on this box. Every call raises Fault with the right exit code."""

    def __init__(self, run_directory: str | None = None) -> None:
        directory = run_directory or os.environ.get(RUN_ENVIRONMENT) or RUN_DIRECTORY
        self.path = str(Path(directory) / "control.sock")

    def get(self, path: str, *, timeout_s: float = TIMEOUT_S, **query: Any) -> dict[str, Any]:
        """An object of the API."""
        return _json(self._body(_Call("GET", path, query, timeout_s)))

    def text(self, path: str, *, timeout_s: float = TIMEOUT_S, **query: Any) -> str:
        """An answer that is no JSON, such as CSV."""
        return self._body(_Call("GET", path, query, timeout_s)).decode("utf-8")

    def post(
        self, path: str, *, timeout_s: float = TIMEOUT_S, body: dict[str, Any] | None = None, **query: Any
    ) -> dict[str, Any]:
        """Ask for something to be done."""
        return _json(self._body(_Call("POST", path, query, timeout_s, body)))

    def lines(self, path: str, *, timeout_s: float | None = None, **query: Any) -> Iterator[dict[str, Any]]:
        """The objects of an NDJSON stream, until it ends. A quiet wire is no fault: waits as long as it takes, or, with a
        time, ends when nothing came for so long."""
        connection = _Unix(self.path, TIMEOUT_S)
        response = self._ask(connection, _Call("GET", path, query))
        try:
            if response.status != 200:
                raise faults.from_problem(response.status, _json(response.read()))
            connection.sock.settimeout(timeout_s)
            while line := response.readline():
                yield _json(line)
        except TimeoutError:
            return
        except (OSError, http.client.HTTPException) as error:
            raise faults.front_away(self.path, str(error) or "the connection broke") from None
        finally:
            connection.close()

    def _body(self, call: _Call) -> bytes:
        connection = _Unix(self.path, call.timeout_s)
        try:
            response = self._ask(connection, call)
            body = response.read()
        except TimeoutError:
            raise faults.too_slow(self.path, call.timeout_s) from None
        except (OSError, http.client.HTTPException) as error:
            raise faults.front_away(self.path, str(error) or type(error).__name__) from None
        finally:
            connection.close()
        if response.status >= 300:
            raise faults.from_problem(response.status, _json(body))
        return body

    def _ask(self, connection: _Unix, call: _Call) -> http.client.HTTPResponse:
        wanted = {name: _word(value) for name, value in call.query.items() if value is not None}
        target = f"/api/v1{call.path}{'?' + urlencode(wanted) if wanted else ''}"
        try:
            headers = {"Accept": "application/json, application/x-ndjson"}
            body = None if call.sent is None else json.dumps(call.sent).encode()
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(call.method, target, body=body, headers=headers)
            return connection.getresponse()
        except PermissionError:
            raise faults.not_in_group(self.path) from None
        except FileNotFoundError:
            raise faults.front_away(self.path, "there is no such socket") from None
        except ConnectionRefusedError:
            raise faults.front_away(self.path, "nobody listens") from None
        except TimeoutError:
            raise faults.too_slow(self.path, call.timeout_s) from None
        except (OSError, http.client.HTTPException) as error:
            raise faults.front_away(self.path, str(error) or type(error).__name__) from None


def _word(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _json(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {"detail": "The front's answer is not JSON."}
    return told if isinstance(told, dict) else {"detail": "The front's answer is not an object."}
