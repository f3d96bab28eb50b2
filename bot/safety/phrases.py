"""The clinicians' phrases: a small language of words that stand near each other, and what of a message fits them.

A phrase is a row of parts that stand in one sentence, in any order, with a few other words between:

    трудно дышать        both words, in any inflection
    не_могу дышать       `_` joins words that follow each other
    (рука|нога) слабая   one of several; мне_(16|17) is мне_16 or мне_17
    $cannot swallow      a group of words that the file names once
    нет!                 this form only
    дыш*                 any ending

A word also fits when it is typed with Latin letters, on the wrong keyboard, with one slip, stretched or run together
with its neighbours: see `spelling`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from bot.messages import Lang
from bot.retrieval.writing import clean, other_layout
from bot.safety.spelling import CYRILLIC, LONGEST_WORD
from bot.safety.vocabulary import Token, Vocabulary

# Other words that may stand between the parts of a phrase.
GAP = 4
# Words read: a longer message is a wall of text, and the work on it must end.
MOST_WORDS = 700
# Places where one part stands that are looked at: in a message that repeats one word without end, the first will do.
_MOST_PLACES = 12
# Runs of letters without spaces in one message that are taken apart.
_MOST_RUNS = 16
# Letters from the start in which a message shows whether it was typed on the keyboard it was meant for.
_KNOWN_WITHIN = 400
# Unknown words of one message that are looked up with a slip of the finger: no message a person wrote has more.
_MOST_UNKNOWN = 120

_TOKEN = re.compile(r"[^\W_]+(?:['’`][^\W_]+)*|[.!?…;\n]+")
_LONG = re.compile(r"[^\W\d_]{4,}")
_LATIN = re.compile(r"[a-z]")
_PART = re.compile(r"(?:[^\s()]|\([^()]+\))+")
_CHOICE = re.compile(r"\(([^()]+)\)")
# A word as a phrase may write it: what a message is cut into, with the signs for one form or any ending.
_WRITTEN = re.compile(r"[^\W_]+(?:['’`][^\W_]+)*[!*]?")


@dataclass(frozen=True, slots=True)
class Phrase:
    """`parts` stand near each other; each part is one of several rows of word numbers that follow each other."""

    parts: tuple[tuple[tuple[int, ...], ...], ...]
    lang: Lang
    text: str

    @property
    def words(self) -> int:
        return sum(min(len(row) for row in part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Match:
    """Where a phrase stands in a message: the places of its words, and the sentence they are in."""

    places: tuple[int, ...]
    sentence: int


@dataclass(frozen=True, slots=True)
class Message:
    """A text as tokens; `sentences` numbers the sentence of each, `where` has the places of each word."""

    tokens: tuple[Token, ...]
    sentences: tuple[int, ...]
    where: Mapping[int, Sequence[int]]

    def find(self, phrase: Phrase) -> Iterator[Match]:
        """Every place where the phrase stands, one for each place of its rarest part."""
        spans = [self._spans(part) for part in phrase.parts]
        if not all(spans):
            return
        order = sorted(range(len(spans)), key=lambda part: len(spans[part]))
        reach = phrase.words + (GAP if len(spans) > 1 else 0)
        for first in spans[order[0]]:
            taken, sentence = [first], self.sentences[first[0]]
            for part in order[1:]:
                near = min(
                    (
                        span
                        for span in spans[part]
                        if self.sentences[span[0]] == sentence
                        and all(span[-1] < other[0] or span[0] > other[-1] for other in taken)
                    ),
                    key=lambda span: self._extent([*taken, span]),
                    default=None,
                )
                if near is None or self._extent([*taken, near]) > reach:
                    break
                taken.append(near)
            else:
                yield Match(tuple(sorted(place for span in taken for place in span)), sentence)

    def _extent(self, spans: Sequence[tuple[int, ...]]) -> int:
        """Words from the first place to the last; fillers don't count."""
        begin, end = min(span[0] for span in spans), max(span[-1] for span in spans)
        inside = {place for span in spans for place in span}
        return sum(not self.tokens[place].filler or place in inside for place in range(begin, end + 1))

    def _spans(self, part: tuple[tuple[int, ...], ...]) -> list[tuple[int, ...]]:
        found: list[tuple[int, ...]] = []
        for row in part:
            for start in self.where.get(row[0], ()):
                span = self._follow(start, row)
                if span is not None:
                    found.append(span)
        return found

    def _follow(self, start: int, row: tuple[int, ...]) -> tuple[int, ...] | None:
        """The places of words that follow each other from `start`; a filler or two may stand between."""
        places = [start]
        for word in row[1:]:
            place, skipped = places[-1] + 1, 0
            while place < len(self.tokens) and skipped < 2:
                token = self.tokens[place]
                if word in token.words or not token.filler:
                    break
                place, skipped = place + 1, skipped + 1
            if place >= len(self.tokens) or word not in self.tokens[place].words:
                return None
            if self.sentences[place] != self.sentences[start]:
                return None
            places.append(place)
        return tuple(places)


