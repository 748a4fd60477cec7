"""Markers of the whole suite, and one rule: where CI runs, a missing real part is a failure and no skip.

A test that cannot run without a real part (a broker, a compiler, root) skips with a reason that says what "is missing".
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "broker: needs the program mosquitto")
    config.addinivalue_line("markers", "system: boots a small Debian with the real units; needs root; takes a minute")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn "is missing" skips into failures in CI: there every part has been installed, or something is wrong."""
    del item, call
    report = yield
    if report.skipped and os.environ.get("CI") and "is missing" in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"not to be skipped in CI: {report.longrepr}"
    return report
