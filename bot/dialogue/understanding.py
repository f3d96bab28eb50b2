"""Text -> what is asked: the questions in a message, read alone or with the chat's topic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.messages import Lang
from bot.retrieval.lexical import words
from bot.retrieval.library import Found, Library
from bot.retrieval.writing import Reading, clean, questions

# More separate questions than this in one message are answered as one: a wall of text is no list.
MOST_QUESTIONS = 3
# A message of at most this many words may be a follow-up that needs the chat's topic to be understood.
FOLLOW_UP_WORDS = 6
# How a follow-up begins: "а через неделю?" goes on ...
_CONTINUES = re.compile(
    r"(?:а|и|ну|нет|но|тогда|ещ[её]|или|and|but|or|no|what about|how about|then|so)\b", re.IGNORECASE
)
# ... and «нет, я про лоб» corrects: it is no follow-up if it makes sense without its first word.
_CORRECTS = re.compile(r"(?:нет|no)\b", re.IGNORECASE)
# A number alone, or a word of order, chooses among the offers.
_ORDINALS = {
    1: r"1|перв\w+|один|first|one",
    2: r"2|втор\w+|два|second|two",
    3: r"3|трет\w+|три|third|three",
}
_CHOICE = r"(?:№|номер|вариант|number|option|the)?\s*(?:{})(?:\s*(?:вариант|пункт|one|option))?[\s.!)]*"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a message, with what the library found for it."""

    reading: Reading
    found: Found


@dataclass(frozen=True, slots=True)
class Understood:
    lang: Lang
    asked: tuple[Asked, ...]


def understand(library: Library, text: str, habit: Lang | None, only: Lang | None, topic: str | None) -> Understood:
    """Find what a message asks.

    Args:
        habit: the chat's language so far.
        only: the language is known and not in question.
        topic: the chat's topic, if it is still live: a short follow-up is read with it.
    """
    whole = library.read(text, habit, only)
    parts = [Reading(whole.lang, library.read(part, whole.lang, whole.lang).text) for part in questions(clean(text))]
    asked = [_ask(library, part, topic) for part in parts] if 1 < len(parts) <= MOST_QUESTIONS else []
    sure = [one for one in asked if one.found.decision.kind == "answer"]
    topics = _distinct([one for one in sure if not one.found.decision.topics[0].startswith("intent/")])
    if len(topics) > 1:
        return Understood(whole.lang, tuple(topics))
    together = _ask(library, whole, topic)
    if together.found.decision.kind != "answer" and topics:
        # «Здравствуйте! Я волнуюсь. Это больно?» – one sentence asks, the others only stand around it.
        return Understood(whole.lang, tuple(topics))
    if together.found.decision.kind == "answer" and together.found.decision.topics[0].startswith("intent/") and topics:
        return Understood(whole.lang, tuple(topics))
    return Understood(whole.lang, (together,))


def chosen(text: str, offered: Sequence[str], library: Library, lang: Lang) -> str | None:
    """The offered topic that a typed reply names: by number or by words; None if it names none for sure."""
    for number, topic in enumerate(offered, 1):
        if re.fullmatch(_CHOICE.format(_ORDINALS[number]), text.strip(), re.IGNORECASE):
            return topic
    said = set(words(text, lang))
    if not said or len(said) > FOLLOW_UP_WORDS:
        return None
    titles = {topic: article.title for topic in offered if (article := library.article(topic, lang)) is not None}
    named = [topic for topic, title in titles.items() if text.strip().casefold() == title.casefold()]
    if named:
        return named[0]
    found = library.find(library.read(text, lang, lang), offered)
    return found.decision.topics[0] if found.decision.kind == "answer" else None


def _ask(library: Library, reading: Reading, topic: str | None) -> Asked:
    alone = library.find(reading)
    article = library.article(topic, reading.lang) if topic is not None else None
    if article is None or not _may_follow(reading, alone):
        return Asked(reading, alone)
    begins = _CONTINUES.match(reading.text)
    rest = reading.text[begins.end() :].strip(" ,") if begins else reading.text
    for text in (rest, f"{article.title}: {rest}") if _CORRECTS.match(reading.text) else (f"{article.title}: {rest}",):
        other = Reading(reading.lang, text)
        found = library.find(other)
        # The title finds its own article whatever follows it («Больно ли это: хочу умереть»): only another one counts.
        if found.decision.kind == "answer" and found.decision.topics[0] != topic:
            return Asked(other, found)
    return Asked(reading, alone)


def _may_follow(reading: Reading, alone: Found) -> bool:
    """Whether a message is short enough, and unclear enough alone, to be about what was just spoken of."""
    count = len(words(reading.text, reading.lang))
    if alone.decision.kind == "answer" or count > FOLLOW_UP_WORDS:
        return False
    return bool(_CONTINUES.match(reading.text)) or (count <= 3 and alone.outside is None)


def _distinct(asked: Sequence[Asked]) -> list[Asked]:
    """The first question for each topic, in order."""
    return list({one.found.decision.topics[0]: one for one in reversed(asked)}.values())[::-1]
