"""Text -> RedFlag or None: emergencies and crises in plain words, from the clinicians' list.

A first net: it needs no model, network or database, and knows the listed phrases only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.retrieval.redflags import RedFlag
from bot.retrieval.writing import clean, other_layout, transliterated

# Other words that may stand between two words of a phrase: «не могу уже вторые сутки глотать».
GAP = 4
# Words looked at: a longer message is a wall of text, and the work on it must end.
_MOST_WORDS = 700

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


def red_flag(text: str, flags: Sequence[RedFlag]) -> RedFlag | None:
    """The gravest sign a text names: a crisis before an emergency, else the first of the list.

    The text is read as typed, as Russian in Latin letters, and as typed on the other keyboard layout.
    """
    plain = clean(text).lower().replace("ё", "е").replace("’", "'")
    typed = (plain, transliterated(plain), other_layout(plain, "ru"), other_layout(plain, "en"))
    readings = [_words(reading.replace("ё", "е")) for reading in dict.fromkeys(typed)]
    found = [flag for flag in flags if any(_says(words, phrase) for words in readings for phrase in flag.phrases)]
    return min(found, key=lambda flag: flag.kind != "crisis", default=None)


def _words(text: str) -> list[str]:
    return [match[0] for match in _WORD.finditer(text)][:_MOST_WORDS]


def _says(words: Sequence[str], phrase: Sequence[str]) -> bool:
    starts = [place for place, word in enumerate(words) if _fits(word, phrase[0])]
    return any(_goes_on(words, start, phrase) for start in starts)


def _goes_on(words: Sequence[str], start: int, phrase: Sequence[str]) -> bool:
    """Whether the rest of the phrase follows, each word within the gap; the nearest match of each is enough."""
    place = start
    for wanted in phrase[1:]:
        near = range(place + 1, min(place + 2 + GAP, len(words)))
        place = next((number for number in near if _fits(words[number], wanted)), -1)
        if place < 0:
            return False
    return True


def _fits(word: str, wanted: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted
