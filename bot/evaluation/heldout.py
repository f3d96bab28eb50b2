"""Questions and transcripts by another hand, put to the library and the conversation that serve."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.conversation import Conversation
from bot.errors import BadLine
from bot.evaluation.verdicts import Verdict, judge
from bot.messages import LANGS, ChatId, ChatState, Incoming, Kind, Lang
from bot.retrieval.articles import Passage
from bot.retrieval.catalogue import Catalogue
from bot.retrieval.families import families
from bot.retrieval.library import Library
from bot.retrieval.questions import OUTSIDE
from bot.retrieval.writing import essence

Progress = Callable[[str, int, int], None]

# Replies that speak of their topics; a choice only offers them.
_ANSWERS = frozenset({Kind.URGENT, Kind.REFUSAL, Kind.ANSWER, Kind.BOOKING})


@dataclass(frozen=True, slots=True)
class Turn:
    """What a patient writes, and the topics that the answers must be about; none where nothing is to be answered."""

    text: str
    topics: frozenset[str]


@dataclass(frozen=True, slots=True)
class Dialogue:
    lang: Lang
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class TurnVerdict:
    """`dialogue` and `number` count from 1; `given` are the topics of the answers, `kinds` those of all replies."""

    dialogue: int
    number: int
    lang: Lang
    turn: Turn
    given: frozenset[str]
    kinds: tuple[Kind, ...]

    @property
    def right(self) -> bool:
        return self.given == self.turn.topics


def read_questions(path: Path, catalogue: Catalogue) -> list[Passage]:
    """Rows with text, lang and topic.

    Raises:
        BadLine: names file and line.
    """
    found = []
    for place, row in _rows(path):
        topic = _text(row, "topic", place)
        if topic not in catalogue:
            raise BadLine(f"{place}: there is no topic `{topic}` in the catalogue")
        found.append(Passage(topic, _lang(row, place), "question", _text(row, "text", place)))
    return found


def read_outside(path: Path) -> list[Passage]:
    """Rows with text, lang and kind; kinds are the file's own.

    Raises:
        BadLine: names file and line.
    """
    return [
        Passage(f"{OUTSIDE}{_text(row, 'kind', place)}", _lang(row, place), "outside", _text(row, "text", place))
        for place, row in _rows(path)
    ]


def read_dialogues(path: Path, catalogue: Catalogue) -> list[Dialogue]:
    """Rows with lang and turns, each with text and topics.

    Raises:
        BadLine: names file and line.
    """
    return [Dialogue(_lang(row, place), tuple(_turns(row, place, catalogue))) for place, row in _rows(path)]


def judge_all(library: Library, questions: Sequence[Passage], progress: Progress = lambda *_: None) -> list[Verdict]:
    verdicts = []
    for number, question in enumerate(questions):
        progress("held-out questions", number, len(questions))
        verdicts.append(judge(library, question))
    progress("held-out questions", len(questions), len(questions))
    return verdicts


def alike(questions: Sequence[Passage], learnt: Sequence[Passage]) -> list[bool]:
    """Whether each question is of the family of one that was learnt from: such a one proves less."""
    family = families([(essence(passage.text), passage.lang) for passage in (*questions, *learnt)])
    known = set(family[len(questions) :].tolist())
    return [int(number) in known for number in family[: len(questions)]]


def hold(
    conversation: Conversation, dialogues: Sequence[Dialogue], progress: Progress = lambda *_: None
) -> list[TurnVerdict]:
    """Hold every dialogue from its first turn to its last, each in a chat of its own."""
    verdicts = []
    for place, dialogue in enumerate(dialogues, 1):
        progress("dialogues", place - 1, len(dialogues))
        chat, state = ChatId("mimika", "evaluation", str(place)), ChatState()
        for number, turn in enumerate(dialogue.turns, 1):
            incoming = Incoming(chat, "evaluation", str(number), datetime.now(UTC), text=turn.text)
            outcome = conversation.answer(incoming, state)
            state = outcome.state
            given = frozenset(topic for reply in outcome.replies if reply.kind in _ANSWERS for topic in reply.topics)
            kinds = tuple(reply.kind for reply in outcome.replies)
            verdicts.append(TurnVerdict(place, number, dialogue.lang, turn, given, kinds))
    progress("dialogues", len(dialogues), len(dialogues))
    return verdicts


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line's place, for messages, with its JSON object; empty lines are skipped."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise BadLine(f"{path}: is not UTF-8 text; save it again as UTF-8") from None
    except OSError as error:
        raise BadLine(f"{path}: can't be read ({error.strerror})") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise BadLine(f"{path}:{number}: the line is not a JSON object")
        yield f"{path}:{number}", row


def _turns(row: dict[str, Any], place: str, catalogue: Catalogue) -> Iterator[Turn]:
    turns = row.get("turns")
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        raise BadLine(f"{place}: `turns` must be a list of objects")
    for turn in turns:
        topics = turn.get("topics")
        if not isinstance(topics, list):
            raise BadLine(f"{place}: `topics` must be a list of topic ids")
        for topic in topics:
            if not isinstance(topic, str) or topic not in catalogue:
                raise BadLine(f"{place}: there is no topic `{topic}` in the catalogue")
        yield Turn(_text(turn, "text", place), frozenset(topics))


def _text(row: dict[str, Any], key: str, place: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadLine(f"{place}: `{key}` must be a text")
    return value


def _lang(row: dict[str, Any], place: str) -> Lang:
    value = row.get("lang")
    if value not in LANGS:
        raise BadLine(f"{place}: `lang` must be one of {', '.join(LANGS)}")
    return "ru" if value == "ru" else "en"
