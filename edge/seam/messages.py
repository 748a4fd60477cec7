"""(pure) Everything that may be said between the halves, typed and versioned.

One message is one line of JSON, at most `LINE_MAX` bytes with its newline. Unknown members, unknown types and loose
values are errors: whoever sends them is not the other half. Facts do not travel here; the front reads them from the
database. A changed meaning needs a new `VERSION`; both ends say theirs first.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, TypeAdapter, ValidationError

from edge.seam.errors import BadMessage
from edge.seam.findings import ProbeResult, ScanResult

VERSION = 1
LINE_MAX = 1 << 20
"The board of about 1,000 machines fits; a bigger one travels in parts."
COMMAND_MAX = 64 << 10
"Bytes of a command, as towards central."
SNAPSHOT_PART = 200
"Machines in one part of a snapshot."
TRACE_PART = 500
"Records in one push of a trace."

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,59}$")]
Words = Annotated[str, StringConstraints(max_length=2000)]
Id = Annotated[int, Field(ge=0, le=2**53 - 1)]
Hex = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}){0,4096}$")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Cursor(_Shape):
    """How far a reader is: the last record included, and the chain value there. Sequence 0: nothing yet."""

    streamid: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    sequence: Annotated[int, Field(ge=0, le=2**53 - 1)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Hello(_Shape):
    """The first line each way. Another version than ours: say so in a `Refused` and close."""

    type: Literal["hello"] = "hello"
    version: Annotated[int, Field(ge=0, le=1_000_000)] = VERSION
    part: Literal["field", "front", "hallctl"] = "front"
    program: Annotated[str, StringConstraints(max_length=80)] = ""


# Requests, front to field. `id` is given by the client; each gets exactly one answer with the same id.


class Subscribe(_Shape):
    """The board as it stands, then its changes, and the head of the log. Once per connection."""

    type: Literal["subscribe"] = "subscribe"
    id: Id = 0


class Advance(_Shape):
    """Move a consumer's cursor: central's own acknowledgement, as it came. Answer: `Advanced`, or `Refused`."""

    type: Literal["advance"] = "advance"
    id: Id = 0
    consumer: Name
    cursor: Cursor


class Rewind(_Shape):
    """A person sets a consumer back, to be told in the log. Answer: `Advanced`, or `Refused`."""

    type: Literal["rewind"] = "rewind"
    id: Id = 0
    consumer: Name
    to: Cursor | None = None
    "None: to before the oldest record that is here."
    principal: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    comment: Annotated[str, StringConstraints(max_length=400)] = ""


class SetAside(_Shape):
    """A person lets a delivery go on behind the record at which it stands. Answer: `Advanced`, or `Refused`."""

    type: Literal["set-aside"] = "set-aside"
    id: Id = 0
    consumer: Name
    sequence: Annotated[int, Field(ge=1, le=2**53 - 1)]
    principal: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    comment: Annotated[str, StringConstraints(min_length=1, max_length=400)]


class Admit(_Shape):
    """Admit a command, handed on as it came. Answer: `Admitted`, whatever the decision was, or `Refused`."""

    type: Literal["admit"] = "admit"
    id: Id = 0
    command: Annotated[str, StringConstraints(max_length=COMMAND_MAX)]
    "UTF-8 text of the envelope."
    via: Literal["http", "mqtt", "socket"]
    principal: Annotated[str, StringConstraints(max_length=120)]
    "Who the front says is asking: key/…, cert/…, unix/…; over MQTT the signature counts, not this."


class FindCommand(_Shape):
    """What became of a command. Answer: `CommandFound`."""

    type: Literal["find-command"] = "find-command"
    id: Id = 0
    central: Annotated[str, StringConstraints(max_length=80)] | None = None
    "None: whichever central it was."
    command_id: Annotated[str, StringConstraints(min_length=1, max_length=80)]


class Status(_Shape):
    """How the field is. Answer: `StatusTold`."""

    type: Literal["status"] = "status"
    id: Id = 0


class TraceStart(_Shape):
    """Push what passes on this line, until `TraceStop` or the end of the connection."""

    type: Literal["trace-start"] = "trace-start"
    id: Id = 0
    line: Name


class TraceStop(_Shape):
    """No more of this line."""

    type: Literal["trace-stop"] = "trace-stop"
    id: Id = 0
    line: Name


class ScanLine(_Shape):
    """Ask all addresses of a line who is there; takes half a minute. Answer: `LineScanned`, or `Refused`."""

    type: Literal["scan-line"] = "scan-line"
    id: Id = 0
    line: Name
    listen: bool | None = None
    "Be silent for over 5 s first. None: where nobody is enrolled."
    general_polls: bool = False
    "Ask who is silent with a general poll too; the exception it may be answered with stays in the machine."
    up_to: Annotated[int, Field(ge=1, le=127)] = 127


class ProbeEgm(_Shape):
    """Ask a machine all that it says of itself. Answer: `EgmProbed`, or `Refused`."""

    type: Literal["probe-egm"] = "probe-egm"
    id: Id = 0
    line: Name
    address: Annotated[int, Field(ge=1, le=127)]


# Answers, field to front.


class Done(_Shape):
    """It is done; there is nothing more to say (subscribe, trace)."""

    type: Literal["done"] = "done"
    id: Id


class Advanced(_Shape):
    """Where the cursor stands now, on disk. `moved` False: it was there or further already."""

    type: Literal["advanced"] = "advanced"
    id: Id = 0
    moved: bool
    cursor: Cursor


class Admitted(_Shape):
    """What the inbox decided: admitted, repeated, conflict, expired, wrong-epoch, stale-term, bad-signature ..."""

    type: Literal["admitted"] = "admitted"
    id: Id = 0
    status: Slug
    command_id: Annotated[str, StringConstraints(max_length=80)] | None = None
    text: Words = ""
    "One sentence for people."
    result: dict[str, JsonValue] | None = None
    "repeated: the first one's result, if there is one by now."


class CommandFound(_Shape):
    """A command of the inbox, or None: never admitted (or pruned)."""

    type: Literal["command-found"] = "command-found"
    id: Id = 0
    command: dict[str, JsonValue] | None


class StatusTold(_Shape):
    """The field's own account of itself."""

    type: Literal["status-told"] = "status-told"
    id: Id = 0
    status: dict[str, JsonValue]


