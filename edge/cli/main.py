"""The tree of commands. Each is imported when it is asked for, so that `hallctl ping` costs no more than it must."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from edge.cli.faults import BUG, Fault

LAZY = {
    "backup": "edge.cli.backup:backup",
    "status": "edge.cli.status:status",
    "ping": "edge.cli.ping:ping",
    "version": "edge.cli.ping:version",
    "page-link": "edge.cli.ping:page_link",
    "consumer": "edge.cli.consumer:consumer",
    "egm": "edge.cli.egm:egm",
    "event": "edge.cli.event:event",
    "line": "edge.cli.line:line",
    "report": "edge.cli.report:report",
    "review": "edge.cli.review:review",
    "store": "edge.cli.store:store",
}
HELP = {
    "backup": "Backups of the books: now, list, verify.",
    "status": "One screen: machines, lines, queue, central, both halves.",
    "ping": "Who answers, and how fast.",
    "version": "Version of this program.",
    "page-link": "A link that opens the page once, in a browser on this box.",
    "consumer": "Who reads the log: list, rewind, set-aside.",
    "egm": "Slot machines: list, show, probe, enable, disable, confirm.",
    "event": "Events: tail, search.",
    "line": "Lines: list, scan, trace, replay.",
    "report": "Revenue of a gaming day or a range of them; the formulas.",
    "review": "Meter readings that a person must decide: list, show, decide.",
    "store": "The database: check, salvage; unguard.",
    "sim": "Simulated machines, halls, central and faults.",
}
EXTRA = {"sim": "simulators.cli"}
"Commands of other wings: mounted by the entry point group `hallctl.commands`, or found by this module."


class Tree(click.Group):
    """A group that imports a command only when it is run or asked for help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, without importing anything."""
        return sorted({*LAZY, *EXTRA})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import it; None: there is none."""
        if cmd_name in LAZY:
            module, _, name = LAZY[cmd_name].partition(":")
            command = getattr(importlib.import_module(module), name)
            assert isinstance(command, click.Command)
            return command
        return _extra(cmd_name) if cmd_name in EXTRA else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names with one line each, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, HELP[name]) for name in self.list_commands(ctx)])


def _extra(name: str) -> click.Command | None:
    from importlib.metadata import entry_points

    for point in entry_points(group="hallctl.commands", name=name):
        loaded = point.load()
        return loaded if isinstance(loaded, click.Command) else None
    try:
        module: Any = importlib.import_module(EXTRA[name])
    except ModuleNotFoundError as missing:
        if missing.name is not None and not EXTRA[name].startswith(missing.name):
            raise
        return None
    found = getattr(module, name, None)
    return found if isinstance(found, click.Command) else None


@click.command(cls=Tree, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--run-directory",
    envvar="HALL_EDGE__GATEWAY__RUN_DIRECTORY",
    default=None,
    help="Where the gateway's sockets are; default /run/hall-edge.",
)
@click.pass_context
def cli(ctx: click.Context, run_directory: str | None) -> None:
    """Look after the gateway of this hall."""
    from edge.cli.box import Box

    ctx.obj = Box(run_directory)


def main(arguments: Sequence[str] | None = None) -> None:
    """The program. Its exit codes are in `faults`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = cli.main(args=given, prog_name="hallctl", standalone_mode=False)
    except Fault as fault:
        if "--json" in given:
            import json

            click.echo(json.dumps(fault.told, ensure_ascii=False))
        fault.show()
        sys.exit(fault.exit_code)
    except click.ClickException as usage:
        usage.show()
        sys.exit(usage.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read us has enough; Python must not complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as bug:  # noqa: BLE001 - the last line of defence: saved, told, exit 70
        sys.exit(_save(bug))
    sys.exit(code if isinstance(code, int) else 0)


def _save(bug: Exception) -> int:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="hallctl-", suffix=".trace", delete=False, encoding="utf-8") as out:
        traceback.print_exception(bug, file=out)
    click.echo(
        f"hallctl has a bug here: {type(bug).__name__}. Nothing was changed. Send us {out.name}. (HE6000)", err=True
    )
    return BUG


if __name__ == "__main__":
    main()
