"""Sealed bytes: what comes out is what went in, whole and in order, or an error that says why."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.jobs.errors import ArchiveDamaged, ArchiveRefused, ArchiveTruncated, KeyMissing, WrongKey
from edge.jobs.sealing import HEADER_BYTES, TAG, Opening, Sealing, is_sealed, read_key

KEY, OTHER = b"\x5a" * 32, b"\xa5" * 32
SIZE = 16
STEP = SIZE + TAG


def sealed(plain: bytes, key: bytes = KEY) -> bytes:
    out = io.BytesIO()
    sealing = Sealing(out, key, chunk=SIZE)
    sealing.write(plain)
    sealing.finish()
    return out.getvalue()


def opened(text: bytes, key: bytes = KEY) -> bytes:
    return Opening(io.BytesIO(text), key).read()


@given(st.lists(st.binary(max_size=70), max_size=6))
def test_what_was_sealed_in_pieces_opens_as_one(pieces):
    out = io.BytesIO()
    sealing = Sealing(out, KEY, chunk=SIZE)
    for piece in pieces:
        sealing.write(piece)
    sealing.finish()
    assert is_sealed(out.getvalue()[:8])
    assert opened(out.getvalue()) == b"".join(pieces)


@given(st.binary(min_size=1, max_size=70), st.data())
def test_one_changed_bit_anywhere_is_seen(plain, data):
    text = bytearray(sealed(plain))
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((ArchiveDamaged, ArchiveRefused, ArchiveTruncated, WrongKey)):
        opened(bytes(text))


@given(st.binary(max_size=70), st.data())
def test_a_file_cut_off_anywhere_is_never_taken_for_a_whole_one(plain, data):
    text = sealed(plain)
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises((ArchiveDamaged, ArchiveTruncated)):
        opened(text[:cut])


def test_cut_off_between_two_chunks_is_told_as_cut_off():
    text = sealed(bytes(3 * SIZE))
    with pytest.raises(ArchiveTruncated):
        opened(text[: HEADER_BYTES + 2 * STEP])


def test_chunks_in_another_order_or_twice_are_damage():
    text = sealed(bytes(range(3 * SIZE)))
    head, one, two, three = text[:HEADER_BYTES], *(text[HEADER_BYTES + STEP * n :][:STEP] for n in range(3))
    for order in ((two, one, three), (one, one, three), (one, three), (one, two, three, three)):
        with pytest.raises(ArchiveDamaged):
            opened(head + b"".join(order))


def test_a_chunk_of_another_file_under_the_same_key_is_damage():
    mine, foreign = sealed(bytes(3 * SIZE)), sealed(bytes(3 * SIZE))
    at = slice(HEADER_BYTES + STEP, HEADER_BYTES + 2 * STEP)
    with pytest.raises(ArchiveDamaged):
        opened(mine[: at.start] + foreign[at] + mine[at.stop :])


def test_a_wrong_key_is_told_as_such_and_shows_no_key():
    with pytest.raises(WrongKey) as caught:
        opened(sealed(b"secret"), OTHER)
    assert KEY.hex() not in str(caught.value.facts)
    assert OTHER.hex() not in str(caught.value.facts)


def test_a_disk_that_fails_is_not_called_damage():
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= HEADER_BYTES:
                raise OSError(5, "Input/output error")
            return super().read(size)

    with pytest.raises(OSError, match="Input/output error"):
        Opening(Failing(sealed(bytes(40))), KEY).read()


@pytest.mark.parametrize("text", ["", "zz" * 32, "5a" * 31, "5a" * 33])
def test_a_key_of_another_length_or_alphabet_is_no_key_and_is_not_shown(text):
    with pytest.raises(KeyMissing) as caught:
        read_key(text)
    assert text == "" or text not in str(caught.value)
