"""Evidence by words: BM25 over lemmas, and over character n-grams for typos and half-known words."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pymorphy3
import snowballstemmer

from bot.messages import Lang
from bot.retrieval.writing import transliterated

Scores = npt.NDArray[np.float32]
# Words and their parts as numbers; see `keys`.
Keys = npt.NDArray[np.uint32]

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
    def of_phrases(cls, phrases: Mapping[Lang, Iterable[str]], before: Forms | None = None) -> Forms:
        """The forms of every word of these phrases that stands there for all of them.

        Args:
            before: what was worked out for phrases that most of these still are.
        """
        found = {
            lang: {word for text in texts for word in _INFLECTED.findall(text.lower().replace("ё", "е"))}
            for lang, texts in phrases.items()
        }
        worked_out = before.known if before is not None else {}

        def forms(word: str, lang: Lang) -> Sequence[str]:
            return worked_out.get(lang, {}).get(word) or sorted(inflections(word, lang))

        return cls({lang: {word: forms(word, lang) for word in sorted(known)} for lang, known in found.items()})


def words(text: str, lang: Lang) -> list[str]:
    """Lower-case words; in Russian, Latin ones are read as Russian so that botox meets ботокс."""
    text = text.lower()
    if lang == "ru":
        text = transliterated(text).replace("ё", "е")
    return [word[:_WORD_LIMIT] for word in _WORD.findall(text)]


def lemmas(text: str, lang: Lang) -> list[str]:
    """One token per word, marked by language so that one index holds both."""
    return [f"{lang}:{lemma(word, lang)}" for word in words(text, lang)]


def grams(word: str) -> list[str]:
    """Character n-grams of a word with its borders, so that a typo spoils only a few."""
    padded = f" {word} "
    return [
        padded[start : start + length] for length in _GRAM_LENGTHS for start in range(max(1, len(padded) - length + 1))
    ]


def keys(tokens: Sequence[str]) -> Keys:
    """Tokens as numbers: a sorted row of these takes a tenth of the memory of a dictionary of words, and opens at once.

    Among 100,000 tokens one or two share a number, which does no more harm than a homonym.
    Source: Weinberger and others, "Feature hashing for large scale multitask learning", ICML 2009.
    """
    return np.fromiter((zlib.crc32(token.encode()) for token in tokens), dtype=np.uint32, count=len(tokens))


def lemma_keys(text: str, lang: Lang) -> Keys:
    """The key of each word's lemma, in the order of the words."""
    return keys(lemmas(text, lang))


def gram_keys(text: str, lang: Lang) -> Keys:
    """The keys of all n-grams of a text, word after word."""
    found = [_grams_of(word) for word in words(text, lang)]
    return np.concatenate(found) if found else np.zeros(0, np.uint32)


@lru_cache(maxsize=20_000)
def _grams_of(word: str) -> Keys:
    return keys(grams(word))


def places(wanted: Keys, known: Keys) -> npt.NDArray[np.int64]:
    """Where each wanted key stands in a sorted row of known ones, -1 where it doesn't: int64, shape (n,)."""
    if not len(known):
        return np.full(len(wanted), -1, dtype=np.int64)
    found = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[found] == wanted, found, -1)


# What a text is cut into, each piece as its key.
Tokenizer = Callable[[str, Lang], Keys]