def parse(text: str, lang: Lang, groups: Mapping[str, str], vocabulary: Vocabulary) -> Phrase:
    """Read a phrase as it stands in the file.

    Raises:
        ValueError: it names an unknown group, has no word in it, or a word or bracket that could never be found.
    """
    if re.search(r"[()]", _CHOICE.sub("", text)):
        raise ValueError("has a bracket that is not closed, or that stands inside another")
    parts: list[tuple[tuple[int, ...], ...]] = []
    for part in _PART.findall(text.lower().replace("ё", "е")):
        # The odd pieces stood in brackets: each of their alternatives makes a row of its own.
        pieces = [piece.split("|") if odd % 2 else [piece] for odd, piece in enumerate(_CHOICE.split(part))]
        several = "|".join("".join(row) for row in product(*pieces))
        rows = vocabulary.rows.get((lang, several))
        if rows is None:
            rows = vocabulary.rows[lang, several] = tuple(_rows(several, lang, groups, vocabulary))
        parts.append(rows)
    if not parts:
        raise ValueError("has no words")
    return Phrase(tuple(parts), lang, text)


def _rows(
    part: str, lang: Lang, groups: Mapping[str, str], vocabulary: Vocabulary, inside: tuple[str, ...] = ()
) -> Iterator[tuple[int, ...]]:
    """The rows of words that a part allows; `inside` are the groups it is read for."""
    for alternative in part.split("|"):
        alternative = alternative.strip()
        if alternative.startswith("$"):
            name = alternative[1:]
            if name not in groups:
                raise ValueError(f"names the group `${name}`, which is not there")
            if name in inside:
                raise ValueError(f"names the group `${name}`, which names itself")
            yield from _rows(groups[name].lower().replace("ё", "е"), lang, groups, vocabulary, (*inside, name))
            continue
        words = [word for word in re.split(r"[_ ]+", alternative) if word]
        if not words or not all(map(_WRITTEN.fullmatch, words)):
            raise ValueError(f"has «{alternative}», which is no word")
        yield tuple(vocabulary.number(word, lang) for word in words)


def read(text: str, vocabulary: Vocabulary) -> list[Message]:
    """A message as typed, and as typed with the other keyboard layout on, if it could have been."""
    plain = clean(text).lower().replace("ё", "е")
    known = [vocabulary.is_ordinary(word) for word in _LONG.findall(plain[:_KNOWN_WITHIN])]
    if 2 * sum(known) > len(known):
        # Words of the language are typed as they are meant.
        return [_message(plain, vocabulary)]
    typed = [plain]
    latin, cyrillic = len(_LATIN.findall(plain[:4096])), len(CYRILLIC.findall(plain[:4096]))
    if latin > 2 and not cyrillic:
        typed.append(other_layout(plain, "ru").replace("ё", "е"))
    elif cyrillic > 2 and not latin:
        typed.append(other_layout(plain, "en"))
    return [_message(reading, vocabulary) for reading in typed]


def _message(text: str, vocabulary: Vocabulary) -> Message:
    tokens: list[str] = []
    sentences: list[int] = []
    sentence = 0
    for found in _TOKEN.finditer(text):
        token = found[0][:LONGEST_WORD]
        if not token[0].isalnum():
            sentence += 1
            continue
        if len(tokens) >= MOST_WORDS:
            break
        tokens.append(token)
        sentences.append(sentence)
    known: dict[str, list[Token]] = {}
    flat: list[Token] = []
    numbers: list[int] = []
    runs = unknown = 0
    for token, number in zip(tokens, sentences, strict=True):
        pieces = known.get(token)
        if pieces is None:
            keys = vocabulary.keys(token)
            words = vocabulary.of(token, keys, slipped=unknown < _MOST_UNKNOWN)
            filler = any(form in vocabulary.fillers[lang] for lang, form in keys)
            pieces = [Token(token, frozenset(words), filler)]
            if not words and not vocabulary.is_ordinary(token):
                unknown += 1
                if len(token) > 5 and runs < _MOST_RUNS:
                    runs += 1
                    pieces = vocabulary.split(token) or pieces
            known[token] = pieces
        flat += pieces
        numbers += [number] * len(pieces)
    where: dict[int, list[int]] = defaultdict(list)
    for position, piece in enumerate(flat):
        for word in piece.words:
            if len(where[word]) < _MOST_PLACES:
                where[word].append(position)
    return Message(tuple(flat), tuple(numbers), dict(where))


class Book:
    """Phrases by what they stand for, found together in one pass over a message."""

    def __init__(self, phrases: Iterable[tuple[str, Phrase]]) -> None:
        self._phrases = list(phrases)
        # Only phrases one of whose first part's words is there can stand in a message.
        self._by_word: dict[int, list[int]] = defaultdict(list)
        for number, (_, phrase) in enumerate(self._phrases):
            for row in phrase.parts[0]:
                self._by_word[row[0]].append(number)
        # The words that the parts of each phrase may begin with.
        self._begins = [[{row[0] for row in part} for part in phrase.parts] for _, phrase in self._phrases]

    def find(self, message: Message) -> Iterator[tuple[str, Phrase, Match]]:
        """Every phrase that stands in the message, under the name it was given."""
        worth = {number for word in message.where for number in self._by_word.get(word, ())}
        for number in sorted(worth):
            name, phrase = self._phrases[number]
            if not any(begins.isdisjoint(message.where) for begins in self._begins[number]):
                for match in message.find(phrase):
                    yield name, phrase, match
