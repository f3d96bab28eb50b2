"""Evidence by words: BM25 over lemmas, and over character n-grams for typos and half-known words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import numpy.typing as npt
import pymorphy3
import snowballstemmer

from bot.messages import Lang
from bot.retrieval.writing import transliterated

Scores = npt.NDArray[np.float32]

_WORD = re.compile(r"[^\W_]+")
# Words of the clinicians' phrases, but those marked as one form only or as any ending.
_INFLECTED = re.compile(r"(?<![^\W_])[^\W_]+(?:['’`][^\W_]+)*(?![!*]|[^\W_])")
# Lengths of character n-grams: shorter ones say little, longer ones don't survive a typo.
_GRAM_LENGTHS = (3, 4, 5)
# A word longer than this is noise; cutting it bounds the work a single message can cause.
_WORD_LIMIT = 32


@cache
def morphology() -> Any:
    return pymorphy3.MorphAnalyzer()


@cache
def _stemmer() -> Any:
    return snowballstemmer.stemmer("english")


@lru_cache(maxsize=20_000)
def lemma(word: str, lang: Lang) -> str:
    """The word's dictionary form in Russian, its stem in English; any word gets one."""
    if lang == "ru":
        try:
            return str(morphology().parse(word)[0].normal_form).replace("ё", "е")
        except ValueError:
            return word  # pymorphy3 asks each letter's Unicode name, which rare scripts (Tangut) don't have
    return str(_stemmer().stemWord(word))


@lru_cache(maxsize=20_000)
def is_word(word: str) -> bool:
    """Whether a Russian word, in small letters, stands in the dictionary in this very form."""
    return bool(morphology().word_is_known(word))


def inflections(word: str, lang: Lang) -> frozenset[str]:
    """Every form of a word, as its dictionary form or any other names it; an unknown word is itself alone.

    Russian participles are left out unless named: they are words of books. English forms are built by rule; an
    irregular one must be written out where it is wanted.
    """
    if lang == "en":
        return frozenset(_english(word))
    found = {word}
    for parse in morphology().parse(word):
        if parse.is_known and word in (parse.normal_form, parse.word):
            bookish = "PRTF" not in parse.tag
            found.update(form.word for form in parse.lexeme if not (bookish and "PRTF" in form.tag))
    return frozenset(form.replace("ё", "е") for form in found)


def _english(word: str) -> Iterator[str]:
    yield word
    if len(word) < 3 or not word.isalpha():
        return
    if word.endswith("y") and word[-2] not in "aeiou":
        yield from (f"{word[:-1]}ies", f"{word[:-1]}ied", f"{word}ing")
    elif word.endswith("e"):
        yield from (f"{word}s", f"{word}d", f"{word[:-1]}ing")
    else:
        ending = "es" if word.endswith(("s", "sh", "ch", "x", "z")) else "s"
        # The doubled letter of "stopped" makes no difference where forms are compared: see `bot.safety.spelling`.
        yield from (f"{word}{ending}", f"{word}ed", f"{word}ing")


