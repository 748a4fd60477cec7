"""The short sentences people read, in the language of the hall (EVT-01). English stands with each kind in the catalogue.

Records carry no sentence: it follows from kind and data, so the same record reads in each language. A further language is
one more module here with a sentence for each kind and a word for each member that is a word; a test holds it complete.
No sentence shows the word of a choice as it stands in the records where that is no word people use: `sentence` is the one
place where they are put into words.
"""

from collections.abc import Mapping
from typing import NamedTuple

from edge.hall.shapes import Json
from edge.hall.texts import english, german

ENGLISH = "en"


class Language(NamedTuple):
    """One language beside English."""

    sentences: Mapping[str, str]
    "Kind without ``hall.`` and version -> sentence with members in braces."
    words: Mapping[str, str]
    "Word of the catalogue -> what is read instead."


LANGUAGES: Mapping[str, Language] = {"de": Language(german.SENTENCES, german.WORDS)}
"By ISO 639-1 code, beside English."


def known_languages() -> tuple[str, ...]:
    """Codes a hall may choose from."""
    return (ENGLISH, *sorted(LANGUAGES))


def sentence(kind: str, standard: str, data: Mapping[str, Json], language: str) -> str:
    """The sentence of this kind for this data. A language that is not there is read in English: `standard`, as it stands
    in the catalogue.

    A member that the data lacks is shown as a dash.
    """
    spoken = LANGUAGES.get(language)
    if spoken is None:
        return standard.format_map(_Members(data, english.WORDS))
    name = kind.removeprefix("hall.").rpartition(".v")[0]
    return spoken.sentences.get(name, standard).format_map(_Members(data, spoken.words))


class _Members(dict[str, Json]):
    def __init__(self, data: Mapping[str, Json], words: Mapping[str, str]) -> None:
        super().__init__(data)
        self._words = words

    def __getitem__(self, key: str) -> Json:
        value = super().get(key)
        if value is None:
            return "-"
        if isinstance(value, str):
            return self._words.get(value, value)
        return value

    def __missing__(self, key: str) -> str:
        return "-"
