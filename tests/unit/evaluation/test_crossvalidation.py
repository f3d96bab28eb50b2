from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.dialogue.project import Project
from bot.evaluation import crossvalidation
from bot.evaluation.crossvalidation import Member, cross_validate, member_of, parts
from bot.messages import Lang
from bot.ports import Vectors
from bot.retrieval import fitting, version
from bot.retrieval.articles import Passage
from bot.retrieval.evidence import Fitted
from bot.retrieval.families import families
from bot.retrieval.fitting import encode
from bot.retrieval.folder import Knowledge, read_folder
from bot.retrieval.library import Library
from bot.retrieval.ridge import Solution
from bot.retrieval.writing import Tongues
from tests.examples import LettersEncoder

FOLDS = 2


def members(*texts: str, lang: Lang = "ru") -> list[Member]:
    return [(lang, text) for text in texts]


def test_paraphrases_are_left_out_together() -> None:
    texts = ["сколько держится ботокс", "ботокс сколько держится", "это больно", "больно это", "цена лба", "лба цена"]
    count, part = parts(members(*texts), FOLDS)
    assert count == 3
    assert [part["ru", text] for text in texts[::2]] == [part["ru", text] for text in texts[1::2]]
    assert set(part.values()) == set(range(FOLDS))


def test_a_question_with_courtesies_is_left_out_with_the_bare_one() -> None:
    polite = member_of("ru", "Здравствуйте! Подскажите, пожалуйста, сколько держится")
    assert polite == member_of("ru", "сколько держится")
    assert polite != member_of("ru", "сколько стоит")


def test_a_text_that_stands_in_two_places_is_one_member() -> None:
    count, part = parts(members("больно ли это", "больно ли это", "где вы находитесь"), FOLDS)
    assert (count, len(part)) == (2, 2)


def same_family(first: Sequence[Member], second: Sequence[Member]) -> bool:
    """Whether a text of the first is of the family of one of the second."""
    family = families([(text, lang) for lang, text in [*first, *second]])
    return bool(set(family[: len(first)]) & set(family[len(first) :]))


def assert_left_out_once(asked: Sequence[Member], owns: Sequence[set[Member]]) -> None:
    """Each question is unknown to one library alone, and so is all of its family."""
    assert len(owns) == FOLDS
    assert asked
    assert [member for member in asked if sum(member not in own for own in owns) != 1] == []
    for own in owns:
        assert not same_family([member for member in asked if member not in own], sorted(own))


class Learnt:
    """Fits as ever, and remembers what each fit was given."""

    def __init__(self) -> None:
        self.given: list[tuple[list[Passage], list[Passage], Vectors | None]] = []

    def __call__(
        self, passages: Sequence[Passage], held_out: Sequence[Passage], raw: Vectors | None
    ) -> tuple[Fitted, Solution]:
        self.given.append((list(passages), list(held_out), raw))
        return fitting.fit(passages, held_out, raw)


@pytest.fixture
def knowledge(small: tuple[Path, Path, Library]) -> Knowledge:
    found, problems = read_folder(small[0])
    assert found is not None, problems
    return found


@pytest.mark.slow
def test_nothing_of_a_questions_family_reaches_the_library_that_decides_it(
    knowledge: Knowledge, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt, encoder = Learnt(), LettersEncoder()
    monkeypatch.setattr(crossvalidation, "fit", learnt)

    found = cross_validate(knowledge, project.examples, encoder, tmp_path, FOLDS)

    asked = [member_of(verdict.question.lang, verdict.question.text) for verdict in found.verdicts]
    owns = []
    for passages, calibration, raw in learnt.given:
        owns.append({member_of(p.lang, p.text) for p in (*passages, *calibration) if p.kind != "paragraph"})
        assert calibration
        # The vectors stand beside the passages they belong to.
        assert raw is not None
        assert np.array_equal(raw, encode([*passages, *calibration], encoder))
    assert_left_out_once(asked, owns)


@pytest.mark.slow
def test_the_letters_of_a_language_are_not_learnt_from_the_questions_left_out(
    knowledge: Knowledge, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Knowledge, Sequence[version.Example]]] = []
    real = version.tongues

    def tongues(knowledge: Knowledge, examples: Sequence[version.Example] = ()) -> Tongues:
        given.append((knowledge, examples))
        return real(knowledge, examples)

    monkeypatch.setattr(version, "tongues", tongues)

    found = cross_validate(knowledge, project.examples, None, tmp_path, FOLDS)

    asked = [member_of(v.question.lang, v.question.text) for v in found.verdicts if v.question.kind == "question"]
    owns = []
    for part, examples in given:
        own = {member_of(a.lang, text) for a in part.articles.values() for text in a.questions}
        owns.append(own | {member_of(example.lang, example.text) for example in examples})
        assert examples
    assert_left_out_once(asked, owns)


@pytest.mark.slow
def test_every_question_is_decided_once_and_as_it_is_written(
    knowledge: Knowledge, project: Project, tmp_path: Path
) -> None:
    found = cross_validate(knowledge, project.examples, None, tmp_path, FOLDS)

    asked = sorted((v.question.lang, v.question.label, v.question.text) for v in found.verdicts)
    written = [(a.lang, a.id, text) for a in knowledge.articles.values() for text in a.questions]
    written += [(row.lang, f"outside/{row.label}", row.text) for row in knowledge.outside]
    assert asked == sorted(written)


@pytest.mark.slow
def test_a_topic_that_lost_all_its_questions_is_not_found_and_breaks_nothing(
    knowledge: Knowledge, project: Project, tmp_path: Path
) -> None:
    article = replace(knowledge.articles["pain", "ru"], id="alone", questions=("зюзюбра кваздра", "кваздра зюзюбра"))
    alone = replace(knowledge, articles={**knowledge.articles, ("alone", "ru"): article})

    found = cross_validate(alone, project.examples, None, tmp_path, FOLDS)

    own = [verdict for verdict in found.verdicts if verdict.question.label == "alone"]
    assert len(own) == 2
    assert not any(verdict.first_right or verdict.offered for verdict in own)
