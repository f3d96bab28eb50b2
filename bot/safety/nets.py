"""Both nets together: the clinicians' list first, then the meaning of what it let through, whole and by sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bot.retrieval.library import Library
from bot.retrieval.writing import Reading, clean, questions
from bot.safety.red_flags import Alarm, Heard, Watch, is_cry

# Sentences of one message that are looked at besides the whole: a sign may stand amid courtesies.
MOST_SENTENCES = 6
# One sentence of several says less surely what the whole is about; a story tells of another day or of somebody else.
# A lone short word («боль», "help") says the least of all. Set, as `ALARM_FROM` is, by `mimika evaluate safety`.
PART_TIMES, STORY_TIMES, WORD_TIMES = 1.5, 1.4, 1.4
SHORT_WORD = 12
# After an alarm the next messages are watched more closely: a crisis goes on in half sentences.
CLOSER = 0.75


def alarms(
    watch: Watch, library: Library, text: str, words: str, read: Callable[[str], Reading], *, closely: bool
) -> list[Alarm]:
    """The dangers of a message, gravest kind first.

    Args:
        text: the message as it came.
        words: what of it is in the patient's own words; a command and the topic of a deep link are not.
        read: cleans a text and decides its language.
        closely: the chat is in care mode.
    """
    heard = watch.hear(text)
    sure = heard.alarms(alone=not library.listens)
    if any(alarm.kind != "urgent" for alarm in sure):
        # Where there is danger, what the list is less sure of counts as well.
        return heard.alarms(alone=True)
    # The second net may find something graver beside a sign that can wait until the evening, never less.
    suspected = _suspected(library, words, read, heard, times=CLOSER if closely else 1.0)
    return [one for one in suspected if not sure or one.kind != "urgent"] + sure


def _suspected(
    library: Library, text: str, read: Callable[[str], Reading], heard: Heard, *, times: float
) -> list[Alarm]:
    """What the second net makes of a text; at most one danger."""
    for part, more in _parts(text, story=heard.story):
        suspicion = library.suspects(read(part), times=times * more, hints=heard.hints)
        if suspicion is not None:
            replies = {sign.id: sign.reply for sign in library.red_flags.signs}
            return [Alarm(suspicion.kind, suspicion.sign, replies.get(suspicion.sign, suspicion.kind))]
    return []


def _parts(text: str, *, story: bool) -> Iterator[tuple[str, float]]:
    """The whole text and its sentences, each with how many times as surely it must speak of danger."""
    if not any(letter.isalnum() for letter in text):
        return
    lone = len(text.split()) == 1 and len(text) <= SHORT_WORD
    yield text, STORY_TIMES if story else WORD_TIMES if lone else 1.0
    parts = questions(clean(text))
    if len(parts) > MOST_SENTENCES:
        parts = [*parts[: MOST_SENTENCES // 2], *parts[-MOST_SENTENCES // 2 :]]
    if story:
        parts = [part for part in parts if is_cry(part)]
    elif len(parts) == 1:
        return
    for part in dict.fromkeys(parts):
        if part != text:
            yield part, PART_TIMES
