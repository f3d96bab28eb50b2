"""Evidence by topic: one linear model over e5 vectors, character n-grams and lemmas, all topics at once.

The nearest stored question alone finds the right topic about half of the time; a model that has seen all
questions of all topics together does far better (README has the measured table).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

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
MEANING, _WORDS = np.float32(2.0), 0.3**0.5
# How fast meaning fades with distance. Straight lines (no kernel) found the right topic first in 93 % (en), this in 95.
_SHARPNESS = np.float32(1.0)


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
        """Gaussian kernel of each vector with each landmark: float32, shape (n, m), 0 to MEANING."""
        near = vectors @ self.vectors.T
        near -= 1
        near *= _SHARPNESS
        np.exp(near, out=near)
        near *= MEANING
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
