"""Evidence by topic: one linear model over e5 vectors, character n-grams and lemmas, all topics at once.

The nearest stored question alone finds the right topic about half of the time; a model that has seen all
questions of all topics together does far better (README has the measured table).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.messages import Lang
from bot.ports import Vectors
from bot.retrieval.lexical import Keys, gram_keys, keys, lemmas, places

Floats = npt.NDArray[np.float32]
# Weights of features, of which there are a hundred thousand for each of a hundred labels: half the memory, and what
# rounding takes from a score (less than 0.001) is nothing beside the tolerance of the fit.
Halves = npt.NDArray[np.float16]

# Weights of the three groups of features, of which each has unit length per text. Chosen by cross-validation on the
# library's own questions: meaning counts most, words decide between close neighbours.
_MEANING, _WORDS = np.float32(2.0), 0.3**0.5
# How fast meaning fades with distance. Straight lines (no kernel) found the right topic first in 93 % (en), this in 95.
_SHARPNESS = np.float32(1.0)
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


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What stands in a text and how often: character n-grams first, then lemmas and pairs of lemmas.

    `keys` are uint32, `counts` float32, both of shape (n,); the first `grams` of them are n-grams.
    """

    keys: Keys
    counts: Floats
    grams: int


@lru_cache(maxsize=4096)
def features(text: str, lang: Lang) -> Features:
    tokens = lemmas(text, lang)
    said = Counter([*tokens, *(f"{one} {two}" for one, two in pairwise(tokens))])
    spelt, often = np.unique(gram_keys(text, lang), return_counts=True)
    counts = np.concatenate([often, list(said.values())]).astype(np.float32)
    return Features(np.concatenate([spelt, keys(list(said))]), counts, len(spelt))


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Features known by key, with their inverse document frequency; `keys` are sorted."""

    keys: Keys
    idf: Floats

    @classmethod
    def fit(cls, texts: Sequence[Features], least: int = 1) -> Vocabulary:
        """Know every feature that stands in at least so many of the texts."""
        every, counts = np.unique(np.concatenate([text.keys for text in texts]), return_counts=True)
        enough = counts >= least
        idf = np.log((1 + len(texts)) / (1 + counts[enough])) + 1
        return cls(every[enough], idf.astype(np.float32))

    def weigh(self, text: Features) -> tuple[npt.NDArray[np.int64], Floats]:
        """Rows and weights of a text's known features; n-grams and lemmas are each scaled to unit length."""
        found = places(text.keys, self.keys)
        known = found >= 0
        rows = found[known]
        weights = (1 + np.log(text.counts[known])) * self.idf[rows]
        grams = int(known[: text.grams].sum())
        for group in (weights[:grams], weights[grams:]):
            group *= _WORDS / max(float(group @ group) ** 0.5, 1e-6)
        return rows, weights


@dataclass(frozen=True)
class Landmarks:
    """Texts that stand for all: how near a text is to each of them says what it means, not in straight lines only.

    `vectors` are centred, float32, shape (m, d), unit rows.
    Source: Williams and Seeger, "Using the Nyström method to speed up kernel machines", NIPS 2000.
    """

    vectors: Floats

    @classmethod
    def choose(cls, keys: Sequence[str], vectors: Vectors, most: int) -> Landmarks:
        """At most `most` of the texts, by a hash of their keys: an edit moves few of them."""
        order = sorted(range(len(keys)), key=lambda row: hashlib.sha256(keys[row].encode()).digest())
        return cls(np.ascontiguousarray(vectors[sorted(order[:most])]))

    def nearness(self, vectors: Vectors) -> Floats:
        """Gaussian kernel of each vector with each landmark: float32, shape (n, m), 0 to _MEANING."""
        near = vectors @ self.vectors.T
        near -= 1
        near *= _SHARPNESS
        np.exp(near, out=near)
        near *= _MEANING
        return np.asarray(near, dtype=np.float32)


class TopicModel:
    """Scores every label for a question; built for one encoder, or for none."""

    def __init__(
        self,
        labels: Sequence[str],
        vocabulary: Vocabulary,
        by_word: Halves,
        landmarks: Landmarks,
        by_meaning: Floats,
        intercept: Floats,
    ) -> None:
        self.labels = tuple(labels)
        self._vocabulary = vocabulary
        self._by_word = by_word
        self._landmarks = landmarks
        self._by_meaning = by_meaning
        self._intercept = intercept

    def scores(self, text: str, lang: Lang, vector: Vectors | None) -> Floats:
        """How much the question is of each label, about 1 for its own and 0 for others: float32, shape (labels,).

        Args:
            vector: centred, shape (1, d), unit row, or None to look at words only.
        """
        return np.asarray(self.scores_of_all([(text, lang)], vector)[0], dtype=np.float32)

    def scores_of_all(self, texts: Sequence[tuple[str, Lang]], vectors: Vectors | None) -> Floats:
        """`scores` of many questions at once: float32, shape (questions, labels)."""
        found = np.tile(self._intercept, (len(texts), 1))
        for row, (text, lang) in enumerate(texts):
            known, weights = self._vocabulary.weigh(features(text, lang))
            found[row] += weights @ self._by_word[known].astype(np.float32)
        if vectors is not None:
            found += self._landmarks.nearness(vectors) @ self._by_meaning
        return np.asarray(found, dtype=np.float32)

    def save(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        np.savez(
            folder / "weights.npz",
            features=self._vocabulary.keys,
            idf=self._vocabulary.idf,
            by_word=self._by_word,
            landmarks=self._landmarks.vectors,
            by_meaning=self._by_meaning,
            intercept=self._intercept,
        )
        (folder / "labels.json").write_text(json.dumps(self.labels), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TopicModel:
        labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz") as arrays:
            vocabulary = Vocabulary(arrays["features"], arrays["idf"])
            landmarks = Landmarks(arrays["landmarks"])
            by_word, by_meaning, intercept = arrays["by_word"], arrays["by_meaning"], arrays["intercept"]
            return cls(labels, vocabulary, by_word, landmarks, by_meaning, intercept)


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
