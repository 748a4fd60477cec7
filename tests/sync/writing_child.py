"""A process that writes as fast as it can and prints what it was told is durable; its parent kills it.

Each fact is a row in a table of the house and an event in one transaction; some work fails on purpose, so that groups
are undone and done again while the knife falls.
"""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sync import outbox
from sync.db import Transaction
from sync.writer import Writer
from tests.sync.stage import door_opened


def main(path: Path, first: int) -> None:
    writer = Writer(
        path, now_utc=lambda: datetime.now(UTC), post=lambda call: call(), on_fatal=lambda _e: None, group_s=0.001
    )
    writer.start()
    room = threading.Semaphore(64)
    number = first

    def done(told: Any, error: Exception | None) -> None:
        if error is None:
            nr, envelope = told
            sys.stdout.write(f"{nr} {envelope.sequence} {envelope.chain.hex()}\n")
            sys.stdout.flush()  # into the pipe: it is the parent's now, whatever happens to us
        room.release()

    while True:
        room.acquire()

        def work(tx: Transaction, nr: int = number) -> Any:
            envelope = outbox.append(tx, door_opened(nr=nr))
            tx.execute("INSERT INTO facts (nr, sequence) VALUES (?, ?)", (nr, envelope.sequence))
            if nr % 50 == 49:
                tx.execute("INSERT INTO facts (nr, sequence) VALUES (?, ?)", (nr, 0))  # refused: there already
            return nr, envelope

        writer.submit(work, done)
        number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
