"""Text that is no message alone waits a moment; everything else is answered at once."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.fragment import is_fragment
from tests.examples import KNOWLEDGE, whole_knowledge

FRAGMENTS = [
    "а", "А", "и ещё", "и еще", "ну вот", "кстати", "слушайте", "скажите пожалуйста", "Подскажите, пожалуйста,",
    "здравствуйте, у меня вопрос", "добрый день, хочу спросить", "у меня такой вопрос", "хотела узнать",
    "добрый день, скажите,", "после укола болит голова,", "вчера кололи лоб –", "вчера кололи лоб —", "вопрос:",
    "« ботокс »,", "and", "and also", "Hello, I have a question", "I wanted to ask", "please tell me", "um",
    "after the injection -",
]  # fmt: skip
WHOLE = [
    "а больно?", "больно?", "да", "Да", "нет", "привет", "Привет!", "Здравствуйте", "здравствуйте!", "добрый день",
    "ещё раз", "сколько держится", "ботокс", "цена", "спасибо", "а цена", "и сколько держится", "1", "ну да", "ага",
    "а?", "и ещё?", "...", "ок", "hi", "yes", "no", "price", "how long does it last", "and the price", "hello!", "?",
    "/start", "/forget", "/help@mimika_bot", "не могу дышать", "I can't breathe", "", "   ", "👍", "📞", "-", ",",
]  # fmt: skip


@pytest.mark.parametrize("text", FRAGMENTS)
def test_words_that_only_lead_over_to_something_are_a_fragment(text: str) -> None:
    assert is_fragment(text)


@pytest.mark.parametrize("text", WHOLE)
def test_a_question_an_answer_or_a_greeting_is_a_message_however_short(text: str) -> None:
    assert not is_fragment(text)


@pytest.mark.parametrize("text", ["а ещё", "и ещё", "после укола болит голова,"])
@pytest.mark.parametrize("ends", ["?", "!", "."])
def test_whoever_ends_a_sentence_has_ended_the_message(text: str, ends: str) -> None:
    assert is_fragment(text)
    assert not is_fragment(text + ends)


def test_a_long_text_that_breaks_off_has_said_enough_to_be_answered() -> None:
    assert not is_fragment("вчера мне сделали уколы в лоб и межбровье, сегодня проснулась, а глаз")
    assert not is_fragment("слово " * 20 + ",")


def test_no_question_of_the_library_waits() -> None:
    """Answering a real question late is worse than answering a fragment alone."""
    questions = [text for article in whole_knowledge().articles.values() for text in article.questions]

    assert len(questions) > 1000
    assert [text for text in questions if is_fragment(text)] == []


def test_no_outside_question_waits() -> None:
    found = yaml.safe_load((KNOWLEDGE / "outside.yml").read_text(encoding="utf-8"))
    questions = [text for by_kind in found.values() for texts in by_kind.values() for text in texts]

    assert len(questions) > 100
    assert [text for text in questions if is_fragment(text)] == []


@given(st.text())
def test_whatever_is_typed_is_decided_and_neither_case_nor_spaces_around_it_count(text: str) -> None:
    decided = is_fragment(text)

    assert is_fragment(f"  {text}\n") is decided
    assert not (decided and text.strip().startswith("/"))
