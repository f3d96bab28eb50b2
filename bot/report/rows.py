"""What is read out of storage for the report, as values; none of them says whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One topic of one reply; `topic` is empty where the reply is about none."""

    at: datetime
    language: str
    kind: str
    topic: str
    by: str
    library: str


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A question nobody answered, masked when it was kept."""

    at: datetime
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """`comment` is what the patient wrote, not masked; empty where nothing was written."""

    at: datetime
    language: str
    rating: int | None
    comment: str


@dataclass(frozen=True, slots=True)
class LostRow:
    """A message that will not be tried again, and why: `unreachable`, `refused`, `gave_up`."""

    at: datetime
    result: str


@dataclass(frozen=True, slots=True)
class Rows:
    """All of one period but the answers; `delivered` counts messages by result, `waiting` those not sent yet."""

    questions: tuple[QuestionRow, ...] = ()
    feedback: tuple[FeedbackRow, ...] = ()
    delivered: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    lost: tuple[LostRow, ...] = ()
