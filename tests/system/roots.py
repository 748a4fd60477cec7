"""Small Debian systems to install and boot the gateway in. Needs root, mmdebstrap and systemd-nspawn.

The base is made once per release and list of packages, from this machine's own package sources, into ``build/system``;
a change of the program costs only the installation.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
CACHE = CHECKOUT / "build" / "system"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "python3-venv", "procps")
PROGRAMS = ("mmdebstrap", "systemd-nspawn", "chroot")


def lacking() -> str | None:
    """Why no root can be made here, as a sentence for a skip; None: it can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    if absent:
        return f"{', '.join(absent)} is missing"
    return None if os.geteuid() == 0 else "root is missing"


def codename() -> str:
    """This machine's release, such as bookworm."""
    found = re.search(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("/etc/os-release names no release")
    return found[1]


def sources() -> list[Path]:
    """This machine's package sources of the release itself; other people's repositories are left out."""
    suite = re.compile(rf"^(?:Suites:|deb )(?:.*\s)?{codename()}(?:\s|$)", re.MULTILINE)
    candidates = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    return [path for path in candidates if path.suffix in (".list", ".sources") and path.is_file()
            and suite.search(path.read_text())]  # fmt: skip


@contextmanager
def alone() -> Iterator[None]:
    """One maker of roots at a time; two test runs share what the first one made."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def base() -> Path:
    """A minimal system that can boot; made in about a minute, kept."""
    key = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:8]
    root = CACHE / f"{codename()}-{key}"
    if root.is_dir():
        return root
    unfinished = root.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    subprocess.run(
        ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}",
         codename(), str(unfinished), *map(str, sources())],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    unfinished.rename(root)
    return root


def install(root: Path) -> str:
    """What a person would do: ``./dev install --root``. Returns what it said."""
    done = subprocess.run([CHECKOUT / "dev", "install", "--root", root], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


@contextmanager
def changeable(root: Path) -> Iterator[Path]:
    """A view of `root` that may be written to and is thrown away; an overlay, or a copy where the kernel has none."""
    work = Path(tempfile.mkdtemp(prefix="view-", dir=CACHE))
    view = work / "root"
    for name in ("upper", "work", "root"):
        (work / name).mkdir()
    options = f"lowerdir={root},upperdir={work / 'upper'},workdir={work / 'work'}"
    mounted = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, view], capture_output=True, check=False
    )
    try:
        if mounted.returncode:
            subprocess.run(["cp", "-a", "--reflink=auto", f"{root}/.", view], check=True)
        yield view
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", "--lazy", view], check=False)
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def control_groups(name: str) -> Iterator[list[Path]]:
    """Control groups of our own. Two booted systems in the same ones would kill each other's services."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    tops = [Path(mount[1]) for mount in mounts if mount[2] == "cgroup2" or "name=systemd" in mount[3].split(",")]
    ours = [top / name for top in tops]
    for group in ours:
        group.mkdir(exist_ok=True)
    yield ours
    for group in ours:
        for directory in sorted(group.rglob("*/"), reverse=True):
            with suppress(OSError):
                directory.rmdir()
        with suppress(OSError):
            group.rmdir()


def boot(root: Path, results: Path, within_s: float) -> str:
    """Boot the root with `results` at /results until it powers itself off. Returns the console's text.

    It has no network but its own loopback, and no name that the host's systemd would know. After `within_s` it is
    switched off, and what it wrote until then has to do.
    """
    name = f"hall-{os.getpid()}"
    with control_groups(name) as groups:
        join = "".join(f"echo $$ >{group}/cgroup.procs; " for group in groups)
        return _boot(["sh", "-c", f'{join}exec "$@"', "sh"], root, results, name, within_s)


def _boot(wrapper: list[str], root: Path, results: Path, name: str, within_s: float) -> str:
    with subprocess.Popen(
        [*wrapper, "systemd-nspawn", "--quiet", f"--directory={root}", "--boot", "--register=no", "--keep-unit",
         "--link-journal=no", "--private-network", f"--machine={name}", f"--bind={results}:/results",
         "--console=pipe"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as nspawn:  # fmt: skip
        try:
            return nspawn.communicate(timeout=within_s)[0]
        except subprocess.TimeoutExpired:
            return _switch_off(nspawn)
        except BaseException:
            _switch_off(nspawn)
            raise


def _switch_off(nspawn: subprocess.Popen[str]) -> str:
    """End the system in it as well: killed alone, nspawn would leave it running for ever."""
    inits = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
    for init in inits:
        os.kill(int(init), signal.SIGKILL)
    try:
        return nspawn.communicate(timeout=10)[0]
    except subprocess.TimeoutExpired:
        nspawn.kill()
        return nspawn.communicate()[0]
