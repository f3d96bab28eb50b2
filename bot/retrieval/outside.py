"""Near-miss questions the library must not answer, each with what it is about."""

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
    "medicines": Phrase.OUTSIDE_MEDICINE,
    "clinics": Phrase.OUTSIDE_CLINIC,
    "jobs": Phrase.OUTSIDE_CLINIC,
    "small-talk": Phrase.OUTSIDE_OTHER,
    "off-topic": Phrase.OUTSIDE_OTHER,
    "gibberish": Phrase.OUTSIDE_OTHER,
}


@dataclass(frozen=True, slots=True)
class OutsideQuestion:
    """`line` is where it stands in its file."""

    text: str
    lang: Lang
    kind: str
    line: int


def parse_outside(document: Document) -> tuple[tuple[OutsideQuestion, ...], list[Problem]]:
    questions: list[OutsideQuestion] = []
    problems = list(_read(document, questions))
    return tuple(questions), problems


def _read(document: Document, questions: list[OutsideQuestion]) -> Iterator[Problem]:
    data = document.data
    if not isinstance(data, dict):
        yield Problem(document.path, 1, "must map each of ru and en to kinds of questions")
        return
    for lang in LANGS:
        if not isinstance(data.get(lang), dict):
            yield Problem(document.path, document.line(lang), f"`{lang}` must map kinds to lists of questions")
            continue
        for kind, texts in data[lang].items():
            if kind not in KINDS:
                yield Problem(document.path, document.line(lang, kind), f"unknown kind `{kind}`; known: {', '.join(KINDS)}")
            elif not isinstance(texts, list):
                yield Problem(document.path, document.line(lang, kind), f"`{kind}` must be a list of questions")
            else:
                for number, text in enumerate(texts):
                    line = document.line(lang, kind, number)
                    if isinstance(text, str) and text.strip():
                        questions.append(OutsideQuestion(text.strip(), lang, kind, line))
                    else:
                        yield Problem(document.path, line, "a question must be a text; put it in double quotes")
