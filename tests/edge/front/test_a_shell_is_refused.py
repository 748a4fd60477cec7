"""What the shell client of the published contract does when the gateway says no: go on where it may, stop where it must."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sync import outbox, retention
from sync.db import Transaction
from tests.edge.front.made_up_hall import CENTRAL, NIGHT, STREAM, Hall, rows

CLIENT = Path(__file__).parents[3] / "docs" / "contract" / "client.sh"
OTHER = "c0ffee" + "0" * 26
pytestmark = pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("curl", "jq")), reason="curl or jq is missing: apt install curl jq"
)


async def pull(hall: Hall, books: Path) -> tuple[int, str]:
    """Exit code and what it said."""
    key = hall.directory / "client.key"
    key.write_text(CENTRAL.text + "\n")
    client = await asyncio.create_subprocess_exec(
        str(CLIENT), hall.url, "central-1", str(key), str(books), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        _, told = await client.communicate()
    assert client.returncode is not None
    return client.returncode, told.decode()


def held(books: Path) -> list[str]:
    return [json.loads(line)["id"] for line in (books / "records").read_bytes().splitlines()]


def findings(books: Path) -> list[str]:
    return [json.loads(line)["what"] for line in (books / "findings").read_text().splitlines()]


def change(books: Path, **cursor: Any) -> None:
    """Its state as another gateway, a copy or a hand would have left it."""
    state = json.loads((books / "state").read_text())
    state["cursor"] |= cursor
    (books / "state").write_text(json.dumps(state))


def confirmed(hall: Hall) -> list[Any]:
    return rows(hall.directory / "hall.db", "SELECT sequence FROM consumers WHERE name = 'central-1'")


async def two_records(hall: Hall, books: Path) -> None:
    for _ in range(2):
        await hall.open_door()
    code, told = await pull(hall, books)
    assert (code, held(books)) == (0, [f"{STREAM}:1", f"{STREAM}:2"]), told
    assert confirmed(hall) == [(2,)]


async def test_a_page_that_was_half_stored_when_it_was_killed_comes_again_and_is_not_doubled(
    hall: Hall, tmp_path: Path
) -> None:
    books = tmp_path / "books"
    await two_records(hall, books)
    for _ in range(2):
        await hall.open_door()
    stored = [body for (body,) in rows(hall.directory / "hall.db", "SELECT body FROM log ORDER BY position")]
    with (books / "records").open("ab") as records:
        # Between the append and the state: one record of the page whole, the next cut.
        records.write(stored[2] + b"\n" + stored[3][:100])
    code, told = await pull(hall, books)
    assert code == 0, told
    assert (books / "records").read_bytes().splitlines() == stored
    assert confirmed(hall) == [(4,)]


async def test_a_hash_that_differs_stops_it_and_moves_nothing(hall: Hall, tmp_path: Path) -> None:
    books = tmp_path / "books"
    await two_records(hall, books)
    await hall.open_door()
    change(books, sha256="f" * 64)
    code, told = await pull(hall, books)
    assert (code, findings(books), confirmed(hall)) == (3, ["chain-mismatch"], [(2,)]), told


async def test_a_record_that_was_never_made_stops_it_after_it_has_said_three_times_what_it_holds(
    hall: Hall, tmp_path: Path
) -> None:
    books = tmp_path / "books"
    await two_records(hall, books)
    change(books, sequence=99)
    code, told = await pull(hall, books)
    assert (code, findings(books)) == (3, ["ack-beyond-head"] * 4), told


async def test_it_follows_into_a_new_epoch_without_being_told(hall: Hall, tmp_path: Path) -> None:
    books = tmp_path / "books"
    await two_records(hall, books)
    await hall.writer.run(lambda tx: outbox.open_epoch(tx, "restored", stream_id=OTHER))
    await hall.open_door()
    code, told = await pull(hall, books)
    assert (code, held(books)[2:], findings(books)) == (0, [f"{OTHER}:1"], []), told


async def test_where_its_tail_is_lost_here_it_keeps_what_it_has_notes_it_and_goes_on_with_the_next_epoch(
    hall: Hall, tmp_path: Path
) -> None:
    books = tmp_path / "books"
    await two_records(hall, books)
    await hall.writer.run(lambda tx: outbox.open_epoch(tx, "tail_lost", stream_id=OTHER))
    await hall.open_door()
    change(books, sequence=3)
    code, told = await pull(hall, books)
    assert (code, findings(books)) == (0, ["epoch-changed"]), told
    assert held(books) == [f"{STREAM}:1", f"{STREAM}:2", f"{OTHER}:1"]


async def test_where_old_records_are_gone_it_declares_the_gap_and_goes_on_at_the_oldest(
    hall: Hall, tmp_path: Path
) -> None:
    books, late = tmp_path / "books", tmp_path / "late"
    await two_records(hall, late)
    for _ in range(4):
        await hall.open_door()
    assert (await pull(hall, books))[0] == 0

    def go(tx: Transaction) -> retention.Released:
        # The clock of this hall stands still, and nothing leaves in the moment of a confirmation.
        tx.execute("UPDATE consumers SET moved_at = '2026-11-22T00:00:00.000Z'")
        return retention.release(tx, NIGHT + timedelta(days=1), lambda _kind: False, 5)

    end = await hall.writer.run(go)
    assert end.through == 5, end
    await hall.open_door()
    code, told = await pull(hall, late)
    assert (code, findings(late)) == (0, ["gap"]), told
    assert held(late) == [f"{STREAM}:{number}" for number in (1, 2, 6, 7)]
    fresh = tmp_path / "fresh"
    assert (await pull(hall, fresh))[0] == 0
    assert held(fresh) == [f"{STREAM}:6", f"{STREAM}:7"]
