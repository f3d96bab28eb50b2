import re
import string

import pytest

from bot.report.words import _WORDS, month, say
from tests.examples import ROOT


def test_every_wording_is_there_in_both_languages_with_the_same_places() -> None:
    def places(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    for name, (russian, english) in _WORDS.items():
        assert russian.strip(), name
        assert english.strip(), name
        assert places(russian) == places(english), name


def test_english_words_have_no_russian_letters() -> None:
    assert not [english for _, english in _WORDS.values() if re.search(r"[а-яё]", english, re.IGNORECASE)]


def test_every_wording_is_used() -> None:
    code = (ROOT / "bot" / "report" / "page.py").read_text(encoding="utf-8")
    # Names that come out of the database or of an enumeration stand nowhere in the code.
    codes = {
        "ru", "en", "crisis", "emergency", "urgent", "sent", "unreachable", "gave_up", "answered", "clarified",
        "refused", "danger", "other",
    }  # fmt: skip

    assert {name for name in _WORDS if not re.search(rf"[\"']{name}[\"']", code)} <= codes


def test_words_that_are_not_there_are_an_error() -> None:
    with pytest.raises(KeyError):
        say("ru", "nothing of that name")


def test_months_are_counted_from_one() -> None:
    assert (month("ru", 1), month("en", 12)) == ("января", "Dec")
