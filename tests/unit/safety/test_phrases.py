"""The clinicians' small language of phrases, and what of a message fits them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.messages import Lang
from bot.safety.phrases import GAP, Book, parse, read
from bot.safety.spelling import key
from bot.safety.vocabulary import Vocabulary

FILLERS: Mapping[Lang, tuple[str, ...]] = {"ru": ("я", "мне", "очень", "и"), "en": ("i", "really", "to", "my")}


def stands(
    phrase: str,
    text: str,
    lang: Lang = "ru",
    groups: Mapping[str, str] | None = None,
    ordinary: Collection[tuple[Lang, str]] = (),
    misspelt: Collection[str] = (),
) -> bool:
    """Whether the phrase stands in the text."""
    vocabulary = Vocabulary(
        ordinary=frozenset(ordinary),
        misspelt=frozenset(misspelt),
        fillers={known: frozenset(key(word, known) for word in FILLERS[known]) for known in FILLERS},
    )
    book = Book([("it", parse(phrase, lang, groups or {}, vocabulary))])
    return any(list(book.find(message)) for message in read(text, vocabulary))


# ---- words and where they stand ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["трудно дышать", "дышать трудно", "дышать стало трудно", "Мне ТРУДНО, дышать"])
def test_the_words_of_a_phrase_stand_in_any_order(text: str) -> None:
    assert stands("трудно дышать", text)


@pytest.mark.parametrize("text", ["трудно", "дышать", "", "трудно идти и петь"])
def test_all_words_of_a_phrase_must_be_there(text: str) -> None:
    assert not stands("трудно дышать", text)


@pytest.mark.parametrize(
    ("text", "lang", "phrase"),
    [
        ("трудно дышал ночью", "ru", "трудно дышать"),
        ("рукой слабой", "ru", "рука слабая"),
        ("руки слабеют", "ru", "рука слабеть"),
        ("she faints", "en", "faint"),
        ("fainted twice", "en", "faint"),
        ("eyelids dropped", "en", "eyelid drop"),
    ],
)
def test_a_word_stands_for_all_its_forms(text: str, lang: Lang, phrase: str) -> None:
    assert stands(phrase, text, lang)


def test_e_and_yo_are_one_letter() -> None:
    assert stands("тёмное пятно", "темное пятно")
    assert stands("темное пятно", "тёмное пятно")


def test_a_few_other_words_may_stand_between_and_no_more() -> None:
    between = ["стол", "окно", "дом", "сад", "лес", "поле"]

    assert stands("трудно дышать", f"трудно {' '.join(between[:GAP])} дышать")
    assert not stands("трудно дышать", f"трудно {' '.join(between[: GAP + 1])} дышать")


def test_fillers_between_words_do_not_count() -> None:
    assert stands("трудно дышать", f"трудно {'очень ' * 20}дышать")


@pytest.mark.parametrize("end", [". ", "! ", "? ", "… ", "; ", "\n"])
def test_a_phrase_stands_in_one_sentence(end: str) -> None:
    assert not stands("трудно дышать", f"Ехать было трудно{end}дышать тут легко")


@pytest.mark.parametrize("between", [", ", " - ", " (", ": ", " 😱 ", "/"])
def test_a_comma_a_dash_or_an_emoji_ends_no_sentence(between: str) -> None:
    assert stands("трудно дышать", f"трудно{between}дышать")


def test_one_word_of_a_message_serves_one_part_only() -> None:
    assert not stands("рука рука", "рука")
    assert stands("рука рука", "рука об руку")


# ---- the signs of the language ----------------------------------------------------------------------------


def test_joined_words_follow_each_other_in_their_order() -> None:
    assert stands("не_могу дышать", "дышать не могу")
    assert not stands("не_могу дышать", "могу дышать, а не петь")
    assert not stands("не_могу", "не всегда могу")


def test_a_filler_or_two_may_stand_between_joined_words() -> None:
    assert stands("не_могу", "не очень могу")
    assert stands("не_могу", "не я очень могу")
    assert not stands("не_могу", "не я очень очень могу")


def test_joined_words_do_not_reach_into_the_next_sentence() -> None:
    assert not stands("не_могу", "Ну не. Могу и так")


@pytest.mark.parametrize("text", ["слабая рука", "нога слабая"])
def test_one_of_several_is_enough(text: str) -> None:
    assert stands("(рука|нога) слабая", text)
    assert not stands("(рука|нога) слабая", "шея слабая")


def test_each_of_several_may_be_joined_words() -> None:
    assert stands("(не_могу|нельзя) дышать", "дышать нельзя")
    assert stands("(не_могу|нельзя) дышать", "дышать не могу")
    assert not stands("(не_могу|нельзя) дышать", "дышать могу")


@pytest.mark.parametrize(("text", "there"), [("мне 16", True), ("мне 17 лет", True), ("мне 18", False), ("16", False)])
def test_a_choice_may_stand_inside_joined_words(text: str, there: bool) -> None:
    assert stands("мне_(16|17)", text) is there


@pytest.mark.parametrize("text", ["старая рука", "старой ноги", "новая рука", "новая нога"])
def test_two_choices_in_one_part_are_all_their_pairs(text: str) -> None:
    assert stands("(старая|новая)_(рука|нога)", text)
    assert not stands("(старая|новая)_(рука|нога)", "старая шея и рука")


def test_a_group_stands_for_its_words() -> None:
    groups = {"cannot": "не_могу|нельзя", "breathe": "дышать|вдохнуть"}

    assert stands("$cannot $breathe", "нельзя вдохнуть", groups=groups)
    assert stands("($cannot|трудно) $breathe", "вдохнуть трудно", groups=groups)
    assert not stands("$cannot $breathe", "нельзя петь", groups=groups)


def test_a_group_may_name_another_group() -> None:
    assert stands("$never", "нельзя", groups={"never": "никогда|$cannot", "cannot": "нельзя"})


def test_an_exclamation_mark_keeps_one_form_only() -> None:
    assert stands("нет!", "нет")
    assert stands("умру!", "Умру")
    assert not stands("умру!", "умер")
    assert stands("умру", "умер")


def test_a_star_takes_any_ending() -> None:
    assert stands("суицид*", "суицидально")
    assert stands("суицид*", "суицид")
    assert not stands("суицид*", "суета")
    assert stands("bilateral*", "bilaterally", "en")


# ---- how people type --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "трудно дышатьь",
        "труудно дышать",
        "трудноо дыышать",
    ],
)
def test_stretched_letters_do_not_hide_a_phrase(text: str) -> None:
    assert stands("трудно дышать", text)


@pytest.mark.parametrize("text", ["проглатить", "проглотиьт", "прглотить", "проглотитть", "проклотить"])
def test_one_slip_of_the_finger_does_not_hide_a_long_word(text: str) -> None:
    assert stands("проглотить", text)


@pytest.mark.parametrize("text", ["прглтить", "отглотать", "вроглотить"])
def test_two_slips_or_another_first_letter_make_another_word(text: str) -> None:
    assert not stands("проглотить", text)


def test_a_slip_in_a_short_word_makes_another_word() -> None:
    assert not stands("боль", "соль")
    assert not stands("pain", "main", "en")


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("повеситься", "температура повысилась"),  # one slip away
        ("искать", "ещё не было"),  # sounds like "ищи"
        ("не рука слабая", "необходимость"),  # made of known pieces
    ],
)
def test_a_word_of_the_dictionary_means_itself_and_nothing_near_it(phrase: str, text: str) -> None:
    assert not stands(phrase, text)


def test_a_word_of_the_dictionary_that_is_mostly_a_slip_means_what_it_sounds_like() -> None:
    assert not stands("могу", "не магу")
    assert stands("могу", "не магу", misspelt={"магу"})


def test_an_ordinary_word_is_never_taken_for_a_slip() -> None:
    assert stands("swallow", "swalloww", "en")
    assert stands("swallow", "swallon", "en")
    assert not stands("swallow", "swallon", "en", ordinary=[("en", "swallon")])


@pytest.mark.parametrize("text", ["trudno dyshat", "Trudno dishat'"])
def test_russian_may_be_typed_with_latin_letters(text: str) -> None:
    assert stands("трудно дышать", text)


def test_an_ordinary_english_word_is_no_russian_word_in_latin_letters() -> None:
    assert stands("том", "tom")
    assert not stands("том", "tom", ordinary=[("en", "tom")])


@pytest.mark.parametrize(
    ("phrase", "lang", "text"), [("трудно дышать", "ru", "nhelyj lsifnm"), ("can't breathe", "en", "сфтэе икуферу")]
)
def test_the_other_keyboard_layout_is_understood(phrase: str, lang: Lang, text: str) -> None:
    assert stands(phrase, text, lang)


def test_words_of_the_language_are_not_read_as_typed_on_the_other_keyboard() -> None:
    assert len(read("сколько держится", Vocabulary())) == 1
    assert len(read("crjkmrj lth;bncz", Vocabulary())) == 2


@pytest.mark.parametrize("text", ["труднодышать", "мнетруднодышать", "trudnodyshat"])
def test_words_run_together_are_taken_apart(text: str) -> None:
    assert stands("трудно дышать", text)


def test_english_words_run_together_are_taken_apart() -> None:
    assert stands("hard swallow", "hardtoswallow", "en")


def test_a_run_of_letters_that_is_not_all_known_words_is_left_alone() -> None:
    assert not stands("трудно дышать", "труднодышатьквадрат")


def test_latin_letters_that_look_like_cyrillic_ones_are_read_as_such() -> None:
    assert stands("трудно дышать", "тpуднo дышaть")


@pytest.mark.parametrize("text", ["т\u200bрудно ды\u00adшать", "трудно\u00a0дышать", "ｈａｒｄ ｔｏ ｓｗａｌｌｏｗ"])
def test_what_can_not_be_seen_and_other_shapes_of_letters_do_not_hide_a_phrase(text: str) -> None:
    assert stands("трудно дышать", text) or stands("hard swallow", text, "en")


def test_a_message_in_two_languages_is_read_in_both() -> None:
    assert stands("трудно дышать", "doctor please, трудно дышать after botox")
    assert stands("cant breathe", "доктор, i cant breathe после уколов", "en")


# ---- what can't be read -----------------------------------------------------------------------------------


@pytest.mark.parametrize("phrase", ["", "   "])
def test_a_phrase_without_words_can_not_be_read(phrase: str) -> None:
    with pytest.raises(ValueError, match="has no words"):
        parse(phrase, "ru", {}, Vocabulary())


@pytest.mark.parametrize("phrase", ["трудно --", "...", "(|)", "рука !", "дыш* *", "рука|", "что-то", "ды*шать"])
def test_a_part_that_is_no_word_is_named(phrase: str) -> None:
    with pytest.raises(ValueError, match="which is no word"):
        parse(phrase, "ru", {}, Vocabulary())


def test_an_unknown_group_is_named() -> None:
    with pytest.raises(ValueError, match=r"names the group `\$drink`, which is not there"):
        parse("$drink воду", "ru", {"eat": "есть"}, Vocabulary())


@pytest.mark.parametrize("phrase", ["(рука|нога слабая", "рука) слабая", "((рука|нога)|шея) слабая", "рука ("])
def test_a_bracket_without_its_other_half_would_make_another_phrase_and_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match="bracket that is not closed"):
        parse(phrase, "ru", {}, Vocabulary())


def test_a_group_that_names_itself_is_refused_and_not_followed_for_ever() -> None:
    with pytest.raises(ValueError, match="names itself"):
        parse("$cannot", "ru", {"cannot": "нельзя|$cannot"}, Vocabulary())


# ---- anything ---------------------------------------------------------------------------------------------


@given(st.text("рука_ног|()$!* .", max_size=24))
def test_any_phrase_is_read_or_refused_and_nothing_else(phrase: str) -> None:
    with suppress(ValueError):
        found = parse(phrase, "ru", {"рука": "нога"}, Vocabulary())
        assert found.parts
        assert all(row for part in found.parts for row in part)


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["стол", "окно", "очень", "я", "сад"]), max_size=8), st.permutations(["трудно", "дышать"])
)
def test_what_stands_before_and_after_a_phrase_does_not_hide_it(around: list[str], words: list[str]) -> None:
    half = len(around) // 2
    assert stands("трудно дышать", " ".join([*around[:half], *words, *around[half:]]))


@settings(max_examples=200)
@given(st.text(max_size=300))
def test_any_message_can_be_read(text: str) -> None:
    vocabulary = Vocabulary()
    parse("трудно дышать", "ru", {}, vocabulary)
    for message in read(text, vocabulary):
        assert len(message.tokens) == len(message.sentences)
        assert all(place < len(message.tokens) for places in message.where.values() for place in places)
