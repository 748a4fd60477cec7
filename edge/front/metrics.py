"""Figures for monitoring, in Prometheus text: a small honest set; the field's figures come from the board."""

from collections.abc import Iterator, Mapping

from edge.front.context import Front
from edge.front.live import Live

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
    for name, about in (("polls", "Polls sent."), ("misses", "Polls unanswered."), ("bad_replies", "Damaged answers.")):
        yield from _metric(
            f"hall_edge_line_{name}_total", "counter", about,
            [({"line": line.name}, getattr(line, name)) for _, line in sorted(board.lines.items())],
        )  # fmt: skip


def _metric(name: str, kind: str, about: str, samples: list[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {about}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{inner}}} {value}\n" if inner else f"{name} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
