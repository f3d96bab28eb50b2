"""How well the library answers questions by another hand; the bars stand a little below what was measured."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from bot.conversation import Conversation
from bot.evaluation import figures
from bot.evaluation.heldout import hold, judge_all, read_dialogues, read_outside, read_questions
from bot.evaluation.report import DIALOGUES, OUTSIDE, QUESTIONS, show_dialogues, show_set
from bot.evaluation.verdicts import Verdict
from bot.messages import LANGS, Lang
from bot.retrieval.library import Library
from tests.examples import ROOT

pytestmark = pytest.mark.slow

# Measured in November 2026 on 756 Russian and 721 English questions; README has the figures. The bars of the issue are
# 90 % right at once, 95 % right or offered, 4 % wrong; ours stand a little below what was measured.
RIGHT: dict[Lang, float] = {"ru": 0.90, "en": 0.89}
RIGHT_OR_OFFERED = 0.95
WRONG = 0.03
FALSE_ANSWERS = 0.045
# followup.py quotes a turn of the first 24 of these dialogues; the other 64 were written by another hand.
TURNS = 0.75


@pytest.fixture(scope="module")
def verdicts(library: Library) -> Sequence[Verdict]:
    questions = read_questions(ROOT / QUESTIONS, library.catalogue)
    return judge_all(library, [*questions, *read_outside(ROOT / OUTSIDE)])


@pytest.fixture(scope="module")
def table(verdicts: Sequence[Verdict], library: Library) -> str:
    out = io.StringIO()
    show_set(figures.all_of(verdicts, library.catalogue), "Held-out questions", Console(file=out, width=120))
    return out.getvalue()


def inside(verdicts: Sequence[Verdict], lang: Lang) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.inside and verdict.question.lang == lang]


@pytest.mark.parametrize("lang", LANGS)
def test_most_questions_are_answered_rightly_at_once(verdicts: Sequence[Verdict], table: str, lang: Lang) -> None:
    asked = inside(verdicts, lang)
    assert sum(verdict.right for verdict in asked) / len(asked) >= RIGHT[lang], table


@pytest.mark.parametrize("lang", LANGS)
def test_almost_all_questions_find_their_topic_at_once_or_among_the_offers(
    verdicts: Sequence[Verdict], table: str, lang: Lang
) -> None:
    asked = inside(verdicts, lang)
    assert sum(verdict.right or verdict.offered for verdict in asked) / len(asked) >= RIGHT_OR_OFFERED, table


@pytest.mark.parametrize("lang", LANGS)
def test_hardly_a_question_gets_the_wrong_article(verdicts: Sequence[Verdict], table: str, lang: Lang) -> None:
    asked = inside(verdicts, lang)
    assert sum(verdict.wrong for verdict in asked) / len(asked) <= WRONG, table


def test_hardly_an_outside_question_is_answered(verdicts: Sequence[Verdict], table: str) -> None:
    outside = [verdict for verdict in verdicts if not verdict.inside]
    assert sum(verdict.false_answer for verdict in outside) / len(outside) <= FALSE_ANSWERS, table


@pytest.mark.parametrize("lang", LANGS)
def test_most_turns_of_a_dialogue_are_answered_as_expected(
    conversation: Conversation, library: Library, lang: Lang
) -> None:
    dialogues = [one for one in read_dialogues(ROOT / DIALOGUES, library.catalogue) if one.lang == lang]
    turns = hold(conversation, dialogues)
    out = io.StringIO()
    show_dialogues(figures.dialogues(turns), Console(file=out, width=120))
    assert sum(verdict.right for verdict in turns) / len(turns) >= TURNS, out.getvalue()
