"""The real units under a real systemd: what the sandbox allows, what a watchdog and a kill do, how they stop."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.system import roots

UNITS = roots.CHECKOUT / "systemd"
NAMES = ("hall-edge.service", "hall-edge-front.service")
BACKUP = ("hall-edge-backup.service", "hall-edge-backup.timer")
EXAMPLES = {
    "hall-edge.service": "hall-edge-device-servers.conf.example",
    "hall-edge-front.service": "hall-edge-front-site.conf.example",
}
EXPOSED_AT_MOST = 12
"Tenths, as systemd-analyze counts: 96 is a bare unit."
NIGHT_S = 240


@pytest.fixture
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is missing")
    return program


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("with_site", [False, True], ids=["as shipped", "with the site's networks"])
def test_a_unit_is_not_more_exposed_than_agreed(analyze, tmp_path, name, with_site):
    text = (UNITS / name).read_text()
    if with_site:
        text += "\n" + (UNITS / EXAMPLES[name]).read_text()
    (tmp_path / name).write_text(text)
    told = subprocess.run(
        [analyze, "security", "--offline=true", f"--threshold={EXPOSED_AT_MOST}", str(tmp_path / name)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-300:]


def test_no_unit_asks_for_a_credential_that_may_be_absent():
    for name in NAMES:
        assert "LoadCredential" not in (UNITS / name).read_text()


@pytest.fixture(scope="module")
def installed() -> Path:
    """A root with the gateway installed; made once, then only brought up to date."""
    reason = roots.lacking()
    if reason is not None:
        pytest.skip(reason)
    with roots.alone():
        root = roots.base()
        roots.install(root)
    return root


@pytest.mark.system
@pytest.mark.timeout(600)
def test_a_second_installation_changes_nothing(installed):
    def state() -> dict[str, tuple[int, int]]:
        watched = [installed / "etc", installed / "opt" / "hall-edge"]
        return {
            str(path): ((entry := path.lstat()).st_mtime_ns, entry.st_mode)
            for top in watched for path in top.rglob("*") if path.is_file() and "__pycache__" not in path.parts
            and path.name not in ("credentials.conf", "hall-edge.conf", "99-hall-edge.rules", *NAMES, *BACKUP)
        }  # fmt: skip

    (installed / "etc/hall-edge/config.toml").write_text("# the site's own\n")
    with roots.alone():
        roots.install(installed)
        before = state()
        roots.install(installed)
    assert state() == before
    assert (installed / "etc/hall-edge/config.toml").read_text() == "# the site's own\n"


@pytest.mark.system
@pytest.mark.timeout(120)
def test_systemd_finds_nothing_wrong_with_the_installed_units(installed, analyze):
    told = subprocess.run(
        [analyze, "verify", f"--root={installed}", "--man=no", *NAMES, *BACKUP],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert not [line for line in told.stderr.splitlines() if "hall-edge" in line]


@pytest.fixture(scope="module")
def night(installed, tmp_path_factory) -> dict[str, Any]:
    """One boot with all that may happen to the units, as facts by step."""
    results = tmp_path_factory.mktemp("results")
    example = (UNITS / EXAMPLES["hall-edge.service"]).read_text().replace("10.7.0.41", "localhost")
    plan = Path(__file__).parent / "plan"
    with roots.alone(), roots.changeable(installed) as root:
        units, drop_ins = root / "etc/systemd/system", root / "etc/systemd/system/hall-edge.service.d"
        drop_ins.mkdir()
        (drop_ins / "device-servers.conf").write_text(example)
        (drop_ins / "watchdog.conf").write_text("[Service]\nWatchdogSec=3\n")
        shutil.copy(plan / "config.toml", root / "etc/hall-edge/config.toml")
        shutil.copy(plan / "inside.py", root / "opt/inside.py")
        shutil.copy(plan / "night.service", units)
        (units / "multi-user.target.wants/night.service").symlink_to("../night.service")
        console = roots.boot(root, results, NIGHT_S)
    written = results / "facts.json"
    assert written.exists(), f"nothing was written down; the console said:\n{console[-4000:]}"
    facts: dict[str, Any] = json.loads(written.read_text())
    print(json.dumps({name: fact for name, fact in facts.items() if name != "journal"}, indent=1))
    print(facts.get("journal", "")[-12_000:])
    assert facts.get("done"), console[-4000:]
    return facts


def step(night: dict[str, Any], name: str) -> dict[str, Any]:
    assert "broke" not in night[name], night[name]["broke"]
    found: dict[str, Any] = night[name]
    return found


@pytest.mark.system
@pytest.mark.timeout(NIGHT_S + 300)
class TestNight:
    """One boot, judged by what it left behind."""

    def test_both_units_become_ready_by_their_own_word(self, night):
        seen = step(night, "starts")
        assert seen["waited_s"] is not None
        assert seen["connected_after_s"] is not None
        assert seen["field"]["Type"] == seen["front"]["Type"] == "notify"
        assert seen["field"]["StatusText"]
        assert seen["field"]["NRestarts"] == seen["front"]["NRestarts"] == "0"
        assert seen["field"]["User"] == seen["front"]["User"] == "hall-edge"
        assert seen["started"][0]["last_stop"] == "first"

    def test_neither_half_has_any_right_it_does_not_need(self, night):
        seen = step(night, "sandbox")
        for half in ("field", "front"):
            assert seen[half]["CapEff"] == seen[half]["CapBnd"] == "0000000000000000"
            assert seen[half]["NoNewPrivs"] == "1"
            assert seen[half]["Seccomp"] == "2"
            assert not seen[half]["Uid"].startswith("0\t")
        assert seen["nobody_reads"] == []
        assert seen["front_writes"] == []
        assert seen["executes_from"] == []
        assert seen["field_writes"] == ["/var/lib/hall-edge/x"]
        assert not seen["front_tty"]

    def test_a_line_that_led_to_nothing_comes_up_when_a_machine_appears(self, night):
        assert step(night, "machine")["up_after_s"] is not None

    def test_a_field_that_hangs_is_killed_by_the_watchdog_and_comes_back(self, night):
        seen = step(night, "watchdog")
        assert seen["back_after_s"] is not None
        assert seen["new_process"]
        assert seen["by_watchdog"]
        assert seen["stacks_logged"]
        assert seen["front_stayed"]
        assert seen["reconnected_after_s"] is not None

    def test_a_killed_field_comes_back_and_the_front_never_leaves(self, night):
        seen = step(night, "field_killed")
        assert seen["back_after_s"] is not None
        assert seen["other_stayed"]
        assert seen["reconnected_after_s"] is not None
        assert seen["machine_up_after_s"] is not None
        assert seen["last_stop"] == "unclean"

    def test_a_killed_front_comes_back_and_the_field_polls_on(self, night):
        seen = step(night, "front_killed")
        assert seen["back_after_s"] is not None
        assert seen["other_stayed"]
        assert seen["reconnected_after_s"] is not None

    def test_the_front_stops_alone_and_at_once(self, night):
        seen = step(night, "front_stops")
        assert seen["took_s"] < 2
        assert seen["result"] == {"Result": "success", "ExecMainStatus": "0"}
        assert seen["field_active"]

    def test_the_field_stops_cleanly_at_once_and_takes_the_front_along(self, night):
        seen = step(night, "field_stops")
        assert seen["took_s"] < 2
        assert seen["result"] == {"Result": "success", "ExecMainStatus": "0"}
        assert not seen["field_active"]
        assert seen["front_gone_after_s"] < 2
        assert seen["stopped"][-1]["clean"] is True

    def test_after_a_clean_stop_no_machine_waits_for_a_silence(self, night):
        seen = step(night, "starts_again")
        assert seen["back_after_s"] is not None
        assert seen["last_stop"] == "clean"
        assert seen["machine_up_after_s"] is not None
        assert seen["machine_up_after_s"] < 4

    def test_a_restart_that_was_asked_for_renews_both(self, night):
        seen = step(night, "restarted")
        assert seen["both_back_after_s"] is not None
        assert seen["connected_after_s"] is not None

    def test_a_wrong_configuration_is_not_tried_again_and_again(self, night):
        seen = step(night, "wrong_configuration")
        assert seen["ActiveState"] == "failed"
        assert seen["NRestarts"] == "0"
