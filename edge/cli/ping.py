"""Small ones: is anybody there, which version is this, a link into the page."""

import time
from collections.abc import Iterator

import click

from edge.cli.box import Box
from edge.cli.faults import AWAY, Fault
from edge.cli.show import ago, asks_box, emit
from edge.version import program_version


@click.command()
@asks_box
def ping(box: Box, as_json: bool) -> None:
    """Who answers, and how fast."""
    began = time.perf_counter()
    told = box.get("/status")
    took_ms = (time.perf_counter() - began) * 1000
    field, front = told["field"], told["front"]
    answer = {"front": True, "field": field["connected"], "ms": int(took_ms), "trouble": field["trouble"]}

    def text() -> Iterator[str]:
        yield f"front  answers in {took_ms:.0f} ms, version {front['version']}"
        if field["connected"]:
            yield f"field  answers, version {field['version']}"

    emit(answer, text, as_json=as_json)
    if not field["connected"]:
        age_ms = front["mirror_age_ms"]
        raise Fault(
            AWAY,
            f"The field does not answer the front: {field['trouble'] or 'not connected'}.",
            "What is shown of the machines is "
            + ("unknown." if age_ms is None else f"{ago(age_ms / 1000)} old; nothing stored is lost."),
            "Run: systemctl status hall-edge.",
            "It is back by itself within seconds of its start.",
            code="HE6001",
        )


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def version(as_json: bool) -> None:
    """Version of this program."""
    number = program_version()
    emit({"version": number}, lambda: [f"hallctl {number}"], as_json=as_json)


@click.command("page-link")
@asks_box
def page_link(box: Box, as_json: bool) -> None:
    """A link that opens the page once, within five minutes, in a browser on this box."""
    told = box.post("/page-links")
    emit(
        told, lambda: told["urls"][:1] or ["No page is served: see [web] listen in the configuration."], as_json=as_json
    )
