"""Central's books survive being killed: what was acknowledged is there, and what is there is whole."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.central.books import Claim, chain_next, chain_start
from simulators.central.store import CentralStore

STREAM = "5e1f0c8a94d2477bb0a36e21c97d5f08"
WRITER = """
import sys
from pathlib import Path
from simulators.central.store import CentralStore
STREAM = "5e1f0c8a94d2477bb0a36e21c97d5f08"
with CentralStore(Path(sys.argv[1])) as store:
    here = store.position
    sequence = here.sequence if here else 0
    while True:
        bodies = []
        for _ in range(20):
            sequence += 1
            bodies.append(b'{"streamid":"%s","epoch":"1","sequence":"%020d","pad":"%s"}'
                          % (STREAM.encode(), sequence, b"x" * 500))
        taken = store.take(bodies, None, way="pull")
        store.was_acknowledged(taken.position)
        print(taken.position.sequence, taken.position.chain.hex(), flush=True)
"""


def body(sequence: int, note: str = "") -> bytes:
    return b'{"streamid":"%s","epoch":"1","sequence":"%020d","note":"%s"}' % (STREAM.encode(), sequence, note.encode())


def test_killed_in_the_middle_of_writing_it_has_all_it_acknowledged_and_is_whole(tmp_path: Path) -> None:
    books = tmp_path / "books.db"
    dice = random.Random(7)
    for _ in range(4):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(books)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(dice.randrange(3, 40)):
            child.stdout.readline()
        child.kill()
        rest = child.stdout.read()
        child.stdout.close()
        child.wait()
        told = [line for line in rest.splitlines() if len(line.split()) == 2 and len(line.split()[1]) == 64]
        with CentralStore(books) as store:
            here = store.position
            assert here is not None
            if told:
                sequence, chain = told[-1].split()
                assert here.sequence >= int(sequence)
                if here.sequence == int(sequence):
                    assert here.chain.hex() == chain
            report = store.report()
            assert report["is_whole"]
            assert report["records"] == here.sequence
            assert report["acknowledged"][0]["sequence"] <= here.sequence


def test_a_refused_batch_leaves_the_books_as_they_were_and_a_finding(tmp_path: Path) -> None:
    with CentralStore(tmp_path / "books.db") as store:
        store.take([body(1), body(2)], None, way="pull")
        taken = store.take([body(3), body(4)], Claim(STREAM, 4, "00" * 32), way="pull")
        assert taken.records == ()
        assert store.position is not None
        assert store.position.sequence == 2
        report = store.report()
        assert not report["is_whole"]
        assert [finding["kind"] for finding in report["findings"]] == ["new-stream", "chain"]


def test_repeats_are_counted_and_live_copies_are_one_record_with_the_log(tmp_path: Path) -> None:
    with CentralStore(tmp_path / "books.db") as store:
        store.live("door", body(2))
        store.live("door", body(2))
        store.live("money", body(9))
        store.take([body(1), body(2)], None, way="mqtt")
        store.take([body(1), body(2)], None, way="mqtt")
        report = store.report()
        assert report["repeats"] == 2
        assert report["live"] == {"records": 2, "copies": 3, "differ_from_log": 0, "not_in_log_yet": 1}
        assert report["is_whole"]
        store.live("door", body(1, "other"))
        assert not store.report()["is_whole"]


def test_a_reader_sees_the_books_while_they_are_written(tmp_path: Path) -> None:
    with CentralStore(tmp_path / "books.db") as store:
        store.take([body(1)], None, way="pull")
        with CentralStore(tmp_path / "books.db", read_only=True) as reader:
            store.take([body(2)], None, way="pull")
            assert reader.report()["records"] == 2
            with pytest.raises(Exception, match="readonly"):
                reader.take([body(3)], None, way="pull")


def test_the_position_hangs_on_the_chain_of_the_contract(tmp_path: Path) -> None:
    with CentralStore(tmp_path / "books.db") as store:
        store.take([body(1), body(2)], None, way="pull")
        assert store.position is not None
        assert store.position.chain == chain_next(chain_next(chain_start(STREAM), 1, body(1)), 2, body(2))
