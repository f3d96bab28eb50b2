import json
import re
import time
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.messages import Lang
from bot.retrieval.version import tongues
from bot.retrieval.writing import (
    TEXT_LIMIT,
    Reading,
    Tongues,
    clean,
    essence,
    other_layout,
    questions,
    shorten,
    transliterated,
    without_latin,
)
from tests.examples import ROOT, whole_knowledge

# Anything at all, and often what is known to be awkward: invisible, combining, doubled, broken.
_AWKWARD = (
    "\0\u200b\u200d\u200e\u202e\ufeff\ufe0f\u00ad\uffa0\u1100\u1161\u0301\u0345\u0085\u2028\r\n\t eёа😀\ud800.?!…"
)
ANY_TEXT = st.text(st.one_of(st.sampled_from(_AWKWARD), st.characters(codec=None, exclude_categories=())))
ANY_LANG = st.sampled_from(["ru", "en"])

_RU_KEYS = "ёйцукенгшщзхъфывапролджэячсмитьбю.ЁЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮ, 0123456789\n"
_EN_KEYS = "`qwertyuiop[]asdfghjkl;'zxcvbnm,./~QWERTYUIOP{}ASDFGHJKL:\"ZXCVBNM<>? 0123456789\n"


@pytest.fixture(scope="module")
def library_tongues() -> Tongues:
    return tongues(whole_knowledge())


# ---- cleaning ---------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(ANY_TEXT)
@example("e\u200b\u0301")
@example("\u1100\u200d\u1161")
@example("\uffa0\uffa0а")
def test_cleaning_twice_changes_no_more_than_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@settings(deadline=None)
@given(ANY_TEXT)
def test_a_cleaned_text_has_nothing_that_cannot_be_seen_or_sent(text: str) -> None:
    cleaned = clean(text)

    assert not set(cleaned) & set("\0\u200b\u200d\u200e\u202e\ufeff\ufe0f\u00ad\r\t")
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned
    cleaned.encode()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("сколько\0держится", "сколько держится"),
        ("сколь\u200bко дер\u00adжится", "сколько держится"),
        ("\u202eбольно\u202c?", "больно?"),
        ("  сколько \t  стоит  ", "сколько стоит"),
        ("больнооооооо", "больно"),
        ("длинная", "длинная"),
        ("1000000", "1000000"),
        ("ｂｏｔｏｘ", "botox"),
        ("один\r\n\r\n  два", "один\nдва"),
        ("и\u0306", "й"),
        ("\ud83d да", "да"),
        ("\u200b\u200b", ""),
    ],
)
def test_cleaning_leaves_what_was_meant(typed: str, meant: str) -> None:
    assert clean(typed) == meant


# ---- shortening -------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(ANY_TEXT, st.integers(min_value=1, max_value=40))
def test_a_shortened_text_is_within_the_limit_and_part_of_the_text(text: str, limit: int) -> None:
    shortened = shorten(text, limit)

    assert len(shortened) <= limit
    assert shortened in text


@settings(deadline=None)
@given(ANY_TEXT, st.integers(min_value=1, max_value=40))
def test_a_text_within_the_limit_stays_whole(text: str, limit: int) -> None:
    if len(text) <= limit:
        assert shorten(text, limit) == text
    else:
        assert shorten(text, len(text)) == text


@settings(deadline=None)
@given(
    before=st.lists(st.sampled_from(["мне сорок лет.", "а ещё я беременна!", "сколько стоит?", "ну…"]), max_size=60),
    mark=st.sampled_from(["?", "??", "?!", "!?", "?.."]),
    after=st.lists(st.sampled_from(["спасибо.", "жду ответа!", "с уважением, Анна", ":)"]), max_size=60),
)
def test_shortening_keeps_the_last_question(before: list[str], mark: str, after: list[str]) -> None:
    question = f"сколько держится эффект на лбу{mark}"
    text = " ".join([*before, question, *after])

    shortened = shorten(text, 120)

    assert question in shortened
    if len(text) > 120:
        assert shortened.endswith(question)


