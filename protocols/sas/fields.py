"""Field words: what a stretch of a frame means, how many bytes it takes, and the largest value it holds.

Packed BCD and text travel most significant first, binary numbers least significant first (sas-core 4). Every field reads from
a place in the frame and says where the next one begins; errors name the field. Frozen tuples and dataclasses only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from protocols.errors import BadField, BadLength

Value: TypeAlias = "int | str | bytes | tuple[Any, ...]"
FieldUnit: TypeAlias = Literal["", "credits", "cents", "count", "coins", "currency", "tenths of a second", "percent"]
"""What a number counts. credits: of the accounting denomination; currency: whole units of it; "": a bare number."""


class MeterValue(NamedTuple):
    """One meter of a 2F, 6F/AF or B4 answer."""

    code: int
    size: int
    "Bytes of BCD as they came, 0 to 9; 0: the machine does not support the meter."
    value: int | None
    "None with size 0: not supported is not zero."


METER_BYTES_MAX = 9
"""18 digits; real cabinets send that many for every meter (sas-core 5.2)."""


class Field(Protocol):
    """A stretch of a frame."""

    @property
    def name(self) -> str:
        """Its name in the values."""

    @property
    def size(self) -> int | None:
        """Bytes; None: depends on the value."""

    def encode(self, value: Value) -> bytes:
        """Raises BadField for a value it cannot hold."""

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        """Value, and where the next field begins. ``end`` is where the data ends. Raises BadField, BadLength."""


def take(name: str, data: bytes, at: int, end: int, size: int) -> bytes:
    """The next ``size`` bytes; raises BadLength, naming the field, where fewer are left."""
    if at + size > end:
        raise BadLength(
            f"The frame ends inside {name}: {size} bytes are due, {max(0, end - at)} are there.", field=name
        )
    return data[at : at + size]


def _number(name: str, value: Value, largest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
        raise BadField(f"{name} holds 0 to {largest}, not {value!r}.", field=name)
    return value


def read_bcd(name: str, raw: bytes) -> int:
    """Packed BCD, most significant digit first: ``00 00 14 51`` is 1451. Raises BadField for a digit above 9."""
    text = raw.hex()
    if not text.isdecimal():
        raise BadField(f"{name} has a digit above 9: {raw.hex(' ')}.", field=name)
    return int(text)


def write_bcd(name: str, value: int, size: int) -> bytes:
    """The other way; raises BadField when it does not fit ``size`` bytes."""
    if not 0 <= value < 100**size:
        raise BadField(f"{name} holds {2 * size} digits, not {value}.", field=name)
    return bytes.fromhex(f"{value:0{2 * size}d}")


@dataclass(frozen=True, slots=True)
class Bcd:
    """A number in packed BCD of ``digits`` digits (an even number)."""

    name: str
    digits: int
    unit: FieldUnit = ""

    @property
    def size(self) -> int:
        return self.digits // 2

    @property
    def largest(self) -> int:
        """A meter of this field wraps one above."""
        return int(10**self.digits) - 1

    def encode(self, value: Value) -> bytes:
        return write_bcd(self.name, _number(self.name, value, self.largest), self.size)

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        return read_bcd(self.name, take(self.name, data, at, end, self.size)), at + self.size


@dataclass(frozen=True, slots=True)
class Binary:
    """A number in binary, low byte first."""

    name: str
    size: int = 1
    unit: FieldUnit = ""

    @property
    def largest(self) -> int:
        return int(256**self.size) - 1

    def encode(self, value: Value) -> bytes:
        return _number(self.name, value, self.largest).to_bytes(self.size, "little")

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        return int.from_bytes(take(self.name, data, at, end, self.size), "little"), at + self.size


@dataclass(frozen=True, slots=True)
class Flags:
    """Bytes that mean something each, or bit by bit; kept as they came."""

    name: str
    size: int
    short: int | None = None
    "Older machines send only so many; what is missing then stays missing."

    def encode(self, value: Value) -> bytes:
        if not isinstance(value, bytes) or len(value) not in (self.size, self.short):
            raise BadField(f"{self.name} is {self.size} bytes, not {value!r}.", field=self.name)
        return value

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        size = self.short if self.short is not None and end - at < self.size else self.size
        return bytes(take(self.name, data, at, end, size)), at + size


@dataclass(frozen=True, slots=True)
class Ascii:
    """Text of fixed length, left to right, no terminator. Bytes beyond ASCII are an error: nothing is guessed.

    Shorter text is written with blanks behind it; they are read as they came.
    """

    name: str
    size: int

    def encode(self, value: Value) -> bytes:
        return _text(self.name, value, self.size).ljust(self.size).encode("ascii")

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        return _read_text(self.name, take(self.name, data, at, end, self.size)), at + self.size


@dataclass(frozen=True, slots=True)
class Rest:
    """Text up to the end of the frame, at most ``most`` bytes; may be absent."""

    name: str
    most: int

    @property
    def size(self) -> None:
        return None

    def encode(self, value: Value) -> bytes:
        return _text(self.name, value, self.most).encode("ascii")

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        if end - at > self.most:
            raise BadLength(f"{self.name} has {end - at} bytes, at most {self.most} are allowed.", field=self.name)
        return _read_text(self.name, data[at:end]), end


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes up to the end of the frame, at most ``most``; may be none. What they mean is told by another field."""

    name: str
    most: int

    @property
    def size(self) -> None:
        return None

    def encode(self, value: Value) -> bytes:
        if not isinstance(value, bytes) or len(value) > self.most:
            raise BadField(f"{self.name} is at most {self.most} bytes, not {value!r}.", field=self.name)
        return value

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        if end - at > self.most:
            raise BadLength(f"{self.name} has {end - at} bytes, at most {self.most} are allowed.", field=self.name)
        return bytes(data[at:end]), end


@dataclass(frozen=True, slots=True)
class Counted:
    """Text with its own length byte in front, 0 allowed."""

    name: str
    most: int

    @property
    def size(self) -> None:
        return None

    def encode(self, value: Value) -> bytes:
        text = _text(self.name, value, self.most).encode("ascii")
        return bytes([len(text)]) + text

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        length = take(self.name, data, at, end, 1)[0]
        if length > self.most:
            raise BadField(f"{self.name} may have {self.most} characters, not {length}.", field=self.name)
        return _read_text(self.name, take(self.name, data, at + 1, end, length)), at + 1 + length


def _text(name: str, value: Value, most: int) -> str:
    if not isinstance(value, str) or len(value) > most or not value.isascii():
        raise BadField(f"{name} is at most {most} ASCII characters, not {value!r}.", field=name)
    return value


def _read_text(name: str, raw: bytes) -> str:
    if not raw.isascii():
        raise BadField(f"{name} is not ASCII: {raw.hex(' ')}.", field=name)
    return raw.decode("ascii")


@dataclass(frozen=True, slots=True)
class Several:
    """A count byte and so many equal items (56: games, B2: denominations); the value is a tuple of integers."""

    name: str
    item: Bcd | Binary

    @property
    def size(self) -> None:
        return None

    def encode(self, value: Value) -> bytes:
        if not isinstance(value, tuple) or len(value) > 255:
            raise BadField(f"{self.name} is a tuple of at most 255 numbers.", field=self.name)
        return bytes([len(value)]) + b"".join(self.item.encode(item) for item in value)

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        count = take(self.name, data, at, end, 1)[0]
        at += 1
        found: list[Value] = []
        for _ in range(count):
            value, at = self.item.decode(data, at, end)
            found.append(value)
        return tuple(found), at


@dataclass(frozen=True, slots=True)
class MeterCodes:
    """The meter codes of a request, up to its end: one byte each (2F) or two, low byte first (6F, AF)."""

    name: str
    width: int
    most: int

    @property
    def size(self) -> None:
        return None

    def encode(self, value: Value) -> bytes:
        if not isinstance(value, tuple) or not 1 <= len(value) <= self.most:
            raise BadField(f"{self.name} is a tuple of 1 to {self.most} meter codes, not {value!r}.", field=self.name)
        limit = 256**self.width - 1
        return b"".join(_number(self.name, c, limit).to_bytes(self.width, "little") for c in value)

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        count, left = divmod(end - at, self.width)
        if left or not 1 <= count <= self.most:
            raise BadLength(f"{self.name} has {end - at} bytes.", field=self.name)
        return tuple(int.from_bytes(data[i : i + self.width], "little") for i in range(at, end, self.width)), end


