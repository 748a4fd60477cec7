"""The program ``hall-edge``: run | field | front | migrate.

Each part is imported only when asked for: the front never loads the field's code in its process, nor the other way round.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge import exit_codes

DEFAULT_CONFIG = Path("/etc/hall-edge/config.toml")


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hall-edge", description="The gateway daemon of a gambling hall.")
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    parts = parser.add_subparsers(dest="part", metavar="PART")
    for name, text in (
        ("run", "field and front in the foreground, as two child processes"),
        ("field", "wires and books: the only writer (hall-edge.service)"),
        ("front", "people and central: reads only (hall-edge-front.service)"),
        ("verify", "read the whole log and its signatures; changes nothing"),
        ("migrate", "bring the database to this version's tables; nothing due, nothing written"),
        ("backup", "copy the books while the field works, as one file that was checked"),
    ):
        part = parts.add_parser(name, help=text, description=text)
        part.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help=f"default {DEFAULT_CONFIG}")
    restore = parts.add_parser("restore", help="books from a backup into a state directory, while no field works on it")
    restore.add_argument("file", type=Path, help="the backup")
    restore.add_argument("--into", type=Path, required=True, help="state directory, such as /var/lib/hall-edge")
    restore.add_argument("--key-file", type=Path, help="64 hexadecimal digits; needed for a sealed backup")
    restore.add_argument("--replace", action="store_true", help="move books that are there aside")
    check = parts.add_parser("check", help="read the whole database: pages, tables, chain of the log; changes nothing")
    salvage = parts.add_parser("salvage", help="save what can be read of a damaged database into a new file")
    unguard = parts.add_parser("unguard", help="end guarded mode: forget how often the field was started lately")
    for part in (check, salvage, unguard):
        part.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help=f"default {DEFAULT_CONFIG}")
    salvage.add_argument(
        "--to", type=Path, required=True, help="new or empty directory with room for three times the file"
    )
    salvage.add_argument(
        "--put-back", action="store_true", help="then make it the books; the damaged file is moved aside"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0 clean, 74 storage, 78 configuration, 70 our bug."""
    arguments = _arguments(argv)
    if arguments.version:
        from importlib.metadata import version

        print(f"hall-edge {version('hall-edge')}")
        return 0
    if arguments.part is None:
        _arguments(["--help"])
        return 2
    if arguments.part == "run":
        from edge.run import run

        return run(arguments.config)
    if arguments.part == "restore":
        # Needs no configuration: on a bare box there is none yet.
        from edge.jobs.restore import run as run_restore

        return run_restore(arguments.file, arguments.into, arguments.key_file, replace=arguments.replace)
    from edge.config.load import ConfigErrors, load

    try:
        settings = load(arguments.config)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return exit_codes.CONFIG
    if arguments.part == "front":
        from edge.front.app import run as run_front

        return run_front(settings)
    if arguments.part == "migrate":
        from edge.field.coldstart import migrate

        return migrate(settings)
    if arguments.part == "backup":
        from edge.jobs.backup import run as run_backup

        return run_backup(settings, arguments.config)
    if arguments.part == "check":
        from edge.jobs.check import run as run_check

        return run_check(Path(settings.store.directory))
    if arguments.part == "unguard":
        from edge.jobs.unguard import run as run_unguard

        return run_unguard(Path(settings.store.directory))
    if arguments.part == "salvage":
        from edge.jobs.salvage import run as run_salvage

        return run_salvage(Path(settings.store.directory), arguments.to, put_back=arguments.put_back)
    if arguments.part == "verify":
        from edge.jobs.verify import run as run_verify

        return run_verify(Path(settings.store.directory) / "hall.db")
    from edge.field.app import run as run_field

    return run_field(settings)


if __name__ == "__main__":
    sys.exit(main())