def test_a_text_without_a_question_keeps_its_end() -> None:
    text = " ".join(["рассказ"] * 200 + ["болит голова"])

    assert shorten(text).endswith("болит голова")
    assert len(shorten(text)) <= TEXT_LIMIT


def test_a_question_longer_than_the_limit_keeps_its_end() -> None:
    assert shorten("начало " * 200 + "и это больно?").endswith("и это больно?")


@pytest.mark.parametrize("text", ["а. " + "😀" * 30_000, " " * 30_000 + "да?", "?" * 30_000, "да" * 15_000])
def test_the_work_on_a_text_grows_no_faster_than_the_text(text: str) -> None:
    began = time.perf_counter()
    shorten(text)
    questions(text)

    assert time.perf_counter() - began < 2


# ---- courtesies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Здравствуйте, подскажите, пожалуйста, это больно?", "это больно?"),
        ("Сколько держится? Заранее спасибо!", "сколько держится?"),
        ("Hello there! Can you please tell me how long it lasts, thanks", "how long it lasts"),
        ("*Сколько* __держится__ [эффект](https://x.ru/a_b)?", "сколько держится эффект?"),
        ("Здравствуйте!", "здравствуйте!"),
        ("спасибо", "спасибо"),
        ("", ""),
    ],
)
def test_what_is_asked_stands_without_the_courtesies_around_it(text: str, asked: str) -> None:
    assert essence(text) == asked


@settings(deadline=None)
@given(ANY_TEXT)
def test_no_words_are_left_without_an_essence(text: str) -> None:
    assert bool(essence(text)) == bool(text.strip())


# ---- sentences --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Сколько стоит? И больно ли это?", ["Сколько стоит?", "И больно ли это?"]),
        ("сколько стоит\nгде вы", ["сколько стоит", "где вы"]),
        ("Здравствуйте! 😀😀 ... Больно?!", ["Здравствуйте!", "Больно?!"]),
        ("3", ["3"]),
        ("?!...", []),
        ("", []),
    ],
)
def test_each_sentence_and_line_with_words_may_ask_something(text: str, parts: list[str]) -> None:
    assert questions(text) == parts


@settings(deadline=None)
@given(ANY_TEXT)
def test_no_word_is_lost_between_the_parts(text: str) -> None:
    parts = questions(text)

    assert [letter for part in parts for letter in part if letter.isalnum()] == [
        letter for letter in text if letter.isalnum()
    ]


# ---- other letters ----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(_EN_KEYS))
def test_keys_of_the_english_layout_come_back_from_the_russian_one(text: str) -> None:
    assert other_layout(other_layout(text, "ru"), "en") == text


@settings(deadline=None)
@given(st.text(_RU_KEYS))
def test_keys_of_the_russian_layout_come_back_from_the_english_one(text: str) -> None:
    assert other_layout(other_layout(text, "en"), "ru") == text


@settings(deadline=None)
@given(st.text(_EN_KEYS))
def test_the_other_layout_has_a_letter_for_each_letter(text: str) -> None:
    typed = other_layout(text, "ru")

    assert len(typed) == len(text)
    assert not any("LATIN" in unicodedata.name(letter, "") for letter in typed)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("botoks", "ботокс"),
        ("shchyoki", "щёки"),
        ("zhit", "жит"),
        ("bol'no", "больно"),
        ("больно botox?", "больно ботокс?"),
        ("12 mesyacev", "12 месяцев"),
        ("больно", "больно"),
    ],
)
def test_latin_letters_are_read_as_russian_ones(typed: str, read: str) -> None:
    assert transliterated(typed) == read


@settings(deadline=None)
@given(ANY_TEXT)
def test_transliteration_leaves_no_english_letter(text: str) -> None:
    assert re.search("[a-zA-Z]", transliterated(text)) is None


def test_a_russian_text_without_its_latin_words_has_russian_letters_only() -> None:
    assert without_latin("уколы Botox и Dysport2 в лоб").split() == ["уколы", "и", "в", "лоб"]


# ---- languages --------------------------------------------------------------------------------------------


