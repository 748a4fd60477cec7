"""The catalogue is the contract with central: what is in it, what it refuses, and that the page about it is current.

What a person must see at once, and money, goes ahead of a backlog (EVT-04).
"""

from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import BadFact
from edge.hall.document import pages
from edge.hall.events import KINDS, Fact, check, schema, text_of
from edge.hall.exceptions import exception_data
from edge.hall.shapes import checker

AT = datetime(2026, 11, 23, 0, 11, 7, 320000, tzinfo=UTC)
DOOR = "hall.egm.door.opened.v1"
SAMPLES = {
    "hall.egm.meters.snapshot.v1": {
        "asset": 100417,
        "generation": 1,
        "reason": "event",
        "because": "5e1f0c8a94d2477bb0a36e21c97d5f08:8112449",
        "coherent": True,
        "denomination": {"code": 1, "numerator": 1, "denominator": 1},
        "readings": [
            {"game": 0, "denomination": None, "code": 0, "value": "999999999999999999", "width": 9,
             "delta": "15", "verdict": "rollover"},
        ],
        "unsupported": [0x2D],
    },
    "hall.egm.link.down.v1": {"asset": 7, "line": "A", "misses": 12, "last_heard_at": "2026-11-23T00:11:07.320Z"},
    "hall.command.done.v1": {
        "central": "c", "command_id": "0190", "kind": "egm.enable", "asset": 7, "result": {"a": [1, None, "x"]},
    },
    "hall.egm.data.gap.v1": {"asset": 7, "since": "2026-11-23T00:11:07.320Z", "until": None, "reason": "three_tries"},
}  # fmt: skip


def fact(kind: str, data: dict[str, object], subject: str = "egm/100417") -> Fact:
    return Fact(kind, subject, AT, data)  # type: ignore[arg-type]  # wrong data on purpose


def test_every_kind_has_a_schema_that_is_valid_json_schema():
    for kind in KINDS:
        jsonschema.Draft202012Validator.check_schema(schema(kind))


def test_every_kind_is_named_by_what_has_happened_and_ends_with_its_version():
    for kind in KINDS:
        assert kind.startswith("hall.")
        assert kind.endswith(".v1")
        assert kind == kind.lower()


def test_alarms_and_money_go_ahead_of_a_backlog():
    for kind in KINDS.values():
        if kind.priority == "alarm" or kind.klass in ("money", "ticket", "cashless", "door"):
            assert kind.live_class is not None, kind.kind


def test_evt_04_what_disables_play_damages_memory_or_means_a_lost_machine_is_in_the_live_lane():
    """Named one by one, so that nobody takes one of them out by changing its class."""
    named = (
        "egm.link.down", "line.lost", "egm.memory.faulted", "egm.memory.reset", "egm.software.changed", "egm.tilt.raised",
        "egm.out_of_service", "egm.door.opened", "egm.handpay.pending", "egm.handpay.recorded", "egm.handpay.unknown",
        "egm.bill.accepted", "egm.bill.recorded", "egm.meters.reset", "egm.generation.opened", "egm.replaced", "egm.wrong",
        "egm.changed", "egm.identity.unknown", "egm.data.gap", "egm.address.contested", "egm.exceptions.lost",
        "gateway.epoch.opened", "gateway.storage",
    )  # fmt: skip
    for name in named:
        kind = KINDS[f"hall.{name}.v1"]
        assert kind.live_class is not None, name
        assert kind.shed == "never", name


def test_nothing_of_money_doors_or_commands_is_ever_shed():
    for kind in KINDS.values():
        if kind.priority == "alarm" or kind.klass in ("money", "ticket", "cashless", "door", "command", "meters"):
            assert kind.shed == "never", kind.kind


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_a_sample_fits_its_kind_and_its_published_schema(kind):
    check(fact(kind, SAMPLES[kind]))
    jsonschema.validate(SAMPLES[kind], schema(kind))


def test_a_door_fact_reads_as_a_sentence():
    assert text_of(DOOR, exception_data(17, 0x11)) == "Machine 17: main door opened"


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"door": "back"}, r"\.door must be one of .* not 'back'"),
        ({"asset": None}, r"\.asset must be a whole number"),
        ({"asset": 0}, r"\.asset must be 1 to"),
        ({"asset": True}, r"\.asset must be a whole number, not bool"),
        ({"asset": 7.0}, r"\.asset must be a whole number, not float"),
        ({"sas_exception": 256}, r"\.sas_exception must be 0 to 255"),
        ({"colour": "red"}, r"\.colour is not in the catalogue"),
    ],
)
def test_a_fact_that_does_not_match_its_kind_is_refused_with_the_member_named(change, wrong):
    with pytest.raises(BadFact, match=wrong):
        check(fact(DOOR, {**exception_data(7, 0x11), **change}))


def test_a_missing_member_an_unknown_kind_and_a_foreign_subject_are_refused():
    with pytest.raises(BadFact, match=r"\.door is missing"):
        check(fact(DOOR, {"asset": 7, "sas_exception": 17}))
    with pytest.raises(BadFact, match="not in the catalogue"):
        check(fact("hall.egm.door.opened.v2", {}))
    with pytest.raises(BadFact, match="subject"):
        check(fact(DOOR, exception_data(7, 0x11), "egm/7\n"))
    with pytest.raises(BadFact, match="time zone"):
        check(Fact(DOOR, "egm/7", AT.replace(tzinfo=None), exception_data(7, 0x11)))


@pytest.mark.parametrize("value", ["007", "-1", "1.0", "1234567890123456789", "", "1\n", 7])
def test_a_meter_value_is_a_plain_string_of_at_most_18_digits(value):
    data = SAMPLES["hall.egm.meters.snapshot.v1"]
    reading = {**data["readings"][0], "value": value}
    with pytest.raises(BadFact, match=r"\.readings \[0\] \.value"):
        check(fact("hall.egm.meters.snapshot.v1", {**data, "readings": [reading]}))


@pytest.mark.parametrize("result", [{"a": 1.5}, {"a": 2**53 + 1}, {"a": b"x"}, []])
def test_a_free_result_still_knows_no_floats_and_no_huge_integers(result):
    with pytest.raises(BadFact, match=r"\.result"):
        check(fact("hall.command.done.v1", {**SAMPLES["hall.command.done.v1"], "result": result}))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.sampled_from(["main", "belly", "x", "5", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["asset", "door", "x"]), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["asset", "sas_exception", "door", "location", "maybe_repeat"]), _JSON))
def test_the_quick_check_says_what_a_full_json_schema_validator_says(data):
    ours = checker(KINDS[DOOR].data_schema())(data) is None
    theirs = jsonschema.Draft202012Validator(KINDS[DOOR].data_schema()).is_valid(data)
    assert ours == theirs


def test_the_page_about_events_is_current():
    page = Path(__file__).parents[3] / "docs" / "events.md"
    assert page.read_text(encoding="utf-8") == pages(), "write it anew: python -m edge.hall.document > docs/events.md"
