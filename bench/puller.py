"""A central that does as little as one can: pages by HTTP, counted and checked for gaps, acknowledged, never stored.

``python -m bench.puller URL KEY CONSUMER SECONDS ENCODING DOES``: READY, then a line on the standard input begins it; one line
of JSON at the end. SECONDS 0: until the log is at its end. DOES ``count`` (pages may repeat: a floor serves
constants), ``check`` that no record is missing, or ``acknowledge`` as well.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from urllib.parse import urlsplit

import orjson
import zstandard

LIMIT = 1000


def pull(url: str, key: str, consumer: str, seconds: float, encoding: str, does: str) -> dict[str, float]:
    """Records, seconds, bytes on the wire. Raises RuntimeError for a page that is not what follows."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json", "Accept-Encoding": encoding}
    after, records, wire = 0, 0, 0
    streamid = ""
    began = time.monotonic()
    while seconds == 0 or time.monotonic() - began < seconds:
        place = f"&streamid={streamid}&after={after}" if streamid else "&after=oldest"
        connection.request("GET", f"/api/v1/events?consumer={consumer}&limit={LIMIT}{place}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        wire += len(body)
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {body[:200]!r}")
        if answer.headers.get("Content-Encoding") == "zstd":
            body = zstandard.ZstdDecompressor().stream_reader(body).read()
        page = orjson.loads(body)
        events, following = page["events"], page["next"]
        if does != "count" and [int(event["sequence"]) for event in events] != list(
            range(after + 1, following["sequence"] + 1)
        ):
            raise RuntimeError(f"the page after {after} has a gap")
        if does == "acknowledge":
            said = json.dumps(following).encode()
            connection.request("POST", f"/api/v1/consumers/{consumer}/ack", said, headers)
            told = connection.getresponse()
            if told.read() and told.status != 200:
                raise RuntimeError(f"acknowledgement refused: {told.status}")
        records += len(events)
        after, streamid = following["sequence"], following["streamid"]
        if not page["has_more"]:
            break
    return {"records": float(records), "seconds": time.monotonic() - began, "wire_bytes": float(wire)}


def main(url: str, key: str, consumer: str, seconds: str, encoding: str, does: str) -> None:
    """Whoever asks sits at another machine: here it stands back for the gateway."""
    os.nice(10)
    print("READY", flush=True)
    sys.stdin.readline()
    told = pull(url, key, consumer, float(seconds), encoding, does)
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
