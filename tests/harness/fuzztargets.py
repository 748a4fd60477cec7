"""What is fuzzed: for each door of the project a way to make hostile input from a seed, and a way to put it through.

Three kinds of input everywhere: random, valid and then damaged, and hostile by intention (lengths that lie, depth, repeats).
A target raises whatever its door raises; only the errors it names may come. It returns the size of the largest private
buffer afterwards, as a share of its own limit: above 1 something grows that must not.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge.config.load import ConfigErrors, load
from edge.seam import messages
from edge.seam.errors import BadMessage
from protocols.errors import FrameError
from protocols.line.capture import CHARS_MAX, BadCapture, Header, Reader, Record, header_text, record_text
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.catalog.meter_codes import METERS
from protocols.sas.crc import with_crc
from protocols.sas.egm import MESSAGE_MAX, Ack, Busy, EgmPort, EgmRules, Nack
from protocols.sas.explain import BUFFER_MAX as EXPLAINED_MAX
from protocols.sas.explain import Explainer
from protocols.sas.frame import decode_poll, decode_reply, encode_reply, poll_size, reply_complete
from protocols.sas.longpoll import LongPoll
from sync import commands
from sync.errors import Malformed
from tests.harness.fuzzhost import host_case
from tests.vectors import reading

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.toml"
REQUESTS = [bytes.fromhex(row["request"]) for row in reading.polls()]
REPLIES = [
    (row["code"], row["address"], bytes.fromhex(row["reply"])) for row in reading.polls() if row["status"] != "none"
]
VALUES = {row["code"]: reading.ours(row["reply_values"]) for row in reading.polls() if row["status"] == "data"}

Case = Callable[[random.Random], float]


@dataclass(frozen=True, slots=True)
class Target:
    """One door. ``run`` makes the input from the dice and puts it through; the errors in ``expected`` may come."""

    name: str
    run: Case
    expected: tuple[type[Exception], ...] = ()


def damaged(data: bytes, dice: random.Random) -> bytes:
    """Valid bytes after one to three accidents."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(out) + 1)
        match dice.randrange(7):
            case 0 if at < len(out):
                out[at] = dice.choice((0x00, 0xFF, 0x80, 0x0A, dice.randrange(256)))
            case 1 if at < len(out):
                out[at] ^= 1 << dice.randrange(8)
            case 2:
                del out[at:]
            case 3:
                del out[at : at + dice.randint(1, 4)]
            case 4:
                out[at:at] = dice.randbytes(dice.randint(1, 4))
            case 5:
                out += out[:at]
            case _:
                out[:0] = dice.choice((b"\x00", b"\x01", b"\x80\x01", b"\x81"))
    return bytes(out)


def frame_bytes(valid: Sequence[bytes], dice: random.Random) -> bytes:
    """A frame in any state; often with a check sum that holds, or nothing behind it would ever be reached."""
    match dice.randrange(4):
        case 0:
            return dice.randbytes(dice.choice((0, 1, 2, 3, 4, 8, 24, 64, 255, 300)))
        case 1:
            return damaged(dice.choice(valid), dice)
        case 2:
            return with_crc(damaged(dice.choice(valid)[:-2], dice))
        case _:
            body = bytes([1, dice.choice((*BY_CODE, dice.randrange(256)))]) + dice.randbytes(dice.randint(0, 250))
            return with_crc(body[:2] + bytes([len(body) - 3 & 0xFF]) + body[3:] if dice.random() < 0.7 else body)


def poll_case(dice: random.Random) -> float:
    data = frame_bytes(REQUESTS, dice)
    poll_size(data)
    decode_poll(data)
    return 0.0


def reply_case(dice: random.Random) -> float:
    code, address, _ = dice.choice(REPLIES)
    data = frame_bytes([reply for _, _, reply in REPLIES], dice)
    poll = BY_CODE[code if dice.random() < 0.5 or len(data) < 2 else data[1] if data[1] in BY_CODE else code]
    reply_complete(poll, address, data)
    reply_complete(None, address, data)
    decode_reply(poll, data[0] if data and dice.random() < 0.5 else address, data, b"")
    return 0.0


