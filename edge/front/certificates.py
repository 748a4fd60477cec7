"""How old our certificates are: told 30, 14, 7 and 1 days before one ends, and when it has ended.

The files are read anew each time, so that one that was replaced is quiet at once. What a file holds beside the first
certificate (its chain) counts as well: the one that ends first decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from cryptography import x509

from edge.clock import stamp
from edge.config.model import Settings
from edge.front.context import Front
from edge.health.conditions import condition, told

STEPS_DAYS: Final = (1, 7, 14, 30)
LOOK_S: Final = 3600.0
DAY: Final = timedelta(days=1)

log = structlog.get_logger()


def step(days: int) -> int | None:
    """The nearest step that was reached, 0: ended; None: more than 30 days are left. ``days`` are whole ones, below 0: over."""
    if days < 0:
        return 0
    return next((each for each in STEPS_DAYS if days <= each), None)


def ages(settings: Settings, now: datetime) -> list[dict[str, Any]]:
    """Each file with a certificate that we show or trust: `{file, use, not_after, days, step, text}`; unreadable: days None."""
    return [_age(use, Path(file), now) for use, file in _files(settings)]


class CertificatesWatch:
    """Tells each step of each file once; a file that was replaced begins anew."""

    def __init__(self) -> None:
        self._told: dict[str, int | None] = {}

    def look(self, settings: Settings, now: datetime) -> list[dict[str, Any]]:
        """What is news by now, and said in the journal."""
        news = []
        for age in ages(settings, now):
            before = self._told.get(age["file"])
            self._told[age["file"]] = age["step"]
            if age["step"] is not None and (before is None or age["step"] < before):
                row = condition("certificate-over" if age["step"] == 0 else "certificate-ends")
                log.warning(age["text"], code=row.code, remedy=row.remedy)
                news.append(age)
        return news

    async def run(self, front: Front) -> None:
        """Every hour until the front stops."""
        self.look(front.settings, front.clock.wall())
        while await front.pause(LOOK_S):
            self.look(front.settings, front.clock.wall())


def _files(settings: Settings) -> Iterator[tuple[str, str]]:
    web, mqtt = settings.web, settings.mqtt
    named = [("pages and API", web.cert), ("who may ask as central", web.client_ca)]
    if mqtt is not None:
        named += [("to the broker", mqtt.cert), ("the broker's authority", mqtt.ca)]
    seen: set[str] = set()
    for use, file in named:
        if file is not None and file not in seen:
            seen.add(file)
            yield use, file


def _age(use: str, file: Path, now: datetime) -> dict[str, Any]:
    age: dict[str, Any] = {"file": str(file), "use": use, "not_after": None, "days": None, "step": None}
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
        ends = min(one.not_valid_after_utc for one in found)
    except (OSError, ValueError) as error:
        return {**age, "text": f"{file} cannot be read as a certificate: {error}"}
    days = (ends - now) // DAY
    reached = step(days)
    text = f"{file} ({use}) is good for {days} days."
    if reached is not None:
        facts = {"file": str(file), "use": use, "until": stamp(ends), "days": days}
        text, _ = told(condition("certificate-over" if reached == 0 else "certificate-ends"), facts)
    return {**age, "not_after": stamp(ends), "days": days, "step": reached, "text": text}
