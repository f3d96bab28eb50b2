import random
import time
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.report.grouping import grouped
from bot.report.rows import QuestionRow
from tests.examples import NOON
from tests.unit.report.builders import make_question

# What 5,000 questions may take (seconds): it takes one or two, a busy machine some more.
PATIENCE = 10


def ask(*texts: str, language: str = "ru") -> list[QuestionRow]:
    return [make_question(text, language, NOON + timedelta(minutes=minutes)) for minutes, text in enumerate(texts)]


def test_other_forms_and_courtesies_of_the_same_words_are_one_group() -> None:
    (group,) = grouped(ask("А вы делаете микротоки?", "микротоки", "Здравствуйте, микротоков можно сделать у вас"))

    assert group.count == 3


def test_different_wishes_in_the_same_sentence_are_two_groups() -> None:
    groups = grouped(ask("а вы делаете лазер?", "а вы делаете микротоки?"))

    assert [group.count for group in groups] == [1, 1]


def test_a_slip_of_the_pen_does_not_part_a_question_from_its_like() -> None:
    (group,) = grouped(ask("делаете микротоки?", "есть микротоки", "микратоки"))

    assert group.count == 3


def test_an_english_slip_is_read_as_the_word_that_came_more_often() -> None:
    (group,) = grouped(ask("laser removal?", "do you do laser removal", "lazer removal", language="en"))

    assert group.count == 3


def test_the_most_frequent_group_stands_first_and_of_equals_the_latest() -> None:
    groups = grouped(ask("лазерная эпиляция", "пилинг лица", "мезотерапия", "мезотерапия"))

    assert [group.text for group in groups] == ["мезотерапия", "пилинг лица", "лазерная эпиляция"]


def test_a_group_is_named_by_its_most_usual_wording_and_shows_others() -> None:
    (group,) = grouped(ask("Микротоки делаете?", "микротоки", "микротоки", "МИКРОТОКИ", "есть ли микротоки"))

    assert group.text == "микротоки"
    assert group.others == ("Микротоки делаете?", "есть ли микротоки")
    assert group.last == NOON + timedelta(minutes=4)


def test_languages_are_grouped_apart() -> None:
    groups = grouped([*ask("botox"), *ask("botox", language="en")])

    assert sorted(group.language for group in groups) == ["en", "ru"]


def test_no_chain_of_likenesses_joins_what_is_unlike() -> None:
    chain = ask("пилинг лица", "пилинг лица весной", "лица весной лазером", "весной лазером татуировки")

    groups = grouped(chain)

    assert all("пилинг" not in group.text or "татуировки" not in " ".join(group.others) for group in groups)
    assert len(groups) > 1


def test_questions_of_nothing_but_small_words_are_kept_too() -> None:
    groups = grouped(ask("а можно?", "а как", "???", "▒"))

    assert sum(group.count for group in groups) == 4


@given(st.lists(st.tuples(st.text(max_size=40), st.sampled_from(["ru", "en", "de"])), max_size=12))
def test_no_question_is_lost_or_counted_twice_and_the_groups_are_always_the_same(rows: list[tuple[str, str]]) -> None:
    questions = [make_question(text, language) for text, language in rows]

    groups = grouped(questions)

    assert sum(group.count for group in groups) == len(questions)
    assert groups == grouped(questions)


def test_five_thousand_different_questions_take_seconds() -> None:
    draw = random.Random(7)
    syllables = ["ба", "ве", "ги", "до", "жу", "за", "ки", "ло", "му", "не", "ру", "та"]
    words = ["".join(draw.choices(syllables, k=3)) for _ in range(1500)]
    questions = ask(*(" ".join(draw.choices(words, k=8)) for _ in range(5000)))
    began = time.monotonic()

    groups = grouped(questions)

    assert time.monotonic() - began < PATIENCE
    assert sum(group.count for group in groups) == 5000
