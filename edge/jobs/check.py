"""``hall-edge check``: is the database sound? Every page, the tables of this version, every link of the log's chain,
and each record that is kept beside it.

Only reads, in slices: it may run beside the field, in safe mode, or on a box where nothing runs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from edge.jobs import quickcheck
from edge.jobs.places import DATABASE
from edge.store.migrations import MIGRATIONS
from sync.chain_check import verify_chain
from sync.db import Database, Reader
from sync.errors import StoreError
from sync.migrate import applied_steps, expected, schema_of
from sync.retention import verify_kept


class Answer(NamedTuple):
    """One question to the database; ``wrong`` None: it is as it should be."""

    question: str
    told: str
    wrong: str | None


def check(database: Path) -> Iterator[Answer]:
    """All questions, also after one was answered badly: a person wants to see how far the damage goes."""
    if not database.exists():
        yield Answer("file", str(database), "there is none")
        return
    yield _asked("pages", lambda: "; ".join(quickcheck.check(database)) or None)
    with closing(Database(database).open_reader()) as reader:
        yield _asked("tables", lambda: _tables(reader))
        checked: list[int] = []
        answer = _asked("chain", lambda: checked.append(verify_chain(reader)))
        yield answer._replace(told=f"{checked[0]} records") if checked else answer
        beside: list[int] = []
        answer = _asked("kept", lambda: beside.append(verify_kept(reader)))
        yield answer._replace(told=f"{beside[0]} records beside the log") if beside else answer


def _asked(question: str, ask: Callable[[], str | None]) -> Answer:
    try:
        wrong = ask()
    except (sqlite3.Error, StoreError, OSError) as error:
        wrong = str(error)
    return Answer(question, "sound" if wrong is None else "", wrong)


def _tables(reader: Reader) -> str | None:
    wanted = expected(MIGRATIONS)
    newer = sorted(f"{of} {name}" for of, name in applied_steps(reader) - wanted.steps)
    if newer:
        return f"made by a newer version: {', '.join(newer)}"
    here = schema_of(reader)
    other = sorted(name for name in here.keys() | wanted.schema.keys() if here.get(name) != wanted.schema.get(name))
    return f"not those of this version: {', '.join(other)[:300]}" if other else None


def run(state: Path) -> int:
    """``hall-edge check``. Exit codes: 0 sound, 1 not."""
    sound = True
    for question, told, wrong in check(state / DATABASE):
        print(f"{question:<7} {told if wrong is None else 'WRONG: ' + wrong}", flush=True)
        sound = sound and wrong is None
    if not sound:
        print("Keep the file. Restore the newest backup; if there is none: hallctl store salvage --to DIR")
    return 0 if sound else 1
