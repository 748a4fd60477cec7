"""Books that were copied, cloned, restored or cut: the log never gives one number to two records, and says what is gone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edge.field.coldstart import open_books
from edge.store import anchor
from edge.store import home as home_module
from tests.support.keptbooks import copy_back, events_of, log_of, run_once, settings_at


def openings(state: Path) -> list[str]:
    return [event["data"]["reason"] for event in events_of(state, "gateway.epoch.opened")]


def nothing_stands_twice(*logs: dict[tuple[str, int], bytes]) -> None:
    seen: dict[tuple[str, int], bytes] = {}
    for log in logs:
        for place, body in log.items():
            assert seen.setdefault(place, body) == body, f"{place} has two contents"


@pytest.mark.parametrize("in_place", [True, False], ids=["over the old files", "as new files"])
def test_id_1_a_state_directory_copied_back_never_numbers_two_records_alike(tmp_path: Path, in_place: bool) -> None:
    settings, state, saved = settings_at(tmp_path, tmp_path / "anchor"), tmp_path / "state", tmp_path / "saved"
    run_once(settings, 5, "before")
    shutil.copytree(state, saved)
    run_once(settings, 20, "first-life")
    first = log_of(state)
    copy_back(saved, state, in_place=in_place)
    run_once(settings, 20, "second-life")
    nothing_stands_twice(first, log_of(state))
    assert openings(state) == ["tail-lost"]
    # And once more, by which time the anchor speaks of a stream that the copy has never heard of.
    second = log_of(state)
    copy_back(saved, state, in_place=in_place)
    run_once(settings, 20, "third-life")
    nothing_stands_twice(first, second, log_of(state))
    assert openings(state) == ["restored"]


def test_st_14_a_directory_restored_by_hand_says_what_is_missing_and_asks_for_nothing(tmp_path: Path) -> None:
    settings, state, saved = settings_at(tmp_path, tmp_path / "anchor"), tmp_path / "state", tmp_path / "last-week"
    run_once(settings, 5)
    shutil.copytree(state, saved)
    kept = len(log_of(saved))
    run_once(settings, 7)
    told = anchor.newest(tmp_path / "anchor")
    assert told is not None
    copy_back(saved, state, in_place=False)
    run_once(settings, 1)
    (opened,) = events_of(state, "gateway.epoch.opened")
    assert (opened["sequence"], opened["data"]["epoch"]) == ("00000000000000000001", 2)
    assert (opened["data"]["previous_streamid"], opened["data"]["last_sequence"]) == (told.streamid, kept)
    tail, moved = events_of(state, "gateway.incident")
    assert tail["data"]["facts"]["first_missing"] == kept + 1
    assert tail["data"]["facts"]["last_told"] == told.sequence
    assert moved["data"]["slug"] == "moved"
    gaps = events_of(state, "egm.data.gap")
    assert [(gap["data"]["asset"], gap["data"]["reason"]) for gap in gaps] == [(17, "tail_lost"), (18, "tail_lost")]
    assert len(events_of(state, "gateway.checkpoint")) >= 2, "the new epoch is signed at once"


def test_st_8_a_disk_that_dropped_what_it_confirmed_is_noticed_by_the_anchor(tmp_path: Path) -> None:
    settings, state = settings_at(tmp_path, tmp_path / "elsewhere"), tmp_path / "state"
    run_once(settings, 5, orderly=False)
    before = {path.name: path.read_bytes() for path in state.iterdir()}
    run_once(settings, 9, orderly=False)
    for name in ("hall.db", "hall.db-wal"):
        if name in before:
            (state / name).write_bytes(before[name])
        else:
            (state / name).unlink(missing_ok=True)
    run_once(settings, 1)
    assert openings(state) == ["tail-lost"]
    run_once(settings, 1)
    assert openings(state) == ["tail-lost"], "told once, and the log goes on"


def test_pw_7_a_loss_that_was_declared_before_the_anchor_followed_is_not_declared_again(tmp_path: Path) -> None:
    settings, state = settings_at(tmp_path, tmp_path / "anchor"), tmp_path / "state"
    run_once(settings, 5)
    shutil.copytree(state, tmp_path / "saved")
    run_once(settings, 9)
    evidence = (tmp_path / "anchor").read_bytes()
    copy_back(tmp_path / "saved", state, in_place=True)
    for _ in range(3):
        # The power went between the commit of the new epoch and the anchor's first line of it.
        (tmp_path / "anchor").write_bytes(evidence)
        run_once(settings, 1)
        assert openings(state) == ["tail-lost"]


def test_st_10_a_database_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    settings, state = settings_at(tmp_path, tmp_path / "anchor"), tmp_path / "state"
    run_once(settings, 3)
    for gone in ("hall.db", "hall.db-wal", "hall.db-shm"):
        (state / gone).unlink(missing_ok=True)
    books = open_books(settings)
    assert books.verdict.safe is not None
    assert books.verdict.safe.slug == "database-missing"
    assert not (state / "hall.db").exists()
    os.close(books.lock_fd)
    # The whole directory is gone: an empty mount point. The anchor still knows better.
    shutil.rmtree(state)
    books = open_books(settings)
    assert books.verdict.safe is not None
    assert books.verdict.safe.facts["known_by"] == [str(tmp_path / "anchor")]
    os.close(books.lock_fd)
    # Neither is left: a new box.
    shutil.rmtree(state)
    (tmp_path / "anchor").unlink()
    books = open_books(settings)
    assert books.verdict.safe is None
    assert books.made_now
    os.close(books.lock_fd)


def test_id_2_a_clone_on_another_machine_takes_another_stream_and_the_first_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, clone = tmp_path / "ours", tmp_path / "clone"
    run_once(settings_at(ours), 5)
    shutil.copytree(ours, clone)
    other = tmp_path / "machine-id"
    other.write_text("0123456789abcdef0123456789abcdef\n")
    run_once(settings_at(ours), 5, "ours")
    monkeypatch.setattr(home_module.home_of, "__defaults__", (other,))
    run_once(settings_at(clone), 5, "clone")
    assert openings(ours / "state") == []
    assert openings(clone / "state") == ["moved"]
    nothing_stands_twice(log_of(ours / "state"), log_of(clone / "state"))
    (incident,) = events_of(clone / "state", "gateway.incident")
    assert "machine_id" in incident["data"]["facts"]["changed"]
    assert events_of(clone / "state", "egm.data.gap") == [], "nothing is lost by being copied"


def test_id_3_two_clones_that_both_begin_epoch_two_are_told_apart_by_their_streams(tmp_path: Path) -> None:
    run_once(settings_at(tmp_path / "ours"), 5)
    streams = set()
    for name in ("clone-a", "clone-b"):
        shutil.copytree(tmp_path / "ours", tmp_path / name)
        run_once(settings_at(tmp_path / name), 5, name)
        (opened,) = events_of(tmp_path / name / "state", "gateway.epoch.opened")
        assert opened["data"]["epoch"] == 2
        streams.add(opened["streamid"])
    assert len(streams) == 2
    nothing_stands_twice(*(log_of(tmp_path / name / "state") for name in ("ours", "clone-a", "clone-b")))


def test_an_anchor_that_cannot_be_used_is_an_incident_and_no_reason_to_stand_still(tmp_path: Path) -> None:
    settings, state = settings_at(tmp_path, tmp_path / "anchor"), tmp_path / "state"
    run_once(settings, 3)
    (tmp_path / "anchor").unlink()
    (tmp_path / "anchor").mkdir()
    run_once(settings, 3)
    assert openings(state) == []
    assert [event["data"]["slug"] for event in events_of(state, "gateway.incident")] == ["anchor-failing"]