class LineScanned(_Shape):
    """Who is on the line."""

    type: Literal["line-scanned"] = "line-scanned"
    id: Id = 0
    result: ScanResult


class EgmProbed(_Shape):
    """What the machine says of itself."""

    type: Literal["egm-probed"] = "egm-probed"
    id: Id = 0
    result: ProbeResult


class Refused(_Shape):
    """No, and why. With id 0 it is about the connection, which closes."""

    type: Literal["refused"] = "refused"
    id: Id
    reason: Slug
    text: Words
    facts: dict[str, JsonValue] = {}


# Pushes, field to front, only to who asked for them.


class BoardSnapshot(_Shape):
    """The board, or one part of it; machines are spread over the parts, lines and gateway are in each."""

    type: Literal["board-snapshot"] = "board-snapshot"
    part: Annotated[int, Field(ge=1, le=1000)] = 1
    parts: Annotated[int, Field(ge=1, le=1000)] = 1
    board: dict[str, Any]


class BoardChange(_Shape):
    """A change of the board, numbered; a gap in the numbers means: begin again with a snapshot."""

    type: Literal["board-change"] = "board-change"
    change: dict[str, Any]


class Head(_Shape):
    """The newest durable record of the log. Position 0 and no cursor: the log is empty."""

    type: Literal["head"] = "head"
    position: Annotated[int, Field(ge=0, le=2**62)]
    cursor: Cursor | None


class Beat(_Shape):
    """Once a second, so that a frozen field is not taken for a quiet one."""

    type: Literal["beat"] = "beat"


class TraceRecord(_Shape):
    """Characters of one direction that belong together as they were sent or drained."""

    at_us: Annotated[int, Field(ge=0, le=2**62)]
    "Microseconds since 1970, UTC."
    direction: Literal[">", "<"]
    "> to the machines, < from them."
    data: Hex
    flags: Hex
    "One octet a character: 01 with the wake-up bit, 00 without."


class TraceLines(_Shape):
    """What passed on a line. `dropped`: records left out before these, because there were too many."""

    type: Literal["trace-lines"] = "trace-lines"
    line: Name
    records: tuple[TraceRecord, ...]
    dropped: Annotated[int, Field(ge=0)] = 0


Request = (
    Subscribe
    | Advance
    | Rewind
    | SetAside
    | Admit
    | FindCommand
    | Status
    | TraceStart
    | TraceStop
    | ScanLine
    | ProbeEgm
)
Answer = Done | Advanced | Admitted | CommandFound | StatusTold | LineScanned | EgmProbed | Refused
Push = BoardSnapshot | BoardChange | Head | Beat | TraceLines
Message = Hello | Request | Answer | Push

_TO_FIELD: TypeAdapter[Hello | Request] = TypeAdapter(Annotated[Hello | Request, Field(discriminator="type")])
_TO_FRONT: TypeAdapter[Hello | Answer | Push] = TypeAdapter(
    Annotated[Hello | Answer | Push, Field(discriminator="type")]
)


def to_field(line: bytes | bytearray) -> Hello | Request:
    """Read a line that the field was sent. Raises BadMessage."""
    try:
        message = _TO_FIELD.validate_json(bytes(line))
    except (ValidationError, ValueError, RecursionError) as wrong:
        raise BadMessage(f"Not a message of the seam: {_first_fault(wrong)}") from None
    if isinstance(message, Admit) and len(message.command.encode()) > COMMAND_MAX:
        raise BadMessage(f"A command may have {COMMAND_MAX} bytes")
    return message


def to_front(line: bytes | bytearray) -> Hello | Answer | Push:
    """Read a line that the front was sent. Raises BadMessage."""
    try:
        return _TO_FRONT.validate_json(bytes(line))
    except (ValidationError, ValueError, RecursionError) as wrong:
        raise BadMessage(f"Not a message of the seam: {_first_fault(wrong)}") from None


def _first_fault(wrong: Exception) -> str:
    if isinstance(wrong, ValidationError):
        fault = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in fault['loc']) or 'line'}: {fault['msg']}"
    return type(wrong).__name__


def encode(message: Message) -> bytes:
    """The line of a message, newline included. Raises BadMessage above `LINE_MAX`; split what may be large."""
    line = message.model_dump_json().encode() + b"\n"
    if len(line) > LINE_MAX:
        raise BadMessage(f"A message of {len(line)} bytes is above the limit of {LINE_MAX}", type=message.type)
    return line


def snapshot_parts(board: Mapping[str, Any]) -> Sequence[BoardSnapshot]:
    """A board's `snapshot()` as messages, `SNAPSHOT_PART` machines in each; at least one."""
    machines = list(board["egms"].items())
    slices = [machines[i : i + SNAPSHOT_PART] for i in range(0, len(machines), SNAPSHOT_PART)] or [[]]
    return [
        BoardSnapshot(part=number, parts=len(slices), board={**board, "egms": dict(part)})
        for number, part in enumerate(slices, start=1)
    ]
