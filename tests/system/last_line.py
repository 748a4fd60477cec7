"""The last line of ``./dev test``: what passed, what failed, what was skipped and why.

Usage: ``python -m tests.system.last_line RESULTS.xml STATUS``; STATUS is 0 when all steps before went well.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def last_line(results: str, status: int) -> str:
    """One line from a JUnit file's text. A run without any test is a failure."""
    passed = failed = known = 0
    reasons: Counter[str] = Counter()
    for case in ElementTree.fromstring(results).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif skipped is not None and skipped.get("type") == "pytest.xfail":
            known += 1
        elif skipped is not None:
            reasons[skipped.get("message", "no reason given")] += 1
        else:
            passed += 1
    also = f", {known} known to fail" if known else ""
    why = "".join(f"; {count} skipped: {reason}" for reason, count in sorted(reasons.items()))
    verdict = "OK" if status == 0 and failed == 0 and passed else "FAILED"
    return f"{verdict}: {passed} passed, {failed} failed, {sum(reasons.values())} skipped{also}{why}"


def main(arguments: list[str]) -> int:
    """Returns 0 only for a line that begins with OK."""
    path, status = Path(arguments[0]), int(arguments[1])
    line = last_line(path.read_text(), status) if path.exists() else "FAILED: the suite wrote no results"
    print(line)
    return 0 if line.startswith("OK") else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
