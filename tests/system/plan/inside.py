"""Runs inside the booted root as root: treats the units as a bad night would and writes down what it saw.

Standard library only. Steps do not depend on each other's success: each writes its own facts, the test outside judges.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

FIELD, FRONT = "hall-edge.service", "hall-edge-front.service"
RESULTS = Path("/results/facts.json")
facts: dict[str, Any] = {}


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout.strip()


def shown(unit: str, *names: str) -> dict[str, str]:
    lines = run("systemctl", "show", unit, f"--property={','.join(names)}").splitlines()
    return dict(line.split("=", 1) for line in lines)


def until(what: Callable[[], Any], seconds: float) -> float | None:
    """Seconds until `what` held, or None."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if what():
            return round(time.monotonic() - began, 2)
        time.sleep(0.05)
    return None


def active(unit: str) -> bool:
    return shown(unit, "ActiveState", "SubState") == {"ActiveState": "active", "SubState": "running"}


def pid(unit: str) -> int:
    """Of the unit's main process; 0: there is none."""
    return int(shown(unit, "MainPID")["MainPID"])


def living(unit: str) -> int:
    """A process that a signal can be sent to. Never 0: that would be ourselves and all who started us."""
    if until(lambda: active(unit) and pid(unit), 10) is None:
        raise RuntimeError(run("systemctl", "status", "--no-pager", "--full", unit))
    return pid(unit)


def status() -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(run("hallctl", "status", "--json"))
    except (json.JSONDecodeError, subprocess.TimeoutExpired):
        return {}
    return told


def connected() -> bool:
    return bool(status().get("field", {}).get("connected"))


def machine_up() -> bool:
    return bool(status().get("machines", {}).get("up"))


def log(kind: str) -> list[dict[str, Any]]:
    """Data of all events of a kind, from the books (in WAL: opened as whoever owns them would, and only read)."""
    with sqlite3.connect("file:/var/lib/hall-edge/hall.db?mode=ro", uri=True) as books:
        bodies = [json.loads(row[0]) for row in books.execute("SELECT body FROM log ORDER BY position")]
    return [body["data"] for body in bodies if body["type"] == kind]


def starts() -> dict[str, Any]:
    waited = until(lambda: active(FIELD) and active(FRONT), 40)
    if waited is None:
        raise RuntimeError(run("systemctl", "status", "--no-pager", "--full", FIELD, FRONT))
    return {
        "waited_s": waited,
        "connected_after_s": until(connected, 10),
        "field": shown(FIELD, "Type", "NotifyAccess", "StatusText", "NRestarts", "WatchdogUSec", "User"),
        "front": shown(FRONT, "Type", "NotifyAccess", "StatusText", "NRestarts", "WatchdogUSec", "User"),
        "ready_us": {
            unit: int(shown(unit, "ActiveEnterTimestampMonotonic")["ActiveEnterTimestampMonotonic"])
            - int(shown(unit, "InactiveExitTimestampMonotonic")["InactiveExitTimestampMonotonic"])
            for unit in (FIELD, FRONT)
        },
        "started": log("hall.gateway.started.v1"),
    }


def sandbox() -> dict[str, Any]:
    def of(unit: str) -> dict[str, str]:
        text = Path(f"/proc/{pid(unit)}/status").read_text()
        told = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        return {name: told[name].strip() for name in ("Uid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")}

    def as_nobody(path: str) -> bool:
        command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "ls", path]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def write_from(unit: str, path: str) -> bool:
        # Entering the mount namespace only: what the unit's own view of the disks would let root write.
        command = ["nsenter", f"--target={pid(unit)}", "--mount", "touch", path]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def executes_from(unit: str, directory: str) -> bool:
        script = f"cp /bin/true {directory}/program && {directory}/program; told=$?; rm -f {directory}/program; exit $told"
        command = ["nsenter", f"--target={pid(unit)}", "--mount", "sh", "-c", script]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    ours = ("/var/lib/hall-edge", "/run/hall-edge", "/etc/hall-edge")
    places = ("/var/lib/hall-edge/x", "/etc/x", "/usr/x", "/opt/x")
    return {
        "field": of(FIELD),
        "front": of(FRONT),
        "executes_from": [
            (unit, directory)
            for unit, writable in ((FIELD, "/var/lib/hall-edge"), (FRONT, "/var/cache/hall-edge"))
            for directory in (writable, "/run/hall-edge", "/tmp", "/var/tmp", "/dev/shm")
            if executes_from(unit, directory)
        ],
        "nobody_reads": [path for path in ours if as_nobody(path)],
        "front_writes": [path for path in places if write_from(FRONT, path)],
        "field_writes": [path for path in places if write_from(FIELD, path)],
        "front_tty": subprocess.run(
            ["nsenter", f"--target={pid(FRONT)}", "--mount", "ls", "/dev/tty0"], capture_output=True, check=False
        ).returncode == 0,
    }  # fmt: skip


