"""Central takes only what follows without a gap and hangs on its chain; it says of everything else why not (EVT-05, COM-07)."""

import hashlib
import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.central.books import (
    BadBatch,
    Claim,
    Position,
    Record,
    chain_next,
    chain_start,
    split_array,
    split_page,
    summarize,
    take,
)
from sync import envelope

STREAM = "5e1f0c8a94d2477bb0a36e21c97d5f08"
OTHER = "00000000000000000000000000000001"


def body(sequence: int, *, streamid: str = STREAM, epoch: int = 1, note: str = "") -> bytes:
    head = {"streamid": streamid, "epoch": str(epoch), "sequence": f"{sequence:020d}", "type": "t"}
    return json.dumps(head | {"data": {"n": note}}).encode()


def log(count: int, *, streamid: str = STREAM, epoch: int = 1) -> list[Record]:
    records, chain = [], chain_start(streamid)
    for sequence in range(1, count + 1):
        text = body(sequence, streamid=streamid, epoch=epoch)
        chain = chain_next(chain, sequence, text)
        records.append(Record(streamid, epoch, sequence, text, chain))
    return records


def claim(record: Record) -> Claim:
    return Claim(record.streamid, record.sequence, record.chain.hex())


def shelf(records: Sequence[Record]) -> Callable[[str, int], bytes | None]:
    known = {(record.streamid, record.sequence): record.body for record in records}
    return lambda streamid, sequence: known.get((streamid, sequence))


def at(record: Record) -> Position:
    return Position(record.streamid, record.epoch, record.sequence, record.chain)


def test_the_chain_is_that_of_the_contract_and_equals_the_gateways() -> None:
    first = hashlib.sha256(b"hall-edge log v1\n" + STREAM.encode()).digest()
    assert chain_start(STREAM) == first == envelope.chain_start(STREAM)
    second = hashlib.sha256(first + bytes.fromhex("0000000000000001") + b"{}").digest()
    assert chain_next(first, 1, b"{}") == second == envelope.chain_next(first, 1, b"{}")


def test_a_first_batch_and_the_one_after_it_are_taken() -> None:
    records = log(5)
    first = take(None, [r.body for r in records[:3]], claim(records[2]), shelf([]))
    assert first.records == tuple(records[:3])
    assert [f.kind for f in first.findings] == ["new-stream"]
    second = take(first.position, [r.body for r in records[3:]], claim(records[4]), shelf(records[:3]))
    assert second.position == at(records[4])
    assert not second.findings


def test_up_3_a_batch_that_comes_again_is_counted_and_changes_nothing() -> None:
    records = log(5)
    again = take(at(records[4]), [r.body for r in records[1:4]], claim(records[3]), shelf(records))
    assert (again.records, again.findings, again.position) == ((), (), at(records[4]))
    assert again.repeats == ((STREAM, 2), (STREAM, 3), (STREAM, 4))


def test_a_batch_that_overlaps_gives_only_what_is_new() -> None:
    records = log(5)
    taken = take(at(records[2]), [r.body for r in records[1:]], claim(records[4]), shelf(records[:3]))
    assert [r.sequence for r in taken.records] == [4, 5]
    assert len(taken.repeats) == 2


def test_up_4_a_batch_beyond_a_gap_is_not_taken() -> None:
    records = log(5)
    taken = take(at(records[0]), [r.body for r in records[2:]], claim(records[4]), shelf(records[:1]))
    assert taken.records == ()
    assert taken.position == at(records[0])
    assert [(f.kind, f.sequence, f.is_fault) for f in taken.findings] == [("early", 3, False)]


def test_a_hole_inside_a_batch_refuses_all_of_it() -> None:
    records = log(5)
    taken = take(None, [records[0].body, records[2].body], claim(records[2]), shelf([]))
    assert taken.records == ()
    assert any(f.kind == "early" and f.is_fault for f in taken.findings)


def test_other_bytes_under_a_known_number_are_a_fault() -> None:
    records = log(3)
    taken = take(at(records[2]), [body(2, note="changed")], None, shelf(records))
    assert [(f.kind, f.is_fault) for f in taken.findings] == [("altered", True)]


def test_a_changed_record_breaks_the_chain_and_nothing_of_its_batch_is_taken() -> None:
    records = log(3)
    bodies = [records[0].body, body(2, note="changed"), records[2].body]
    taken = take(None, bodies, claim(records[2]), shelf([]))
    assert taken.records == ()
    assert taken.position is None
    assert taken.findings[-1].kind == "chain"


def test_a_batch_that_ends_elsewhere_than_it_says_is_refused() -> None:
    records = log(3)
    taken = take(None, [r.body for r in records[:2]], claim(records[2]), shelf([]))
    assert taken.records == ()
    assert taken.findings[-1].kind == "claim"


