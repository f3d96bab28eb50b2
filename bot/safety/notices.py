"""Article flags -> the warnings a reply must carry, and what may stand under it; code decides, never an article."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.messages import Lang, Notice, Reply
from bot.retrieval.catalogue import Topic
from bot.retrieval.library import Library
from bot.wording import Phrase, Wording

_OWED: dict[str, Notice] = {
    "mood": Notice.PSYCHOTHERAPY,
    "medical": Notice.CONTRAINDICATIONS,
    "commercial": Notice.ADVERTISING,
    "watch": Notice.WATCH,
}

_PHRASES: dict[Notice, Phrase] = {
    Notice.ADVERTISING: Phrase.NOTICE_ADVERTISING,
    Notice.UNSIGNED: Phrase.NOTICE_UNSIGNED,
    Notice.CONTRAINDICATIONS: Phrase.NOTICE_CONTRAINDICATIONS,
    Notice.PSYCHOTHERAPY: Phrase.NOTICE_PSYCHOTHERAPY,
    Notice.WATCH: Phrase.NOTICE_WATCH,
}


def owed(flags: Iterable[str], *, unsigned: bool) -> tuple[Notice, ...]:
    """The notices that these flags and an unsigned text demand, in the order in which they stand."""
    due = {_OWED[flag] for flag in flags if flag in _OWED} | ({Notice.UNSIGNED} if unsigned else set())
    return tuple(notice for notice in Notice if notice in due)


def attach(reply: Reply, notices: Sequence[Notice], wording: Wording, lang: Lang) -> Reply:
    """Put the notices' words into the reply, each once: advertising stands first, the others end the text."""
    missing = [notice for notice in Notice if notice in notices and notice not in reply.notices]
    before = [_text(notice, wording, lang) for notice in missing if notice is Notice.ADVERTISING]
    after = [_text(notice, wording, lang) for notice in missing if notice is not Notice.ADVERTISING]
    text = "\n\n".join([*before, reply.text, *(["\n".join(after)] if after else [])])
    return replace(reply, text=text, notices=tuple(notice for notice in Notice if notice in (*reply.notices, *missing)))


def nothing_for_sale(topics: Iterable[str], library: Library) -> bool:
    """Whether one of the topics forbids booking, price and offers around it: mood, urgent, pregnancy, under 18."""
    return any(topic in library.catalogue and _flagged(topic, library).nothing_for_sale for topic in topics)


def without_sales(topics: Iterable[str], library: Library) -> list[str]:
    """The topics that speak of no price, offer or booking."""
    return [topic for topic in topics if topic not in library.catalogue or not _flagged(topic, library).sells]


def _flagged(topic: str, library: Library) -> Topic:
    """The catalogue's topic with the flags that its articles add."""
    return replace(library.catalogue[topic], flags=library.flags(topic))


def _text(notice: Notice, wording: Wording, lang: Lang) -> str:
    return f"*{wording(lang, _PHRASES[notice])}*"
