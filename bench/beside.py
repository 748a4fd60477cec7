"""What a busy front does to the machine, without one: pages through the log, joins, renders, for ever."""

from __future__ import annotations

import contextlib
import html
import json
import sys
from pathlib import Path

from sync import outbox
from sync.db import Database


def main(path: Path) -> None:
    """Until killed. Each page of the log is its own short read transaction."""
    with contextlib.closing(Database(path).open_reader()) as conn:
        print("READY", flush=True)
        position = 0
        while True:
            page = outbox.page(conn, position, 1000)
            joined = b"[" + b",".join(page.bodies) + b"]"
            rows = [
                f"<tr><td>{html.escape(event['subject'])}</td><td>{html.escape(event['type'])}</td></tr>"
                for event in json.loads(joined)
            ]
            "\n".join(rows).encode()
            position = page.position if page.has_more else 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
