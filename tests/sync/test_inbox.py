"""A command is admitted once, and each way of being wrong has its own code and leaves no trace (COM-13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import inbox, outbox
from sync.commands import COMMAND_MAX, Command, encode, parse, verify
from sync.envelope import canonical
from sync.errors import BadSignature, CommandError, ConstraintBroken, Malformed, Unsigned
from tests.sync.stage import NIGHT, STREAM, Hall

# RFC 8032, section 7.1, test 1: the secret key and the public key that belongs to it.
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")

DISABLE = Command(
    central="central-1",
    term=4,
    command_id="c-0001",
    gateway="hg-07",
    streamid=STREAM,
    issued_at=NIGHT,
    expires_at=NIGHT + timedelta(seconds=60),
    kind="egm.disable",
    body={"asset": 100417, "reason": "fire alarm"},
)


def as_sent(**changes: Any) -> Command:
    """The command as it looks after its way over the wire."""
    return parse(encode(replace(DISABLE, **changes)))


def admit(hall: Hall, command: Command, after_s: float = 1.0) -> inbox.Admission:
    now = NIGHT + timedelta(seconds=after_s)
    return hall.do(lambda tx: inbox.admit(tx, command, gateway="hg-07", now=now))


def rows(hall: Hall) -> list[Any]:
    reader = hall.reader()
    return [
        reader.execute(f"SELECT * FROM {table}").fetchall() for table in ("inbox", "inbox_terms", "inbox_watermark")
    ]


def test_a_command_is_admitted_once_and_its_repetition_gets_the_first_ones_result(hall: Hall) -> None:
    command = as_sent()
    assert admit(hall, command) == inbox.Admission("admitted")
    assert admit(hall, command) == inbox.Admission("repeated", None)
    assert inbox.open_commands(hall.reader()) == [command]
    result = {"event": f"{STREAM}:12", "type": "hall.command.done.v1"}
    assert hall.do(lambda tx: inbox.finish(tx, "central-1", "c-0001", result))
    assert admit(hall, command) == inbox.Admission("repeated", result)
    assert inbox.open_commands(hall.reader()) == []
    found = inbox.find(hall.reader(), None, "c-0001")
    assert found is not None
    assert (found.command, found.result) == (command, result)
    assert inbox.find(hall.reader(), "central-2", "c-0001") is None


def test_a_repetition_is_answered_whatever_became_of_term_stream_and_time(hall: Hall) -> None:
    assert admit(hall, as_sent()).status == "admitted"
    assert admit(hall, as_sent(command_id="c-0002", term=9)).status == "admitted"
    hall.do(lambda tx: outbox.open_epoch(tx, "restored"))
    assert admit(hall, as_sent(), after_s=1e6).status == "repeated"
    later = as_sent(issued_at=NIGHT + timedelta(hours=1), expires_at=NIGHT + timedelta(hours=2))
    assert admit(hall, later).status == "repeated"  # asked again with a new expiry: the same content


@pytest.mark.parametrize(
    ("changes", "after_s", "status"),
    [
        ({"gateway": "hg-08"}, 1, "wrong-gateway"),
        ({"command_id": "c-0001", "body": {"asset": 100418}}, 1, "conflict"),
        ({"command_id": "c-0001", "kind": "egm.enable"}, 1, "conflict"),
        ({"streamid": "ff" * 16}, 1, "wrong-epoch"),
        ({"term": 3}, 1, "stale-term"),
        ({}, 60.0, "expired"),
        ({"issued_at": NIGHT - timedelta(days=401)}, 1, "too-old"),
    ],
)
def test_each_way_of_being_wrong_has_its_code_and_changes_nothing(
    hall: Hall, changes: dict[str, Any], after_s: float, status: str
) -> None:
    admit(hall, as_sent())
    hall.do(lambda tx: inbox.prune(tx, NIGHT - timedelta(days=400)))
    before = rows(hall)
    assert admit(hall, as_sent(**{"command_id": "c-0002", **changes}), after_s).status == status
    assert rows(hall) == before


def test_a_command_lives_until_the_very_moment_of_its_expiry(hall: Hall) -> None:
    assert admit(hall, as_sent(), after_s=59.999).status == "admitted"


def test_each_central_has_its_own_term_and_its_own_ids(hall: Hall) -> None:
    assert admit(hall, as_sent(term=9)).status == "admitted"
    assert admit(hall, as_sent(central="desk", term=0)).status == "admitted"
    assert admit(hall, as_sent(command_id="c-0002", term=9)).status == "admitted"
    assert admit(hall, as_sent(command_id="c-0003", term=8)).status == "stale-term"


def test_a_result_is_kept_once(hall: Hall) -> None:
    admit(hall, as_sent())
    assert hall.do(lambda tx: inbox.finish(tx, "central-1", "c-0001", {"event": "a"}))
    assert not hall.do(lambda tx: inbox.finish(tx, "central-1", "c-0001", {"event": "b"}))
    assert not hall.do(lambda tx: inbox.finish(tx, "central-1", "c-9999", {"event": "b"}))
    for sql in (
        "UPDATE inbox SET result = x'7b7d'",
        "DELETE FROM inbox",
        "UPDATE inbox_watermark SET min_issued_at = ''",
    ):
        with pytest.raises(ConstraintBroken):
            hall.do(lambda tx, sql=sql: tx.execute(sql))  # type: ignore[misc]  # early binding
    assert admit(hall, as_sent()).result == {"event": "a"}


def test_a_forgotten_command_cannot_be_replayed(hall: Hall) -> None:
    admit(hall, as_sent())
    admit(hall, as_sent(command_id="open"))
    hall.do(lambda tx: inbox.finish(tx, "central-1", "c-0001", {}))
    assert hall.do(lambda tx: inbox.prune(tx, NIGHT + timedelta(days=400))) == 1
    assert admit(hall, as_sent()).status == "too-old"
    assert admit(hall, as_sent(command_id="open")).status == "repeated"  # what is open is never forgotten
    assert hall.do(lambda tx: inbox.prune(tx, NIGHT)) == 0
    assert admit(hall, as_sent()).status == "too-old"


def test_a_signature_holds_over_the_canonical_envelope_without_itself() -> None:
    signed = replace(DISABLE, key_id="central-1-2026")
    command = parse(encode(signed, SECRET))
    verify(command, PUBLIC)
    assert command.signature is not None
    assert command.signing_bytes() == canonical(
        {
            "central": "central-1", "term": 4, "command_id": "c-0001", "gateway": "hg-07", "streamid": STREAM,
            "issued_at": "2026-11-23T00:11:07.320Z", "expires_at": "2026-11-23T00:12:07.320Z", "kind": "egm.disable",
            "body": {"asset": 100417, "reason": "fire alarm"}, "key_id": "central-1-2026",
        }
    )  # fmt: skip
    spaced = encode(signed, SECRET).replace(b'":', b'" : ')  # white space is not signed; order and content are
    verify(parse(spaced), PUBLIC)
    with pytest.raises(Unsigned):
        verify(as_sent(), PUBLIC)
    with pytest.raises(BadSignature):
        verify(command, PUBLIC[::-1])


@pytest.mark.parametrize(
    "changes",
    [
        {"body": {"asset": 100418, "reason": "fire alarm"}}, {"term": 5}, {"gateway": "hg-08"}, {"central": "other"},
        {"kind": "egm.enable"}, {"command_id": "c-0002"}, {"key_id": "central-1-2027"}, {"streamid": "00" * 16},
        {"expires_at": NIGHT + timedelta(days=1)},
    ],
)  # fmt: skip
def test_nothing_of_a_signed_command_can_be_changed(changes: dict[str, Any]) -> None:
    good = parse(encode(replace(DISABLE, key_id="central-1-2026"), SECRET))
    forged = parse(encode(replace(good, raw=b"", **changes)))
    assert forged.signature == good.signature
    with pytest.raises(BadSignature):
        verify(forged, PUBLIC)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b',"term":4', b""),
        (b'"term":4', b'"term":"4"'),
        (b'"term":4', b'"term":-1'),
        (b'"term":4', b'"term":true'),
        (b'"term":4', b'"term":4.0'),
        (b'"term":4', b'"term":4,"term":5'),
        (b'"term":4', b'"term":NaN'),
        (b'"term":4', b'"term":9007199254740992'),
        (b'"term":4', b'"term":' + b"9" * 5000),
        (b'"term":4', b'"term":4,"more":1'),
        (b'"asset":100417', b'"asset":1,"asset":2'),
        (b'"asset":100417', b'"asset":1e400'),
        (b'"asset":100417', b'"\xd0\xb0":1'),
        (b'"fire alarm"', b'"\\ud800"'),
        (b'"hg-07"', b'"hg 07"'),
        (b'"c-0001"', b'""'),
        (b'"c-0001"', b'"%s"' % (b"c" * 81)),
        (b'"egm.disable"', b'"egm/disable"'),
        (b"00:11:07.320Z", b"00:11:07.320"),
        (b"00:11:07.320Z", b"00:11:07.320+00:00"),
        (b"2026-11-23T00:11", b"2026-02-30T00:11"),
        (b"00:12:07.320Z", b"00:11:07.320Z"),
        (b"2026-11-23T00:12", b"2025-11-23T00:12"),
        (STREAM.encode(), STREAM.upper().encode()),
        (b'"fire alarm"}', b'"fire alarm"'),
        (b'"kind":', b'"key_id":"k","kind":'),
        (b'{"asset":100417,"reason":"fire alarm"}', b"[1]"),
        (b'{"asset":100417,"reason":"fire alarm"}', b"[" * 20000 + b"]" * 20000),
        (b'{"asset":100417,"reason":"fire alarm"}', b'{"a":' * 40 + b"1" + b"}" * 40),
    ],
)
def test_what_is_not_exactly_a_command_is_malformed(old: bytes, new: bytes) -> None:
    good = encode(DISABLE)
    assert old in good
    with pytest.raises(Malformed):
        parse(good.replace(old, new, 1))


def test_a_command_has_a_limit_of_its_own() -> None:
    base = len(encode(replace(DISABLE, body={"x": ""})))
    parse(encode(replace(DISABLE, body={"x": "a" * (COMMAND_MAX - base)})))
    with pytest.raises(Malformed):
        parse(encode(replace(DISABLE, body={"x": "a" * (COMMAND_MAX - base + 1)})))


@given(st.binary(max_size=200))
def test_no_bytes_at_all_do_more_than_be_malformed(raw: bytes) -> None:
    with pytest.raises(CommandError) as refused:
        parse(raw)
    assert refused.value.slug == "malformed"


def test_an_error_is_found_by_its_code() -> None:
    assert CommandError.of("stale-term", "x").slug == "stale-term"
