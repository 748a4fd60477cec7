"""A key opens what its scopes say and nothing else; a wrong one learns nothing."""

from dataclasses import dataclass

import pytest

from edge.access import Keyring, new_key
from edge.errors import NotAllowed, NotAuthenticated

ACCESS_KEY = b"0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Stored:
    id: str
    hmac: str
    scopes: tuple[str, ...]
    consumer: str | None = None


@pytest.fixture
def made():
    return new_key("central1", ACCESS_KEY)


@pytest.fixture
def ring(made):
    return Keyring([Stored(made.id, made.hmac, ("events:read", "events:ack"), "central-1")], ACCESS_KEY)


def test_the_right_key_is_known_with_its_scopes_and_its_consumer(ring, made):
    principal = ring.who_bearer(f"Bearer {made.text}")
    assert principal.name == "key:central1"
    principal.require("events:read")
    principal.require_consumer("central-1")
    with pytest.raises(NotAllowed):
        principal.require("commands:write")
    with pytest.raises(NotAllowed):
        principal.require_consumer("central-2")


def test_every_wrong_key_gets_the_same_answer(ring, made):
    wrong = [
        None, "", "Bearer", "Bearer ", f"Basic {made.text}", f"Bearer {made.text}x", f"Bearer {made.text[:-1]}",
        f"Bearer {made.text.replace('central1', 'central2')}", f"Bearer {made.text[:-1]}é", f"Bearer {made.text}\n.",
        "Bearer hek_central1_" + "A" * 43, "Bearer " + "x" * 100_000,
    ]  # fmt: skip
    texts = set()
    for header in wrong:
        with pytest.raises(NotAuthenticated) as caught:
            ring.who_bearer(header)
        texts.add(str(caught.value))
        assert caught.value.facts == {}
    assert texts == {"This key is not known here"}


def test_a_key_made_under_another_access_key_is_unknown(made):
    ring = Keyring([Stored(made.id, made.hmac, ("events:read",))], b"another access key of the front")
    with pytest.raises(NotAuthenticated):
        ring.who(made.text)


def test_two_keys_are_never_alike_and_the_text_is_not_shown_by_accident():
    one, two = new_key("a", ACCESS_KEY), new_key("a", ACCESS_KEY)
    assert one.text != two.text
    assert one.text not in repr(one)
    assert len(one.hmac) == 64


@pytest.mark.parametrize("key_id", ["", "A", "a_b", "x" * 33, "ü"])
def test_an_id_is_short_and_plain(key_id):
    with pytest.raises(ValueError, match="is not an id"):
        new_key(key_id, ACCESS_KEY)


def test_keys_need_an_access_key_and_none_need_none(made):
    with pytest.raises(ValueError, match="access key"):
        Keyring([Stored(made.id, made.hmac, ())], b"short")
    with pytest.raises(NotAuthenticated):
        Keyring([], b"").who(made.text)


def test_a_scope_that_does_not_exist_is_a_bug_of_the_caller(ring, made):
    with pytest.raises(ValueError, match="no scope"):
        ring.who(made.text).may("events:raed")
