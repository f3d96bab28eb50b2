"""Fits of the second net kept between versions: one edited question makes none anew, an edited example does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bot.ports import Vectors
from bot.retrieval import fits
from bot.retrieval.articles import Passage
from bot.retrieval.danger import danger_passages
from bot.retrieval.questions import Labelled
from bot.retrieval.semantic import centred
from tests.examples import LettersEncoder

ENCODER = LettersEncoder()
ALARMING = [
    Labelled("не хочу больше жить", "ru", "crisis/suicide", 1),
    Labelled("воздуха не хватает", "ru", "emergency/breathing", 2),
    Labelled("свежего воздуха хочется", "ru", "calm", 3),
]
CALM = [Passage("duration", "ru", "question", f"сколько держится в зоне {number}") for number in range(120)]


def near(calm: Sequence[Passage]) -> Callable[[Sequence[Passage]], Vectors]:
    def of(alarming: Sequence[Passage]) -> Vectors:
        raw = ENCODER.encode([passage.text for passage in (*alarming, *calm)], "query")
        return centred(raw, raw.mean(axis=0))

    return of


def fitted(data: Path, examples: Sequence[Labelled] = ALARMING, calm: Sequence[Passage] = CALM, name: str = "a") -> int:
    """How many fits are kept after one is asked for."""
    fits.danger(examples, calm, near(calm), name, data)
    return len(list((data / "fits" / "danger").glob("*")))


def edited(number: int) -> list[Passage]:
    """The questions with so many of them edited."""
    return [Passage(row.label, row.lang, row.kind, f"{row.text} же") for row in CALM[:number]] + CALM[number:]


def test_the_same_examples_and_questions_are_fitted_once(tmp_path: Path) -> None:
    assert [fitted(tmp_path), fitted(tmp_path)] == [1, 1]


def test_an_edited_question_fits_no_danger_anew(tmp_path: Path) -> None:
    assert [fitted(tmp_path), fitted(tmp_path, calm=edited(1)), fitted(tmp_path, calm=CALM[1:])] == [1, 1, 1]


def test_many_edited_questions_do(tmp_path: Path) -> None:
    assert [fitted(tmp_path), fitted(tmp_path, calm=edited(5))] == [1, 2]


def test_another_example_and_another_encoder_do(tmp_path: Path) -> None:
    assert [fitted(tmp_path), fitted(tmp_path, ALARMING[1:]), fitted(tmp_path, name="b")] == [1, 2, 3]


def test_a_fit_taken_again_scores_as_before(tmp_path: Path) -> None:
    models = [fits.danger(ALARMING, calm, near(calm), "a", tmp_path).model for calm in (CALM, edited(1))]

    vector = near(CALM)(danger_passages(ALARMING))[:1]
    one, two = (model.scores("не хочу жить", "ru", vector) for model in models)
    assert np.array_equal(one, two)


def test_a_damaged_fit_is_made_anew(tmp_path: Path) -> None:
    fitted(tmp_path)
    (known,) = (tmp_path / "fits" / "danger").glob("*")
    (known / "learnt.json").write_text("{", encoding="utf-8")

    assert fitted(tmp_path) == 1
    assert "calm" in (known / "learnt.json").read_text(encoding="utf-8")
