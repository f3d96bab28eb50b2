"""How people really type: noise, Latin letters for Russian, the wrong keyboard layout, a missing language."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.messages import Lang

# The encoder's time grows with the text and its own limit is near: longer messages keep their last question.
TEXT_LIMIT = 512

# Zero-width and direction marks, soft hyphens, variation selectors, tags: invisible, so they must not matter.
_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
# Control characters, and halves of a surrogate pair, which no encoder can take.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SPACES = re.compile(r"[^\S\n]+")
_STRETCHED = re.compile(r"([^\W\d_])\1{3,}")
_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*")
_WORD = re.compile(r"[^\W_]+(?:['’`][^\W_]+)*")
_LETTER = re.compile(r"[^\W_]")
_CYRILLIC = re.compile(r"[а-яёА-ЯЁ]")
_LATIN = re.compile(r"[a-zA-Z]")
_LATIN_WORD = re.compile(r"[a-zA-Z][a-zA-Z0-9'`]*")
# Markdown a pasted text may hold: a link, of which the text counts, and marks around words.
_MARKUP = re.compile(r"\[([^\[\]\n]*)\]\([^()\s]*\)|(?<![^\W_])[*_~`]+|[*_~`]+(?![^\W_])")

_COURTESY_BEFORE = re.compile(
    r"(?:(?:здравств\w*|здраств\w*|здрасьте|привет(?:ствую)?|хелло|хеллоу|хэллоу|хай|добр(?:ый|ое|ой|ого)\s+(?:день|вечер\w*|утр\w*|дня|времени\s+суток)"
    r"|подскаж\w*|скажите|скажи|объясните|ответьте|будьте\s+добры|извините|простите|пожалуйста|пожалуста|плиз"
    r"|(?:а\s+)?можно\s+(?:спросить|узнать|вопрос)|хо(?:чу|тела?)\s+(?:бы\s+)?(?:спросить|узнать)|у\s+меня\s+вопрос"
    r"|hello|hi|hey|good\s+(?:morning|afternoon|evening|day)|there|excuse\s+me|sorry|please|pls"
    r"|(?:can|could|would)\s+you\s+(?:please\s+)?(?:tell\s+me|explain|advise)|i\s+(?:want|would\s+like|'d\s+like)\s+to\s+(?:ask|know)"
    r"|(?:can|may)\s+i\s+ask|quick\s+question)\b[\s,.!?:;–—-]*)"
)
_COURTESY_AFTER = re.compile(
    r"(?:[\s,.!]+(?:заранее\s+)?(?:спасибо(?:\s+(?:большое|заранее))?|благодарю|пожалуйста|плиз|please|pls|thanks|thank\s+you|thx)[\s.!]*)+$"
)
_EN_KEYS = "`qwertyuiop[]asdfghjkl;'zxcvbnm,./" + '~QWERTYUIOP{}ASDFGHJKL:"ZXCVBNM<>?'
_RU_KEYS = "ёйцукенгшщзхъфывапролджэячсмитьбю." + "ЁЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮ,"
_TO_RU_KEYS = str.maketrans(_EN_KEYS, _RU_KEYS)
_TO_EN_KEYS = str.maketrans(_RU_KEYS, _EN_KEYS)

# Longest first; how Russians write Russian in Latin letters, not a standard's romanisation.
_TRANSLIT = {
    "shch": "щ", "sch": "щ", "zh": "ж", "kh": "х", "ts": "ц", "tz": "ц", "ch": "ч", "sh": "ш", "yu": "ю", "ju": "ю",
    "ya": "я", "ja": "я", "yo": "ё", "jo": "ё", "ye": "е", "je": "е", "iy": "ий", "yy": "ый", "ks": "кс",
    "a": "а", "b": "б", "c": "ц", "d": "д", "e": "е", "f": "ф", "g": "г", "h": "х", "i": "и", "j": "й", "k": "к",
    "l": "л", "m": "м", "n": "н", "o": "о", "p": "п", "q": "к", "r": "р", "s": "с", "t": "т", "u": "у", "v": "в",
    "w": "в", "x": "кс", "y": "ы", "z": "з", "'": "ь", "`": "ь", "4": "ч", "6": "ш",
}  # fmt: skip
_TRANSLIT_UNIT = re.compile("|".join(sorted(map(re.escape, _TRANSLIT), key=len, reverse=True)))


def clean(text: str) -> str:
    """Drop what can't be seen, fold look-alike characters (NFKC), squeeze spaces and stretched letters."""
    text = _CONTROL.sub(" ", text)
    # Twice: folding turns a few characters into invisible ones, and what these parted is joined in the second round.
    for _ in range(2):
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    text = _STRETCHED.sub(r"\1", text)
    text = _SPACES.sub(" ", text)
    return re.sub(r"\s*\n\s*", "\n", text).strip()


def shorten(text: str, limit: int = TEXT_LIMIT) -> str:
    """Cut to `limit` characters, keeping the last question (or the end) rather than the beginning."""
    if len(text) <= limit:
        return text
    ends = [match.end() for match in _sentences(text) if "?" in match[0]]
    end = ends[-1] if ends else len(text)
    return text[max(0, end - limit) : end].strip()


def essence(text: str) -> str:
    """What a message asks, in small letters and without markup, greetings and courtesies around it.

    The encoder takes capitals and courtesies for meaning: a question that is answered alone is not understood after
    «Здравствуйте, подскажите, пожалуйста». A message of nothing but courtesies keeps them.
    """
    plain = text.lower().strip()
    rest = _MARKUP.sub(r"\1", plain).strip()
    while (match := _COURTESY_BEFORE.match(rest)) and match.end():
        rest = rest[match.end() :]
    rest = _COURTESY_AFTER.sub("", rest).strip(" ,.!-–—")
    return rest if len(re.findall(r"[^\W_]", rest)) > 1 else plain


