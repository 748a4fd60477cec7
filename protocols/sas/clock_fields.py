"""Field words of a machine's clock: date and time of day in packed BCD (sas-core 5.6). Values stay text: clocks may be wrong."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.errors import BadField
from protocols.sas.fields import Value, take

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Date:
    """MMDDYYYY in 4 bytes of BCD; the value is those eight digits as text. 31 April does not exist, 29 February does."""

    name: str

    @property
    def size(self) -> int:
        return 4

    def encode(self, value: Value) -> bytes:
        return bytes.fromhex(self._checked(value))

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        return self._checked(take(self.name, data, at, end, 4).hex()), at + 4

    def _checked(self, value: Value) -> str:
        if isinstance(value, str) and len(value) == 8 and value.isascii() and value.isdecimal():
            month, day = int(value[:2]), int(value[2:4])
            if 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]:
                return value
        raise BadField(f"{self.name} is MMDDYYYY, not {value!r}.", field=self.name)


@dataclass(frozen=True, slots=True)
class Time:
    """HHMMSS of 24 hours in 3 bytes of BCD; the value is those six digits as text."""

    name: str

    @property
    def size(self) -> int:
        return 3

    def encode(self, value: Value) -> bytes:
        return bytes.fromhex(self._checked(value))

    def decode(self, data: bytes, at: int, end: int) -> tuple[Value, int]:
        return self._checked(take(self.name, data, at, end, 3).hex()), at + 3

    def _checked(self, value: Value) -> str:
        if (
            isinstance(value, str)
            and len(value) == 6
            and value.isascii()
            and value.isdecimal()
            and (int(value[:2]) < 24 and int(value[2:4]) < 60 and int(value[4:]) < 60)
        ):
            return value
        raise BadField(f"{self.name} is HHMMSS, not {value!r}.", field=self.name)
