"""The first net for danger: plain wording, before everything else, without any model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.memory import FixedClock
from bot.conversation import Conversation
from bot.dialogue.project import Project
from bot.messages import Attachment, ChatState, Kind
from bot.retrieval.library import Library
from bot.retrieval.redflags import RedFlag
from bot.safety.red_flags import red_flag
from tests.examples import make_incoming, whole_knowledge

FLAGS = whole_knowledge().red_flags


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("мне очень плохо после укола, не могу глотать", "swallowing"),
        ("Не могу уже вторые сутки нормально сглотнуть слюну", "swallowing"),
        ("ТРУДНО ДЫШАТЬ", "breathing"),
        ("trudno dyshat posle ukola", "breathing"),
        ("vyt nhelyj lsifnm", "breathing"),
        ("[jxe evthtnm", "suicide"),
        ("ш сфте икуферу", "breathing"),
        ("у мамы заплетается язык, язык заплетается с утра", "speech"),
        ("в глазах двоится", "sight"),
        ("I can’t breathe properly", "breathing"),
        ("hard to swallow since yesterday", "swallowing"),
        ("seeing double after botox", "sight"),
        ("хочу умереть", "suicide"),
        ("нет больше сил жить", "suicide"),
        ("i want to die", "suicide"),
        ("i took all my pills", "self-harm"),
        ("не могу дышать и хочу умереть", "suicide"),
    ],
)
def test_a_danger_in_plain_words_is_seen(text: str, sign: str) -> None:
    found = red_flag(text, FLAGS)
    assert found is not None
    assert found.id == sign


@pytest.mark.parametrize(
    "text",
    [
        "сколько держится эффект",
        "умираю как хочу губы поменьше морщин",
        "цена убила",
        "I can't see any difference after two weeks",
        "this is killing me, how much is it",
        "ослепительная улыбка",
        "дышать свежим воздухом после уколов можно?",
        "",
    ],
)
def test_ordinary_words_raise_nothing(text: str) -> None:
    assert red_flag(text, FLAGS) is None


def test_no_question_of_an_ordinary_topic_raises_an_alarm() -> None:
    """Questions about danger signs may: a false alarm there is a call for nothing."""
    about_danger = {"red-flags", "side-effects", "drooping-eyelid", "about-this-bot", "contraindications"}
    raised = [
        (article.id, question)
        for article in whole_knowledge().articles.values()
        if article.id not in about_danger
        for question in article.questions
        if red_flag(question, FLAGS)
    ]
    assert raised == []


@given(st.text(max_size=4096))
def test_anything_can_be_read(text: str) -> None:
    assert red_flag(text, FLAGS) is None or isinstance(red_flag(text, FLAGS), RedFlag)


@pytest.mark.parametrize("attached", [None, Attachment("photo")])
def test_danger_comes_before_everything_and_sells_nothing(
    small: tuple[object, object, Library], project: Project, clock: FixedClock, attached: Attachment | None
) -> None:
    conversation = Conversation(lambda: small[2], project, clock)
    incoming = make_incoming("сколько стоит? не могу дышать", attachment=attached)

    outcome = conversation.answer(incoming, ChatState(offered=("price", "pain")))

    (reply,) = outcome.replies
    assert reply.kind is Kind.EMERGENCY
    assert "112" in reply.text
    assert reply.buttons == ()
    assert outcome.state.offered == ()


def test_a_crisis_names_help_in_the_language_of_the_message(
    small: tuple[object, object, Library], project: Project, clock: FixedClock
) -> None:
    conversation = Conversation(lambda: small[2], project, clock)

    (english,) = conversation.answer(make_incoming("I want to die"), ChatState()).replies
    (russian,) = conversation.answer(make_incoming("не хочу жить"), ChatState()).replies

    assert english.kind is russian.kind is Kind.CRISIS
    assert english.text.startswith("I am very sorry")
    assert "051" in russian.text
    assert "112" in russian.text
