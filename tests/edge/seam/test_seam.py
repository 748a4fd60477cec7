"""Both ends over a real Unix socket."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.board import Board
from edge.seam import client as client_module
from edge.seam.client import SeamClient
from edge.seam.errors import FieldAway, Refusal, SocketInUse
from edge.seam.memory import memory_seam
from edge.seam.messages import Admit, Advance, Cursor, Status
from edge.seam.server import SeamServer
from tests.edge.seam.made_up import STREAM, MadeUpField, until

CURSOR = Cursor(streamid=STREAM, sequence=5, sha256="a" * 64)
WRONG = Cursor(streamid=STREAM, sequence=5, sha256="f" * 64)


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[SeamClient]:
    client = SeamClient(path, program="test")
    returned = asyncio.Event()
    client.on_return(returned.set)
    task = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(5):
            await returned.wait()
        yield client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_mirror_has_the_board_as_soon_as_the_seam_is_up(server: SeamServer, board: Board) -> None:
    async with connected(server.path) as client:
        assert client.mirror.egms[100417].link == "up"
        assert client.mirror.lines["A"].state == "up"
        assert client.field_version == "1.0-test"


async def test_a_change_of_the_board_reaches_the_mirror(server: SeamServer, board: Board) -> None:
    async with connected(server.path) as client:
        board.set_door(100417, "main", "open")
        board.flush(10.0)
        await until(lambda: client.mirror.egms[100417].doors == {"main": "open"})
        age = client.mirror_age()
        assert age is not None
        assert age < 1.0


async def test_a_new_head_wakes_who_waits_for_it(server: SeamServer) -> None:
    async with connected(server.path) as client:
        waiting = asyncio.create_task(client.head.wait_beyond(0, 5))
        await asyncio.sleep(0)
        server.announce_head(9, CURSOR)
        assert await waiting is True
        assert client.head.position == 9
        assert client.head.cursor is not None
        assert client.head.cursor.sequence == CURSOR.sequence
        assert await client.head.wait_beyond(9, 0.01) is False


async def test_a_request_gets_its_own_answer_and_a_refusal_its_reason(server: SeamServer) -> None:
    async with connected(server.path) as client:
        moved, admitted = await asyncio.gather(
            client.call(Advance(consumer="central-1", cursor=CURSOR)),
            client.call(Admit(command="{}", via="http", principal="key/test")),
        )
        assert moved.cursor == CURSOR
        assert admitted.status == "admitted"
        with pytest.raises(Refusal, match="differs here") as refused:
            await client.call(Advance(consumer="central-1", cursor=WRONG))
        assert refused.value.reason == "chain-mismatch"
        assert refused.value.facts == {"sequence": 5}


async def test_the_kernel_says_who_calls(server: SeamServer) -> None:
    async with connected(server.path) as client:
        told = await client.call(Status())
        assert told.status == {"pid": os.getpid(), "uid": os.getuid(), "part": "front"}


async def test_the_socket_is_for_owner_and_group_only(server: SeamServer) -> None:
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o660


async def test_a_second_field_on_the_same_socket_is_refused(server: SeamServer, field_side: MadeUpField) -> None:
    with pytest.raises(SocketInUse):
        await SeamServer(server.path, field_side, Board(), "other").start()


async def test_a_dead_socket_left_behind_is_replaced(tmp_path: Path, field_side: MadeUpField) -> None:
    path = tmp_path / "field.sock"
    import socket

    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    server = SeamServer(path, field_side, Board(), "v")
    await server.start()
    await server.close()
    assert not path.exists()


async def test_without_a_field_a_question_fails_at_once(tmp_path: Path) -> None:
    client = SeamClient(tmp_path / "nobody.sock")
    task = asyncio.create_task(client.run())
    await until(lambda: client.last_error is not None)
    with pytest.raises(FieldAway):
        await client.call(Status())
    assert client.mirror_age() is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_question_lost_with_the_field_is_unknown_but_what_was_begun_is_finished(
    server: SeamServer, field_side: MadeUpField
) -> None:
    field_side.hold = asyncio.Event()
    lost = []
    async with connected(server.path) as client:
        client.on_loss(lambda: lost.append(client.connected))
        asking = asyncio.create_task(client.call(Advance(consumer="central-1", cursor=CURSOR)))
        await until(lambda: field_side.asked)
        for connection in tuple(server._callers):
            connection._drop("test")
        with pytest.raises(FieldAway):
            await asking
        assert lost == [False]
        field_side.hold.set()
        await until(lambda: field_side.finished == 1)
        await until(lambda: client.connected)  # and it is back by itself


async def test_a_deadline_ends_the_waiting(server: SeamServer, field_side: MadeUpField) -> None:
    field_side.hold = asyncio.Event()
    async with connected(server.path) as client:
        with pytest.raises(FieldAway, match="within"):
            await client.call(Advance(consumer="central-1", cursor=CURSOR), 0.05)
        field_side.hold.set()
        assert (await client.call(Status())).status["part"] == "front"  # the late answer troubles nobody


async def test_the_front_comes_back_with_a_new_snapshot_after_the_field_restarted(
    server: SeamServer, field_side: MadeUpField, board: Board
) -> None:
    async with connected(server.path) as client:
        await server.close()
        await until(lambda: not client.connected)
        assert client.mirror.egms[100417].link == "up"  # the mirror stays, and says how old it is
        board2 = Board()
        board2.add_egm(100500, link="down")
        second = SeamServer(server.path, field_side, board2, "1.1-test")
        await second.start()
        await until(lambda: client.connected)
        assert set(client.mirror.egms) == {100500}
        await second.close()


async def test_a_frozen_field_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "HELLO_WITHIN_S", 0.1)

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    frozen = await asyncio.start_unix_server(never, str(tmp_path / "field.sock"))
    client = SeamClient(tmp_path / "field.sock")
    task = asyncio.create_task(client.run())
    await until(lambda: client.lost["lost"] >= 2)
    assert not client.connected
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    frozen.close()


async def test_a_trace_is_pushed_while_somebody_looks_and_ends_with_the_last(
    server: SeamServer, field_side: MadeUpField
) -> None:
    async with connected(server.path) as client:
        async with client.trace("A") as first, client.trace("A") as second:
            server.trace("A", server.now(), ">", b"\x81", b"\x01")
            server.trace("B", server.now(), ">", b"\x82", b"\x01")  # nobody looks at B
            async with asyncio.timeout(5):
                for seen in (await anext(first), await anext(second)):
                    assert [(r.direction, r.data, r.flags) for r in seen.records] == [(">", "81", "01")]
        await until(lambda: field_side.traced == ["+A", "-A"])
        with pytest.raises(Refusal, match="no line Z"):
            async with client.trace("Z"):
                pass


async def test_a_trace_nobody_can_follow_loses_the_oldest_and_says_how_many(server: SeamServer) -> None:
    async with connected(server.path) as client, client.trace("A") as lines:
        for _ in range(5003):
            server.trace("A", server.now(), "<", b"\x00", b"\x00")
        async with asyncio.timeout(5):
            assert (await anext(lines)).dropped == 3


async def test_a_trace_ends_when_its_viewer_goes_without_a_word(server: SeamServer, field_side: MadeUpField) -> None:
    async with connected(server.path) as client:
        async with client.trace("A"):
            for connection in tuple(server._callers):
                connection._drop("test")
            await until(lambda: field_side.traced == ["+A", "-A"])
        await until(lambda: client.connected)


async def test_both_ends_stand_in_one_process(field_side: MadeUpField, board: Board) -> None:
    async with memory_seam(field_side, board) as (server, client):
        assert client.mirror.egms[100417].link == "up"
        server.announce_head(4, None)
        assert await client.head.wait_beyond(3, 5)
        assert (await client.call(Advance(consumer="c", cursor=CURSOR))).moved


async def test_a_board_change_above_the_limit_goes_as_a_snapshot(
    server: SeamServer, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.seam.server.LINE_MAX", 200)
    async with connected(server.path) as client:
        board.update_egm(100417, label="x" * 300)
        board.flush(10.0)
        await until(lambda: client.mirror.egms[100417].label == "x" * 300)
        assert client.lost.total() == 0
