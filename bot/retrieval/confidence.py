"""Evidence -> the probability that a topic answers the question: answer, clarify or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

# Topics weighed for one question; of the questions by another hand, the right one was among the first three in 98 %.
CANDIDATES = 6

# Of all questions answered at once, this share may be wrong: above it, the bot asks or says that it does not know.
# A wrong article can hurt; a question back costs a tap.
WRONG_AT_MOST = 0.02
# Outside questions answered by mistake, likewise.
OUTSIDE_AT_MOST = 0.04
# An answer is at least this sure; below it even a lucky threshold would feel like guessing.
LEAST_SURE = 0.5
# A choice is offered when the right topic is among the offered ones at least this often.
CLARIFY_AT_LEAST = 0.12
# How many topics a choice offers at most, and how probable each must be to be worth reading.
OFFERED = 3
WORTH_OFFERING = 0.05

# Labels of what the dialogue understands besides topics: greetings, thanks, a wish to book...
INTENT = "intent/"
# A greeting answered by mistake does little harm, but «не хочу жить» must not be taken for «не хочу».
INTENT_FROM = 0.8
# A wish to book or to talk to a person is answered with an honest sentence, and ignoring one is worse.
WISHES = frozenset({"intent/book", "intent/human"})
WISH_FROM = 0.5
# Labels so close that the patient is served by either: together they decide, the likelier one is taken.
KIN = {"intent/book": "how-to-book", "how-to-book": "intent/book"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What each label has for it, one number per label: float32, shape (labels,)."""

    model: Floats
    question: Floats
    passage: Floats
    word: Floats
    gram: Floats

    def rankings(self) -> Sequence[Floats]:
        return (self.model, self.question, self.passage, self.word, self.gram)


def candidates(evidence: Evidence, topics: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The labels worth weighing, best first: the model's favourites, and each ranking's first."""
    order = np.argsort(-evidence.model)
    best = [int(label) for label in order if topics[label]][:CANDIDATES]
    for ranking in evidence.rankings()[1:]:
        first = int(np.argmax(np.where(topics, ranking, -np.inf)))
        if topics[first] and first not in best:
            best.append(first)
    return np.array(best, dtype=np.int64)


def features(evidence: Evidence, chosen: npt.NDArray[np.int64], topics: npt.NDArray[np.bool_], words: int) -> Floats:
    """One row per candidate: its evidence, its lead over the best other label, and what speaks for no topic at all.

    Returns:
        float32, shape (candidates, 13).
    """
    columns: list[npt.NDArray[Any]] = []
    for ranking in evidence.rankings():
        own = ranking[chosen]
        best, second = np.argsort(-ranking)[:2]
        rival = np.where(chosen == best, ranking[second], ranking[best])
        columns += [own, own - rival]
    none = ~topics
    model_none = float(evidence.model[none].max()) if none.any() else 0.0
    question_none = float(evidence.question[none].max()) if none.any() else 0.0
    columns += [np.full(len(chosen), value) for value in (model_none, question_none, np.log1p(words))]
    return np.asarray(np.stack(columns, axis=1), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Decision:
    """`topics` is one topic for an answer, the offered ones for a choice, none for unknown."""

    kind: Literal["answer", "clarify", "unknown"]
    topics: tuple[str, ...]
    probability: float


@dataclass(frozen=True)
class Confidence:
    """A logistic model over the features of a candidate, and the probabilities that part answer from choice."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    answer_from: float
    clarify_from: float

    def probabilities(self, rows: Floats) -> Floats:
        """Probability that each candidate answers: float32, shape (candidates,); together at most 1."""
        scaled = (rows - np.array(self.mean, np.float32)) / np.array(self.scale, np.float32)
        each = 1 / (1 + np.exp(-(scaled @ np.array(self.weights, np.float32) + self.intercept)))
        return np.asarray(each / max(1.0, float(each.sum())), dtype=np.float32)

    def decide(self, ranked: Sequence[tuple[str, float]]) -> Decision:
        """Decide by labels with their probabilities, best first; only topics are offered for a choice."""
        if not ranked:
            return Decision("unknown", (), 0.0)
        label, probability = ranked[0]
        needed = WISH_FROM if label in WISHES else INTENT_FROM if label.startswith(INTENT) else self.answer_from
        if probability >= needed:
            return Decision("answer", (label,), probability)
        offered = [(topic, p) for topic, p in ranked if not topic.startswith(INTENT) and p >= WORTH_OFFERING][:OFFERED]
        together = sum(p for _, p in offered)
        # One topic that stands out, though not enough to be told at once, is offered alone.
        if offered and together >= self.clarify_from:
            return Decision("clarify", tuple(topic for topic, _ in offered), together)
        return Decision("unknown", (), probability)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Confidence:
        plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        return cls(**plain)


@dataclass(frozen=True)
class Judged:
    """One held-out question with the features of its candidates and whether each is right.

    `right` is all False where the question is outside the library or its topic is no candidate; `inside` tells
    which of the two.
    """

    rows: Floats
    right: npt.NDArray[np.bool_]
    inside: bool


def fit(judged: Sequence[Judged]) -> Confidence:
    """Fit on questions by another hand, judged by the model that serves, then choose the two probabilities on them.

    The least `answer_from` is taken at which at most WRONG_AT_MOST of the questions inside are answered wrongly and
    at most OUTSIDE_AT_MOST of the outside ones are answered.
    """
    from sklearn.linear_model import LogisticRegression

    rows = np.concatenate([question.rows for question in judged])
    right = np.concatenate([question.right for question in judged])
    mean, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    model = LogisticRegression(C=1.0, max_iter=500).fit((rows - mean) / scale, right)
    fitted = Confidence(
        tuple(map(float, mean)),
        tuple(map(float, scale)),
        tuple(map(float, model.coef_[0])),
        float(model.intercept_[0]),
        answer_from=1.0,
        clarify_from=CLARIFY_AT_LEAST,
    )
    inside = [_best(fitted, question) for question in judged if question.inside]
    outside = [_best(fitted, question) for question in judged if not question.inside]
    return replace(fitted, answer_from=_answer_from(inside, outside))


def _best(fitted: Confidence, question: Judged) -> tuple[float, bool]:
    probabilities = fitted.probabilities(question.rows)
    best = int(np.argmax(probabilities))
    return float(probabilities[best]), bool(question.right[best])


def _answer_from(inside: Sequence[tuple[float, bool]], outside: Sequence[tuple[float, bool]]) -> float:
    for threshold in np.arange(LEAST_SURE, 0.99, 0.01):
        wrong = sum(top >= threshold and not right for top, right in inside) / max(1, len(inside))
        answered = sum(top >= threshold for top, _ in outside) / max(1, len(outside))
        if wrong <= WRONG_AT_MOST and answered <= OUTSIDE_AT_MOST:
            return float(threshold)
    return 0.99
