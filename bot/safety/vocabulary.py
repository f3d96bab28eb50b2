"""The words of the clinicians' phrases by everything they may be typed as, and which of them a typed word may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.messages import Lang
from bot.retrieval.lexical import Forms, is_word
from bot.safety.spelling import CYRILLIC, SLIPS_FROM, key, keys, letters, one_slip_apart, single, slips, sound

# Longest word looked for in a run of letters without spaces.
_LONGEST_PIECE = 14


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a message, and the words of phrases it may be."""

    text: str
    words: frozenset[int]
    filler: bool


@dataclass(slots=True)
class Vocabulary:
    """All words of all phrases by every key they may be typed as."""

    exact: dict[Lang, dict[str, set[int]]] = field(default_factory=lambda: {"ru": {}, "en": {}})
    # Rows of word numbers by the part of a phrase that they were read from: many phrases share their parts.
    rows: dict[tuple[Lang, str], tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    # Russian words as they are spelt: one of the dictionary means itself and nothing that it only sounds like.
    spelt: dict[str, set[int]] = field(default_factory=dict)
    # By language and first letter: the known keys that each slip may stand for; see `expand`.
    slipped: dict[tuple[Lang, str], dict[str, tuple[str, ...]]] = field(default_factory=dict)
    # By language and length: beginnings of words with any ending.
    endings: dict[Lang, dict[int, dict[str, set[int]]]] = field(default_factory=lambda: {"ru": {}, "en": {}})
    numbers: dict[tuple[str, Lang], int] = field(default_factory=dict)
    # Words of ordinary questions: they mean themselves, however near a word of danger they are spelt.
    ordinary: frozenset[tuple[Lang, str]] = frozenset()
    # Words of the dictionary that people mostly type for another one: they mean what they sound like.
    misspelt: frozenset[str] = frozenset()
    # Keys of words that may stand between words that follow each other, and in a run of letters without spaces.
    fillers: Mapping[Lang, frozenset[str]] = field(default_factory=lambda: {"ru": frozenset(), "en": frozenset()})
    longest: int = 0
    # Whether a word may be one slip of the finger away: danger must be heard through typos, limits need not.
    slips: bool = True
    forms: Forms = field(default_factory=Forms)

    def number(self, word: str, lang: Lang) -> int:
        """The number of a word as a phrase writes it, known under all its keys from now on."""
        known = self.numbers.get((word, lang))
        if known is not None:
            return known
        number = self.numbers[word, lang] = len(self.numbers)
        if word.endswith("*"):
            begins = key(word[:-1], lang)
            self.endings[lang].setdefault(len(begins), {}).setdefault(begins, set()).add(number)
            return number
        forms = [word[:-1]] if word.endswith("!") else self.forms.of(word, lang)
        exact = self.exact[lang]
        if lang == "ru":
            for form in forms:
                self.spelt.setdefault(form, set()).add(number)
        for form in keys(forms, lang) - {""}:
            known_to = exact.get(form)
            if known_to is not None:
                known_to.add(number)
                continue
            exact[form] = {number}
            self.longest = max(self.longest, len(form))
        return number

    def expand(self) -> None:
        """Work out every slip of the finger now, and not when the first word that needs it arrives."""
        for lang, known in self.exact.items():
            for letter in {form[0] for form in known}:
                self._slips_of(lang, letter)

    def _slips_of(self, lang: Lang, letter: str) -> dict[str, tuple[str, ...]]:
        """Known keys that begin with a letter, by each way to slip in them after it."""
        found = self.slipped.get((lang, letter))
        if found is None:
            found = {}
            for form in self.exact[lang]:
                if form[0] == letter and len(form) >= SLIPS_FROM:
                    for slip in slips(form):
                        if slip[0] == letter:
                            found[slip] = (*found.get(slip, ()), form)
            self.slipped[lang, letter] = found
        return found

    def keys(self, token: str) -> list[tuple[Lang, str]]:
        """The key of a token in each language it may be of."""
        if CYRILLIC.search(token):
            return [("ru", sound(token))]
        if ("en", token) in self.ordinary:
            return [("en", letters(token))]
        return [("en", letters(token)), ("ru", sound(token))]

    def is_ordinary(self, token: str) -> bool:
        """Whether a token is a word of the language: no slip of the finger, no run of words without spaces."""
        return ("en", token) in self.ordinary or ("ru", token) in self.ordinary or self._is_spelt(token)

    def _is_spelt(self, token: str) -> bool:
        """Whether a token is a Russian word of the dictionary, in this very form."""
        return bool(CYRILLIC.search(token)) and token not in self.misspelt and is_word(token)

    def of(self, token: str, keys: Sequence[tuple[Lang, str]], *, slipped: bool) -> set[int]:
        """The words a token may be; `slipped`: also with a slip of the finger."""
        found: set[int] = set()
        for lang, form in keys:
            known = self.exact[lang].get(form, ())
            if known and lang == "ru" and self._is_spelt(token):
                known = self.spelt.get(token, ())
            found.update(known)
            for length, endings in self.endings[lang].items():
                found.update(endings.get(form[:length], ()))
        if not found and slipped and self.slips and not self.is_ordinary(token):
            for lang, form in keys:
                if SLIPS_FROM <= len(form) <= self.longest + 1:
                    found.update(*(self.exact[lang][known] for known in self._near(form, lang)))
        return found

    def _near(self, form: str, lang: Lang) -> set[str]:
        """Known keys one slip apart that begin alike: the first letter is hardly ever the wrong one."""
        slipped = self._slips_of(lang, form[0])
        near = set(slipped.get(form, ()))
        for place in range(1, len(form)):
            slip = form[:place] + form[place + 1 :]
            if slip in slipped:
                near.update(slipped[slip])
        return {known for known in near if one_slip_apart(form, known)}

    def split(self, token: str) -> list[Token] | None:
        """A run of letters as the keys and words it is made of, if all of it is known words and fillers."""
        langs: tuple[Lang, ...] = ("ru",) if CYRILLIC.search(token) else ("en", "ru")
        for lang in langs:
            pieces = self._pieces(key(token, lang, doubled=True), lang)
            if pieces is not None:
                fillers, words = self.fillers[lang], self.exact[lang]
                return [Token(piece, frozenset(words.get(piece, ())), piece in fillers) for piece in pieces]
        return None

    def _pieces(self, whole: str, lang: Lang) -> list[str] | None:
        """The fewest known keys that make up a key."""
        words, fillers = self.exact[lang], self.fillers[lang]
        best: list[tuple[int, int] | None] = [(0, 0), *[None] * len(whole)]
        for end in range(1, len(whole) + 1):
            for start in range(max(0, end - _LONGEST_PIECE), end):
                before, known = best[start], best[end]
                if before is None or (known is not None and before[0] + 1 >= known[0]):
                    continue
                piece = single(whole[start:end])
                if (len(piece) > 1 and piece in words) or (len(piece) < 4 and piece in fillers):
                    best[end] = (before[0] + 1, start)
        pieces: list[str] = []
        end = len(whole)
        while end:
            step = best[end]
            if step is None:
                return None
            pieces.insert(0, single(whole[step[1] : end]))
            end = step[1]
        long = [len(piece) for piece in pieces if len(piece) > 3]
        return pieces if len(pieces) > 1 and max(long, default=0) > 4 and sum(long) > 0.7 * len(whole) else None