def _real_questions() -> list[tuple[str, Lang, bool]]:
    """Questions of patients with their language and whether the language was fitted on them."""
    knowledge = whole_knowledge()
    own = [(text, article.lang, True) for article in knowledge.articles.values() for text in article.questions]
    others = [(row.text, row.lang, False) for row in knowledge.calibration]
    lines = (ROOT / "tests/quality/questions.jsonl").read_text(encoding="utf-8").splitlines()
    return own + others + [(row["text"], row["lang"], False) for row in map(json.loads, lines)]


def _share_read_right(fitted: Tongues, asked: Sequence[tuple[str, Lang]]) -> float:
    assert len(asked) >= 50
    return sum(fitted.read(clean(text)).lang == lang for text, lang in asked) / len(asked)


@pytest.mark.parametrize("lang", ["ru", "en"])
@pytest.mark.parametrize("seen", [True, False], ids=["fitted-on", "by-another-hand"])
def test_the_language_of_a_real_question_is_read_right(library_tongues: Tongues, lang: Lang, seen: bool) -> None:
    asked = [(text, of) for text, of, own in _real_questions() if of == lang and own == seen]

    assert _share_read_right(library_tongues, asked) >= 0.97


def test_russian_in_latin_letters_is_read_as_russian(library_tongues: Tongues) -> None:
    asked = [
        (text, lang)
        for text, lang, _ in _real_questions()
        if lang == "ru" and not any("CYRILLIC" in unicodedata.name(letter, "") for letter in text)
    ]

    # Among them are names of papers and people, which are no language at all.
    assert _share_read_right(library_tongues, asked) >= 0.95


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("skolko stoit botoks", Reading("ru", "сколко стоит ботокс")),
        ("eto bolno?", Reading("ru", "ето болно?")),
        ("crjkmrj lth;bncz ,jnjrc", Reading("ru", "сколько держится ботокс")),
        ("'nj ,jkmyj", Reading("ru", "это больно")),
        ("рщц дщтп вщуы ше дфые", Reading("en", "how long does it last")),
        ("how long does it last", Reading("en", "how long does it last")),
        ("is it больно to do the injections", Reading("en", "is it больно to do the injections")),
        ("сколько держится botox", Reading("ru", "сколько держится ботокс")),
    ],
)
def test_a_text_is_read_in_the_letters_it_was_meant_in(library_tongues: Tongues, typed: str, read: Reading) -> None:
    assert library_tongues.read(typed) == read


@pytest.mark.parametrize("habit", ["ru", "en"])
def test_a_text_without_words_keeps_the_language_of_the_chat(library_tongues: Tongues, habit: Lang) -> None:
    assert library_tongues.read("12:30 😀", habit) == Reading(habit, "12:30 😀")


def test_a_text_without_words_in_a_new_chat_is_russian(library_tongues: Tongues) -> None:
    assert library_tongues.read("???") == Reading("ru", "???")


@settings(deadline=None)
@given(text=ANY_TEXT, only=ANY_LANG)
def test_a_language_given_from_outside_is_never_in_question(library_tongues: Tongues, text: str, only: Lang) -> None:
    assert library_tongues.read(clean(text), only=only).lang == only


@settings(deadline=None)
@given(text=ANY_TEXT, habit=st.one_of(st.none(), ANY_LANG))
def test_any_text_has_a_language(library_tongues: Tongues, text: str, habit: Lang | None) -> None:
    assert library_tongues.read(clean(text), habit).lang in ("ru", "en")


@pytest.mark.parametrize(
    ("text", "habit", "lang"),
    [
        ("botox", "ru", "ru"),
        ("botox", "en", "en"),
        ("how long does it last", "ru", "en"),
        ("сколько держится", "en", "ru"),
        ("skolko derzhitsya", "en", "ru"),
    ],
)
def test_the_language_of_the_chat_decides_only_where_the_text_does_not(
    library_tongues: Tongues, text: str, habit: Lang, lang: Lang
) -> None:
    assert library_tongues.read(text, habit).lang == lang
