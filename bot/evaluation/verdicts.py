"""What the library decides about a labelled question, and whether that serves the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.messages import Lang
from bot.retrieval.articles import Passage
from bot.retrieval.confidence import KIN
from bot.retrieval.library import Library
from bot.retrieval.questions import OUTSIDE
from bot.safety.notices import nothing_for_sale, without_sales


def serves(label: str, expected: str) -> bool:
    """Whether a reply under `label` answers a question about `expected`: a wish to book is how-to-book."""
    return label == expected or KIN.get(label) == expected


@dataclass(frozen=True, slots=True)
class Verdict:
    """One question with what was decided.

    `topics` are the label answered with, or the topics offered; `first` is the likeliest label ("" where none) and
    `probability` its own. Exactly one of right, offered, missed, wrong and unknown holds for a question inside the
    library. Any answer but the right one is wrong, also a greeting; any answer to an outside question is false.
    """

    question: Passage
    read_as: Lang
    kind: Literal["answer", "clarify", "unknown"]
    topics: tuple[str, ...]
    first: str
    probability: float

    @property
    def inside(self) -> bool:
        return not self.question.label.startswith(OUTSIDE)

    @property
    def first_right(self) -> bool:
        return self.inside and serves(self.first, self.question.label)

    @property
    def _among(self) -> bool:
        return any(serves(topic, self.question.label) for topic in self.topics)

    @property
    def right(self) -> bool:
        return self.inside and self.kind == "answer" and self._among

    @property
    def offered(self) -> bool:
        """The right topic is among those offered for a choice."""
        return self.inside and self.kind == "clarify" and self._among

    @property
    def missed(self) -> bool:
        """Only other topics are offered."""
        return self.inside and self.kind == "clarify" and not self._among

    @property
    def wrong(self) -> bool:
        return self.inside and self.kind == "answer" and not self._among

    @property
    def unknown(self) -> bool:
        return self.kind == "unknown"

    @property
    def false_answer(self) -> bool:
        """An outside question was answered."""
        return not self.inside and self.kind == "answer"

    @property
    def asked_back(self) -> bool:
        """An outside question was met with a choice of topics."""
        return not self.inside and self.kind == "clarify"


def judge(library: Library, question: Passage) -> Verdict:
    """Decide a question as a chat's first message, its language unknown; offers are those a patient would see."""
    reading = library.read(question.text)
    found = library.find(reading)
    topics = found.decision.topics
    # As in Conversation.choice: beside some topics nothing that sells is offered, even if it was the right one.
    if found.decision.kind == "clarify" and nothing_for_sale(topics, library):
        topics = tuple(without_sales(topics, library))
    label, probability = (found.hits[0].label, found.hits[0].probability) if found.hits else ("", 0.0)
    # Probabilities are float32 and may be above 1 by rounding once kin are added together.
    return Verdict(question, reading.lang, found.decision.kind, topics, label, min(1.0, probability))
