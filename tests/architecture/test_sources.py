"""What no reviewer should have to look for: impure imports, floats near money, long files, a machine's own paths."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 450
"Lines a file may have; tables may be longer, for they are read by row."
TABLES = re.compile(r"protocols/sas/catalog/|edge/hall/catalogue/")

PURE = (
    "protocols/errors.py", "protocols/sas/**/*.py", "protocols/line/capture.py",
    "sync/errors.py", "sync/envelope.py", "sync/commands.py", "sync/topics.py", "sync/delivery.py",
    "edge/errors.py", "edge/hall/**/*.py", "edge/rules/**/*.py", "edge/field/translate/**/*.py",
    "edge/seam/messages.py", "edge/health/conditions.py", "edge/config/model.py",
    "simulators/egm/*.py", "simulators/central/books.py", "simulators/central/counts.py", "simulators/lives/*.py",
    "edge/field/pollers/wheel.py",
    "simulators/faults/plan.py",
)  # fmt: skip
NOT_PURE = {"simulators/egm/serve.py"}
OUTSIDE = {
    "asyncio", "sqlite3", "socket", "time", "random", "os", "logging", "serial", "aiomqtt", "fastapi", "structlog",
    "secrets", "subprocess", "threading",
}  # fmt: skip
MONEY = (
    "edge/hall/money.py", "edge/hall/meters.py", "edge/rules/meters.py", "edge/store/meters.py",
    "edge/rules/balance.py", "edge/store/days.py", "edge/store/reviews.py", "edge/store/balances.py",
    "protocols/sas/catalog/denominations.py", "protocols/sas/catalog/meter_codes.py",
)  # fmt: skip


def tracked() -> list[Path]:
    """Every file of the project that git knows, or every file there is where git is absent."""
    try:
        names = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        return []
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def pure_files() -> list[Path]:
    found = {path for pattern in PURE for path in ROOT.glob(pattern)}
    return sorted(path for path in found if short(path) not in NOT_PURE)


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names of the modules imported at run time."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
        else:
            yield from imported(node)


@pytest.mark.parametrize("path", pure_files(), ids=short)
def test_a_pure_module_touches_nothing_outside(path):
    touched = set(imported(ast.parse(path.read_text()))) & OUTSIDE
    assert not touched, f"{short(path)} is on the list of pure modules and imports {sorted(touched)}"


@pytest.mark.parametrize("name", MONEY)
def test_no_float_comes_near_money(name):
    tree = ast.parse((ROOT / name).read_text())
    for node in ast.walk(tree):
        bad = (
            (isinstance(node, ast.Constant) and isinstance(node.value, float))
            or (isinstance(node, ast.Name) and node.id == "float")
            or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and "Fraction" not in ast.unparse(node))
        )
        assert not bad, f"{name}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}"


def test_a_file_can_be_read_in_one_sitting():
    long = {
        short(path): lines
        for path in tracked()
        if path.suffix == ".py" and not TABLES.search(short(path))
        and (lines := path.read_text().count("\n")) > LONGEST
    }  # fmt: skip
    assert not long


def foreign() -> re.Pattern[str]:
    """What belongs to the machine this runs on, learned here and not written down: its checkout, home, indexes."""
    words = [re.escape(f"{ROOT}/"), re.escape("files.python" + "hosted.org"), r"/home/[a-z]\w*/"]
    if len(ROOT.parent.parts) > 1 and ROOT.parent.name not in ("root", "home", "opt", "srv", "tmp", "mnt"):
        words.append(re.escape(f"{ROOT.parent}/"))
    configured = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    words += [re.escape(host) for host in re.findall(r"https?://(?:[^/@\s]*@)?([^/'\s]+)", configured)]
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(words)})")


def test_no_file_names_a_machine_or_an_index():
    pattern = foreign()
    found = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{short(path)}: {match.group()}" for match in pattern.finditer(text)]
    assert not found


def test_every_requirement_is_pinned_and_hashed():
    for name in ("run.txt", "dev.txt"):
        text = (ROOT / "requirements" / name).read_text()
        entries = re.findall(r"^[A-Za-z0-9](?:[^\n]*\\\n)*[^\n]*", text, re.MULTILINE)
        assert len(entries) > 30
        assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)


def test_what_the_gateway_runs_with_is_a_part_of_what_it_is_tested_with():
    pins = {
        name: set(re.findall(r"^([A-Za-z0-9._-]+==\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))
        for name in ("run.txt", "dev.txt")
    }
    assert pins["run.txt"] <= pins["dev.txt"]