@dataclass(frozen=True, eq=False)
class Forms:
    """Inflections worked out when a library version was built, so that a start needs no morphology."""

    known: Mapping[Lang, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    def of(self, word: str, lang: Lang) -> Iterable[str]:
        found = self.known.get(lang, {}).get(word)
        return found if found is not None else inflections(word, lang)

    @classmethod
    def of_phrases(cls, phrases: Mapping[Lang, Iterable[str]]) -> Forms:
        """The forms of every word of these phrases that stands there for all of them."""
        found = {
            lang: {word for text in texts for word in _INFLECTED.findall(text.lower().replace("ё", "е"))}
            for lang, texts in phrases.items()
        }
        return cls(
            {lang: {word: sorted(inflections(word, lang)) for word in sorted(known)} for lang, known in found.items()}
        )


def words(text: str, lang: Lang) -> list[str]:
    """Lower-case words; in Russian, Latin ones are read as Russian so that botox meets ботокс."""
    text = text.lower()
    if lang == "ru":
        text = transliterated(text).replace("ё", "е")
    return [word[:_WORD_LIMIT] for word in _WORD.findall(text)]


def lemmas(text: str, lang: Lang) -> list[str]:
    """One token per word, marked by language so that one index holds both."""
    return [f"{lang}:{lemma(word, lang)}" for word in words(text, lang)]


def grams(text: str, lang: Lang) -> list[str]:
    """Character n-grams of each word with its borders, so that a typo spoils only a few."""
    found: list[str] = []
    for word in words(text, lang):
        padded = f" {word} "
        for length in _GRAM_LENGTHS:
            found.extend(padded[start : start + length] for start in range(max(1, len(padded) - length + 1)))
    return found


Tokenizer = Callable[[str, Lang], list[str]]


class LexicalIndex:
    """BM25 over one kind of token; scores are divided by what the question could reach at most.

    Source: Robertson and Zaragoza, Foundations and Trends in Information Retrieval 3 (2009); the library is bm25s.
    """

    def __init__(self, bm25: bm25s.BM25, tokenizer: Tokenizer) -> None:
        self._bm25 = bm25
        self._tokenizer = tokenizer
        self._documents = int(bm25.scores["num_docs"])
        # The most one token can score anywhere: the question's own ceiling is the sum over its tokens.
        starts = np.asarray(bm25.scores["indptr"])[:-1]
        data = np.asarray(bm25.scores["data"], dtype=np.float32)
        self._ceilings = np.maximum.reduceat(data, np.minimum(starts, len(data) - 1)) if len(data) else data
        # A word the index has never seen is evidence too: it counts as much as its rarest word.
        self._unseen = float(self._ceilings.max(initial=0.0))

    @classmethod
    def build(cls, texts: Sequence[tuple[str, Lang]], tokenizer: Tokenizer) -> LexicalIndex:
        bm25 = bm25s.BM25()
        tokens = [tokenizer(text, lang) or ["\0"] for text, lang in texts]
        # Left to itself, bm25s numbers tokens in the order of a set, which is another one in each process.
        numbers = {token: number for number, token in enumerate(sorted({token for text in tokens for token in text}))}
        bm25.index(([[numbers[token] for token in text] for text in tokens], numbers), show_progress=False)
        return cls(bm25, tokenizer)

    def scores(self, question: str, lang: Lang) -> Scores:
        """Share of the question found in each text: float32, shape (n,), 0 to about 1."""
        tokens = self._tokenizer(question, lang)
        known = self._bm25.get_tokens_ids(tokens) if tokens else []
        if not known:
            return np.zeros(self._documents, dtype=np.float32)
        ceiling = float(self._ceilings[known].sum()) + self._unseen * 0.5 * (len(set(tokens)) - len(set(known)))
        scores: Scores = self._bm25.get_scores_from_ids(known).astype(np.float32)
        return scores / max(ceiling, 1e-6)

    def scores_of_all(self, questions: Sequence[tuple[str, Lang]]) -> Scores:
        """`scores` of many questions at once, as a build needs them: float32, shape (questions, n)."""
        from scipy import sparse

        held = self._bm25.scores
        weights = sparse.csc_matrix(
            (held["data"], held["indices"], held["indptr"]), shape=(self._documents, len(held["indptr"]) - 1)
        )
        tokens = [self._tokenizer(text, lang) for text, lang in questions]
        rows = [self._bm25.get_tokens_ids(row) for row in tokens]
        unknown = [len(set(said)) - len(set(known)) for said, known in zip(tokens, rows, strict=True)]
        starts = np.cumsum([0, *map(len, rows)])
        asked = sparse.csr_matrix(
            (np.ones(starts[-1], np.float32), np.concatenate([np.array(row, np.int64) for row in rows]), starts),
            shape=(len(questions), weights.shape[1]),
        )
        ceilings = asked @ self._ceilings[: weights.shape[1]] + self._unseen * 0.5 * np.array(unknown)
        found = (asked @ weights.T).toarray() / np.maximum(ceilings, 1e-6)[:, None]
        return np.asarray(found, dtype=np.float32)

    def save(self, folder: Path) -> None:
        self._bm25.save(str(folder), show_progress=False)

    @classmethod
    def load(cls, folder: Path, tokenizer: Tokenizer) -> LexicalIndex:
        return cls(bm25s.BM25.load(str(folder), show_progress=False), tokenizer)
