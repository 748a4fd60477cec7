"""How the field ended last, if it was the disk: a small file beside the books, read by the next start.

Its presence asks the cold start for the long check, whatever the size of the file; what stands in it becomes an event
of the next life, because the books could not take it any more. Not synchronised: on a disk that fails, waiting for it
would only delay the stop, and a power cut asks for the same care anyway.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import NamedTuple

FAILED = "storage-failed"
"""Name of the file in the state directory."""


LOCK = "field.lock"
"""Held by the running field. Also what is opened to see whether the file system lets anything be written."""


def refuses_writing(directory: Path) -> str | None:
    """Why nothing can be written here; None: it can. Writes nothing itself.

    Opening tells it, ``statvfs`` does not: an ext4 that shut itself after an error still says it is mounted for writing.
    """
    try:
        os.close(os.open(directory / LOCK, os.O_WRONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.strerror if error.errno == errno.EROFS else None
    return None


class Failure(NamedTuple):
    """What stopped the field: slug of the condition, a sentence, and when (stamp in UTC)."""

    slug: str
    text: str
    at: str


def note_failure(directory: Path, failure: Failure) -> bool:
    """Leave the marker. False: not even that could be written (a file system turned read-only)."""
    temporary = directory / f"{FAILED}.new"
    try:
        temporary.write_text(json.dumps(failure._asdict()) + "\n", encoding="utf-8")
        temporary.rename(directory / FAILED)
    except OSError:
        return False
    return True


def read_failure(directory: Path) -> Failure | None:
    """The marker of the last stop; None: there is none. A marker that cannot be read still is one."""
    try:
        text = (directory / FAILED).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return Failure("storage-fatal", "The marker of the last stop cannot be read.", "")
    try:
        told = json.loads(text)
        return Failure(str(told["slug"])[:80], str(told["text"])[:900], str(told["at"])[:40])
    except (ValueError, KeyError, TypeError):
        return Failure("storage-fatal", "The marker of the last stop is damaged.", "")


def forget_failure(directory: Path) -> None:
    """Its event is on disk: the next stop counts."""
    with contextlib.suppress(OSError):
        (directory / FAILED).unlink()
