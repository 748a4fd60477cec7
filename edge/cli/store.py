"""The books themselves, without field or front: check them, save what can be saved. Each runs as a job of its own."""

import subprocess
import sys
from pathlib import Path

import click

CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/hall-edge/config.toml"),
    show_default=True,
    help="Says where the books are.",
)


@click.group()
def store() -> None:
    """The database: check, salvage. Run as root or as the user hall-edge; works in safe mode too."""


@store.command()
@CONFIG
def check(config: Path) -> None:
    """Read all of it: pages, tables, chain of the log. Changes nothing. Exit code 1: something is wrong."""
    _job("check", "--config", str(config))


@store.command()
@click.option(
    "--to", type=click.Path(path_type=Path), required=True, help="A new directory, with room for three times the file."
)
@click.option(
    "--put-back", is_flag=True, help="Then make it the books (the field must be stopped); the old file is kept."
)
@CONFIG
def salvage(config: Path, to: Path, put_back: bool) -> None:
    """Save every row that can be read of a damaged database into a new one; says what is missing. The old file is kept."""
    _job("salvage", "--config", str(config), "--to", str(to), *(["--put-back"] if put_back else []))


@store.command()
@CONFIG
def unguard(config: Path) -> None:
    """End guarded mode now: commands may change machines again."""
    _job("unguard", "--config", str(config))


def _job(*arguments: str) -> None:
    sys.exit(subprocess.run([sys.executable, "-m", "edge", *arguments], check=False).returncode)