class LexicalIndex:
    """BM25 over one kind of token; scores are divided by what the question could reach at most.

    Args:
        known: the keys of all tokens, sorted; each has a column of weights.
        starts: where each token's column begins, and where the last one ends.
        texts: the texts a token stands in, column after column.
        weights: what it weighs there, likewise.
        documents: how many texts there are.

    Source: Robertson and Zaragoza, Foundations and Trends in Information Retrieval 3 (2009). The weights are made by
    bm25s; looking them up needs neither it nor SciPy, which together take as long to import as a question to answer.
    """

    def __init__(
        self,
        known: Keys,
        starts: npt.NDArray[np.int32],
        texts: npt.NDArray[np.int32],
        weights: Scores,
        documents: int,
        tokenizer: Tokenizer,
    ) -> None:
        self._known, self._starts, self._texts, self._weights = known, starts, texts, weights
        self._documents, self._tokenizer = documents, tokenizer
        # The most one token can score anywhere: the question's own ceiling is the sum over its tokens.
        self._ceilings = (
            np.maximum.reduceat(weights, np.minimum(starts[:-1], len(weights) - 1)) if len(weights) else weights
        )
        # A word the index has never seen is evidence too: it counts as much as its rarest word.
        self._unseen = float(self._ceilings.max(initial=0.0))

    @classmethod
    def build(cls, texts: Sequence[tuple[str, Lang]], tokenizer: Tokenizer) -> LexicalIndex:
        """Index the texts (build time; needs bm25s)."""
        import bm25s

        said = [tokenizer(text, lang) for text, lang in texts]
        known = np.unique(np.concatenate([np.zeros(0, np.uint32), *said]))
        if not len(known):
            nothing = np.zeros(0, np.int32)
            return cls(known, np.zeros(1, np.int32), nothing, np.zeros(0, np.float32), len(texts), tokenizer)
        # bm25s wants a token in each text; one that stands for none comes last and is cut off again.
        none = len(known)
        rows = [np.searchsorted(known, row).tolist() or [none] for row in said]
        bm25 = bm25s.BM25()
        bm25.index((rows, {str(number): number for number in range(none + 1)}), show_progress=False)
        starts = np.asarray(bm25.scores["indptr"][: none + 1], dtype=np.int32)
        where = np.asarray(bm25.scores["indices"][: starts[-1]], dtype=np.int32)
        weights = np.asarray(bm25.scores["data"][: starts[-1]], dtype=np.float32)
        return cls(known, starts, where, weights, len(texts), tokenizer)

    def scores(self, question: str, lang: Lang) -> Scores:
        """Share of the question found in each text: float32, shape (n,), 0 to about 1."""
        asked = self._tokenizer(question, lang)
        found = places(asked, self._known)
        columns = found[found >= 0]
        if not len(columns):
            return np.zeros(self._documents, dtype=np.float32)
        unseen = len(np.unique(asked[found < 0]))
        ceiling = float(self._ceilings[columns].sum()) + self._unseen * 0.5 * unseen
        spans = [slice(self._starts[column], self._starts[column + 1]) for column in columns]
        texts = np.concatenate([self._texts[span] for span in spans])
        weights = np.concatenate([self._weights[span] for span in spans])
        scores = np.bincount(texts, weights, minlength=self._documents)
        return np.asarray(scores / max(ceiling, 1e-6), dtype=np.float32)

    def scores_of_all(self, questions: Sequence[tuple[str, Lang]]) -> Scores:
        """`scores` of many questions at once, as a build needs them: float32, shape (questions, n)."""
        from scipy import sparse

        shape = (self._documents, len(self._known))
        weights = sparse.csc_matrix((self._weights, self._texts, self._starts), shape=shape)
        asked = [self._tokenizer(text, lang) for text, lang in questions]
        found = [places(row, self._known) for row in asked]
        unseen = [len(np.unique(row[where < 0])) for row, where in zip(asked, found, strict=True)]
        rows = [where[where >= 0] for where in found]
        starts = np.cumsum([0, *map(len, rows)])
        counted = sparse.csr_matrix(
            (np.ones(starts[-1], np.float32), np.concatenate(rows), starts), shape=(len(questions), shape[1])
        )
        ceilings = counted @ self._ceilings + self._unseen * 0.5 * np.array(unseen)
        scores = (counted @ weights.T).toarray() / np.maximum(ceilings, 1e-6)[:, None]
        return np.asarray(scores, dtype=np.float32)

    def save(self, path: Path) -> None:
        np.savez(
            path,
            known=self._known,
            starts=self._starts,
            texts=self._texts,
            weights=self._weights,
            documents=np.array(self._documents),
        )

    @classmethod
    def load(cls, path: Path, tokenizer: Tokenizer) -> LexicalIndex:
        with np.load(path) as held:
            columns = held["known"], held["starts"], held["texts"], held["weights"]
            return cls(*columns, int(held["documents"]), tokenizer)
