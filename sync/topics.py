"""(pure) The MQTT topics, in one place. Both ends import them: the gateway, and whoever plays central."""

from __future__ import annotations

from re import compile as pattern_of

_NAME = pattern_of(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")


class Topics:
    """Topics below ``hall/v1/{hall}/{gateway}/``. Raises ValueError for a name that is not plain letters and digits."""

    def __init__(self, hall: str, gateway: str) -> None:
        for name in (hall, gateway):
            if _NAME.match(name) is None:
                raise ValueError(f"{name!r} cannot be a level of a topic")
        self.prefix = f"hall/v1/{hall}/{gateway}/"
        self.state = f"{self.prefix}state"
        "Retained, with a will: is the gateway on line, and in which session."
        self.info = f"{self.prefix}info"
        "Retained: who the gateway is."
        self.log = f"{self.prefix}log"
        "The ordered lane, in batches."
        self.health = f"{self.prefix}health"
        self.requests = f"{self.prefix}request/+"
        "Filter for commands."
        self.everything = f"{self.prefix}#"
        "Filter for central and for tests."

    def live(self, live_class: str) -> str:
        """The live lane of one class."""
        return f"{self.prefix}live/{live_class}"

    def ack(self, consumer: str) -> str:
        """Where a consumer confirms. Retained."""
        return f"{self.prefix}ack/{consumer}"

    def central_state(self, consumer: str) -> str:
        """Where central says whether it is there. Retained, with a will."""
        return f"{self.prefix}central/{consumer}/state"

    def request(self, kind: str) -> str:
        """Where a command of this kind is sent to."""
        return f"{self.prefix}request/{kind}"

    def response(self, kind: str) -> str:
        """Where the answer to it appears, unless the command named another topic below ``response/``."""
        return f"{self.prefix}response/{kind}"

    def kind_of(self, topic: str) -> str | None:
        """The kind of a command that came by this topic; None: not a topic of commands."""
        start = f"{self.prefix}request/"
        kind = topic.removeprefix(start)
        return kind if topic.startswith(start) and kind and "/" not in kind else None

    def may_answer_to(self, topic: str | None) -> bool:
        """Only below our own ``response/``: a foreign one could make us publish where we must not."""
        return (
            topic is not None and topic.startswith(f"{self.prefix}response/") and "+" not in topic and "#" not in topic
        )
