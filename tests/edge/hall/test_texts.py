"""EVT-01: a short text in the hall's language for every kind; a missing translation fails the build."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest

from edge.config.model import HallSettings
from edge.hall.events import KINDS, text_of
from edge.hall.exceptions import exception_data
from edge.hall.texts import LANGUAGES, known_languages

MEMBER = re.compile(r"\{(\w+)\}")


def words_in_sentences() -> Iterator[str]:
    """Every word of the catalogue that a sentence can show."""
    for kind in KINDS.values():
        members: Mapping[str, Any] = {**kind.required, **kind.optional}
        for name in MEMBER.findall(kind.text):
            yield from members[name].get("enum", ())


def test_a_hall_may_choose_exactly_the_languages_there_are() -> None:
    assert set(get_args(HallSettings.model_fields["language"].annotation)) == set(known_languages())


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_evt_01_every_kind_has_its_sentence_with_the_same_members(code: str) -> None:
    sentences = LANGUAGES[code].sentences
    named = {kind.kind.removeprefix("hall.").removesuffix(".v1"): kind for kind in KINDS.values()}
    assert sentences.keys() == named.keys()
    for name, text in sentences.items():
        assert set(MEMBER.findall(text)) == set(MEMBER.findall(named[name].text)), name


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_evt_01_every_word_a_sentence_can_show_is_translated(code: str) -> None:
    assert set(words_in_sentences()) - LANGUAGES[code].words.keys() == set()


def test_the_same_record_reads_in_the_language_of_the_hall() -> None:
    data = exception_data(17, 0x15)
    assert text_of("hall.egm.door.opened.v1", data) == "Machine 17: logic area door opened"
    assert text_of("hall.egm.door.opened.v1", data, "de") == "Automat 17: Logikbereich geöffnet"
    assert text_of("hall.egm.door.opened.v1", data, "xx") == "Machine 17: logic area door opened"


@pytest.mark.parametrize("code", known_languages())
def test_no_sentence_shows_a_word_as_it_stands_in_the_records(code: str) -> None:
    for kind in KINDS.values():
        members: Mapping[str, Any] = {**kind.required, **kind.optional}
        for name in MEMBER.findall(kind.text):
            for word in members[name].get("enum", ()):
                text = text_of(kind.kind, {name: word}, code)
                assert "_" not in text, text


@pytest.mark.parametrize("code", known_languages())
@pytest.mark.parametrize(
    "reason",
    ["three_tries", "overflow", "replies_lost", "went_on_without_answer", "still_without_answer", "answer_in_doubt",
     "chirp_may_have_acknowledged"],
)  # fmt: skip
def test_the_reason_of_a_gap_is_put_into_words_though_it_is_no_choice_of_the_catalogue(code: str, reason: str) -> None:
    assert "_" not in text_of("hall.egm.data.gap.v1", {"asset": 17, "reason": reason}, code)


def test_an_extra_coin_reads_as_a_sentence() -> None:
    data = {"asset": 17, "fault": "extra_paid"}
    assert text_of("hall.egm.coin.faulted.v1", data) == "Machine 17: coin fault (coin paid too many)"


def test_evt_08_no_language_tells_who_passes_by_that_a_stacker_is_full() -> None:
    for code in known_languages():
        for level in (0x27, 0x2E):
            text = text_of("hall.egm.cashbox.level.v1", exception_data(17, level), code).lower()
            assert not {"full", "voll", "cash", "kass"} & set(re.split(r"\W+", text)), text


def test_a_member_that_the_data_lacks_is_a_dash() -> None:
    assert text_of("hall.egm.identified.v1", {"asset": 17, "serial": None}, "de") == "Automat 17 hat die Seriennummer -"
