"""(pure) What a scan of a line and a probe of a machine found, as it travels and as it is printed: typed, plain, in words.

Made where the wire was (the field, or hallctl on a line of its own), read by whoever shows it. Numbers of meters are text:
nine bytes of BCD do not fit what JSON readers take for a number.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from protocols.sas.catalog.denominations import BILL_ALIASES, BILLS, DENOMINATIONS
from protocols.sas.catalog.exception_codes import EXCEPTIONS
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.catalog.meter_codes import METERS
from protocols.sas.conversations.probe import Probed
from protocols.sas.longpoll import Values
from protocols.sas.scanned import Heard, Scanned

Address = Annotated[int, Field(ge=1, le=127)]
Count = Annotated[int, Field(ge=0)]

FEATURES: Sequence[tuple[int, int, str]] = (
    (0, 0x01, "jackpot multiplier"), (0, 0x02, "AFT bonus awards"), (0, 0x04, "legacy bonus awards"),
    (0, 0x08, "tournament"), (0, 0x10, "validation extensions"), (0, 0x80, "ticket redemption"),
    (1, 0x04, "tickets counted in drop and cancelled credits"), (1, 0x08, "extended meters (6F, AF)"),
    (1, 0x10, "component authentication"), (1, 0x20, "jackpot key-off exception"), (1, 0x40, "AFT"),
    (1, 0x80, "multi-denomination extensions (B0)"), (2, 0x01, "40 ms polling"),
    (2, 0x02, "multiple SAS progressive wins"), (2, 0x04, "meter change notification"), (2, 0x10, "session play"),
    (2, 0x20, "foreign currency redemption"), (2, 0x40, "non-SAS progressive hit"),
    (2, 0x80, "enhanced progressive data"), (3, 0x01, "maximum-payback progressive"),
)  # fmt: skip
"Byte of A0, bit, words (sas-core 5.3)."
VALIDATION = {0x00: "standard", 0x20: "system", 0x40: "secure enhanced", 0x60: "reserved style 3"}
METER_MODEL = {0: "unspecified", 1: "when won", 2: "when played or paid", 3: "reserved model 3"}
HOPPER = (
    "ok", "flooded optics", "reverse coin", "coin too short", "coin jam", "hopper runaway", "optics disconnected",
    "hopper empty",
)  # fmt: skip
"Status of 4F, 00 to 07 (sas-core 5.5)."


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DamagedAnswer(_Shape):
    slug: str
    hex: str


class ExceptionLeft(_Shape):
    """Told, not acknowledged: still in the machine's queue."""

    code: Annotated[str, Field(pattern=r"^[0-9A-F]{2}$")]
    text: str
    real_time: bool


class MachineHeard(_Shape):
    """Who chirped or answered at one address."""

    address: Address
    chirps: Count
    answers: Count
    version: str | None
    serial: str | None
    game_id: str | None
    additional_id: str | None
    paytable: str | None
    percentage: str | None
    denomination_code: int | None
    max_bet: int | None
    busy: Count
    damages: Count
    damaged: tuple[DamagedAnswer, ...]
    exceptions: tuple[ExceptionLeft, ...]
    idle: bool
    duplicate_suspected: bool


class ScanResult(_Shape):
    """A scan of one line."""

    line: str
    found: tuple[MachineHeard, ...]
    silent: tuple[Address, ...]
    unasked: tuple[Address, ...]
    listened: bool
    general_polls: bool
    echo: bool
    strays: Count
    took_ms: Count
    stopped: bool


class MeterSaid(_Shape):
    code: str
    name: str
    unit: str
    size: Count
    "Bytes of BCD it came in."
    value: str


class PollSaid(_Shape):
    """An answer as its fields."""

    poll: Annotated[str, Field(pattern=r"^[0-9A-F]{2}$")]
    name: str
    game: int | None
    values: dict[str, str]


class PollLacking(_Shape):
    poll: Annotated[str, Field(pattern=r"^[0-9A-F]{2}$")]
    name: str
    game: int | None


class ProbeResult(_Shape):
    """All a machine says of itself."""

    line: str
    address: Address
    version: str | None
    serial: str | None
    features: tuple[str, ...]
    denomination: str | None
    "Accounting denomination, in units of the machine's currency."
    player_denominations: tuple[str, ...] | None
    clock: str | None
    hopper: str | None
    last_bill: str | None
    said: tuple[PollSaid, ...]
    meters: tuple[MeterSaid, ...]
    meters_coherent: bool
    meters_unsupported: tuple[str, ...]
    meters_unread: tuple[str, ...]
    unsupported: tuple[PollLacking, ...]
    refused: tuple[PollLacking, ...]
    unread: tuple[PollLacking, ...]
    games_left_out: Count


def scan_result(line: str, scanned: Scanned) -> ScanResult:
    return ScanResult(
        line=line,
        found=tuple(_heard(one) for one in scanned.found),
        silent=scanned.silent,
        unasked=scanned.unasked,
        listened=scanned.listened,
        general_polls=scanned.general_polls,
        echo=scanned.echo,
        strays=scanned.strays,
        took_ms=round(scanned.took_s * 1000),
        stopped=scanned.stopped,
    )


def _heard(one: Heard) -> MachineHeard:
    info, serial = one.info or {}, one.serial or {}
    return MachineHeard(
        address=one.address,
        chirps=one.chirps,
        answers=one.answers,
        version=_text(serial, "version"),
        serial=_text(serial, "serial"),
        game_id=_text(info, "game_id"),
        additional_id=_text(info, "additional_id"),
        paytable=_text(info, "paytable_id"),
        percentage=percentage(_text(info, "base_percentage")),
        denomination_code=_number(info, "denomination"),
        max_bet=_number(info, "max_bet"),
        busy=one.busy,
        damages=one.damages,
        damaged=tuple(DamagedAnswer(slug=bad.slug, hex=bad.data.hex()) for bad in one.damaged),
        exceptions=tuple(
            ExceptionLeft(code=f"{seen.code:02X}", text=exception_name(seen.code), real_time=seen.real_time)
            for seen in one.exceptions
        ),
        idle=one.idle,
        duplicate_suspected=one.duplicate_suspected,
    )


