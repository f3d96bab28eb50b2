from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.dialogue.project import Project
from bot.evaluation import crossvalidation
from bot.evaluation.crossvalidation import cross_validate, parts
from bot.ports import Vectors
from bot.retrieval import fitting
from bot.retrieval.articles import Passage
from bot.retrieval.families import families
from bot.retrieval.fitting import Fitted, encode
from bot.retrieval.folder import Knowledge, read_folder
from bot.retrieval.library import Library
from tests.examples import LettersEncoder

FOLDS = 2


def passage(text: str, kind: str = "question") -> Passage:
    return Passage("pain", "ru", kind, text)  # type: ignore[arg-type]


def test_paraphrases_are_left_out_together_and_paragraphs_never() -> None:
    pairs = [
        ("сколько держится ботокс", "ботокс сколько держится"),
        ("это больно", "больно это"),
        ("цена лба", "лба цена"),
    ]
    questions = [passage(text) for pair in pairs for text in pair]
    count, part = parts([*questions, passage("Лоб. Сколько держится ботокс.", "paragraph")], FOLDS)
    assert count == len(pairs)
    assert part[-1] == -1
    assert [part[0], part[2], part[4]] == [part[1], part[3], part[5]]
    assert set(part[:-1].tolist()) == set(range(FOLDS))


def test_a_title_and_a_calibration_question_are_left_out_with_their_twin() -> None:
    others = [passage(text) for text in ("когда подействует", "можно ли спорт", "где вы находитесь")]
    twins = [passage("Больно ли это"), passage("Больно ли это", "title"), passage("больно это ли")]
    _, part = parts([*others, *twins], FOLDS)
    assert part[3] == part[4] == part[5]


class Learnt:
    """Fits as ever, and remembers what each fit was given."""

    def __init__(self) -> None:
        self.given: list[tuple[list[Passage], list[Passage], Vectors | None]] = []

    def __call__(self, passages: Sequence[Passage], held_out: Sequence[Passage], raw: Vectors | None) -> Fitted:
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

    asked = [verdict.question for verdict in found.verdicts]
    assert len(learnt.given) == FOLDS
    for passages, calibration, raw in learnt.given:
        own = {(p.lang, p.text) for p in passages if p.kind != "paragraph"}
        own |= {(p.lang, p.text) for p in calibration}
        unseen = [(p.lang, p.text) for p in asked if (p.lang, p.text) not in own]
        texts = [(text, lang) for lang, text in [*unseen, *sorted(own)]]
        family = families(texts)
        assert unseen
        assert calibration
        assert not set(family[: len(unseen)]) & set(family[len(unseen) :])
        # The vectors still stand beside the passages they belong to.
        assert raw is not None
        assert np.array_equal(raw, encode([*passages, *calibration], encoder))


@pytest.mark.slow
def test_every_question_of_the_articles_and_of_outside_is_decided_once(
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
