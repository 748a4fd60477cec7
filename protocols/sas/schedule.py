"""Whose turn it is on a line, and with what: floors, ceilings, and that nothing follows itself.

Pure arithmetic over links. The host decides whether anything may leave at all (silence, hold, repeats); this decides
what.
"""

from __future__ import annotations

from collections.abc import Sequence

from protocols.sas.link import Link


class Schedule:
    """The order of one line.

    - A machine is not polled faster than its interval; a line with few machines polls each that often, so the ceiling
      of 5 s is met as long as the line is not overloaded (100 machines at 40 ms an answer are 4 s).
    - What was sent last to a machine is never followed by another frame to it: a poll to somebody else comes between,
      and where there is nobody else, 80 does, half an interval later. So no command byte ever follows itself.
    - Among those who are due, whoever has waited longest is first.
    """

    __slots__ = ("_links", "_only")

    def __init__(self, links: Sequence[Link], *, first_poll_at: float) -> None:
        self._links = tuple(links)
        self._only = links[0] if len(links) == 1 else None
        step = min(link.interval_s for link in links) / len(links)
        for index, link in enumerate(links):
            link.next_at = first_poll_at + index * step

    def next_link(self) -> Link:
        """The link whose turn comes first."""
        only = self._only
        if only is not None:
            return only
        first = self._links[0]
        first_at = first.next_at
        for link in self._links:
            if link.next_at < first_at:
                first = link
                first_at = link.next_at
        return first
