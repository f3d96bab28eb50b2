"""Text -> what is asked: the questions in a message, and which of the offers a typed reply names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.dialogue.followup import FOLLOW_UP_WORDS, LIKELY_ENOUGH, follow_up
from bot.messages import Lang
from bot.retrieval.confidence import INTENT
from bot.retrieval.lexical import words
from bot.retrieval.library import Found, Library
from bot.retrieval.writing import Reading, clean, questions

# More separate questions than this in one message are answered as one: a wall of text is no list.
MOST_QUESTIONS = 3
# «больно ли и сколько стоит» is two questions only if each half alone is this surely answered.
SURE_HALF = 0.9

_JOINT = re.compile(r"\s*,?\s+(?:и|а также|плюс|а|and|also|plus)\s+", re.IGNORECASE)
# A number alone, or a word of order, chooses among the offers.
_ORDINALS = {
    1: r"1|перв\w+|один|first|one",
    2: r"2|втор\w+|два|second|two",
    3: r"3|трет\w+|три|third|three",
}
_YES = re.compile(r"(?:да|ага|угу|верно|именно|yes|yeah|yep|right|da)[\s.!)]*", re.IGNORECASE)
_CHOICE = r"(?:№|номер|вариант|number|option|the)?\s*(?:{})(?:\s*(?:вариант|пункт|one|option))?[\s.!)]*"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a message, with what the library found for it."""

    reading: Reading
    found: Found

    @property
    def topic(self) -> str | None:
        """The topic that answers it, if one does."""
        decision = self.found.decision
        answers = decision.kind == "answer" and not decision.topics[0].startswith(INTENT)
        return decision.topics[0] if answers else None

    @property
    def asks(self) -> bool:
        return self.reading.text.endswith("?")


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
    several = _each(library, parts, topic) if 1 < len(parts) <= MOST_QUESTIONS else []
    if len(several) > 1:
        return Understood(whole.lang, tuple(several))
    halves = _halves(library, whole) if len(parts) == 1 else []
    if halves:
        return Understood(whole.lang, tuple(halves))
    together = _ask(library, whole, topic)
    if together.found.decision.kind == "unknown" and len(parts) > MOST_QUESTIONS:
        # A long story: what is asked usually ends in a question mark, and stands last.
        asking = [_ask(library, part, topic) for part in parts[::-1] if part.text.endswith("?")]
        several = [asked for asked in asking if asked.topic is not None][:1]
    if together.topic is None and several:
        # «Здравствуйте! Я волнуюсь. Это больно?» – one sentence asks, the others only stand around it.
        return Understood(whole.lang, tuple(several))
    return Understood(whole.lang, (together,))


def chosen(text: str, offered: Sequence[str], library: Library, lang: Lang) -> str | None:
    """The offered topic that a typed reply names: by number or by words; None if it names none for sure."""
    for number, topic in enumerate(offered[: len(_ORDINALS)], 1):
        if re.fullmatch(_CHOICE.format(_ORDINALS[number]), text.strip(), re.IGNORECASE):
            return topic
    said = set(words(text, lang))
    if not said or len(said) > FOLLOW_UP_WORDS:
        return None
    if len(offered) == 1 and _YES.fullmatch(text.strip()):
        return offered[0]
    titles = {topic: article.title for topic in offered if (article := library.article(topic, lang)) is not None}
    named = [topic for topic, title in titles.items() if text.strip().casefold() == title.casefold()]
    if named:
        return named[0]
    found = library.find(library.read(text, lang, lang), offered)
    return found.decision.topics[0] if found.decision.kind == "answer" else None


def _ask(library: Library, reading: Reading, topic: str | None) -> Asked:
    return Asked(reading, follow_up(library, reading, library.find(reading), topic))


def _each(library: Library, parts: Sequence[Reading], topic: str | None) -> list[Asked]:
    """The parts of a message that are answered, one for each topic, in order.

    Where one of them asks, one that only tells is answered if it is likely enough to be a question all the same.
    """
    answered = [asked for part in parts if (asked := _ask(library, part, topic)).topic is not None]
    if any(asked.asks for asked in answered):
        answered = [asked for asked in answered if asked.asks or asked.found.decision.probability >= LIKELY_ENOUGH]
    return list({asked.topic: asked for asked in reversed(answered)}.values())[::-1]


def _halves(library: Library, whole: Reading) -> list[Asked]:
    """The two halves of one sentence, if each is surely a question of its own about another topic."""
    halves = _JOINT.split(whole.text)
    if len(halves) != 2 or any(len(words(half, whole.lang)) < 2 for half in halves):
        return []
    asked = [Asked(part, library.find(part)) for part in (Reading(whole.lang, half) for half in halves)]
    sure = [one for one in asked if one.topic is not None and one.found.decision.probability >= SURE_HALF]
    return asked if len({one.topic for one in sure}) == 2 else []