@dataclass(frozen=True, slots=True)
class SizedMeters:
    """Meters of a 6F or AF answer: code (2 bytes, low first), size (1), value (size bytes BCD). Size 00: not supported."""

    name: str

    @property
    def size(self) -> None:
        return None

    def encode(self, value: Value) -> bytes:
        out = bytearray()
        for meter in _meters(self.name, value):
            out += _number(self.name, meter.code, 0xFFFF).to_bytes(2, "little")
            out += _write_sized(self.name, meter)
        return bytes(out)

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        found: list[MeterValue] = []
        while at < end:
            head = take(self.name, data, at, end, 2)
            meter, at = _read_sized(head[0] | head[1] << 8, data, at + 2, end)
            found.append(meter)
        return tuple(found), at


@dataclass(frozen=True, slots=True)
class SizedMeter:
    """One meter whose code is known and whose size travels in front of it (B4): size (1), value (size bytes BCD)."""

    name: str
    code: int

    @property
    def size(self) -> None:
        return None

    def encode(self, value: Value) -> bytes:
        if not isinstance(value, MeterValue) or value.code != self.code:
            raise BadField(f"{self.name} is a MeterValue of code {self.code:02X}, not {value!r}.", field=self.name)
        return _write_sized(self.name, value)

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        return _read_sized(self.code, data, at, end)


def _read_sized(code: int, data: bytes, at: int, end: int) -> tuple[MeterValue, int]:
    name = f"meter {code:04X}"
    size = take(name, data, at, end, 1)[0]
    if size > METER_BYTES_MAX:
        raise BadField(f"{name} claims {size} bytes, at most {METER_BYTES_MAX} exist.", field=name)
    raw = take(name, data, at + 1, end, size)
    return MeterValue(code, size, read_bcd(name, raw) if size else None), at + 1 + size


def _write_sized(name: str, meter: MeterValue) -> bytes:
    if not 0 <= meter.size <= METER_BYTES_MAX or (meter.value is None) != (meter.size == 0):
        raise BadField(
            f"{name}: a meter has 1 to {METER_BYTES_MAX} bytes and a value, or neither: {meter}.", field=name
        )
    return bytes([meter.size]) + (b"" if meter.value is None else write_bcd(name, meter.value, meter.size))


@dataclass(frozen=True, slots=True)
class TabledMeters:
    """Meters of a 2F answer: code (1 byte), value in the size the table of codes gives. An unknown code ends all sense."""

    name: str
    sizes: Mapping[int, int]

    @property
    def size(self) -> None:
        return None

    def encode(self, value: Value) -> bytes:
        out = bytearray()
        for meter in _meters(self.name, value):
            if self.sizes.get(meter.code) != meter.size or meter.value is None:
                raise BadField(
                    f"{self.name}: meter {meter.code:02X} has {self.sizes.get(meter.code)} bytes here.", field=self.name
                )
            out.append(meter.code)
            out += write_bcd(self.name, meter.value, meter.size)
        return bytes(out)

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        found: list[MeterValue] = []
        while at < end:
            code = data[at]
            size = self.sizes.get(code)
            if size is None:
                raise BadField(
                    f"{self.name}: meter {code:02X} is not in the table, its size is unknown.", field=self.name
                )
            raw = take(f"meter {code:02X}", data, at + 1, end, size)
            found.append(MeterValue(code, size, read_bcd(f"meter {code:02X}", raw)))
            at += 1 + size
        return tuple(found), at


def _meters(name: str, value: Value) -> tuple[MeterValue, ...]:
    if not isinstance(value, tuple) or not all(isinstance(meter, MeterValue) for meter in value):
        raise BadField(f"{name} is a tuple of MeterValue, not {value!r}.", field=name)
    return value


@dataclass(frozen=True, slots=True)
class Tail:
    """A field that older machines leave out: absent when the frame ends before it."""

    field: Bcd | Binary | Ascii | Counted | Several

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def size(self) -> None:
        return None

    def encode(self, value: Value) -> bytes:
        return self.field.encode(value)

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        return self.field.decode(data, at, end)
