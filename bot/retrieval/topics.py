"""Evidence by topic: one linear model over e5 vectors, character n-grams and lemmas, all topics at once.

The nearest stored question alone finds the right topic about half of the time; a model that has seen all
questions of all topics together does far better (README has the measured table).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.messages import Lang
from bot.ports import Vectors
from bot.retrieval.lexical import grams, lemmas

Floats = npt.NDArray[np.float32]

# Weights of the three groups of features, of which each has unit length per text. Chosen by cross-validation on the
# library's own questions: meaning counts most, words decide between close neighbours.
_MEANING, _WORDS = 2.0**0.5, 0.3**0.5
# Principal directions kept while fitting; 600 were no better and twice as slow.
_RANK = 300
# Inverse strength of the regularisation of the multinomial logistic regression.
_C = 5.0


def features(text: str, lang: Lang) -> Counter[str]:
    """Character n-grams (g...), lemmas and pairs of lemmas (w...) with how often each stands in the text."""
    tokens = lemmas(text, lang)
    found = Counter(f"g{gram}" for gram in grams(text, lang))
    found.update(f"w{token}" for token in tokens)
    found.update(f"w{one} {two}" for one, two in pairwise(tokens))
    return found


@dataclass(frozen=True)
class Vocabulary:
    """Features known by name, with their inverse document frequency."""

    rows: Mapping[str, int]
    idf: Floats

    @classmethod
    def fit(cls, texts: Sequence[Mapping[str, int]]) -> Vocabulary:
        """Know every feature of the texts, given as `features` counts them."""
        counts = Counter(name for text in texts for name in text)
        names = sorted(counts)
        idf = np.log((1 + len(texts)) / (1 + np.array([counts[name] for name in names]))) + 1
        return cls({name: row for row, name in enumerate(names)}, idf.astype(np.float32))

    def weigh(self, text: Mapping[str, int]) -> tuple[npt.NDArray[np.int64], Floats]:
        """Rows and weights of a text's known features; n-grams and lemmas are each scaled to unit length."""
        found = {name: count for name, count in text.items() if name in self.rows}
        rows = np.fromiter((self.rows[name] for name in found), dtype=np.int64, count=len(found))
        weights = (1 + np.log(np.fromiter(found.values(), dtype=np.float32, count=len(found)))) * self.idf[rows]
        is_gram = np.fromiter((name[0] == "g" for name in found), dtype=bool, count=len(found))
        for group in (is_gram, ~is_gram):
            weights[group] /= max(float(np.linalg.norm(weights[group])), 1e-6)
        return rows, (weights * _WORDS).astype(np.float32)


class TopicModel:
    """Scores every label for a question; built for one encoder, or for none."""

    def __init__(
        self, labels: Sequence[str], vocabulary: Vocabulary, by_word: Floats, by_meaning: Floats, intercept: Floats
    ) -> None:
        self.labels = tuple(labels)
        self._vocabulary = vocabulary
        self._by_word = by_word
        self._by_meaning = by_meaning
        self._intercept = intercept

    def scores(self, text: str, lang: Lang, vector: Vectors | None) -> Floats:
        """Log-probability of each label: float32, shape (labels,); `vector` is centred, shape (1, d), or None."""
        rows, weights = self._vocabulary.weigh(features(text, lang))
        logits = self._intercept + weights @ self._by_word[rows]
        if vector is not None:
            logits = logits + _MEANING * (vector[0] @ self._by_meaning)
        shifted = logits - logits.max()
        return np.asarray(shifted - np.log(np.exp(shifted).sum()), dtype=np.float32)

    def save(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        np.savez(
            folder / "weights.npz",
            idf=self._vocabulary.idf,
            by_word=self._by_word,
            by_meaning=self._by_meaning,
            intercept=self._intercept,
        )
        names = {"labels": self.labels, "features": list(self._vocabulary.rows)}
        (folder / "names.json").write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TopicModel:
        names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz") as arrays:
            vocabulary = Vocabulary({name: row for row, name in enumerate(names["features"])}, arrays["idf"])
            return cls(names["labels"], vocabulary, arrays["by_word"], arrays["by_meaning"], arrays["intercept"])


class TopicData:
    """The labelled questions as features, ready to be fitted on any part of them (build time; needs scikit-learn)."""

    def __init__(self, texts: Sequence[tuple[str, Lang]], labels: Sequence[str], vectors: Vectors | None) -> None:
        from scipy import linalg, sparse

        self._names = sorted(set(labels))
        numbers = {name: number for number, name in enumerate(self._names)}
        self._targets = np.array([numbers[label] for label in labels])
        counted = [features(text, lang) for text, lang in texts]
        self._vocabulary = Vocabulary.fit(counted)
        weighed = [self._vocabulary.weigh(text) for text in counted]
        starts = np.cumsum([0, *(len(rows) for rows, _ in weighed)])
        self._lexical: Any = sparse.csr_matrix(
            (np.concatenate([w for _, w in weighed]), np.concatenate([rows for rows, _ in weighed]), starts),
            shape=(len(texts), len(self._vocabulary.rows)),
        )
        self._meaning = np.zeros((len(texts), 0), np.float32) if vectors is None else vectors * np.float32(_MEANING)
        # All features by all features is large, all questions by all questions is not: the principal directions
        # come from the latter, and the fitted weights go back to the features through the same factors.
        kernel = self._meaning @ self._meaning.T + (self._lexical @ self._lexical.T).toarray()
        first = max(0, len(texts) - _RANK)
        values, directions = linalg.eigh(kernel, subset_by_index=(first, len(texts) - 1), check_finite=False)
        kept = values > 1e-5 * values[-1]
        self._roots = np.sqrt(values[kept])
        self._directions = directions[:, kept]
        self._reduced = self._directions * self._roots

    def fit(self) -> TopicModel:
        """Fit on all questions."""
        weights, intercept = self._fit(np.arange(len(self._targets)))
        # reduced = features @ back, so features @ (back @ weights) are the logits.
        by_question = (self._directions / self._roots) @ weights
        return TopicModel(
            self._names,
            self._vocabulary,
            np.asarray(self._lexical.T @ by_question, dtype=np.float32),
            np.asarray(self._meaning.T @ by_question / _MEANING, dtype=np.float32),
            intercept.astype(np.float32),
        )

    def scores_apart(self, learnt: npt.NDArray[np.bool_]) -> Floats:
        """Scores, as `TopicModel.scores` gives them, of the questions that a model fitted on `learnt` has not seen.

        Returns:
            float32, shape (questions not learnt, labels), in the order of the questions.
        """
        weights, intercept = self._fit(np.flatnonzero(learnt))
        logits = self._reduced[~learnt] @ weights + intercept
        shifted = logits - logits.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float32)

    def _fit(self, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Weights over the reduced features and intercepts; a label without a question among `rows` gets a floor."""
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=_C, max_iter=200, tol=1e-3).fit(self._reduced[rows], self._targets[rows])
        weights = np.zeros((self._reduced.shape[1], len(self._names)))
        intercept = np.full(len(self._names), -20.0)
        weights[:, model.classes_] = model.coef_.T
        intercept[model.classes_] = model.intercept_
        return weights, intercept
