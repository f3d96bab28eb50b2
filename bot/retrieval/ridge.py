"""Fits a topic model by ridge regression over words, n-grams and nearness to landmarks (build time; needs SciPy)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.messages import Lang
from bot.ports import Vectors
from bot.retrieval.topics import Floats, Halves, Landmarks, TopicModel, Vocabulary, features

# Landmarks: 1,000 lose a point of the right topics, all questions (10,000) gain half a point and cost 400 MB to fit.
MOST_LANDMARKS = 3000
_JITTER = 1e-3
# From so many texts on, nearness to the landmarks is kept in 16 bits and taken up in portions: 200 MB less where the
# machine of a clinic has 1 GB. What the rounding changes is far below the tolerance of a fit.
_MANY, _PORTION = 20_000, 4096
# Strength of the regularisation; between 0.1 and 1 it hardly matters.
_RIDGE = np.float32(0.3)
# Share of the wanted values at which a solution is near enough: at 0.02 the same topics came out first. One that was
# near enough for almost the same questions may stay as it is a little longer: an edit moves every label by a hair, and
# each would need some thirty steps to come below the line again.
_TOLERANCE, _STILL_ENOUGH = 0.1, 0.13
# From an earlier solution each step leads nearer, and where it is nearly there already so many are plenty.
_MOST_STEPS, _MOST_STEPS_AGAIN = 400, 40
# Share of questions that two fits must have in common for one to start from the other.
_SAME_QUESTIONS = 0.9


@dataclass(frozen=True)
class Solution:
    """What a fit found, by question: a later fit that shares most questions starts from it and is done in a few steps.

    `weights` has one row per key: float32, shape (questions, labels). The landmarks stay the same while most questions
    do: with others, the weights would be as good as unknown.
    """

    labels: tuple[str, ...]
    keys: tuple[str, ...]
    weights: Floats
    landmarks: Floats

    def save(self, path: Path) -> None:
        labels, keys = np.array(self.labels), np.array(self.keys)
        np.savez(path, labels=labels, keys=keys, weights=self.weights, landmarks=self.landmarks)

    def knows(self, keys: Sequence[str]) -> bool:
        """Whether it is of nearly these questions."""
        return len(set(keys) & set(self.keys)) >= _SAME_QUESTIONS * max(len(keys), len(self.keys))

    @classmethod
    def load(cls, path: Path) -> Solution:
        with np.load(path) as arrays:
            labels, keys = tuple(arrays["labels"].tolist()), tuple(arrays["keys"].tolist())
            return cls(labels, keys, arrays["weights"], arrays["landmarks"])


def fit_topics(
    texts: Sequence[tuple[str, Lang]],
    labels: Sequence[str],
    vectors: Vectors | None,
    start: Solution | None = None,
    most: int = MOST_LANDMARKS,
    least: int = 1,
) -> tuple[TopicModel, Solution]:
    """Fit on labelled questions by ridge regression on label membership (build time; needs SciPy).

    Ridge rather than logistic regression: on questions by another hand it found the right topic first in 95 % (ru)
    against 86 %, and its equations are solved in seconds.

    Args:
        vectors: centred, one unit row per text, float32, shape (n, d); None without an encoder.
        start: of an earlier fit; changes the time only, not the result beyond the tolerance.
        most: landmarks at most.
        least: texts that a feature must stand in to be known.
    """
    names = sorted(set(labels))
    numbers = {name: number for number, name in enumerate(names)}
    vocabulary, spelt = _spelling(texts, least)
    # One text may stand under two labels, and then its rows differ.
    keys = tuple(f"{lang}\0{text}\0{label}" for (text, lang), label in zip(texts, labels, strict=True))
    start = start if start is not None and start.knows(keys) else None
    kernel = _Kernel.of(keys, vectors, most, start)
    member = np.zeros((len(texts), len(names)), dtype=np.float32)
    member[np.arange(len(texts)), [numbers[label] for label in labels]] = 1
    mean = member.mean(axis=0)
    solved = _solve(spelt, kernel, member - mean, _start(names, keys, start))
    by_word = np.asarray(spelt.T @ solved, dtype=np.float16)
    by_meaning = kernel.weights(solved)
    model = TopicModel(names, vocabulary, by_word, kernel.landmarks, by_meaning, mean.astype(np.float32))
    return model, Solution(tuple(names), keys, solved, kernel.landmarks.vectors)


def _spelling(texts: Sequence[tuple[str, Lang]], least: int) -> tuple[Vocabulary, Any]:
    """The vocabulary of the texts, and the weights of its features in each: a sparse matrix, one row per text."""
    from scipy import sparse

    counted = [features(text, lang) for text, lang in texts]
    vocabulary = Vocabulary.fit(counted, least)
    weighed = [vocabulary.weigh(text) for text in counted]
    starts = np.cumsum([0, *(len(rows) for rows, _ in weighed)])
    rows, weights = (np.concatenate(parts) for parts in zip(*weighed, strict=True))
    return vocabulary, sparse.csr_matrix((weights, rows, starts), shape=(len(texts), len(vocabulary.keys)))


@dataclass(frozen=True)
class _Kernel:
    """The questions' kernel by landmarks: near @ among^-1 @ near.T, which is never formed.

    `near` has shape (n, m), in 16 bits where there are many texts; `factor` is the Cholesky factor of the landmarks'
    own kernel, in 64 bits.
    """

    landmarks: Landmarks
    near: Floats | Halves
    factor: npt.NDArray[np.float64]

    @classmethod
    def of(cls, keys: Sequence[str], vectors: Vectors | None, most: int, start: Solution | None) -> _Kernel:
        """The landmarks of an earlier fit where there are any, else new ones; nothing at all without vectors."""
        from scipy import linalg

        if vectors is None:
            nothing = np.zeros((0, 0), np.float32)
            return cls(Landmarks(nothing), np.zeros((len(keys), 0), np.float32), np.zeros((0, 0)))
        landmarks = Landmarks(start.landmarks) if start is not None else Landmarks(np.zeros((0, 0), np.float32))
        if landmarks.vectors.shape[1] != vectors.shape[1]:
            landmarks = Landmarks.choose(keys, vectors, most)
        among = landmarks.nearness(landmarks.vectors).astype(np.float64)
        among[np.diag_indices(len(among))] += _JITTER
        near: Floats | Halves
        if len(vectors) <= _MANY:
            near = landmarks.nearness(vectors)
        else:
            near = np.empty((len(vectors), len(landmarks.vectors)), np.float16)
            for part in _parts(len(vectors)):
                near[part] = landmarks.nearness(vectors[part])
        return cls(landmarks, near, linalg.cholesky(among, lower=True, overwrite_a=True))

    def weights(self, values: Floats) -> Floats:
        """Weights of nearness to each landmark, from weights of the questions."""
        from scipy import linalg

        if not len(self.factor):
            return np.zeros((0, values.shape[1]), np.float32)
        if self.near.dtype == np.float32:
            gathered = self.near.T @ values
        else:
            gathered = np.zeros((self.near.shape[1], values.shape[1]), np.float32)
            for part in _parts(len(values)):
                gathered += self.near[part].astype(np.float32).T @ values[part]
        return np.asarray(linalg.cho_solve((self.factor, True), gathered), dtype=np.float32)

    def times(self, values: Floats) -> Floats:
        weights = self.weights(values)
        if self.near.dtype == np.float32:
            return np.asarray(self.near @ weights, dtype=np.float32)
        return np.concatenate([self.near[part].astype(np.float32) @ weights for part in _parts(len(self.near))])


def _parts(rows: int) -> Iterator[slice]:
    """Rows in portions that are small beside all of them."""
    for start in range(0, rows, _PORTION):
        yield slice(start, min(start + _PORTION, rows))


def _start(names: Sequence[str], keys: Sequence[str], known: Solution | None) -> Floats:
    """The rows of an earlier solution for the questions it knows, nothing for the others."""
    weights = np.zeros((len(keys), len(names)), dtype=np.float32)
    if known is not None:
        rows = {key: row for row, key in enumerate(known.keys)}
        columns = {label: column for column, label in enumerate(known.labels)}
        shared = [(row, rows[key]) for row, key in enumerate(keys) if key in rows]
        same = [(column, columns[name]) for column, name in enumerate(names) if name in columns]
        if shared and same:
            here, there = np.array(shared).T
            to, of = np.array(same).T
            weights[np.ix_(here, to)] = known.weights[np.ix_(there, of)]
    return weights


def _solve(spelt: Any, kernel: _Kernel, wanted: Floats, weights: Floats) -> Floats:
    """Solve (K + ridge) weights = wanted by conjugate residuals, K being the questions' inner products.

    K is never formed: at 10,000 questions it would take 400 MB, and the server of a clinic has 1 GB. Conjugate
    gradients would do, but from an earlier solution they first lead away from it.
    Source: Saad, Iterative Methods for Sparse Linear Systems (2003), algorithm 6.20.
    """
    turned = spelt.T.tocsr()

    def times(values: Floats) -> Floats:
        return np.asarray(kernel.times(values) + spelt @ (turned @ values) + _RIDGE * values, dtype=np.float32)

    weights = weights.copy()
    residual = wanted - times(weights) if weights.any() else wanted.copy()
    whole, left = np.maximum((wanted * wanted).sum(axis=0), 1e-12), (residual * residual).sum(axis=0)
    enough = _TOLERANCE**2 * whole
    if weights.any():
        enough = np.where(left <= _STILL_ENOUGH**2 * whole, left, enough)
        # One new question among a hundred changes the whole too little, and must be learnt all the same.
        learning = (wanted[~weights.any(axis=1)] > 0.5).any(axis=0)
        enough = np.where(learning, np.minimum(left, _TOLERANCE**2 * whole) / 4, enough)
    todo = np.flatnonzero(left > enough)
    rest = residual[:, todo]
    turn = times(rest)
    direction, moved = rest, turn
    most = _MOST_STEPS_AGAIN if weights.any() else _MOST_STEPS
    for _ in range(most if len(todo) else 0):
        grip = (rest * turn).sum(axis=0)
        step = grip / np.maximum((moved * moved).sum(axis=0), 1e-20)
        weights[:, todo] += step * direction
        rest = rest - step * moved
        # A label that is done must rest: in 32 bits, further steps would lead it away again.
        still = np.flatnonzero((rest * rest).sum(axis=0) > enough[todo])
        if not len(still):
            break
        todo, grip = todo[still], grip[still]
        rest, direction, moved = rest[:, still], direction[:, still], moved[:, still]
        turn = times(rest)
        onward = (rest * turn).sum(axis=0) / np.maximum(grip, 1e-20)
        direction, moved = rest + onward * direction, turn + onward * moved
    return weights
