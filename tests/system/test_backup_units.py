"""The nightly backup as systemd sees it: no more exposed than the halves, and at an hour that exists."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.system import roots

UNITS = roots.CHECKOUT / "systemd"
EXPOSED_AT_MOST = 12
"Tenths, as for the halves."


@pytest.fixture
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is missing")
    return program


@pytest.mark.parametrize("with_disk", [False, True], ids=["as shipped", "with another disk"])
def test_the_backup_is_not_more_exposed_than_agreed(analyze, tmp_path, with_disk):
    text = (UNITS / "hall-edge-backup.service").read_text()
    if with_disk:
        text += "\n" + (UNITS / "hall-edge-backup-disk.conf.example").read_text()
    (tmp_path / "hall-edge-backup.service").write_text(text)
    told = subprocess.run(
        [analyze, "security", "--offline=true", f"--threshold={EXPOSED_AT_MOST}", tmp_path / "hall-edge-backup.service"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-300:]


def test_the_backup_asks_for_no_credential_that_may_be_absent_and_has_no_network():
    text = (UNITS / "hall-edge-backup.service").read_text()
    assert "LoadCredential" not in text
    assert "PrivateNetwork=yes" in text
    assert "User=hall-edge" in text


def test_the_timer_names_a_time_that_systemd_understands_and_makes_up_for_a_missed_one(analyze):
    text = (UNITS / "hall-edge-backup.timer").read_text()
    when = re.search(r"^OnCalendar=(.+)$", text, re.MULTILINE)
    assert when is not None
    told = subprocess.run([analyze, "calendar", when[1]], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert "Persistent=yes" in text
