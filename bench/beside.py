"""What keeps a real front busy: pull pages of the log from the oldest record on, and the floor page, for ever.

``python -m bench.beside URL KEY zstd|identity``: prints READY once both were answered, then goes on until it is killed.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from urllib.parse import urlsplit

import zstandard

from edge.health.slices import take_short_slices

LIMIT = 1000


class Away(Exception):
    """The front says that the field does not answer."""


class Visitor:
    """One keep-alive connection that asks as central and as a person do."""

    def __init__(self, url: str, key: str, encoding: str) -> None:
        place = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(place, timeout=30)
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json", "Accept-Encoding": encoding}
        self._after = "oldest"
        self._streamid = ""

    def drain(self) -> None:
        """One page of the log; from the oldest again when the end is reached. Waits while the field is away."""
        streamid = f"&streamid={self._streamid}" if self._streamid and self._after != "oldest" else ""
        told = json.loads(self._get(f"/api/v1/events?consumer=central&after={self._after}&limit={LIMIT}{streamid}"))
        self._after = str(told["next"]["sequence"]) if told["has_more"] else "oldest"
        self._streamid = told["next"]["streamid"]

    def look(self) -> None:
        """The floor, rendered."""
        self._get("/")

    def _get(self, path: str) -> bytes:
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status == 503:
            raise Away
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        if answer.headers.get("Content-Encoding") == "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(body)
        return body


def main(url: str, key: str, encoding: str) -> None:
    """Until killed. Whoever asks sits at another machine: here it is out of the way as soon as anybody else wakes."""
    os.nice(10)
    take_short_slices()
    visitor = Visitor(url, key, encoding)
    visitor.drain()
    visitor.look()
    print("READY", flush=True)
    while True:
        try:
            for _ in range(4):
                visitor.drain()
            visitor.look()
        except Away:
            time.sleep(0.2)  # the measurement is over and the field was stopped


if __name__ == "__main__":
    main(*sys.argv[1:4])