def test_a_new_epoch_begins_at_one_and_the_old_stream_is_over() -> None:
    old, new = log(3), log(2, streamid=OTHER, epoch=2)
    taken = take(at(old[2]), [r.body for r in new], claim(new[1]), shelf(old))
    assert taken.position == at(new[1])
    assert [f.kind for f in taken.findings] == ["new-stream"]
    stray = take(taken.position, [body(4)], None, shelf(old))
    assert [f.kind for f in stray.findings] == ["stray"]


def test_books_may_begin_at_the_oldest_record_that_is_left() -> None:
    records = log(9)
    anchor = at(records[4])
    taken = take(None, [r.body for r in records[4:]], claim(records[8]), shelf([]), anchor=anchor)
    assert [r.sequence for r in taken.records] == [5, 6, 7, 8, 9]
    assert not summarize(taken.records, {STREAM: anchor}).findings
    assert [f.kind for f in summarize(taken.records).findings] == ["gap", "chain"]


@pytest.mark.parametrize("text", ["", "{}", "[", "[1", "[1,", "[1 2]", '["\\u12"]', "[1]]x"[:2]])
def test_what_is_no_array_is_no_batch(text: str) -> None:
    with pytest.raises(BadBatch):
        split_array(text)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"events":', '{"events":[1]', '{"events" [1]}', "{1:2}", '{"events":[1],,}']
)
def test_what_is_no_page_is_refused(text: str) -> None:
    with pytest.raises(BadBatch):
        split_page(text)


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=4), max_size=6))
def test_records_come_out_of_a_page_exactly_as_they_were_put_in(events: list[dict[str, object]]) -> None:
    bodies = [json.dumps(event, ensure_ascii=False, separators=(",", " : ")).encode() for event in events]
    page = b'{ "head":{"a":[1]} , "events" : [' + b" , ".join(bodies) + b'],\n"has_more":true}'
    assert split_page(page.decode()) == (bodies, {"head": {"a": [1]}, "has_more": True})


@given(st.data())
def test_up_4_in_whatever_order_batches_come_the_books_are_dense_and_hold(data: st.DataObject) -> None:
    records = log(12)
    kept: list[Record] = []
    position = None
    for _ in range(data.draw(st.integers(1, 12))):
        start = data.draw(st.integers(0, 11))
        end = data.draw(st.integers(start + 1, 12))
        taken = take(position, [r.body for r in records[start:end]], claim(records[end - 1]), shelf(kept))
        kept += taken.records
        position = taken.position
        assert kept == records[: len(kept)]
        assert not any(f.is_fault for f in taken.findings)
    assert not summarize(kept).findings


def test_the_summary_sees_a_gap_a_double_and_a_changed_byte() -> None:
    records = log(6)
    assert [f.kind for f in summarize(records[:2] + records[3:]).findings] == ["gap", "chain"]
    assert "order" in [f.kind for f in summarize([*records[:3], records[2], *records[3:]]).findings]
    changed = records[2]._replace(body=body(3, note="changed"))
    assert [f.kind for f in summarize([*records[:2], changed, *records[3:]]).findings] == ["chain"]
    misfiled = records[2]._replace(body=records[1].body)
    assert "identity" in [f.kind for f in summarize([*records[:2], misfiled, *records[3:]]).findings]


def test_a_page_of_a_machine_is_made_from_its_events() -> None:
    def event(sequence: int, kind: str, data: dict[str, object]) -> bytes:
        head = {"streamid": STREAM, "epoch": "1", "sequence": f"{sequence:020d}", "type": kind, "time": "T"}
        return json.dumps(head | {"data": data}).encode()

    def reading(value: str, delta: str | None) -> dict[str, object]:
        return {"game": 0, "denomination": None, "code": 0, "value": value, "width": 4, "delta": delta}

    bodies = [
        event(1, "hall.egm.door.opened.v1", {"asset": 7, "sas_exception": 0x11, "door": "main"}),
        event(2, "hall.egm.door.opened.v1", {"asset": 7, "sas_exception": 0x11, "door": "main", "maybe_repeat": True}),
        event(3, "hall.egm.meters.snapshot.v1", {"asset": 7, "generation": 1, "readings": [reading("99999990", None)]}),
        event(4, "hall.egm.meters.snapshot.v1", {"asset": 7, "generation": 1, "readings": [reading("5", "15")]}),
        event(5, "hall.gateway.started.v1", {"version": "1"}),
    ]
    taken = take(None, bodies, None, shelf([]))
    machine = summarize(taken.records).machines[7]
    assert [(seen.code, seen.maybe_repeat) for seen in machine.exceptions] == [(0x11, False), (0x11, True)]
    newest = machine.newest(0)
    assert newest is not None
    assert (newest.value, newest.width, machine.snapshots) == (5, 4, 2)
    assert list(machine.growth.values()) == [15]
    assert machine.values == {0: {99_999_990, 5}}
