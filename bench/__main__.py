"""`./dev bench`: runs named rows in interleaved rounds and prints ratios against the floor of the same run.

Exit code 0: all work was done and every "must" holds; 1: something is missed, or a row named with --only was skipped.

The rows about lines, as they stand in docs/figures.md: ``./dev bench --group lines --rounds 2 --seconds 5`` (about ten
minutes); one of them: ``./dev bench --only gap``.
"""

from __future__ import annotations

import argparse
import json
import sys

from bench import books, drain, durable, frames, growth, hall, lines, longs, small, uplink
from bench.report import Row, machine, measure, table

GROUPS: dict[str, tuple[Row, ...]] = {
    "lines": (*lines.ROWS, *hall.ROWS, *longs.ROWS, *frames.ROWS),
    "small": small.ROWS,
    "store": (*durable.ROWS, *growth.ROWS),
    "delivery": (*drain.ROWS, *uplink.ROWS),
    "books": books.ROWS,
}
ROWS: tuple[Row, ...] = tuple(row for rows in GROUPS.values() for row in rows)


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code."""
    known = {row.name: row for row in ROWS}
    parser = argparse.ArgumentParser(prog="dev bench", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", action="append", metavar="NAME", choices=sorted(known), help="a row; may be repeated")
    parser.add_argument("--group", action="append", choices=sorted(GROUPS), help="all rows of a part; may be repeated")
    parser.add_argument("--rounds", type=int, default=5, help="rounds in which every variant is measured once (5)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of one measurement (10)")
    parser.add_argument("--seed", type=int, default=1, help="order of the variants and what the machines do (1)")
    parser.add_argument(
        "--rows", type=int, default=1_000_000, help="records in a long log (1,000,000; the soak: 10,000,000)"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end in place of the table")
    parser.add_argument("--list", action="store_true", help="name the rows and leave")
    asked = parser.parse_args(argv)
    if asked.list:
        for group, members in GROUPS.items():
            print(f"{group}:")
            for row in members:
                print(f"  {row.name:<16} {row.what}")
        return 0
    if asked.rounds < 1 or asked.seconds <= 0 or asked.rows < 10_000:
        parser.error("--rounds and --seconds are above 0, --rows at least 10,000")
    named = [*(asked.only or ()), *(row.name for group in asked.group or () for row in GROUPS[group])]
    rows = [known[name] for name in dict.fromkeys(named)] if named else list(ROWS)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    outcomes = measure(
        rows, rounds=asked.rounds, seconds=asked.seconds, seed=asked.seed, tell=tell, log_rows=asked.rows
    )
    misses = [miss for outcome in outcomes for miss in outcome.misses()]
    skipped = [outcome.row.name for outcome in outcomes if outcome.skipped is not None]
    holds = not misses and not (asked.only and skipped)
    if asked.json:
        told = {
            "bench": [outcome.as_json() for outcome in outcomes],
            "machine": machine(),
            "rounds": asked.rounds,
            "seconds": asked.seconds,
            "seed": asked.seed,
            "rows": asked.rows,
            "skipped": skipped,
            "misses": misses,
            "holds": holds,
        }
        print(json.dumps(told))
    else:
        print(table(outcomes))
        print(f"{len(outcomes) - len(skipped)} rows measured, {len(skipped)} skipped, {len(misses)} musts missed.")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
