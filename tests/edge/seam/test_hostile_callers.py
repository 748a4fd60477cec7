"""Whatever a caller sends or fails to read: its connection goes, it is counted, the others notice nothing."""

import asyncio
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.board import Board
from edge.seam import connection as connection_module
from edge.seam import server as server_module
from edge.seam.client import SeamClient
from edge.seam.messages import VERSION, Hello, Status, Subscribe, encode
from edge.seam.server import CALLERS_MAX, SeamServer
from tests.edge.seam.made_up import MadeUpField, until
from tests.edge.seam.test_seam import connected

HELLO = encode(Hello(part="hallctl"))


async def said_to(server: SeamServer, data: bytes) -> bytes:
    """Everything the field answers to these bytes until it closes."""
    reader, writer = await asyncio.open_unix_connection(str(server.path))
    writer.write(data)
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "garbage"),
        (b"\x00" * 100 + b"\n", "garbage"),
        (b'{"type":"status","id":1}\n', "garbage"),  # before hello
        (HELLO + b'{"type":"status","id":1,"extra":0}\n', "garbage"),
        (
            HELLO + b'{"type":"admit","id":1,"command":"' + b"x" * 70_000 + b'","via":"http","principal":"a"}\n',
            "garbage",
        ),
        (b"x" * ((1 << 20) + 10), "oversize"),
        (b"x" * ((1 << 20) + 10) + b"\n", "oversize"),
    ],
)
async def test_hx_13_garbage_closes_the_connection_and_is_counted(
    server: SeamServer, field_side: MadeUpField, said: bytes, counted: str
) -> None:
    async with connected(server.path) as front:
        await said_to(server, said)
        assert server.dropped == {counted: 1}
        assert field_side.asked == []
        assert (await front.call(Status())).status["part"] == "front"


async def test_pw_10_another_version_is_refused_with_a_sentence(server: SeamServer) -> None:
    answer = await said_to(server, encode(Hello(version=VERSION + 1)))
    assert b"both halves must be of the same release" in answer
    assert server.dropped == {"foreign-version": 1}


async def test_pw_10_a_field_of_another_version_is_named_by_the_front(
    server: SeamServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.seam.connection.VERSION", VERSION + 1)
    client = SeamClient(server.path)
    task = asyncio.create_task(client.run())
    await until(lambda: client.last_error is not None)
    assert client.lost["foreign-version"] >= 1
    assert "Restart the one" in str(client.last_error)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_half_a_line_and_away_is_counted_and_nothing_else(server: SeamServer, field_side: MadeUpField) -> None:
    _, writer = await asyncio.open_unix_connection(str(server.path))
    writer.write(HELLO + b'{"type":"advance","id":1,"consu')
    await writer.drain()
    await asyncio.sleep(0.02)
    writer.close()
    await until(lambda: server.dropped["half-line"] == 1)
    assert field_side.asked == []


async def test_who_does_not_say_hello_is_not_waited_for(server: SeamServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "HELLO_WITHIN_S", 0.05)
    await said_to(server, b"")
    assert server.dropped == {"silent": 1}


async def test_a_flood_of_good_requests_is_cut_off(server: SeamServer) -> None:
    async with connected(server.path) as front:
        await said_to(server, HELLO + b'{"type":"status","id":1}\n' * 5000)
        assert server.dropped == {"flood": 1}
        assert (await front.call(Status())).status["part"] == "front"


async def test_hx_13_more_open_requests_than_allowed_close_the_connection(
    server: SeamServer, field_side: MadeUpField
) -> None:
    field_side.hold = asyncio.Event()
    asking = (
        b'{"type":"advance","id":1,"consumer":"c","cursor":{"streamid":"'
        + b"0" * 32
        + b'","sequence":1,"sha256":"'
        + b"a" * 64
        + b'"}}\n'
    )
    await said_to(server, HELLO + asking * 65)
    assert server.dropped == {"flood": 1}
    field_side.hold.set()
    await until(lambda: field_side.finished == 64)  # what was begun is finished


async def test_pw_9_a_slow_reader_loses_its_connection_and_the_field_never_waits(
    server: SeamServer, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "UNSENT_MAX", 100_000)
    async with connected(server.path) as front:
        slow = socket.socket(socket.AF_UNIX)
        slow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(slow, str(server.path))
        await asyncio.get_running_loop().sock_sendall(slow, HELLO + encode(Subscribe(id=1)))
        await until(lambda: sum(connection.subscribed for connection in server._callers) == 2)
        for number in range(2000):
            board.update_egm(100417, label=f"{number:0400d}")
            board.flush(float(number))
            if number % 50 == 0:
                await asyncio.sleep(0)  # the front reads, the slow one does not
        await until(lambda: server.dropped["slow"] == 1)
        await until(lambda: front.mirror.egms[100417].label == f"{1999:0400d}")
        assert front.lost.total() == 0
        slow.close()


async def test_hx_13_whole_boards_are_made_one_after_the_other_and_once_for_each_connection(server: SeamServer) -> None:
    """One of a thousand machines takes milliseconds: asked for a thousand times a second, nothing else would be done."""
    async with connected(server.path) as front:
        told = await said_to(server, HELLO + encode(Subscribe(id=1)) * 3)
        assert b"subscribed-twice" in told
        assert server.dropped["flood"] == 1
        made = 0
        real = server._snapshot

        def counted() -> list[bytes]:
            nonlocal made
            made += 1
            return real()

        server._snapshot = counted  # type: ignore[method-assign]  # to count what it makes
        began = asyncio.get_running_loop().time()
        for _ in range(8):
            others = [await asyncio.open_unix_connection(str(server.path)) for _ in range(8)]
            for _, writer in others:
                writer.write(HELLO + encode(Subscribe(id=1)))
            await asyncio.sleep(0.02)
            for _, writer in others:
                writer.close()
        took = asyncio.get_running_loop().time() - began
        assert made <= took / server_module.SNAPSHOT_PAUSE_S + 2
        assert (await front.call(Status())).status["part"] == "front"


async def test_more_callers_than_allowed_are_turned_away(server: SeamServer) -> None:
    async with connected(server.path):
        others = [await asyncio.open_unix_connection(str(server.path)) for _ in range(CALLERS_MAX - 1)]
        await until(lambda: len(server.callers) == CALLERS_MAX)
        assert await said_to(server, b"") == b""
        assert server.dropped == {"too-many": 1}
        for _, writer in others:
            writer.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=80), st.just(HELLO), st.just(b'{"type":"status","id":3}\n')), max_size=6))
def test_hx_13_any_bytes_in_any_pieces_leave_the_field_standing(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    async def play() -> None:
        field_side = MadeUpField()
        server = SeamServer(tmp_path_factory.mktemp("s") / "f.sock", field_side, Board(), "v")
        await server.start()
        _, writer = await asyncio.open_unix_connection(str(server.path))
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        writer.close()
        await asyncio.sleep(0.002)
        async with connected(server.path) as front:
            assert (await front.call(Status())).status["part"] == "front"
        await server.close()
        assert field_side.asked == []

    asyncio.run(play())
