"""A selector that wakes when it was asked to. asyncio's own rounds each wait up to a whole millisecond.

With it the gap after the wake-up byte and the tick keep their time to some tenths of a millisecond (docs/figures.md).
"""

from __future__ import annotations

import asyncio
import select
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class ExactSelector(selectors.EpollSelector):
    """epoll for what is ready, select for how long: its wait is in microseconds. The descriptor of the epoll object is
    among the first of the process, far below what select can take."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0:
            if not select.select((self.fileno(),), (), (), timeout)[0]:
                return []
            timeout = 0
        return super().select(timeout)


def run(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` on a loop with this selector: how the field runs, and whoever measures its wires."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(ExactSelector())) as runner:
        return runner.run(main)
