"""``hall-edge unguard``: a person has looked why the field kept starting, and lets it change machines again."""

import sys
from pathlib import Path

from edge import exit_codes

STARTS = "starts"
"""The field's count of its starts in the state directory; while it is guarded it looks every second whether it is gone."""


def run(state: Path) -> int:
    """Exit codes: 0 done or nothing to do, 74 it could not be removed."""
    try:
        (state / STARTS).unlink()
    except FileNotFoundError:
        print("The field is not in guarded mode.")
        return 0
    except OSError as error:
        print(f"hall-edge unguard: {error.strerror}: {state / STARTS}", file=sys.stderr)
        return exit_codes.STORAGE
    print("Guarded mode ends within a second: hallctl status.")
    return 0
