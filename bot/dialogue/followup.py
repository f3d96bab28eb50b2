"""A short message read with what the chat is about: "а если через неделю?" after a question about alcohol."""

from __future__ import annotations

import re

from bot.retrieval.confidence import INTENT, OFFERED, WORTH_OFFERING, Decision
from bot.retrieval.lexical import words
from bot.retrieval.library import Found, Library
from bot.retrieval.writing import Reading

# A message of at most this many words may be a follow-up that needs the chat's topic to be understood.
FOLLOW_UP_WORDS = 7
# A message of at most this many words may be one even if it does not begin like one.
BARE_WORDS = 3
# A follow-up is likely to be about the library, so less certainty is needed than for a message out of the blue.
LIKELY_ENOUGH = 0.6

_BEGINS = re.compile(
    r"(?:а|и|ну|нет|но|тогда|ещ[её]|или|and|but|or|no|what about|how about|then|so)\b[\s,]*", re.IGNORECASE
)
# «нет, я про лоб» corrects: what follows is what was meant.
_CORRECTS = re.compile(r"(?:нет|no)\b", re.IGNORECASE)
# Words that only vary a circumstance of what was just asked, and make no question of their own.
_ELABORATES = re.compile(
    r"(?:а |и |но |ну |and |but |so |или |or )*"
    r"(?:если|что если|через|потом|сам[оаи]?\b|пройд[её]т|почему|это надолго|what if|if\b|after\b|later|then\b|why)",
    re.IGNORECASE,
)
# An elaboration that is this surely a question of its own ("and if I stop?") is answered as one.
OF_ITS_OWN = 0.9
# "How long?" after one of these asks about that and not about the effect on wrinkles.
_LASTS = frozenset({"side-effects", "drooping-eyelid"})
_MOOD_EFFECT = frozenset(
    {"mood-evidence", "mood-trial-2014", "mood-faers-2020", "mood-doubts", "mood-how", "mood-anxiety"}
)
_MOOD_TIME = "mood-duration"
_COURSE = re.compile(
    r"(?:сколько|долго|надолго|длит|прод[ол]|пройд[её]т|проход|подним|how long|last|go away|lift|wear)", re.IGNORECASE
)
# Stopping, where the chat is about mood, is about stopping treatment.
_MOOD_STOP = "mood-vs-treatment"
_STOPS = re.compile(r"(?:брос|отмен|прекра[тщ]|перестать пить|quit|stop|come off|give up)", re.IGNORECASE)

_MORE = re.compile(r"(?:а |расскажи(?:те)? )?(?:по)?(?:подробнее|больше|ещ[её])|(?:tell me )?more", re.IGNORECASE)
_SOURCES = re.compile(
    r"(?:а |какой |какие |the |your |what(?:'s| is) the )?(?:источники?|sources?)"
    r"|откуда (?:это|вы|такие)\b.*|where is (?:this|that) from",
    re.IGNORECASE,
)


def wants_button(text: str) -> str | None:
    """`more` or `sources` where someone types what the button under the last answer does."""
    plain = text.strip(" .!?…")
    return "more" if _MORE.fullmatch(plain) else "sources" if _SOURCES.fullmatch(plain) else None


def follow_up(library: Library, reading: Reading, alone: Found, topic: str | None) -> Found:
    """What a message asks once the chat's topic is known; `alone` where the topic changes nothing.

    The topic's title finds its own article whatever follows it, so the topic is repeated only to a message that
    plainly elaborates on it; to any other unclear message it is at most offered.
    """
    article = library.article(topic, reading.lang) if topic is not None else None
    if not _may_follow(reading, alone):
        return alone
    begins = _BEGINS.match(reading.text)
    if topic is None or article is None:
        return _following_nothing(alone) if begins and _ELABORATES.match(reading.text) else alone
    rest = reading.text[begins.end() :] if begins else reading.text
    if _CORRECTS.match(reading.text):
        corrected = library.find(Reading(reading.lang, rest))
        return corrected if corrected.decision.kind == "answer" else alone
    in_mood = topic in library.catalogue and library.catalogue[topic].category == "mood"
    about_time = bool(alone.decision.topics) and alone.decision.topics[0] == "duration"
    if topic in _MOOD_EFFECT and about_time and library.article(_MOOD_TIME, reading.lang) is not None:
        return _decided(alone, Decision("answer", (_MOOD_TIME,), alone.decision.probability))
    if in_mood and _STOPS.search(reading.text) and library.article(_MOOD_STOP, reading.lang) is not None:
        return _decided(alone, Decision("answer", (_MOOD_STOP,), LIKELY_ENOUGH))
    with_topic = library.find(Reading(reading.lang, f"{article.title}: {rest}"))
    sure = _stands_alone(alone, topic)
    # «сколько стоит?» begins as «сколько пройдёт?» does.
    course = topic in _LASTS and _COURSE.search(reading.text) is not None and (about_time or not sure)
    elaborates = _ELABORATES.match(reading.text) is not None and not sure
    if with_topic.decision.kind == "answer" and (course or elaborates):
        return with_topic
    if alone.decision.kind == "answer":
        return alone
    first = alone.hits[0] if alone.hits else None
    if first is not None and first.probability >= LIKELY_ENOUGH and first.label in library.catalogue:
        return _decided(alone, Decision("answer", (first.label,), first.probability))
    if alone.decision.kind == "unknown" and alone.outside is None and with_topic.decision.kind == "answer":
        near = [hit.label for hit in alone.hits if hit.probability >= WORTH_OFFERING and hit.label in library.catalogue]
        offered = tuple(dict.fromkeys([*near[: OFFERED - 1], with_topic.decision.topics[0]]))
        return _decided(alone, Decision("clarify", offered, with_topic.decision.probability))
    return alone


def _may_follow(reading: Reading, alone: Found) -> bool:
    """Whether a message is short enough to be about what was just spoken of."""
    count = len(words(reading.text, reading.lang))
    begins = _BEGINS.match(reading.text) or _ELABORATES.match(reading.text) or _COURSE.search(reading.text)
    return count <= FOLLOW_UP_WORDS and (begins is not None or (count <= BARE_WORDS and alone.outside is None))


def _stands_alone(alone: Found, topic: str) -> bool:
    """Whether an elaboration is surely a question of its own; never the one the chat is already about."""
    decision = alone.decision
    return decision.kind == "answer" and decision.topics[0] != topic and decision.probability >= OF_ITS_OWN


def _following_nothing(alone: Found) -> Found:
    """What «а если через неделю?» finds where the chat is about nothing: unless it is sure, offered and not told."""
    decision = alone.decision
    if decision.kind != "answer" or decision.topics[0].startswith(INTENT) or decision.probability >= OF_ITS_OWN:
        return alone
    likely = [hit.label for hit in alone.hits if hit.probability >= WORTH_OFFERING and not hit.label.startswith(INTENT)]
    return _decided(alone, Decision("clarify", tuple(likely[:OFFERED]), decision.probability))


def _decided(found: Found, decision: Decision) -> Found:
    return Found(found.hits, decision, found.outside)
