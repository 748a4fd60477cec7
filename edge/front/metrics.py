"""Figures for monitoring, in Prometheus text: a small honest set; the field's figures come from the board."""

from collections.abc import Iterator, Mapping

from edge.board import EgmState
from edge.front.context import Front
from edge.front.live import Live
from edge.front.views import devices

Sample = tuple[Mapping[str, str], int]


def text(front: Front, live: Live) -> bytes:
    """All of it."""
    return "".join(_lines(front, live)).encode()


def _lines(front: Front, live: Live) -> Iterator[str]:
    board, seam = front.seam.mirror, front.seam
    age_s = seam.mirror_age()
    yield from _metric("hall_edge_seam_up", "gauge", "1 while the field answers.", [({}, int(seam.connected))])
    yield from _metric(
        "hall_edge_mirror_age_milliseconds", "gauge", "Since the field was last heard.",
        [] if age_s is None else [({}, int(age_s * 1000))],
    )  # fmt: skip
    yield from _metric("hall_edge_live_streams", "gauge", "Open pages and live streams.", [({}, live.streams)])
    yield from _metric("hall_edge_log_sequence", "counter", "Newest record.", [({}, board.gateway.sequence)])
    yield from _metric(
        "hall_edge_consumer_behind", "gauge", "Records a consumer has not acknowledged.",
        [({"consumer": name}, depth) for name, depth in sorted(live.lag.items())],
    )  # fmt: skip
    links: dict[str, int] = {}
    for machine in board.egms.values():
        links[machine.link] = links.get(machine.link, 0) + 1
    yield from _metric(
        "hall_edge_machines", "gauge", "Machines by the state of their link.",
        [({"link": link}, count) for link, count in sorted(links.items())],
    )  # fmt: skip
    lines = [line for _, line in sorted(board.lines.items())]
    yield from _metric(
        "hall_edge_line_polls_total", "counter", "Polls sent.", [({"line": line.name}, line.polls) for line in lines]
    )
    yield from _metric(
        "hall_edge_line_errors_total", "counter", "What came wrong on a line, by kind (COM-14).",
        [
            ({"line": line.name, "kind": kind}, count)
            for line in lines
            for kind, count in devices.line_errors(board, line).items()
        ],
    )  # fmt: skip
    yield from _metric(
        "hall_edge_line_reopened_total", "counter", "Times a line was opened again.",
        [({"line": line.name}, line.reopened) for line in lines],
    )  # fmt: skip
    machines = [machine for _, machine in sorted(board.egms.items())]
    yield from _metric(
        "hall_edge_egm_polls_total", "counter", "Polls sent to a machine.",
        [(_who(machine), machine.polls) for machine in machines],
    )  # fmt: skip
    yield from _metric(
        "hall_edge_egm_errors_total", "counter", "What came wrong from a machine, by kind (COM-14).",
        [({**_who(machine), "kind": kind}, getattr(machine, kind)) for machine in machines for kind in devices.ERRORS],
    )  # fmt: skip


def _who(machine: EgmState) -> Mapping[str, str]:
    return {"asset": str(machine.asset), "line": machine.line}


def _metric(name: str, kind: str, about: str, samples: list[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {about}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{inner}}} {value}\n" if inner else f"{name} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
