"""All that speaks for each label, for one question: the rankings of every index, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.messages import Lang
from bot.ports import Vectors
from bot.retrieval.articles import Passage
from bot.retrieval.confidence import Confidence, Evidence
from bot.retrieval.lexical import LexicalIndex, gram_keys, lemma_keys
from bot.retrieval.semantic import SemanticIndex
from bot.retrieval.topics import TopicModel

Floats = npt.NDArray[np.float32]


class _Maxima:
    """The best score per label among some of the passages."""

    def __init__(self, rows: npt.NDArray[np.int64], owner: npt.NDArray[np.int64], labels: int) -> None:
        order = np.argsort(owner[rows], kind="stable")
        self._rows = rows[order]
        self._present, self._starts = np.unique(owner[self._rows], return_index=True)
        self._labels = labels

    def of(self, scores: Floats, floor: float) -> Floats:
        best = np.full(self._labels, floor, dtype=np.float32)
        if len(self._rows):
            best[self._present] = np.maximum.reduceat(scores[self._rows], self._starts)
        return best


class Index:
    """BM25 over lemmas and n-grams, FAISS over vectors, and the topic model, over one set of passages.

    Args:
        owner: the number of each passage's label, in the order in which the indexes hold the passages.
        is_text: whether it is told in an article rather than asked.
        semantic: None where the version was built without an encoder.
    """

    def __init__(
        self,
        owner: npt.NDArray[np.int64],
        is_text: npt.NDArray[np.bool_],
        model: TopicModel,
        by_word: LexicalIndex,
        by_gram: LexicalIndex,
        semantic: SemanticIndex | None,
    ) -> None:
        self.labels = model.labels
        self.model = model
        self._by_word, self._by_gram, self._semantic = by_word, by_gram, semantic
        self._owner, self._is_text = owner, is_text
        self._all = _Maxima(np.arange(len(owner)), owner, len(self.labels))
        self._questions = _Maxima(np.flatnonzero(~is_text), owner, len(self.labels))
        self._texts = _Maxima(np.flatnonzero(is_text), owner, len(self.labels))

    def evidence(self, text: str, lang: Lang, vector: Vectors | None) -> Evidence:
        """Weigh one question; `vector` is centred, float32, shape (1, d), unit row, or None to look at words only."""
        words = self._by_word.scores(text, lang)
        if self._semantic is not None and vector is not None:
            meaning = self._semantic.scores(vector)
        else:
            meaning = np.zeros(len(words), dtype=np.float32)
        return self.combine(self.model.scores(text, lang, vector), meaning, words, self._by_gram.scores(text, lang))

    def combine(self, model: Floats, meaning: Floats, words: Floats, letters: Floats) -> Evidence:
        """Bring the model's score per label and the other scores per passage together."""
        return Evidence(
            model=model,
            question=self._questions.of(meaning, 0.0),
            passage=self._texts.of(meaning, 0.0),
            word=self._all.of(words, 0.0),
            gram=self._all.of(letters, 0.0),
        )

    def evidence_of_all(self, questions: Sequence[tuple[str, Lang]], vectors: Vectors | None) -> Iterator[Evidence]:
        """`evidence` of many questions, as a build needs it; `vectors` has shape (questions, d)."""
        said, spelt = self.lexical_scores(questions)
        meant = np.zeros_like(said)
        if self._semantic is not None and vectors is not None:
            meant = self._semantic.scores_of_all(vectors)
        for row, scores in enumerate(self.model.scores_of_all(questions, vectors)):
            yield self.combine(scores, meant[row], said[row], spelt[row])

    def lexical_scores(self, questions: Sequence[tuple[str, Lang]]) -> tuple[Floats, Floats]:
        """Scores of many questions by words and by n-grams, each float32, shape (questions, passages)."""
        return self._by_word.scores_of_all(questions), self._by_gram.scores_of_all(questions)

    def save(self, folder: Path) -> None:
        self.model.save(folder / "topics")
        np.savez(folder / "passages.npz", owner=self._owner, is_text=self._is_text)
        self._by_word.save(folder / "words.npz")
        self._by_gram.save(folder / "grams.npz")
        if self._semantic is not None:
            self._semantic.save(folder / "vectors.faiss")

    @classmethod
    def load(cls, folder: Path) -> Index:
        vectors = folder / "vectors.faiss"
        with np.load(folder / "passages.npz") as passages:
            owner, is_text = passages["owner"], passages["is_text"]
        return cls(
            owner,
            is_text,
            TopicModel.load(folder / "topics"),
            LexicalIndex.load(folder / "words.npz", lemma_keys),
            LexicalIndex.load(folder / "grams.npz", gram_keys),
            SemanticIndex.load(vectors) if vectors.exists() else None,
        )

    @classmethod
    def build(cls, passages: Sequence[Passage], model: TopicModel, vectors: Vectors | None) -> Index:
        """Index the passages; `vectors` are centred, one unit row per passage."""
        texts = [(passage.text, passage.lang) for passage in passages]
        numbers = {label: number for number, label in enumerate(model.labels)}
        return cls(
            np.array([numbers[passage.label] for passage in passages], dtype=np.int64),
            np.array([passage.kind in ("title", "paragraph") for passage in passages], dtype=bool),
            model,
            LexicalIndex.build(texts, lemma_keys),
            LexicalIndex.build(texts, gram_keys),
            None if vectors is None else SemanticIndex.build(vectors),
        )


@dataclass(frozen=True)
class Fitted:
    """An index with its confidence; `centre` is the mean vector, float32, shape (d,), None without an encoder."""

    index: Index
    confidence: Confidence
    centre: Vectors | None
