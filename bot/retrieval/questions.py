"""Questions kept beside the articles: near misses, topics without an article yet, and those for calibration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.messages import LANGS, Lang
from bot.retrieval.documents import Document
from bot.retrieval.problems import Problem
from bot.wording import Phrase

# What a question is about, and how kindly it can be sent on.
KINDS: dict[str, Phrase] = {
    "fillers": Phrase.OUTSIDE_COSMETOLOGY,
    "apparatus": Phrase.OUTSIDE_COSMETOLOGY,
    "care": Phrase.OUTSIDE_COSMETOLOGY,
    "hair": Phrase.OUTSIDE_COSMETOLOGY,
    "body": Phrase.OUTSIDE_COSMETOLOGY,
    "surgery": Phrase.OUTSIDE_COSMETOLOGY,
    "namesake": Phrase.OUTSIDE_NAMESAKE,
    "medicine": Phrase.OUTSIDE_MEDICINE,
    "drugs": Phrase.OUTSIDE_MEDICINE,
    "clinics": Phrase.OUTSIDE_CLINIC,
    "jobs": Phrase.OUTSIDE_CLINIC,
    "small-talk": Phrase.OUTSIDE_OTHER,
    "off-topic": Phrase.OUTSIDE_OTHER,
    "gibberish": Phrase.OUTSIDE_OTHER,
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question with the kind it is of, or the topic it asks about; `line` is where it stands in its file."""

    text: str
    lang: Lang
    label: str
    line: int


def parse_outside(document: Document) -> tuple[tuple[Labelled, ...], list[Problem]]:
    """Near misses by language and kind."""
    questions: list[Labelled] = []
    problems = list(_read(document, questions))
    problems += [
        Problem(document.path, row.line, f"unknown kind `{row.label}`; known: {', '.join(KINDS)}")
        for row in {row.label: row for row in questions}.values()
        if row.label not in KINDS
    ]
    return tuple(questions), problems


def parse_topics(document: Document) -> tuple[tuple[Labelled, ...], list[Problem]]:
    """Questions by language and topic: those for calibration, and those on topics that have no article yet."""
    questions: list[Labelled] = []
    problems = list(_read(document, questions))
    return tuple(questions), problems


def _read(document: Document, questions: list[Labelled]) -> Iterator[Problem]:
    data = document.data
    if not isinstance(data, dict):
        yield Problem(document.path, 1, "must map each of ru and en to lists of questions by name")
        return
    for lang in LANGS:
        if not isinstance(data.get(lang), dict):
            yield Problem(document.path, document.line(lang), f"`{lang}` must map names to lists of questions")
            continue
        for label, texts in data[lang].items():
            if not isinstance(texts, list):
                yield Problem(document.path, document.line(lang, label), f"`{label}` must be a list of questions")
                continue
            for number, text in enumerate(texts):
                line = document.line(lang, label, number)
                if isinstance(text, str) and text.strip():
                    questions.append(Labelled(text.strip(), lang, str(label), line))
                else:
                    yield Problem(document.path, line, "a question must be a text; put it in double quotes")
