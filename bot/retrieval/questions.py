"""Questions kept beside the articles: near misses, and those for calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bot.messages import LANGS, Lang
from bot.retrieval.documents import Document
from bot.retrieval.problems import Problem
from bot.wording import Phrase

# Before the kind of a question that must not be answered; a topic id stands without it.
OUTSIDE = "outside/"
DANGER_KINDS = ("emergency", "urgent", "crisis", "lookalike", "calm")
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
    return tuple(questions), [*problems, *_unknown_kinds(document, questions)]


def parse_calibration(document: Document) -> tuple[tuple[Labelled, ...], list[Problem]]:
    """Questions by language and topic, or by `outside/<kind>` where they must not be answered."""
    questions: list[Labelled] = []
    problems = list(_read(document, questions))
    apart = [row for row in questions if row.label.startswith(OUTSIDE)]
    if not problems and (not apart or len(apart) == len(questions)):
        problems.append(Problem(document.path, 1, f"needs questions of topics and some under `{OUTSIDE}<kind>`"))
    kinds = [replace(row, label=row.label.removeprefix(OUTSIDE)) for row in apart]
    return tuple(questions), [*problems, *_unknown_kinds(document, kinds)]


def parse_danger(document: Document) -> tuple[tuple[Labelled, ...], list[Problem]]:
    """Phrases by language and `<kind>/<sign>`; the kinds that must raise nothing are `lookalike` and `calm`."""
    phrases: list[Labelled] = []
    problems = list(_read(document, phrases))
    problems += [
        Problem(document.path, row.line, f"`{row.label}` must begin with one of {', '.join(DANGER_KINDS)}")
        for row in {row.label: row for row in phrases}.values()
        if row.label.split("/")[0] not in DANGER_KINDS
    ]
    return tuple(phrases), problems


def _unknown_kinds(document: Document, questions: Sequence[Labelled]) -> Iterator[Problem]:
    for row in {row.label: row for row in questions}.values():
        if row.label not in KINDS:
            yield Problem(document.path, row.line, f"unknown kind `{row.label}`; known: {', '.join(KINDS)}")


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
