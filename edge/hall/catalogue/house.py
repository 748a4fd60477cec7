"""Events the gateway makes about itself: links, lines, commands, its own life, and what it knows to be missing."""

from edge.hall.catalogue.kind import ASSET, EventKind, own
from edge.hall.ids import ASSET_MAX
from edge.hall.shapes import (
    anything,
    boolean,
    choice,
    event_id,
    hexadecimal,
    instant,
    integer,
    nullable,
    several,
    text,
)

_LINE = text(40, about="name of the line")
_ASSETS = several(integer(1, ASSET_MAX), most=128, about="machines of the line")
_QUALITY = choice("synced", "holdover", "untrusted")

LINK_KINDS: tuple[EventKind, ...] = (
    own("egm.link.down", "Machine does not answer", "Machine {asset} does not answer", "link",
        {"asset": ASSET, "line": _LINE, "misses": integer(), "last_heard_at": nullable(instant())},
        {"cause": choice("no_answer", "line_lost", "never_heard", "stopping")},
        priority="alarm", live="fault"),
    own("egm.link.up", "Machine answers", "Machine {asset} answers", "link",
        {"asset": ASSET, "line": _LINE, "down_since": nullable(instant())},
        priority="high", live="fault"),
    own("egm.data.gap", "Data gap", "Machine {asset}: events may be missing ({reason})", "link",
        {
            "asset": ASSET,
            "since": instant(about="nothing is missing before this"),
            "until": nullable(instant(about="nothing is missing after this; null: still open")),
            "reason": text(80, about="slug: three_tries, overflow, replies_lost, tail_lost ..."),
        },
        {"because": event_id()},
        priority="alarm", live="fault"),
    own("line.lost", "Line lost", "Line {line} is lost: {error}", "link",
        {"line": _LINE, "error": text(300), "assets": _ASSETS},
        priority="alarm", live="fault"),
    own("line.restored", "Line restored", "Line {line} is back", "link",
        {"line": _LINE, "lost_since": nullable(instant())},
        priority="high", live="fault"),
    own("line.silent", "Line silent on purpose", "Line {line} is silent for {silence_ms} ms ({reason})", "link",
        {"line": _LINE, "silence_ms": integer(0, 3_600_000),
         "reason": choice("unclean_stop", "three_tries", "reopened", "held")},
        shed="coalesce"),
    own("line.echoes", "Line gives back what is sent", "Line {line} gives back what is sent on it", "link",
        {"line": _LINE, "sample": hexadecimal(64, about="the frame that came back")},
        priority="high", live="fault"),
    own("line.chatter", "Bytes nobody asked for", "Line {line}: {octets} bytes nobody asked for", "link",
        {"line": _LINE, "octets": integer(1), "sample": hexadecimal(64, about="the first of them")},
        priority="low", shed="drop_first"),
)  # fmt: skip

_COMMAND = {
    "central": text(80, about="who asked"),
    "command_id": text(80),
    "kind": text(80),
    "asset": nullable(ASSET),
}

COMMAND_KINDS: tuple[EventKind, ...] = (
    own("command.done", "Command done", "Command {kind} is done", "command",
        {**_COMMAND, "result": anything(about="what the machine or the gateway answered; by kind")},
        priority="high", live="system"),
    own("command.failed", "Command failed", "Command {kind} failed: {text}", "command",
        {**_COMMAND, "error": text(80, about="slug"), "text": text(400)},
        priority="high", live="system"),
    own("command.expired", "Command expired", "Command {kind} was too late", "command",
        {**_COMMAND, "expired_at": instant()},
        priority="high", live="system"),
)  # fmt: skip

GATEWAY_KINDS: tuple[EventKind, ...] = (
    own("gateway.started", "Gateway started", "The gateway started (last stop: {last_stop})", "system",
        {
            "version": text(40),
            "last_stop": choice("first", "clean", "unclean"),
            "lines_unclean": several(_LINE, most=256, about="lines that stay silent first, at most 256 of them"),
            "clock": _QUALITY,
            "sqlite": text(20),
        },
        {"incarnation": text(80), "lines_unclean_count": integer(about="how many they are in all")},
        priority="high", live="system"),
    own("gateway.stopped", "Gateway stopped", "The gateway stops ({reason})", "system",
        {"reason": text(80), "clean": boolean(about="every line came to its end")},
        priority="high", live="system"),
    own("gateway.epoch.opened", "New epoch of the log", "The log starts epoch {epoch} ({reason})", "system",
        {
            "epoch": integer(1),
            "reason": text(80),
            "previous_streamid": nullable(hexadecimal(16)),
            "last_sequence": nullable(integer(about="last record of the epoch before that is known")),
            "last_sha256": nullable(hexadecimal(32)),
            "version": text(40),
            "clock": _QUALITY,
        },
        priority="alarm", live="system"),
    own("gateway.checkpoint", "Checkpoint", "The log is signed up to record {sequence}", "system",
        {
            "epoch": integer(1),
            "streamid": hexadecimal(16),
            "sequence": integer(1),
            "position": integer(1, about="place in the whole log, over all epochs"),
            "sha256": hexadecimal(32, about="chain value of that record"),
            "made_at": instant(),
            "text": text(400, about="what was signed, byte for byte; docs/chain.md"),
            "public_key": hexadecimal(32, about="Ed25519; the same for the life of the box's state directory"),
            "signature": hexadecimal(64),
        },
        priority="low"),
    own("gateway.clock.stepped", "Clock stepped", "The clock jumped by {offset_ms} ms", "system",
        {"offset_ms": integer(-(2**53), about="forward is positive"), "clock": _QUALITY},
        priority="high", live="system"),
    own("gateway.clock.quality", "Clock quality", "The clock is {clock}", "system",
        {"clock": _QUALITY, "before": _QUALITY},
        priority="high", live="system"),
    own("gateway.storage", "Storage", "Storage is {level}", "system",
        {"level": choice("ok", "low", "short", "critical", "full"), "free_bytes": integer()},
        {
            "before": choice("ok", "low", "short", "critical", "full"),
            "days": integer(about="so long the disk holds at the rate of the last 24 h"),
            "thinned_out": integer(about="events of mere play that were given up since the last of these records"),
        },
        priority="alarm", live="system"),
    own("gateway.incident", "Incident", "{text}", "system",
        {
            "code": text(8, about="HEnnnn"),
            "slug": text(80),
            "text": text(1000),
        },
        {"asset": ASSET, "line": _LINE, "facts": anything(about="what is known of it")},
        priority="alarm", live="system"),
)  # fmt: skip
