"""Questions to the running parts of a play: the hall by its console, the field by the seam."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

HELLO = b'{"type":"hello","version":1,"part":"hallctl","program":"play"}\n{"type":"status","id":1}\n'


def ask_hall(control: Path, **asked: Any) -> dict[str, Any]:
    """One question to the running hall; see `simulators/console.py`. Raises OSError, and RuntimeError with its refusal."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(str(control))
        s.sendall(json.dumps(asked).encode() + b"\n")
        with s.makefile("rb") as answers:
            answer: dict[str, Any] = json.loads(answers.readline())
    if answer.get("error"):
        raise RuntimeError(f"hall: {answer['error']}")
    return answer


def ask_field(run_directory: Path) -> dict[str, Any]:
    """The field's own figures, over the seam. Raises OSError while it is away."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(str(run_directory / "field.sock"))
        s.sendall(HELLO)
        with s.makefile("rb") as answers:
            for line in answers:
                told = json.loads(line)
                if told["type"] == "status-told":
                    return dict(told["status"])
    raise OSError("the field hung up")