def port_case(dice: random.Random) -> float:
    """A machine whose host writes what it likes, when it likes."""

    def answer(poll: LongPoll, values: object) -> Any:
        return dice.choice((Ack(), Nack(), Busy(), None)) if poll.reply is None else VALUES.get(poll.code, Nack())

    rules = EgmRules(
        repeat_compares=dice.choice(("command", "frame")),
        bad_crc=dice.choice(("nack", "silence")),
        third_repeat=dice.choice(("silence", "answer")),
        keeps_over_link_down=dice.random() < 0.5,
    )
    port = EgmPort(dice.choice((1, 1, 127)), answer, rules, 0.0)
    now, worst = 0.0, 0
    for _ in range(dice.randint(1, 60)):
        data = dice.choice((b"\x80", b"\x81", b"\x82", frame_bytes(REQUESTS, dice)))
        port.raise_exception(dice.randrange(256), dice.randrange(1000))
        for place, value in enumerate(data):
            now += dice.choice((0.000573, 0.000573, 0.000573, 0.006, 0.0) if place else (0.0, 0.02, 1.0, 6.0, 31.0))
            sent = port.receive(value, (place == 0) == (dice.random() < 0.95), now)
            worst = max(worst, len(port._message), len(sent[0]) if sent else 0)
        port.tick(now)
    return max(worst / MESSAGE_MAX, len(port.queue) / (2 * rules.queue_max + 1))


def explain_case(dice: random.Random) -> float:
    explainer, worst = Explainer(), 0
    valid = [*REQUESTS, *(reply for _, _, reply in REPLIES)]
    for _ in range(dice.randint(1, 40)):
        data = dice.choice((b"\x80", b"\x81", b"\x00", b"", frame_bytes(valid, dice)))
        flags = dice.choice(
            (b"", bytes(len(data)), b"\x01" + bytes(len(data) - 1) if data else b"", dice.randbytes(len(data)))
        )
        explainer.feed(dice.choice("<>"), data, bytes(flag & 1 for flag in flags))
        worst = max(worst, len(explainer._buffer))
    return worst / EXPLAINED_MAX


def capture_case(dice: random.Random) -> float:
    """A file that was cut, mixed up, or never was a capture."""
    header = Header("A", "a machine", "a test", datetime(2026, 1, 1, tzinfo=UTC))
    lines = header_text(header).splitlines(keepends=True)
    at_us = 0
    for _ in range(dice.randint(0, 20)):
        at_us += dice.randint(0, 10**7)
        data = dice.choice(REQUESTS)
        lines.append(record_text(Record(at_us, ">", data, b"\x01" + bytes(len(data) - 1))))
    text = "".join(lines)
    match dice.randrange(4):
        case 0:
            text = damaged(text.encode(), dice).decode("utf-8", "replace")
        case 1:
            dice.shuffle(lines)
            text = "".join(lines)
        case 2:
            text = (
                text[: dice.randrange(len(text))]
                + "9" * dice.choice((3, 20, 20_000))
                + dice.choice(("", "\n", " > 00\n"))
            )
        case _:
            text += (
                f"{at_us + 1} >" + " FF" * dice.choice((1, CHARS_MAX, CHARS_MAX + 1)) + dice.choice(("\n", "", " \n"))
            )
    for record in Reader(text.splitlines(keepends=True)):
        if len(record.data) != len(record.flags):
            raise AssertionError("a character without its flag")
    return 0.0


# words of JSON and TOML ----------------------------------------------------------------------------------------------

JUNK: tuple[Any, ...] = (
    None, True, -1, 2**53 + 1, 10**400, 1.5, "", "x" * 5000, "\ud83d", "\x00", [], {}, [[]], "2026-02-30T00:00:00Z",
    "../../etc", "١٢",
)  # fmt: skip


