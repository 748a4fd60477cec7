"""Moments as people write them, in the hall's time, as stamps in UTC."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import click

_FORMS = (
    (re.compile(r"\d{4}-\d{2}-\d{2}$"), "%Y-%m-%d", timedelta(days=1)),
    (re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}$"), "%Y-%m-%d %H:%M", timedelta(minutes=1)),
    (re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}$"), "%Y-%m-%d %H:%M:%S", timedelta(seconds=1)),
)
_TODAY = re.compile(r"\d{2}:\d{2}(:\d{2})?$")


def moment(text: str, zone: str, *, is_end: bool = False, now: datetime | None = None) -> str:
    """``2026-11-23``, ``2026-11-23 14:00[:30]``, ``14:00[:30]`` (today) in the hall's time, or anything with a zone.

    is_end: the last millisecond of the day, minute or second written. An hour that comes twice in autumn means the first.
    Raises UsageError."""
    words = text.strip()
    here = ZoneInfo(zone)
    if _TODAY.match(words):
        words = f"{(now or datetime.now(UTC)).astimezone(here):%Y-%m-%d} {words}"
    for form, pattern, length in _FORMS:
        if form.match(words):
            try:
                at = datetime.strptime(words.replace("T", " "), pattern).replace(tzinfo=here)
            except ValueError:
                break
            # Reckoned by the wall: a day is as long as the calendar says, also when the clock changes in it.
            return _stamp(at + length - timedelta(milliseconds=1) if is_end else at)
    try:
        exact = datetime.fromisoformat(words)
    except ValueError:
        raise click.UsageError(f"{text!r} is no moment: write 2026-11-23, '2026-11-23 14:00' or 14:00.") from None
    if exact.tzinfo is None:
        exact = exact.replace(tzinfo=here)
    return _stamp(exact)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