def machine() -> dict[str, Any]:
    """A simulated machine appears at the other end of the line that led to nothing."""
    run("systemd-run", "--unit=machine", "hallctl", "sim", "egm", "--listen", "127.0.0.1:4001", "--games", "60")
    return {"up_after_s": until(machine_up, 25), "identified": len(log("hall.egm.identified.v1"))}


def watchdog() -> dict[str, Any]:
    before, front = living(FIELD), living(FRONT)
    restarts = int(shown(FIELD, "NRestarts")["NRestarts"])
    os.kill(before, signal.SIGSTOP)
    waited = until(lambda: int(shown(FIELD, "NRestarts")["NRestarts"]) > restarts and active(FIELD), 30)
    journal = run("journalctl", "-u", FIELD, "-o", "cat", "--no-pager")
    return {
        "back_after_s": waited,
        "new_process": pid(FIELD) not in (0, before),
        "by_watchdog": "Watchdog timeout" in journal,
        "stacks_logged": "most recent call first" in journal,
        "front_stayed": pid(FRONT) == front,
        "reconnected_after_s": until(connected, 10),
    }


def killed(unit: str) -> dict[str, Any]:
    other = FRONT if unit == FIELD else FIELD
    before, beside = living(unit), living(other)
    os.kill(before, signal.SIGKILL)
    back = until(lambda: active(unit) and pid(unit) not in (0, before), 20)
    return {
        "back_after_s": back,
        "other_stayed": pid(other) == beside and active(other),
        "reconnected_after_s": until(connected, 10),
        "machine_up_after_s": until(machine_up, 20),
        "last_stop": log("hall.gateway.started.v1")[-1].get("last_stop"),
    }


def stops(unit: str) -> dict[str, Any]:
    began = time.monotonic()
    run("systemctl", "stop", unit)
    took = round(time.monotonic() - began, 2)
    told = {"took_s": took, "result": shown(unit, "Result", "ExecMainStatus"), "field_active": active(FIELD)}
    if unit == FIELD:
        told["front_gone_after_s"] = until(lambda: shown(FRONT, "ActiveState")["ActiveState"] == "inactive", 5)
        told["stopped"] = log("hall.gateway.stopped.v1")
    return told


def starts_again() -> dict[str, Any]:
    run("systemctl", "start", FIELD)
    back = until(lambda: active(FIELD) and active(FRONT), 20)
    return {
        "back_after_s": back,
        "machine_up_after_s": until(machine_up, 20),
        "last_stop": log("hall.gateway.started.v1")[-1].get("last_stop"),
    }


def restarted() -> dict[str, Any]:
    """What an installation does, and whoever has changed the configuration."""
    before = {unit: living(unit) for unit in (FIELD, FRONT)}
    run("systemctl", "restart", FIELD)
    back = until(lambda: all(active(unit) and pid(unit) not in (0, before[unit]) for unit in before), 20)
    return {"both_back_after_s": back, "connected_after_s": until(connected, 10)}


def wrong_configuration() -> dict[str, Any]:
    """Exit 78 is not tried again and again."""
    run("systemctl", "stop", FIELD)
    with Path("/etc/hall-edge/config.toml").open("a") as config:
        config.write("\nnonsense = [\n")
    run("systemctl", "start", FIELD)
    time.sleep(3)
    return shown(FIELD, "ActiveState", "Result", "NRestarts", "ExecMainStatus")


STEPS: dict[str, Callable[[], dict[str, Any]]] = {
    "starts": starts,
    "sandbox": sandbox,
    "machine": machine,
    "watchdog": watchdog,
    "field_killed": lambda: killed(FIELD),
    "front_killed": lambda: killed(FRONT),
    "front_stops": lambda: stops(FRONT),
    "field_stops": lambda: stops(FIELD),
    "starts_again": starts_again,
    "restarted": restarted,
    "wrong_configuration": wrong_configuration,
}


def main() -> None:
    for name, step in STEPS.items():
        try:
            facts[name] = step()
        except Exception:  # noqa: BLE001 # whatever happens in here is a finding to be read outside
            facts[name] = {"broke": traceback.format_exc()}
        if name == "front_stops":
            run("systemctl", "start", FRONT)
        RESULTS.write_text(json.dumps(facts, indent=1))
        if name == "starts" and "broke" in facts[name]:
            break
    facts["done"] = True
    facts["journal"] = run("journalctl", "-u", FIELD, "-u", FRONT, "-o", "short-monotonic", "--no-pager")[-40_000:]
    RESULTS.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
