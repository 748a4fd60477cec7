"""A line of one's own, without the daemon: open it, drive it to the end of a scan or a probe, let go of it.

What was said to another host before may wait unacknowledged in a machine, so a line is silent for over 5 s first: machines
declare their link down and keep it. Nothing here sends a general poll to a machine, but where a person asked for it.
"""

import select
import time
from collections.abc import Callable, Sequence

from edge.cli.faults import AWAY, CONFLICT, NOT_FOUND, USAGE, Fault
from edge.seam.findings import ProbeResult, ScanResult, exception_name, probe_result, scan_result
from protocols.errors import LineBusy, LineError, LineUnfit
from protocols.line.line import Line, LineSettings
from protocols.line.open import open_line
from protocols.sas.conversations.base import Outcome
from protocols.sas.conversations.probe import Probe, Probed
from protocols.sas.driving import Driver, step
from protocols.sas.events import ExceptionSeen, Finished, LinkDown, SasEvent
from protocols.sas.host import Host, Start
from protocols.sas.rules import LineRules
from protocols.sas.scan import Scan

READY_WITHIN_S = 5.0
PROBE_WITHIN_S = 180.0
"A machine that reads meters only one by one, on a bad line."
NEVER = 1 << 30
"Greetings in vain before a general poll: it would take an exception."


def scan(url: str, *, up_to: int, listen: bool, general_polls: bool, said: Callable[[str], None]) -> ScanResult:
    """Who is on this line, at addresses 1 to ``up_to``. Without ``listen`` the line is asked at once. Raises Fault."""
    with _Opened(url) as line:
        now = time.monotonic()
        addresses = range(1, up_to + 1)
        scanning = Scan(LineRules(), now=now, listen=listen, general_polls=general_polls, addresses=addresses)
        said(f"{'listening for over 5 s, then ' if listen else ''}asking {up_to} addresses")
        _drive(url, line, scanning, lambda: scanning.ended, _nothing, now + 120.0)
    return scan_result(url, scanning.result)


def probe(url: str, address: int, *, said: Callable[[str], None]) -> ProbeResult:
    """All that one machine says of itself. Raises Fault."""
    with _Opened(url) as line:
        now = time.monotonic()
        rules = LineRules(greet=True, greet_misses=NEVER)
        host = Host([address], rules, now=now, start=Start.UNCLEAN)
        host.begin(address, Probe())
        outcome: list[Outcome] = []

        def tell(events: Sequence[SasEvent]) -> None:
            for event in events:
                if isinstance(event, ExceptionSeen):
                    raise _real_time(event)
                if isinstance(event, Finished):
                    outcome.append(event.outcome)
                if isinstance(event, LinkDown):
                    raise _nobody(url, address)

        said("silent for over 5 s first, so that nothing is lost that waits in the machine; then asking")
        _drive(url, line, host, lambda: bool(outcome), tell, now + PROBE_WITHIN_S)
    if not isinstance(outcome[0], Probed):
        raise _nobody(url, address)
    return probe_result(url, address, outcome[0])


class _Opened:
    """An open line that can send; closed at the end of the block."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._line: Line | None = None

    def __enter__(self) -> Line:
        if self._url.startswith("memory:"):
            raise _unfit("A memory line exists inside one process only.")
        try:
            line = self._line = open_line(self._url, name=self._url, settings=LineSettings(), now=time.monotonic())
            _until_ready(self._url, line)
        except LineUnfit as error:
            self.__exit__()
            raise _unfit(str(error)) from None
        except LineError as error:
            self.__exit__()
            raise _lost(str(error)) from None
        except BaseException:  # Also Ctrl-C while it opens: the port is held exclusively and must be let go.
            self.__exit__()
            raise
        return line

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.close()


def _until_ready(url: str, line: Line) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while not line.ready(time.monotonic()):
        if time.monotonic() > until:
            raise _lost(f"{url} did not become ready within {READY_WITHIN_S:g} s.")
        time.sleep(0.01)


def _drive(
    url: str,
    line: Line,
    driver: Driver,
    ended: Callable[[], bool],
    tell: Callable[[Sequence[SasEvent]], None],
    until: float,
) -> None:
    poll = select.poll()
    if line.fileno() >= 0:
        poll.register(line.fileno(), select.POLLIN)
    try:
        while not ended():
            now = time.monotonic()
            if now > until:
                raise Fault(
                    AWAY, f"What was asked on {url} did not come to an end in time.", "Nothing was changed.",
                    "The line answers too badly: look at it with hallctl line scan.", code="HE1203",
                )  # fmt: skip
            wait_s = step(line, driver, now, tell) - time.monotonic()
            if wait_s > 0:
                # Below a millisecond poll() would spin: a port's gap after the wake-up byte is 1.5 ms long.
                if wait_s < 0.002:
                    time.sleep(wait_s)
                else:
                    poll.poll(int(wait_s * 1000))
    except LineBusy as error:
        raise _lost(str(error)) from None
    except LineError as error:
        raise _lost(str(error)) from None


def _nothing(_: Sequence[SasEvent]) -> None:
    return


def _unfit(text: str) -> Fault:
    return Fault(USAGE, text, "Nothing was sent.", "Write --url tcp9:HOST:PORT or --url tty:/dev/serial/by-path/...")


def _lost(text: str) -> Fault:
    return Fault(
        AWAY, text, "Machines keep what they have not been acknowledged.",
        "Is the daemon using this line? Then ask through it: hallctl line scan NAME.",
    )  # fmt: skip


def _nobody(url: str, address: int) -> Fault:
    return Fault(
        NOT_FOUND, f"Nobody answers at address {address} on {url}.", "Nothing was changed.",
        "See who is there: hallctl line scan --url URL.",
    )  # fmt: skip


def _real_time(event: ExceptionSeen) -> Fault:
    return Fault(
        CONFLICT,
        f"The machine at address {event.address} is in real-time event mode and tells {event.code:02X} "
        f"({exception_name(event.code)}) in place of an answer.",
        "It was not acknowledged: the machine keeps it.",
        "Ask through the daemon, which stores it first: hallctl egm probe ASSET.",
    )
