"""The check sum of every frame: CRC-16, polynomial 0x1021 processed low bit first, seed 0 (CRC-16/KERMIT).

Seed 0 means that stray leading zeros do not change it: a frame is never accepted on its check sum alone. Source: sas-core 3;
check value of "123456789" is 0x2189.
"""

from __future__ import annotations

POLYNOMIAL = 0x8408


def _row(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
    return value


_TABLE = tuple(_row(value) for value in range(256))


def crc16(data: bytes | bytearray) -> int:
    """Over every byte from the address to the last data byte."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def with_crc(data: bytes) -> bytes:
    """The frame with its check sum, low byte first: ``01 01`` becomes ``01 01 51 08`` (shutdown, address 1)."""
    return data + crc16(data).to_bytes(2, "little")


def crc_holds(frame: bytes | bytearray) -> bool:
    """Do the last two bytes check the rest? Frames shorter than 3 bytes never hold."""
    return len(frame) > 2 and crc16(frame[:-2]) == frame[-2] | frame[-1] << 8
