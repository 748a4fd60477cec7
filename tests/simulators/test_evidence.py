"""Books from their files to a verdict, by the commands people type."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from simulators.central.store import CentralStore
from simulators.cli import sim
from simulators.evidence import gateway_facts
from sync import outbox
from sync.envelope import Draft
from sync.migrate import migrate
from sync.writer import Writer

NIGHT = datetime(2026, 11, 23, 0, 11, 7, tzinfo=UTC)


def a_log(path: Path, codes: list[int]) -> None:
    migrate(path)
    writer = Writer(path, now_utc=lambda: NIGHT, post=lambda call: call(), on_fatal=lambda _: None)
    writer.start()

    def work(tx: Any) -> None:
        for code in codes:
            outbox.append(tx, Draft(
                "hall.egm.door.opened.v1", "urn:hall:7:gw:hg-07", "egm/1", NIGHT, {"asset": 1, "sas_exception": code},
                "2026-11-22", "synced", "/api/v1/schemas/hall.egm.door.opened.v1.json",
            ))  # fmt: skip

    writer.submit(work, lambda _, error: None, urgent=True)
    writer.close()


def a_book(path: Path, codes: list[int]) -> None:
    told = [[n, code, True] for n, code in enumerate(codes, 1)]
    machine = {
        "asset": 1, "raised": len(codes), "acknowledged": len(codes), "dropped": 0, "waiting": 0, "told": told,
        "meters": {}, "meters_told": {}, "frozen": True,
    }  # fmt: skip
    path.write_text(json.dumps({"machines": [machine]}), encoding="utf-8")


def files(at: Path, raised: list[int], stored: list[int], arrived: int) -> list[str]:
    """The three files, as arguments of the command; central has the first so many of what is stored."""
    a_log(at / "hall.db", stored)
    a_book(at / "hall.json", raised)
    with CentralStore(at / "books.db") as central:
        import sqlite3

        log = sqlite3.connect(at / "hall.db")
        bodies = [row[0] for row in log.execute("SELECT body FROM log ORDER BY position LIMIT ?", (arrived,))]
        log.close()
        central.take(bodies, None, way="pull")
    return ["--machines", f"{at}/hall.json", "--gateway", f"{at}/hall.db", "--central", f"{at}/books.db"]


def run(*arguments: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(sim, arguments)
    return outcome.exit_code, outcome.output


def test_books_that_agree_are_cleared(tmp_path: Path) -> None:
    code, said = run("reconcile", *files(tmp_path, [0x11, 0x12], [0x11, 0x12], 2), "--final")
    assert code == 0, said
    assert "All that was acknowledged is at central" in said


def test_what_is_on_its_way_is_no_fault_until_the_end(tmp_path: Path) -> None:
    arguments = files(tmp_path, [0x11, 0x12], [0x11, 0x12], 1)
    code, said = run("reconcile", *arguments)
    assert code == 0
    assert "not settled  1 records are not at central yet" in said
    code, said = run("reconcile", *arguments, "--final", "--json")
    assert code == 1
    assert json.loads(said)["lost"] == 1


def test_what_was_acknowledged_and_never_stored_is_lost(tmp_path: Path) -> None:
    code, said = run("reconcile", *files(tmp_path, [0x11, 0x12, 0x20], [0x11, 0x20], 2))
    assert code == 1
    assert "WRONG  machine 1: lost #2 12 (not in the log)" in said


def test_a_report_says_whether_the_books_are_whole(tmp_path: Path) -> None:
    files(tmp_path, [0x11], [0x11, 0x12, 0x13], 3)
    code, said = run("central", "report", "--books", f"{tmp_path}/books.db")
    assert code == 0
    assert "3 records, 0 came again, 0 faults" in said
    with CentralStore(tmp_path / "books.db") as central:
        central._db.execute("UPDATE record SET body = '{}' WHERE sequence = 2 AND 0")
        central._db.execute("DELETE FROM record WHERE sequence = 2")
    code, said = run("central", "report", "--books", f"{tmp_path}/books.db", "--json")
    assert code == 1
    assert [finding["kind"] for finding in json.loads(said)["findings"] if finding["is_fault"]] == ["gap", "chain"]


def test_the_gateways_own_log_is_read_while_it_is_open(tmp_path: Path) -> None:
    a_log(tmp_path / "hall.db", [0x11, 0x12])
    facts = gateway_facts(tmp_path / "hall.db")
    assert len(facts.bodies) == 2
    assert not facts.summary.findings


def test_a_hall_with_fixed_ports_prints_the_gateways_tables(tmp_path: Path) -> None:
    (tmp_path / "hall.toml").write_text("[hall]\nmachines = 2\nbase_port = 4001\n", encoding="utf-8")
    code, said = run("gateway-config", f"{tmp_path}/hall.toml")
    assert code == 0
    assert 'url = "tcp9:127.0.0.1:4002"' in said
    code, said = run("gateway-config", f"{tmp_path}/nothing.toml")
    assert code == 1
    assert "nothing.toml" in said
