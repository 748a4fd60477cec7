"""What goes wrong, told in four sentences: what, so what, do this, then you will see. And the exit codes."""

import sys
from typing import IO, Any

import click

DONE, NO, USAGE, AWAY, NOT_ALLOWED, NOT_FOUND, CONFLICT, TIMED_OUT, BUG = 0, 1, 2, 3, 4, 5, 6, 7, 70

_BY_STATUS = {
    400: USAGE,
    401: NOT_ALLOWED,
    403: NOT_ALLOWED,
    404: NOT_FOUND,
    409: CONFLICT,
    410: CONFLICT,
    412: CONFLICT,
    416: CONFLICT,
    422: USAGE,
    429: CONFLICT,
    503: AWAY,
    504: TIMED_OUT,
}


class Fault(click.ClickException):
    """One fault; `code` stands at the end, in brackets."""

    def __init__(self, exit_code: int, what: str, so_what: str, do: str, then: str = "", *, code: str = "") -> None:
        super().__init__(what)
        self.exit_code = exit_code  # type: ignore[misc] # click has a class variable; ours differs by fault
        sentences = " ".join(part for part in (what, so_what, do, then) if part)
        self.text = f"{sentences} ({code})" if code else sentences
        self.told: dict[str, Any] = {
            "error": {"what": what, "so_what": so_what, "do": do, "then": then, "code": code, "exit": exit_code}
        }

    def show(self, file: IO[Any] | None = None) -> None:
        """To stderr, whatever goes to stdout."""
        click.echo(self.text, file=file or sys.stderr)


def from_problem(status: int, problem: dict[str, Any]) -> Fault:
    """A problem document of the API as a fault."""
    detail = str(problem.get("detail") or problem.get("title") or f"The front answered {status}.")
    return Fault(
        _BY_STATUS.get(status, BUG),
        detail if detail.endswith((".", "!", "?")) else f"{detail}.",
        "Nothing was changed.",
        str(problem.get("fix", "")),
        code=str(problem.get("code", "")),
    )


def front_away(path: str, why: str) -> Fault:
    """Nobody at the socket."""
    return Fault(
        AWAY,
        f"The front does not answer on {path}: {why}.",
        "Machines are polled and stored all the same, if the field runs.",
        "Run: systemctl status hall-edge-front (or start: hall-edge run).",
        "hallctl ping then says who answers.",
        code="HE6002",
    )


def not_in_group(path: str) -> Fault:
    """The socket is there and we may not use it."""
    return Fault(
        NOT_ALLOWED,
        f"You may not use {path}.",
        "Nothing was asked.",
        "Become a member of the group hall-edge (usermod -aG hall-edge NAME) and log in again, or use sudo.",
        "hallctl ping then says who answers.",
        code="HE5002",
    )


def too_slow(path: str, seconds: float) -> Fault:
    """It took the question and does not answer."""
    return Fault(
        TIMED_OUT,
        f"The front took the question and gave no answer on {path} within {seconds:g} s.",
        "What was asked may or may not be done.",
        "Ask again; if it stays, run: systemctl restart hall-edge-front.",
        code="HE6002",
    )
