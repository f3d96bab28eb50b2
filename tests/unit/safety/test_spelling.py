"""One key for every way in which people type a word."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.messages import LANGS, Lang
from bot.safety.spelling import LONGEST_WORD, key, letters, one_slip_apart, single, slips, sound

RUSSIAN = st.text("абвгдежзийклмнопрстуфхцчшщъыьэюяё", min_size=1, max_size=40)
LATIN = st.text("abcdefghijklmnopqrstuvwxyz'’`", min_size=1, max_size=40)
ANY_WORD = st.one_of(RUSSIAN, LATIN, st.text(min_size=1, max_size=60))


@pytest.mark.parametrize(
    ("word", "typed"),
    [
        ("дышать", "dyshat"),
        ("дышать", "dishat"),
        ("дышать", "дишать"),
        ("дышать", "дышшшать"),
        ("дышать", "dyshat'"),
        ("жить", "zhit"),
        ("хочу", "hochu"),
        ("хочу", "khochu"),
        ("хочу", "ho4u"),
        ("щека", "shcheka"),
        ("щека", "scheka"),
        ("шея", "sheya"),
        ("яд", "yad"),
        ("яд", "jad"),
        ("больно", "bolno"),
        ("больно", "бально"),
        ("опух", "opukh"),
        ("лицо", "litso"),
        ("лицо", "lico"),
        ("ещё", "еще"),
        ("ещё", "eshche"),
        ("задыхаюсь", "zadyhajus"),
        ("двоится", "dvoitsya"),
        ("боится", "boitsja"),
        ("кружиться", "kruzhit'sya"),
        ("шесть", "6est"),
        ("дышать", "дышaть"),  # the second a is Latin: some phones mix them
    ],
)
def test_a_russian_word_has_one_key_in_either_alphabet_and_under_the_usual_misspellings(word: str, typed: str) -> None:
    assert sound(typed) == sound(word)


@pytest.mark.parametrize(("one", "other"), [("дышать", "слышать"), ("губа", "зуб"), ("жить", "шить"), ("мочь", "ночь")])
def test_russian_words_that_sound_different_have_different_keys(one: str, other: str) -> None:
    assert sound(one) != sound(other)


@pytest.mark.parametrize(
    ("word", "typed"),
    [("can't", "cant"), ("can't", "can’t"), ("can't", "can`t"), ("swallow", "swalow"), ("die", "diiie")],
)
def test_an_english_word_has_one_key_without_apostrophes_and_doubled_letters(word: str, typed: str) -> None:
    assert letters(typed) == letters(word)


def test_a_key_can_keep_doubled_letters_for_words_that_run_together() -> None:
    assert letters("swallowwell", doubled=True) == "swallowwell"
    assert sound("ввода", doubled=True) != sound("вода", doubled=True)


@given(RUSSIAN)
def test_a_key_of_a_russian_word_is_of_latin_letters_only(word: str) -> None:
    assert set(sound(word)) <= set("abcdefghijklmnopqrstuvwxyz")


@given(ANY_WORD, st.sampled_from(LANGS))
def test_a_key_of_anything_has_no_letter_twice_in_a_row_and_an_end(word: str, lang: Lang) -> None:
    found = key(word, lang)

    assert all(one != other for one, other in pairwise(found))
    assert len(found) <= LONGEST_WORD


@given(RUSSIAN, st.integers(1, 9))
def test_a_stretched_letter_changes_no_key(word: str, times: int) -> None:
    assume(len(word) + times <= LONGEST_WORD)
    assert sound(word[0] * times + word) == sound(word)


@given(st.text("ab", max_size=60), st.sampled_from(LANGS))
def test_what_stands_beyond_the_longest_word_is_not_read(rest: str, lang: Lang) -> None:
    word = "ak" * (LONGEST_WORD // 2)
    assert key(word + rest, lang) == key(word, lang)


@given(st.text(max_size=30))
def test_single_is_done_after_one_round(text: str) -> None:
    assert single(single(text)) == single(text)


# ---- slips of the finger ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("swalow", "a missing letter"),
        ("swalllow", "one too many"),
        ("swaklow", "a wrong one"),
        ("swalolw", "two swapped"),
        ("swallow", "none"),
    ],
)
def test_one_slip_of_the_finger_is_near(typed: str, what: str) -> None:
    assert one_slip_apart(typed, "swallow"), what


@pytest.mark.parametrize("typed", ["swalo", "sawlolw", "willow", "", "swallowed", "wallows"])
def test_two_slips_are_another_word(typed: str) -> None:
    assert not one_slip_apart(typed, "swallow")


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_being_one_slip_apart_is_mutual_and_as_counted_letter_by_letter(one: str, other: str) -> None:
    assert one_slip_apart(one, other) == one_slip_apart(other, one) == (other in _neighbours(one))


@given(st.text("abcde", min_size=1, max_size=10), st.data())
def test_two_keys_one_slip_apart_share_a_way_to_leave_out_a_letter(word: str, data: st.DataObject) -> None:
    near = data.draw(st.sampled_from(sorted(_neighbours(word))))
    assert set(slips(word)) & set(slips(near))


def _neighbours(word: str) -> set[str]:
    """The word itself and every other one slip away, tried out one by one."""
    found = {word}
    for place in range(len(word) + 1):
        found.update(word[:place] + letter + word[place:] for letter in "abcde")
        if place < len(word):
            found.add(word[:place] + word[place + 1 :])
            found.update(word[:place] + letter + word[place + 1 :] for letter in "abcde")
        if place + 1 < len(word):
            found.add(word[:place] + word[place + 1] + word[place] + word[place + 2 :])
    return found
