"""Archives that somebody made to harm: names that lead elsewhere, things that are no files, and what swells."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from edge.jobs import archive
from edge.jobs.backup import backup
from edge.jobs.errors import ArchiveDamaged, ArchiveRefused, ArchiveTruncated, BackupError, NoRoom
from edge.jobs.restore import restore
from tests.edge.jobs.small_books import settings_for

NAMES = (
    "../hall.db", "/var/tmp/hall-edge-stray", "../../../../../../tmp/hall-edge-stray", "hall.db/../../x",
    "./hall.db", "hall.db\0x", "..", ".", "", "C:\\hall.db", "hall.db/", "field.lock", "restored.json", "checked.db",
    "configuration/../x", "config.toml.\u202e", "config.100.toml", "conf.d/10-x.toml", "x" * 300,
)  # fmt: skip
KINDS = {
    "symbolic link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "device": tarfile.CHRTYPE, "block": tarfile.BLKTYPE,
    "pipe": tarfile.FIFOTYPE, "directory": tarfile.DIRTYPE, "pax header": tarfile.XHDTYPE,
    "long name": tarfile.GNUTYPE_LONGNAME, "sparse": tarfile.GNUTYPE_SPARSE,
}  # fmt: skip


@pytest.fixture
def entries(state: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    """The members of an honest backup, to be changed."""
    with backup(settings_for(state)).path.open("rb") as packed:
        plain = zstandard.ZstdDecompressor().stream_reader(packed).read()
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        return [(one, (tar.extractfile(one) or io.BytesIO()).read()) for one in tar]


def packed(path: Path, entries: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    out = io.BytesIO()
    for info, content in entries:
        out.write(info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512))
    path.write_bytes(zstandard.ZstdCompressor().compress(out.getvalue() + bytes(1024)))
    return path


def everything(top: Path) -> Iterator[str]:
    for path in sorted(top.rglob("*")):
        yield f"{path.relative_to(top)} {path.lstat().st_mode:o} {path.lstat().st_size}"


def refused(path: Path, top: Path) -> BackupError:
    """Restore it into a box of its own; nothing may be anywhere but a lock."""
    before = list(everything(top))
    box = top / "a" / "b" / "box"
    with pytest.raises(BackupError) as caught:
        restore(path, box)
    made = [line for line in everything(top) if line not in before]
    assert [line.split()[0] for line in made if not line.startswith("a ") and not line.startswith("a/b ")] == [
        "a/b/box", "a/b/box/.unfinished-restore", *(["a/b/box/.unfinished-restore/hall.db"] if any(
            "restore/hall.db" in line for line in made) else []), "a/b/box/field.lock",
    ]  # fmt: skip
    return caught.value


@pytest.mark.parametrize("name", NAMES)
def test_hx_4_no_name_from_an_archive_leads_anywhere(entries, tmp_path, name):
    info, content = entries[1]
    info.name = name
    assert isinstance(refused(packed(tmp_path / "x", [entries[0], (info, content)]), tmp_path), ArchiveRefused)


@pytest.mark.parametrize("name", NAMES)
def test_hx_4_nor_does_a_manifest_that_agrees_with_such_a_name(entries, tmp_path, name):
    info, content = entries[1]
    manifest = entries[0][1].replace(b'"name": "hall.db"', b'"name": ' + json.dumps(name).encode())
    assert manifest != entries[0][1]
    entries[0][0].size, info.name = len(manifest), name
    wrong = packed(tmp_path / "x", [(entries[0][0], manifest), (info, content)])
    assert isinstance(refused(wrong, tmp_path), ArchiveRefused)


@pytest.mark.parametrize("name", NAMES)
def test_hx_4_a_file_of_the_configuration_is_called_by_us_too(state, tmp_path, name):
    (state / "some.toml").write_text("# mine\n")
    with backup(settings_for(state), [state / "some.toml"]).path.open("rb") as honest:
        plain = zstandard.ZstdDecompressor().stream_reader(honest).read()
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        some = [(one, (tar.extractfile(one) or io.BytesIO()).read()) for one in tar]
    manifest = some[0][1].replace(b'"name": "config.toml"', b'"name": ' + json.dumps(name).encode())
    assert manifest != some[0][1]
    some[0][0].size, some[2][0].name = len(manifest), name
    wrong = packed(tmp_path / "x", [(some[0][0], manifest), *some[1:]])
    assert isinstance(refused(wrong, tmp_path), ArchiveRefused)


@pytest.mark.parametrize("kind", KINDS)
def test_hx_4_links_devices_and_headers_of_other_formats_are_no_members(entries, tmp_path, kind):
    info, content = entries[1]
    info.type, info.linkname = KINDS[kind], "/etc/passwd"
    refused(packed(tmp_path / "x", [entries[0], (info, content)]), tmp_path)


def test_hx_4_a_link_planted_in_the_staging_directory_is_not_followed(state, tmp_path):
    made = backup(settings_for(state)).path
    staging, outside = tmp_path / "staging", tmp_path / "outside"
    staging.mkdir()
    (staging / "hall.db").symlink_to(outside)
    fd = os.open(staging, os.O_RDONLY)
    try:
        with pytest.raises(FileExistsError):
            archive.unpack(made, None, fd, lambda manifest: None)
    finally:
        os.close(fd)
    assert not outside.exists()


def test_hx_4_a_member_twice_or_one_more_than_the_manifest_says_is_refused(entries, tmp_path):
    for some in ([*entries, entries[1]], [entries[0], entries[0], entries[1]], [entries[1], entries[0]]):
        refused(packed(tmp_path / "x", some), tmp_path)
        for path in sorted((tmp_path / "a").rglob("*"), reverse=True):
            path.unlink() if not path.is_dir() else path.rmdir()
        (tmp_path / "a").rmdir()


def bomb_of_zeros(path: Path) -> None:
    # 1 GiB in some ten thousand bytes.
    with path.open("wb") as out, zstandard.ZstdCompressor(level=1).stream_writer(out) as packed:
        for _ in range(1024):
            packed.write(bytes(1 << 20))


def bomb_of_a_manifest(path: Path) -> None:
    info = tarfile.TarInfo("manifest.json")
    info.size, info.mode = 1 << 30, 0o600
    with path.open("wb") as out, zstandard.ZstdCompressor().stream_writer(out) as packed:
        packed.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(256):
            packed.write(bytes(1 << 20))


@pytest.mark.parametrize("bomb", [bomb_of_zeros, bomb_of_a_manifest])
def test_hx_5_what_swells_is_refused_in_little_memory_before_it_is_on_disk(tmp_path, bomb: Callable[[Path], None]):
    path = tmp_path / "bomb"
    bomb(path)
    assert path.stat().st_size < 1 << 20
    program = (
        "import sys; from pathlib import Path; from edge.jobs.restore import restore; "
        f"restore(Path({str(path)!r}), Path({str(tmp_path / 'box')!r}))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20)),
    )  # fmt: skip
    assert "ArchiveRefused" in told.stderr, told.stderr[-500:]
    assert sum(one.stat().st_size for one in (tmp_path / "box").rglob("*") if one.is_file()) == 0


def with_size(entries: list[tuple[tarfile.TarInfo, bytes]], size: int) -> list[tuple[tarfile.TarInfo, bytes]]:
    was = f'"size": {entries[1][0].size}'.encode()
    manifest = entries[0][1].replace(was, f'"size": {size}'.encode())
    assert manifest != entries[0][1]
    entries[0][0].size = len(manifest)
    entries[1][0].size = size
    return [(entries[0][0], manifest), entries[1]]


@pytest.mark.parametrize("size", [1 << 40, 1 << 61])
def test_hx_5_a_claim_that_no_backup_packs_to_is_refused_before_anything_is_written(entries, tmp_path, size):
    assert isinstance(refused(packed(tmp_path / "x", with_size(entries, size)), tmp_path), ArchiveRefused)


def test_hx_5_a_disk_without_room_for_the_claim_is_not_begun(state, tmp_path, monkeypatch):
    made = backup(settings_for(state)).path
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Disk", (), {"free": 1 << 20}))
    assert isinstance(refused(made, tmp_path), NoRoom)


@pytest.mark.parametrize("by", [-4096, -512, 512, 4096])
def test_hx_5_more_or_less_bytes_than_the_manifest_says_are_refused(entries, tmp_path, by):
    error = refused(packed(tmp_path / "x", with_size(entries, entries[1][0].size + by)), tmp_path)
    assert isinstance(error, ArchiveRefused | ArchiveDamaged | ArchiveTruncated)


def test_hx_5_a_window_that_would_take_gigabytes_of_memory_is_refused(tmp_path):
    parameters = zstandard.ZstdCompressionParameters(window_log=30)
    path = tmp_path / "x"
    with path.open("wb") as out, zstandard.ZstdCompressor(compression_params=parameters).stream_writer(out) as packed:
        packed.write(bytes(1024))
    assert isinstance(refused(path, tmp_path), ArchiveDamaged)
