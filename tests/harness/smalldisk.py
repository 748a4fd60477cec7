"""A disk of a few MiB of its own: a loop-mounted ext4 in a file, to be filled to the last byte and freed again."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path


def why_not() -> str | None:
    """What is missing for it on this machine; None: nothing."""
    if os.geteuid() != 0:
        return "root is missing: mounting needs it"
    for tool in ("mkfs.ext4", "mount", "umount"):
        if shutil.which(tool) is None and not Path("/sbin", tool).exists():
            return f"{tool} is missing"
    if not Path("/dev/loop-control").exists():
        return "/dev/loop-control is missing"
    return None


class SmallDisk:
    """Mounted at ``place`` from ``open`` to ``close``. ``inodes``: how many files it can hold; None: as mkfs likes."""

    def __init__(self, image: Path, place: Path, *, mib: int = 24, inodes: int | None = None) -> None:
        self.image = image
        self.place = place
        self._mib = mib
        self._inodes = inodes
        self._files = 0

    def open(self) -> None:
        """Make and mount it. Raises CalledProcessError."""
        with self.image.open("wb") as file:
            file.truncate(self._mib << 20)
        few = [] if self._inodes is None else ["-N", str(self._inodes)]
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", *few, str(self.image)], check=True, env=_path())
        self.place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-o", "loop", str(self.image), str(self.place)], check=True, env=_path())

    def close(self) -> None:
        """Unmount it, whoever may still look at it."""
        subprocess.run(["umount", "-l", str(self.place)], check=False, env=_path(), stderr=subprocess.DEVNULL)

    @property
    def free(self) -> int:
        """Bytes."""
        space = os.statvfs(self.place)
        return space.f_bavail * space.f_frsize

    @property
    def size(self) -> int:
        """Bytes for files, free or not."""
        space = os.statvfs(self.place)
        return space.f_blocks * space.f_frsize

    def fill(self, *, leave: int = 0) -> None:
        """Write until nothing but ``leave`` bytes are free."""
        self._files += 1
        fd = os.open(self.place / f"filler-{self._files}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for piece in (1 << 20, 1 << 16, 4096, 512):
                with contextlib.suppress(OSError):
                    while self.free - piece >= leave:
                        # Extents need blocks of their own: the last bytes may be refused before none is left.
                        os.write(fd, bytes(piece))
            os.fsync(fd)
        finally:
            os.close(fd)

    def use_up_inodes(self) -> None:
        """Make empty files until no more can be made."""
        directory = self.place / "many"
        with contextlib.suppress(OSError):
            directory.mkdir(exist_ok=True)
            while True:
                self._files += 1
                (directory / f"none-{self._files}").touch()

    def release(self) -> None:
        """What `fill` and `use_up_inodes` took is there again."""
        for path in self.place.glob("filler-*"):
            path.unlink()
        shutil.rmtree(self.place / "many", ignore_errors=True)


def _path() -> dict[str, str]:
    return {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
