"""Backups: make one now, list them, see whether one holds. A restore is a program of its own: hall-edge restore."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from edge.cli.faults import AWAY, CONFLICT, NO, NOT_ALLOWED, NOT_FOUND, USAGE, Fault
from edge.cli.show import emit, grouped, table

CONFIG = Path("/etc/hall-edge/config.toml")
UNIT = "hall-edge-backup.service"
_config = click.option(
    "--config", type=click.Path(path_type=Path), default=None, help=f"Default {CONFIG}. Given: no unit is used."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@click.group()
def backup() -> None:
    """Backups of the books: now, list, verify."""


@backup.command()
@_config
def now(config: Path | None) -> None:
    """Make one now, beside the running gateway."""
    if config is None and _has_unit():
        if subprocess.run(["systemctl", "start", UNIT], check=False).returncode:
            raise Fault(
                NO, "The backup was not made.", "The older ones are untouched.", f"Run: journalctl -u {UNIT} -n 20",
                "It says why.", code="HE3040",
            )  # fmt: skip
        click.echo(f"Made and checked. What it says: journalctl -u {UNIT} -n 5")
        return
    code = subprocess.run(
        [sys.executable, "-m", "edge", "backup", "--config", config or CONFIG], check=False
    ).returncode
    if code:
        raise Fault(
            NO, "The backup was not made.", "The older ones are untouched.", "Do what is said above.", code="HE3040"
        )


@backup.command("list")
@_config
@_json
def list_(config: Path | None, as_json: bool) -> None:
    """All that are there, the oldest first."""
    from edge.jobs import places

    directory = places.backups_directory(_settings(config or CONFIG))
    try:
        found = [(one, one.path.stat().st_size) for one in places.backups_in(directory)]
    except PermissionError:
        raise Fault(
            NOT_ALLOWED, f"You may not look into {directory}.", "Nothing was read.", "Use sudo.", code="HE5002"
        ) from None
    told: dict[str, Any] = {
        "directory": str(directory),
        "backups": [
            {"number": one.number, "name": one.path.name, "made": one.made, "sealed": one.sealed, "size": size}
            for one, size in found
        ],
    }
    rows = [[str(one.number), one.made, grouped(size), "yes" if one.sealed else "no", one.path.name]
            for one, size in found]  # fmt: skip
    emit(told, lambda: table(rows, ["no.", "made (UTC)", "bytes", "sealed", "file"]), as_json=as_json)


@backup.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key-file", type=click.Path(path_type=Path), default=None, help="64 hexadecimal digits.")
@click.option("--room", type=click.Path(path_type=Path), default=None, help="Directory with room; default: the file's.")
@_json
def verify(file: Path, key_file: Path | None, room: Path | None, as_json: bool) -> None:
    """Restore FILE into a directory that is thrown away: does it open, does all of it hold?"""
    from edge.errors import EdgeError
    from edge.health.conditions import condition, told
    from edge.jobs import places
    from edge.jobs.restore import verify as verify_archive

    try:
        key = None if key_file is None else places.key_in(key_file)
        restored = verify_archive(file, key=key, beside=room)
    except FileNotFoundError:
        raise Fault(NOT_FOUND, f"There is no {file}.", "Nothing was read.", "Run: hallctl backup list") from None
    except EdgeError as error:
        row = condition(error.slug)
        what, remedy = told(row, error.facts)
        raise Fault(CONFLICT, str(error), what, remedy, code=row.code) from None
    except (OSError, sqlite3.Error) as error:
        raise Fault(
            AWAY, f"{file} cannot be read or there is no room to check it: {error}.", "This says nothing of the backup.",
            "Say --room with a directory that has room.", code="HE3048",
        ) from None  # fmt: skip
    manifest = restored.manifest
    known = {**manifest.model_dump(exclude={"members"}), "records": restored.sound.records, "holds": True}
    rows = [[name, str(value)] for name, value in known.items()]
    emit(known, lambda: table(rows, ["it holds", ""]), as_json=as_json)


def _has_unit() -> bool:
    if not os.path.isdir("/run/systemd/system"):
        return False
    known = subprocess.run(["systemctl", "cat", UNIT], capture_output=True, check=False)
    return known.returncode == 0


def _settings(config: Path) -> Any:
    from edge.config.load import ConfigErrors, load

    try:
        return load(config)
    except ConfigErrors as errors:
        raise Fault(USAGE, str(errors), "Nothing was read.", "Correct the configuration.", code="HE1000") from None
