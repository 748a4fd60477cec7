"""A hall on real sockets: machines answer, outlive their host, obey the control socket, and their books add up."""

import asyncio
import json
import signal
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from simulators.evidence import machine_facts
from simulators.floor import read
from simulators.hall import Hall


class Wire:
    """A host of raw octets: two a character, flag and value."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> "Wire":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, frame: str, *, within_s: float = 0.05) -> str:
        """What comes back, as hex of the values; empty: silence."""
        data = bytes.fromhex(frame)
        octets = bytearray(2 * len(data))
        octets[1::2] = data
        octets[0] = 1
        self._writer.write(octets)
        with suppress(TimeoutError, ConnectionError):
            return (await asyncio.wait_for(self._reader.read(1000), within_s))[1::2].hex(" ")
        return ""

    async def exception(self, address: int) -> str:
        """80, then the general poll."""
        await self.send("80", within_s=0.001)
        return await self.send(f"{0x80 | address:02x}", within_s=1.0)

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@asynccontextmanager
async def a_hall(**keys: Any) -> AsyncIterator[Hall]:
    hall = Hall(read({"hall": {"games_per_minute": 0, "events_per_minute": 0, **keys}}))
    await hall.open()
    life = asyncio.create_task(hall.run())
    try:
        yield hall
    finally:
        life.cancel()
        with suppress(asyncio.CancelledError):
            await life
        await hall.close()


def do(hall: Hall, **asked: Any) -> dict[str, Any]:
    answer = hall.answer(json.dumps(asked).encode())
    assert answer["ok"], answer
    return answer


async def test_four_machines_on_three_lines_answer_each_for_itself() -> None:
    async with a_hall(machines=4, shared=[2]) as hall:
        assert [len(line.egms) for line in hall.floor.lines] == [2, 1, 1]
        wires = [await Wire.to(line.port) for line in hall.floor.lines]
        for wire in wires:
            assert await wire.exception(1) == "00"
        assert await wires[0].exception(2) == "00"
        do(hall, op="do", asset=100402, what="open_door")
        do(hall, op="do", asset=100404, what="bill", number=20)
        assert await wires[0].exception(1) == "00"
        assert await wires[0].exception(2) == "11"
        assert await wires[2].exception(1) == "4a"
        assert await wires[2].send("01 1A") == "01 1a 00 00 20 00 " + _crc("01 1a 00 00 20 00")
        assert await wires[0].exception(2) == "00"
        counts = {each["asset"]: each for each in do(hall, op="counts")["machines"]}
        assert [counts[100401 + n]["acknowledged"] for n in range(4)] == [0, 1, 0, 1]
        for wire in wires:
            await wire.close()


def _crc(frame: str) -> str:
    from protocols.sas.crc import crc16

    return crc16(bytes.fromhex(frame)).to_bytes(2, "little").hex(" ")


async def test_a_machine_stays_in_step_and_keeps_its_answer_when_the_host_dies_and_another_comes() -> None:
    async with a_hall(machines=1) as hall:
        port = hall.floor.lines[0].port
        first = await Wire.to(port)
        assert await first.exception(1) == "00"
        do(hall, op="do", what="open_door")
        assert await first.exception(1) == "11"
        await first.close()
        second = await Wire.to(port)
        # In step over the change of hosts: it answers at once, and the same poll says that nothing was acknowledged.
        assert await second.send("81", within_s=1.0) == "11"
        third = await Wire.to(port)  # the newest wins
        assert await third.exception(1) == "00"
        book = do(hall, op="book", asset=100401)
        assert book["told"] == [[1, 0x11, True]]
        assert book["exceptions"][0]["answered"] == 2
        for wire in (second, third):
            await wire.close()


async def test_a_frozen_hall_stands_still_and_still_answers() -> None:
    async with a_hall(machines=3, games_per_minute=3000, events_per_minute=300, speed=5.0) as hall:
        await asyncio.sleep(0.3)
        assert do(hall, op="status")["raised"] > 3
        do(hall, op="freeze")
        before = do(hall, op="meters")["machines"]
        raised = do(hall, op="status")["raised"]
        await asyncio.sleep(0.2)
        assert do(hall, op="meters")["machines"] == before
        assert do(hall, op="status")["raised"] == raised
        wire = await Wire.to(hall.floor.lines[0].port)
        assert await wire.exception(1) != "00"
        do(hall, op="thaw")
        await asyncio.sleep(0.2)
        assert do(hall, op="meters")["machines"] != before
        await wire.close()


async def test_the_host_can_be_thrown_out() -> None:
    async with a_hall(machines=1) as hall:
        wire = await Wire.to(hall.floor.lines[0].port)
        assert await wire.exception(1) == "00"
        assert do(hall, op="unplug")["dropped"] == 1
        assert await wire.send("81", within_s=1.0) == ""
        await wire.close()


async def test_what_makes_no_sense_on_the_control_socket_is_answered_with_an_error(tmp_path: Path) -> None:
    async with a_hall(machines=1) as hall:
        server = await hall.control(path=tmp_path / "hall.sock")
        reader, writer = await asyncio.open_unix_connection(tmp_path / "hall.sock")
        for line in (b"", b"[", b"7", b'{"op":"dance"}', b'{"op":"do","what":"fly"}', b'{"op":"book","asset":9}',
                     b'{"op":"do","what":"reset_handpay"}', b'{"op":"do"}'):  # fmt: skip
            writer.write(line + b"\n")
            answer = json.loads(await reader.readline())
            assert answer["ok"] is False
            assert answer["error"]
        writer.write(b'{"op":"status"}\n')
        assert json.loads(await reader.readline())["ok"] is True
        writer.close()
        await writer.wait_closed()
        server.close()


async def test_a_late_answer_is_not_given_when_another_poll_has_come() -> None:
    async with a_hall(machines=1) as hall:
        hall.lines[0].egms[0].answer_delay_s = 0.1
        wire = await Wire.to(hall.floor.lines[0].port)
        await wire.send("80", within_s=0.001)
        assert await wire.send("81", within_s=0.02) == ""
        assert await wire.send("01 1A", within_s=1.0) == "01 1a 00 00 00 00 c3 fc"
        await wire.close()


def _ask_until_something_happened(control: Path) -> None:
    for _ in range(100):
        asked = subprocess.run(
            [sys.executable, "-m", "simulators", "ask", "counts", "--control", str(control)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        if any(machine["raised"] for machine in json.loads(asked.stdout)["machines"]):
            return
    raise AssertionError("no machine raised anything")


def test_the_command_opens_a_hall_says_where_and_writes_its_book(tmp_path: Path) -> None:
    tables, book, control = tmp_path / "lines.toml", tmp_path / "book.json", tmp_path / "hall.sock"
    child = subprocess.Popen(
        [sys.executable, "-m", "simulators", "hall", "crash", "--json", "--speed", "20",
         "--gateway-config", str(tables), "--book", str(book), "--control", str(control)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    opened = json.loads(child.stdout.readline())
    assert opened["machines"] == 16
    assert {line["url"] for line in tomllib.loads(tables.read_text())["line"]} == set(opened["lines"].values())
    _ask_until_something_happened(control)
    asked = subprocess.run(
        [sys.executable, "-m", "simulators", "ask", "freeze", "--control", str(control)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert json.loads(asked.stdout)["frozen"] is True
    child.send_signal(signal.SIGTERM)
    closed = json.loads(child.stdout.read().splitlines()[-1])
    child.stdout.close()
    assert child.wait(10) == 0
    facts = machine_facts(json.loads(book.read_text()))
    assert len(facts) == 16
    assert sum(machine.raised for machine in facts) == closed["raised"] > 0
    assert all(machine.is_frozen for machine in facts)
