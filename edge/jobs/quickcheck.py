"""``python -m edge.jobs.quickcheck DATABASE``: SQLite's quick check on a connection that can only read.

Exit code 0: sound. 1: the first things that are wrong, one a line. Imports next to nothing: it stands before a start.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path


def check(database: Path, most: int = 5) -> list[str]:
    """What is wrong, at most so many lines; none: sound. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as conn:
        conn.execute("PRAGMA cell_size_check=1")
        return [row[0] for row in conn.execute(f"PRAGMA quick_check({most})") if row[0] != "ok"]


def main(arguments: list[str]) -> int:
    """The exit code."""
    try:
        wrong = check(Path(arguments[0]))
    except sqlite3.Error as error:
        wrong = [str(error)]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