def transliterated(text: str) -> str:
    """Read Latin words as Russian ones: "skolko" -> "сколко"; the rest stays."""
    return _LATIN_WORD.sub(lambda word: _TRANSLIT_UNIT.sub(lambda unit: _TRANSLIT[unit[0]], word[0].lower()), text)


def other_layout(text: str, to: Lang) -> str:
    """Read keys as pressed on the other keyboard layout: "crjkmrj" -> "сколько"."""
    return text.translate(_TO_RU_KEYS if to == "ru" else _TO_EN_KEYS)


def trigrams(text: str) -> Iterable[str]:
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        padded = f"^{word}$"
        yield from (padded[start : start + 3] for start in range(len(padded) - 2))


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as it is to be understood: its language and its text in that language's own letters."""

    lang: Lang
    text: str


# A reading in other letters than the ones typed must be more likely than the plain one by this much (natural
# logarithm per trigram): the plain reading is right far more often than not.
_TRANSLIT_MARGIN = 0.3
_LAYOUT_MARGIN = 2.5
# Fewer letters than this say nothing about the keyboard they were typed on.
_LAYOUT_LETTERS = 3
# How much the chat's language so far counts for, likewise: more for a word or two, which say little themselves.
_HABIT, _HABIT_ALONE = 0.25, 0.75
# Likelihood per trigram below which a text is taken for no words at all; it then keeps the chat's language.
_FLOOR = -11.0


@dataclass(frozen=True, slots=True)
class Tongues:
    """Letter trigrams of both languages, fitted on the library's own texts."""

    logs: Mapping[Lang, Mapping[str, float]]
    unseen: Mapping[Lang, float]

    @classmethod
    def fit(cls, texts: Mapping[Lang, Iterable[str]]) -> Tongues:
        """Fit with add-half smoothing; `texts` are in each language's own letters."""
        logs: dict[Lang, dict[str, float]] = {}
        unseen: dict[Lang, float] = {}
        for lang, lines in texts.items():
            counts = Counter(gram for line in lines for gram in trigrams(line))
            total = sum(counts.values()) + 0.5 * (len(counts) + 1)
            logs[lang] = {gram: math.log((count + 0.5) / total) for gram, count in counts.items()}
            unseen[lang] = math.log(0.5 / max(total, 1.0)) - 2.0
        return cls(logs, unseen)

    def likelihood(self, text: str, lang: Lang) -> float:
        """Mean log-likelihood per trigram; very low for a text without words."""
        known, unseen = self.logs[lang], self.unseen[lang]
        values = [known.get(gram, unseen) for gram in trigrams(text)]
        return sum(values) / len(values) if values else -99.0

    def read(self, text: str, habit: Lang | None = None, only: Lang | None = None) -> Reading:
        """Decide the language of a cleaned text and give it in that language's letters.

        Args:
            habit: the chat's language so far; decides where the text does not.
            only: the language is known; only the letters are in question.
        """
        used = _HABIT + _HABIT_ALONE / max(1, len(text.split()))
        readings = [
            (self.likelihood(candidate, lang) - penalty + (used if lang == habit else 0.0), lang, candidate)
            for lang, candidate, penalty in self._candidates(text)
            if only is None or lang == only
        ]
        fallback: Lang = only or habit or ("en" if _LATIN.search(text) and not _CYRILLIC.search(text) else "ru")
        if not readings:
            return Reading(fallback, text)
        best, lang, candidate = max(readings, key=lambda reading: reading[0])
        return Reading(lang, candidate) if best > _FLOOR else Reading(fallback, text)

    def _candidates(self, text: str) -> Iterable[tuple[Lang, str, float]]:
        cyrillic, latin = len(_CYRILLIC.findall(text)), len(_LATIN.findall(text))
        if cyrillic:
            yield "ru", transliterated(text), 0.0
            if latin:
                # One Russian word in an English message ("is it больно?") does not make it Russian.
                yield "en", text, 0.0 if latin > 2 * cyrillic else _TRANSLIT_MARGIN + 1.0
            elif cyrillic >= _LAYOUT_LETTERS:
                yield "en", other_layout(text, "en"), _LAYOUT_MARGIN
        elif latin:
            yield "en", text, 0.0
            yield "ru", transliterated(text), _TRANSLIT_MARGIN
            if latin >= _LAYOUT_LETTERS:
                yield "ru", other_layout(text, "ru"), _LAYOUT_MARGIN


def _sentences(text: str) -> Iterable[re.Match[str]]:
    """Sentences and lines that have a letter or a digit in them, in order."""
    return (match for match in _SENTENCE.finditer(text) if _LETTER.search(match[0]))


def questions(text: str) -> list[str]:
    """The parts of a message that may each ask something, in order: sentences and lines with letters in them."""
    return [match[0].strip() for match in _sentences(text)]


def without_latin(text: str) -> str:
    """Drop words in Latin letters, so that a Russian text teaches only Russian letters."""
    return _LATIN_WORD.sub(" ", text)


def ordinary_words(texts: Iterable[str]) -> set[str]:
    """Words, in small letters and with е for ё, that stand in at least two of these texts."""
    counts = Counter(word for text in texts for word in set(_WORD.findall(text.lower().replace("ё", "е"))))
    return {word for word, count in counts.items() if count > 1}
