"""What is wrong with the clinicians' lists beyond their layout: unreadable phrases, lost dangers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from bot.retrieval.folder import Knowledge
from bot.retrieval.library import Library
from bot.retrieval.problems import Problem
from bot.retrieval.questions import Labelled
from bot.retrieval.redflags import RedFlags
from bot.safety import nets
from bot.safety.red_flags import Watch
from bot.safety.scope import Scope


def check_lists(knowledge: Knowledge, served: RedFlags | None = None) -> list[Problem]:
    """Every problem of red_flags.yml and limits.yml.

    Args:
        served: the list in use until now; the new one must catch every labelled danger that this one catches, both
            without a second net.
    """
    return list(_problems(knowledge, served))


def _problems(knowledge: Knowledge, served: RedFlags | None) -> Iterator[Problem]:
    try:
        Scope(knowledge.limits)
    except ValueError as error:
        yield Problem("limits.yml", 0, str(error))
    for limit in knowledge.limits.limits:
        if limit.topic is not None and limit.topic not in knowledge.catalogue:
            yield Problem(
                "limits.yml", 0, f"`{limit.id}` names the topic `{limit.topic}`, which is not in catalogue.yml"
            )
    for sign in knowledge.red_flags.signs:
        if sign.source not in knowledge.sources:
            yield Problem("red_flags.yml", 0, f"the source `{sign.source}` of {sign.id} is not in sources.yml")
    if not changed(knowledge, served):
        return
    try:
        watch = Watch(knowledge.red_flags)
    except ValueError as error:
        yield Problem("red_flags.yml", 0, str(error))
        return
    yield from (_missed(phrase) for phrase in _lost(knowledge, served, watch, alone=True))


def changed(knowledge: Knowledge, served: RedFlags | None) -> bool:
    """Whether the list is another than the one in use until now."""
    return served is None or asdict(served) != asdict(knowledge.red_flags)


def check_nets(knowledge: Knowledge, served: RedFlags | None, library: Library) -> list[Problem]:
    """What both nets of a new version would miss of the labelled dangers that the list of before is sure of.

    Args:
        library: the new version; without an encoder the list stands alone, and `check_lists` has judged it.
    """
    if not library.listens or not changed(knowledge, served):
        return []
    watch = Watch(knowledge.red_flags, library.ordinary, library.forms)
    lost = _lost(knowledge, served, Watch(knowledge.red_flags), alone=False)
    return [_missed(phrase) for phrase in lost if _kind(phrase) not in _heard(watch, library, phrase.text)]


def _heard(watch: Watch, library: Library, text: str) -> set[str]:
    return {alarm.kind for alarm in nets.alarms(watch, library, text, text, library.read, closely=False)}


def _lost(knowledge: Knowledge, served: RedFlags | None, watch: Watch, *, alone: bool) -> Iterator[Labelled]:
    """The labelled dangers that the list of before catches and the new one misses, beside a second net or alone."""
    if served is None:
        return
    try:
        before = Watch(served)
    except ValueError:
        return  # written for an older program: there is nothing to hold the new list against
    for phrase in knowledge.danger_phrases:
        caught, now = ({alarm.kind for alarm in one.alarms(phrase.text, alone=alone)} for one in (before, watch))
        if _kind(phrase) in caught - now:
            yield phrase


def _kind(phrase: Labelled) -> str:
    return phrase.label.partition("/")[0]


def _missed(phrase: Labelled) -> Problem:
    message = f"«{phrase.text}» ({phrase.label}) would be missed; the list of before caught it and stays"
    return Problem("red_flags.yml", 0, message)
