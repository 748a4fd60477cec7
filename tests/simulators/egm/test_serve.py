"""A line of machines on its socket: two characters a character, flag and value; and two machines set to one address."""

import asyncio

import pytest

from simulators.egm import personas
from simulators.egm.serve import MachineLine
from tests.simulators.egm.talking import a_talk, checked


async def heard(line: MachineLine, *frames: bytes, size: int) -> bytes:
    """Send frames, each acknowledged by the next; so many characters of what comes back for the last."""
    port = await line.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for frame in frames:
            writer.write(b"".join(bytes([place == 0, value]) for place, value in enumerate(frame)))
            await writer.drain()
        raw = await asyncio.wait_for(reader.readexactly(2 * size), 5)
        assert not any(raw[::2]), "an answer carries no wake-up bit"
        return raw[1::2]
    finally:
        writer.close()
        await line.close()


@pytest.mark.parametrize("delay_s", [0.0, 0.01])
async def test_two_machines_of_one_address_answer_at_once_and_their_characters_mix(delay_s: float) -> None:
    persona = personas.from_table("twin", {"base": "duplicate_address", "answer_delay_s": delay_s})
    rich, poor = a_talk(persona).egm, a_talk(persona).egm
    rich.do("bill", 1000.0, 50)
    rich.port.queue.clear()
    line = MachineLine("L", [rich, poor])
    mix = await heard(line, b"\x80", b"\x01\x1a", size=8)
    alone = checked("01 1A 00 00 50 00")
    assert mix[:6] == bytes.fromhex("01 1A 00 00 00 00")
    assert mix not in (alone, checked("01 1A 00 00 00 00"))
    assert line.frames == 1, "on the wire it is one noise"


async def test_machines_of_different_addresses_are_heard_each_for_itself() -> None:
    line = MachineLine("L", [a_talk(address=1).egm, a_talk(address=2).egm])
    assert await heard(line, b"\x80", b"\x02\x1a", size=8) == checked("02 1A 00 00 00 00")
