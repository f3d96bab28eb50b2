"""Fits a library's index and its confidence; needs scikit-learn, so only the child process that builds imports it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bot.ports import Encoder, Vectors
from bot.retrieval import confidence
from bot.retrieval.articles import Passage
from bot.retrieval.confidence import Judged
from bot.retrieval.evidence import Fitted, Index
from bot.retrieval.lexical import words
from bot.retrieval.ridge import Solution, fit_topics
from bot.retrieval.semantic import centred
from bot.retrieval.writing import TEXT_LIMIT, shorten

Progress = Callable[[str, int, int], None]


def answerable(label: str) -> bool:
    """Whether finding this label leads to a reply of its own; `outside/...` leads to none."""
    return not label.startswith("outside/")


def encode(passages: Sequence[Passage], encoder: Encoder | None) -> Vectors | None:
    """Raw vectors of passages, float32, shape (n, d): what patients might type as queries, texts as passages."""
    if encoder is None:
        return None
    asked = [number for number, passage in enumerate(passages) if passage.kind not in ("title", "paragraph")]
    told = [number for number, passage in enumerate(passages) if passage.kind in ("title", "paragraph")]
    parts = [
        encoder.encode([shorten(passages[number].text) for number in asked], "query"),
        encoder.encode([passages[number].text[:TEXT_LIMIT] for number in told], "passage"),
    ]
    vectors = np.empty((len(passages), parts[0].shape[1]), dtype=np.float32)
    vectors[asked], vectors[told] = parts
    return vectors


def fit(
    passages: Sequence[Passage],
    held_out: Sequence[Passage],
    raw: Vectors | None,
    progress: Progress = lambda *_: None,
    start: Solution | None = None,
) -> tuple[Fitted, Solution]:
    """Fit everything; the solution makes the next fit quick.

    Args:
        passages: what can be found.
        held_out: questions by another hand, inside and outside; nothing but the confidence is fitted on them.
        raw: vectors of passages and held-out questions, in that order, as the encoder gave them; None without one.
        start: the solution of an earlier fit.
    """
    rows = [number for number, passage in enumerate(passages) if passage.kind not in ("title", "paragraph")]
    centre = None if raw is None else np.asarray(raw[rows].mean(axis=0), dtype=np.float32)
    vectors = None if raw is None or centre is None else centred(raw, centre)
    asked = [passages[row] for row in rows]
    progress("fitting", 0, 3)
    model, solution = fit_topics(
        [(passage.text, passage.lang) for passage in asked],
        [passage.label for passage in asked],
        None if vectors is None else vectors[rows],
        start,
    )
    progress("fitting", 1, 3)
    index = Index.build(passages, model, None if vectors is None else vectors[: len(passages)])
    progress("fitting", 2, 3)
    judged: list[Judged] = []
    asked_apart = [(question.text, question.lang) for question in held_out]
    evidence = index.evidence_of_all(asked_apart, None if vectors is None else vectors[len(passages) :])
    for question, found in zip(held_out, evidence, strict=True):
        judged.append(judge(index, found, question.label, len(words(question.text, question.lang))))
    fitted = Fitted(index, confidence.fit(judged), centre)
    progress("fitting", 3, 3)
    return fitted, solution


def judge(index: Index, evidence: confidence.Evidence, label: str, count: int) -> Judged:
    """Compare the candidates of a question with the label it really has; `count` is its number of words."""
    mask = np.array([answerable(name) for name in index.labels])
    chosen = confidence.candidates(evidence, mask)
    right: npt.NDArray[np.bool_] = np.array([index.labels[number] == label for number in chosen])
    return Judged(confidence.features(evidence, chosen, mask, count), right, answerable(label))
