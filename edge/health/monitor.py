"""Which conditions hold now in this half: raised, cleared, counted, and shown without what another one explains."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.health.conditions import Condition, condition, told

HELD_MAX = 2000
"Conditions remembered at once: a hall of 500 machines with four each. Beyond that only the number grows."


@dataclass(slots=True)
class Held:
    """A condition that holds, about one subject (`egm/17`, `line/A`, or the gateway)."""

    condition: Condition
    subject: str
    since: str
    facts: Mapping[str, object] = field(default_factory=dict)
    cause: str | None = None
    "Subject behind which it is hidden, such as the line of a machine."

    def as_data(self) -> dict[str, str]:
        """As the API and the pages show it."""
        text, remedy = told(self.condition, self.facts)
        row = self.condition
        return {
            "code": row.code,
            "slug": row.slug,
            "severity": row.severity,
            "subject": self.subject,
            "since": self.since,
            "text": text,
            "remedy": remedy,
        }


class Monitor:
    """The conditions of one half."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Held] = {}
        self.counts: dict[str, int] = {}
        "How often each slug was raised since the start."

    def up(
        self,
        slug: str,
        subject: str,
        since: str,
        *,
        facts: Mapping[str, object] | None = None,
        cause: str | None = None,
    ) -> bool:
        """This holds from now on. False: it did already."""
        key = (slug, subject)
        if key in self._held:
            return False
        self.counts[slug] = self.counts.get(slug, 0) + 1
        if len(self._held) < HELD_MAX:
            self._held[key] = Held(condition(slug), subject, since, facts or {}, cause)
        return True

    def down(self, slug: str, subject: str) -> bool:
        """This holds no more. False: it did not."""
        return self._held.pop((slug, subject), None) is not None

    def count(self, slug: str) -> None:
        """It happened and is over: a damaged frame, a refused key."""
        self.counts[slug] = self.counts.get(slug, 0) + 1

    def holding(self) -> list[Held]:
        """What holds, worst first, without what another condition on the same subject or its cause explains."""
        hidden = {(slug, subject) for (_, subject), held in self._held.items() for slug in held.condition.hides}
        shown = [
            held
            for (slug, subject), held in self._held.items()
            if (slug, subject) not in hidden and (slug, held.cause) not in hidden
        ]
        order = {"alarm": 0, "warning": 1, "notice": 2}
        return sorted(shown, key=lambda held: (order[held.condition.severity], held.since, held.subject))
