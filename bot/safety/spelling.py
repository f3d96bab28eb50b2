"""Words as people type them -> keys that stay the same under the usual misspellings.

Everything that a word of the clinicians' list may look like is worked out when the list is loaded: its inflections,
Latin letters, one slip of the finger. At message time a word costs a few look-ups, and no morphology runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.messages import Lang

# A longer row of letters is no word; cutting it bounds what one message can cost.
LONGEST_WORD = 32
# In a shorter key one slip makes another word too easily: "боль" and "соль".
SLIPS_FROM = 6

_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "i", "ё": "i", "ж": "j", "з": "z", "и": "i", "й": "i",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "a", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "h", "ц": "c", "ч": "q", "ш": "w", "щ": "w", "ъ": "", "ы": "i", "ь": "", "э": "i", "ю": "u", "я": "a",
}  # fmt: skip
_SOUNDS = str.maketrans(_CYRILLIC)
_APOSTROPHES = str.maketrans("", "", "'’`")
# Latin letters for Russian, longest first, as people write them and not as a standard romanises.
_LATIN = {
    "tsya": "tsa", "tsja": "tsa",
    "shch": "w", "sch": "w", "zh": "j", "kh": "h", "ts": "c", "tz": "c", "ch": "q", "sh": "w",
    "ya": "a", "ja": "a", "ia": "a", "yu": "u", "ju": "u", "iu": "u", "yo": "i", "jo": "i", "ye": "i", "je": "i",
    "a": "a", "b": "b", "c": "c", "d": "d", "e": "i", "f": "f", "g": "g", "h": "h", "i": "i", "j": "j", "k": "k",
    "l": "l", "m": "m", "n": "n", "o": "a", "p": "p", "q": "k", "r": "r", "s": "s", "t": "t", "u": "u", "v": "v",
    "w": "v", "x": "h", "y": "i", "z": "z", "4": "q", "6": "w", "'": "", "`": "", "’": "",
}  # fmt: skip
_LATIN_UNIT = re.compile("|".join(sorted(map(re.escape, _LATIN), key=len, reverse=True)))
# Latin letters that look like Cyrillic ones, in a word that has both: some phones mix them.
_LOOK_ALIKES = str.maketrans("aceopxykmthb", "асеорхукмтнв")
_HAS_LATIN = re.compile(r"[a-z]")
_OTHER_THAN_CYRILLIC = re.compile(r"[^а-яё\n]")
_DOUBLED = re.compile(r"(.)\1+")
CYRILLIC = re.compile(r"[а-яё]")


def sound(word: str, *, doubled: bool = False) -> str:
    """The key of a Russian word in either alphabet: "дышать", "дишать", "dyshat", "дышшшать" have one."""
    word = word[:LONGEST_WORD]
    if CYRILLIC.search(word):
        found = (word.translate(_LOOK_ALIKES) if _HAS_LATIN.search(word) else word).translate(_SOUNDS)
    else:
        found = _LATIN_UNIT.sub(lambda unit: _LATIN[unit[0]], word)
    return found if doubled else single(found)


def letters(word: str, *, doubled: bool = False) -> str:
    """The key of an English word: no apostrophes, no doubled letters, so that "cant" is "can't"."""
    found = word[:LONGEST_WORD].translate(_APOSTROPHES)
    return found if doubled else single(found)


def single(of: str) -> str:
    """Each run of one letter as one letter."""
    return _DOUBLED.sub(r"\1", of) if _DOUBLED.search(of) else of


def key(word: str, lang: Lang, *, doubled: bool = False) -> str:
    return sound(word, doubled=doubled) if lang == "ru" else letters(word, doubled=doubled)


def keys(words: Iterable[str], lang: Lang) -> set[str]:
    """The keys of many words of one alphabet, all worked out at once: ten times quicker than one by one."""
    words = list(words)
    together = "\n".join(words)
    mixed = lang == "ru" and _OTHER_THAN_CYRILLIC.search(together)
    if mixed or not words or max(map(len, words)) > LONGEST_WORD:
        return {key(word, lang) for word in words}
    return set(single(together.translate(_SOUNDS if lang == "ru" else _APOSTROPHES)).split("\n"))


def slips(of: str) -> set[str]:
    """The key itself and each way to leave out one letter: two keys one slip apart share one of these.

    Source: symmetric deletion, as in SymSpell (Garbe, 2012).
    """
    return {of, *(of[:place] + of[place + 1 :] for place in range(len(of)))}


def one_slip_apart(one: str, two: str) -> bool:
    """Whether one letter too many, missing, wrong, or two neighbours swapped make one of the other."""
    if abs(len(one) - len(two)) > 1:
        return False
    start = 0
    while start < min(len(one), len(two)) and one[start] == two[start]:
        start += 1
    rest, other = one[start:], two[start:]
    return (
        rest[1:] == other[1:]
        or rest[1:] == other
        or rest == other[1:]
        or (len(rest) > 1 and len(other) > 1 and rest[0] == other[1] and rest[1] == other[0] and rest[2:] == other[2:])
    )
