"""What is wrong with the clinicians' lists beyond their layout: unreadable phrases, lost dangers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from bot.retrieval.folder import Knowledge
from bot.retrieval.problems import Problem
from bot.retrieval.redflags import RedFlags
from bot.safety.red_flags import Watch
from bot.safety.scope import Scope


def check_lists(knowledge: Knowledge, served: RedFlags | None = None) -> list[Problem]:
    """Every problem of red_flags.yml and limits.yml.

    Args:
        served: the list in use until now; the new one must catch every labelled danger that this one catches.
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
    if served is not None and asdict(served) == asdict(knowledge.red_flags):
        return
    try:
        watch = Watch(knowledge.red_flags)
    except ValueError as error:
        yield Problem("red_flags.yml", 0, str(error))
        return
    if served is None:
        return
    try:
        before = Watch(served)
    except ValueError:
        return  # written for an older program: there is nothing to hold the new list against
    yield from dict.fromkeys(one for alone in (False, True) for one in _lost(knowledge, before, watch, alone=alone))


def _lost(knowledge: Knowledge, before: Watch, watch: Watch, *, alone: bool) -> Iterator[Problem]:
    """The labelled dangers that the list of before catches and the new one misses, with a second net and without."""
    for phrase in knowledge.danger_phrases:
        kind = phrase.label.partition("/")[0]
        caught = {alarm.kind for alarm in before.alarms(phrase.text, alone=alone)}
        if kind in caught and kind not in {alarm.kind for alarm in watch.alarms(phrase.text, alone=alone)}:
            message = f"«{phrase.text}» ({phrase.label}) would be missed; the list of before caught it and stays"
            yield Problem("red_flags.yml", 0, message)