def probe_result(line: str, address: int, probed: Probed) -> ProbeResult:
    """In words what is worth words; every answer stands in ``said`` as it came."""
    told = {code: values for code in BY_CODE if (values := probed.values(code) or probed.values(code, 0)) is not None}
    who, info = told.get(0x54, {}), told.get(0x1F, {})
    meters = probed.meters
    enabled = told.get(0xB2)
    return ProbeResult(
        line=line,
        address=address,
        version=_text(who, "version"),
        serial=_text(who, "serial"),
        features=features_in_words(told.get(0xA0, {}).get("features")),
        denomination=None if not info else denomination(info.get("denomination")),
        player_denominations=None if enabled is None else tuple(denomination(code) for code in _items(enabled, "denominations")),
        clock=_clock(told.get(0x7E)),
        hopper=_hopper(told.get(0x4F)),
        last_bill=_last_bill(told.get(0x48)),
        said=tuple(
            PollSaid(poll=f"{one.code:02X}", name=BY_CODE[one.code].name, game=one.game, values=_plain(one.values))
            for one in probed.said
        ),
        meters=tuple(
            MeterSaid(code=f"{one.code:02X}", name=row.name, unit=row.unit, size=one.size, value=str(one.value))
            for one in (meters.readings if meters else ())
            for row in (METERS[one.code],)
        ),
        meters_coherent=meters is not None and meters.coherent,
        meters_unsupported=_codes(meters.unsupported if meters else ()),
        meters_unread=_codes(meters.unread if meters else ()),
        unsupported=_lacking(probed.unsupported),
        refused=_lacking(probed.refused),
        unread=_lacking(probed.unread),
        games_left_out=probed.games_left_out,
    )  # fmt: skip


def features_in_words(features: object) -> tuple[str, ...]:
    """The bytes of A0 as words; nothing for what is not declared."""
    if not isinstance(features, bytes) or not features:
        return ()
    words = [text for place, bit, text in FEATURES if place < len(features) and features[place] & bit]
    words.append(f"validation {VALIDATION[features[0] & 0x60]}")
    if len(features) > 1:
        words.append(f"meter model {METER_MODEL[features[1] & 0x03]}")
    return tuple(words)


def denomination(code: object) -> str:
    """``0.05`` for code 02; a code without value as such."""
    value = DENOMINATIONS.get(code) if isinstance(code, int) else None
    if value is None:
        return f"none (code {code:02X})" if isinstance(code, int) else "—"
    if value.denominator == 1:
        return str(value)
    places = next(number for number in (2, 3, 4) if (value * 10**number).denominator == 1)
    digits = f"{int(value * 10**places):0{places + 1}d}"
    return f"{digits[:-places]}.{digits[-places:]}"


def percentage(digits: str | None) -> str | None:
    """``92.50`` for the four digits 9250 of 1F."""
    if digits is None:
        return None
    return f"{digits[:2]}.{digits[2:]}" if len(digits) == 4 and digits.isdecimal() else digits


def exception_name(code: int) -> str:
    row = EXCEPTIONS.get(code)
    return "unknown exception" if row is None else row.name


def _clock(values: Values | None) -> str | None:
    if values is None:
        return None
    date, time = str(values["date"]), str(values["time"])
    return f"{date[4:]}-{date[:2]}-{date[2:4]} {time[:2]}:{time[2:4]}:{time[4:]}"


def _hopper(values: Values | None) -> str | None:
    if values is None:
        return None
    status, percent = _number(values, "status"), _number(values, "percent")
    words = [HOPPER[status] if status is not None and status < len(HOPPER) else f"status {status}"]
    words.append("level unknown" if percent is None or percent > 100 else f"{percent} % full")
    if "level" in values:
        words.append(f"{_number(values, 'level')} coins")
    return ", ".join(words)


def _last_bill(values: Values | None) -> str | None:
    if values is None:
        return None
    code = _number(values, "denomination") or 0
    value = BILLS.get(code, BILL_ALIASES.get(code))
    bill = f"bill of {value}" if value is not None else f"bill with the unknown code {code:02X}"
    return f"{bill}, country {_number(values, 'country') or 0:02d}, {_number(values, 'count')} of them accepted"


def _items(values: Values, name: str) -> tuple[object, ...]:
    value = values.get(name)
    return value if isinstance(value, tuple) else ()


def _plain(values: Values) -> dict[str, str]:
    return {name: _shown(value) for name, value in values.items()}


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return ", ".join(_shown(part) for part in value)
    if isinstance(value, tuple) and hasattr(value, "value"):
        return "not kept" if value.value is None else str(value.value)
    return "".join(char if char.isprintable() else "?" for char in str(value)).strip()


def _codes(pairs: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    return tuple(f"{code:02X}" for _, code in pairs)


def _lacking(pairs: Sequence[tuple[int, int | None]]) -> tuple[PollLacking, ...]:
    return tuple(PollLacking(poll=f"{code:02X}", name=BY_CODE[code].name, game=game) for code, game in pairs)


def _text(values: Mapping[str, object], name: str) -> str | None:
    value = values.get(name)
    return "".join(char if char.isprintable() else "?" for char in value).strip() if isinstance(value, str) else None


def _number(values: Mapping[str, object], name: str) -> int | None:
    value = values.get(name)
    return value if isinstance(value, int) else None
