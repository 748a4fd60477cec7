"""hallctl backup: made, listed, and told whether it holds; nothing of it needs the gateway to run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.store.migrations import MIGRATIONS
from sync.migrate import migrate


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    migrate(tmp_path / "state/hall.db", MIGRATIONS)
    path = tmp_path / "config.toml"
    path.write_text(f'[hall]\nid = "7"\n[gateway]\nid = "hg-07"\n[store]\ndirectory = "{tmp_path}/state"\n')
    return path


def hallctl(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(one) for one in arguments])
    code = left.value.code
    assert isinstance(code, int)
    return code


def test_a_backup_is_made_listed_and_found_to_hold(config, capfd):
    assert hallctl("backup", "now", "--config", config) == 0
    capfd.readouterr()
    assert hallctl("backup", "list", "--config", config, "--json") == 0
    (one,) = json.loads(capfd.readouterr().out)["backups"]
    assert (one["number"], one["sealed"]) == (1, False)
    file = config.parent / "state/backups" / one["name"]
    assert hallctl("backup", "verify", file, "--json") == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["gateway"], told["sequence"], told["holds"]) == ("hg-07", 0, True)
    result = [json.loads(path.read_bytes()) for path in (config.parent / "state/untold").iterdir()]
    assert [(told["result"], told["name"]) for told in result] == [("made", one["name"])]


def test_a_backup_that_does_not_hold_is_told_with_its_code(config, capfd):
    assert hallctl("backup", "now", "--config", config) == 0
    (file,) = (config.parent / "state/backups").glob("hall-*")
    file.write_bytes(file.read_bytes()[:-100])
    assert hallctl("backup", "verify", file) == 6
    assert "(HE3042)" in capfd.readouterr().err


def test_a_backup_of_nothing_is_refused_and_the_field_is_told_why(config, capfd):
    (config.parent / "state/hall.db").unlink()
    assert hallctl("backup", "now", "--config", config) == 1
    assert "(HE3040)" in capfd.readouterr().err
    (path,) = (config.parent / "state/untold").iterdir()
    assert json.loads(path.read_bytes())["result"] == "not_made"


def test_a_file_that_is_not_there_is_not_called_damaged(config, capfd):
    assert hallctl("backup", "verify", config.parent / "nothing") == 5
    assert "There is no" in capfd.readouterr().err