def mangled(value: Any, dice: random.Random) -> Any:
    """A JSON value with something wrong somewhere inside."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        name = dice.choice(list(value))
        match dice.randrange(4):
            case 0:
                return {key: part for key, part in value.items() if key != name}
            case 1:
                return {**value, dice.choice(("extra", "", name.upper(), "\u0000")): dice.choice(JUNK)}
            case _:
                return {**value, name: mangled(value[name], dice)}
    return dice.choice(JUNK)


def json_bytes(value: Any, dice: random.Random) -> bytes:
    match dice.randrange(5):
        case 0:
            depth = dice.choice((3, 200, 20_000))
            return dice.choice((b"[", b'{"a":', b'{"type":')) * depth
        case 1:
            return damaged(json.dumps(value).encode(), dice)
        case 2:
            text = json.dumps(value)
            return (text[:-1] + "," + text[1:]).encode()  # every member twice
        case 3:
            return dice.randbytes(dice.randint(0, 200))
        case _:
            return json.dumps(mangled(value, dice)).encode("utf-8", "replace")


CURSOR = {"streamid": "0" * 32, "sequence": 3, "sha256": "a" * 64}
SEAM: tuple[dict[str, Any], ...] = (
    {"type": "hello", "version": 1, "part": "front", "program": "x"},
    {"type": "subscribe", "id": 1},
    {"type": "advance", "id": 2, "consumer": "central-1", "cursor": CURSOR},
    {"type": "admit", "id": 3, "command": "{}", "via": "http", "principal": "key/a"},
    {"type": "find-command", "id": 4, "central": None, "command_id": "c1"},
    {"type": "trace-start", "id": 5, "line": "A"},
    {"type": "advanced", "id": 2, "moved": True, "cursor": CURSOR},
    {"type": "admitted", "id": 3, "status": "admitted", "command_id": "c1"},
    {"type": "refused", "id": 0, "reason": "bad-message", "text": "no", "facts": {"a": [1, {}]}},
    {"type": "board-snapshot", "part": 1, "parts": 1, "board": {"egms": {}}},
    {"type": "head", "position": 9, "cursor": CURSOR},
    {
        "type": "trace-lines", "line": "A", "dropped": 0,
        "records": [{"at_us": 1, "direction": ">", "data": "8001", "flags": "0100"}],
    },
)  # fmt: skip


def to_field_case(dice: random.Random) -> float:
    messages.to_field(json_bytes(dice.choice(SEAM), dice))
    return 0.0


def to_front_case(dice: random.Random) -> float:
    messages.to_front(json_bytes(dice.choice(SEAM), dice))
    return 0.0


def command_case(dice: random.Random) -> float:
    issued = datetime(2026, 3, 1, 12, tzinfo=UTC)
    command: dict[str, Any] = {
        "central": "central-1", "term": 1, "command_id": "c-1", "gateway": "hg-07", "streamid": "0" * 32,
        "issued_at": issued.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
        "expires_at": (issued + timedelta(minutes=dice.randint(-1, 5))).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "kind": "egm.enable", "body": {"asset": 100_417, "codes": list(METERS)[:4]},
    }  # fmt: skip
    if dice.random() < 0.3:
        command |= {"key_id": "k1", "signature": dice.choice(("a" * 128, "", "zz"))}
    commands.parse(json_bytes(command, dice))
    return 0.0


ODD_VALUES = ("-1", '""', "[]", "{}", "true", "1e400", "nan", "9" * 5000, '"tty:"', "2026-01-01", "0x7F")
ODD_LINES = ("[[egm]]", "[line]", "[hall.x]", "x = 1", "'''", '"""', "a.b.c = 1", "[" * 500)
_SCRATCH = tempfile.TemporaryDirectory(prefix="hall-edge-fuzz-")


def config_case(dice: random.Random) -> float:
    """The example, as people leave it at two in the morning."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(lines))
        match dice.randrange(7):
            case 0 if len(lines) > 1:
                del lines[at]
            case 1:
                lines.insert(at, dice.choice(lines))
            case 2:
                lines[at] = lines[at].split("=")[0] + "= " + dice.choice(ODD_VALUES)
            case 3:
                lines[at] = damaged(lines[at].encode(), dice).decode("latin-1")
            case 4:
                other = dice.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 5:
                lines.insert(at, dice.choice(ODD_LINES))
            case _:
                lines = lines[:at] or [""]
    path = Path(_SCRATCH.name) / "config.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    variable = f"HALL_EDGE__{dice.choice(('HALL', 'MQTT', 'X'))}__ID"
    environ = {} if dice.random() < 0.8 else {variable: dice.choice(("", "7", "[", "{}"))}
    load(path, environ=environ)
    return 0.0


def reply_round_trip(dice: random.Random) -> float:
    """What is read can be written, and is the same bytes: nothing is half understood."""
    code, address, reply = dice.choice(REPLIES)
    data = with_crc(damaged(reply[:-2], dice)) if len(reply) > 4 else damaged(reply, dice)
    found = decode_reply(BY_CODE[code], address, data, b"")
    if found.status == "data" and encode_reply(BY_CODE[code], address, found.values) != data:
        raise AssertionError(f"read and written again, {data.hex(' ')} is another frame")
    return 0.0


TARGETS: tuple[Target, ...] = (
    Target("decode-poll", poll_case, (FrameError,)),
    Target("decode-reply", reply_case, (FrameError,)),
    Target("reply-round-trip", reply_round_trip, (FrameError,)),
    Target("machine", port_case),
    Target("host", host_case),
    Target("explain", explain_case),
    Target("capture", capture_case, (BadCapture,)),
    Target("seam-to-field", to_field_case, (BadMessage,)),
    Target("seam-to-front", to_front_case, (BadMessage,)),
    Target("command", command_case, (Malformed,)),
    Target("config", config_case, (ConfigErrors,)),
)
