"""The clinicians' list of danger signs, as `knowledge/red_flags.yml` has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bot.messages import LANGS
from bot.retrieval.documents import Document
from bot.retrieval.problems import Problem


@dataclass(frozen=True, slots=True)
class RedFlag:
    """One sign with its phrases in all languages; a phrase is words in order, `*` ending a word that goes on."""

    id: str
    kind: Literal["emergency", "crisis"]
    source: str
    phrases: tuple[tuple[str, ...], ...]


def parse_red_flags(document: Document) -> tuple[tuple[RedFlag, ...], list[Problem]]:
    flags: list[RedFlag] = []
    problems = list(_read(document, flags))
    return tuple(flags), problems


def _read(document: Document, flags: list[RedFlag]) -> Iterator[Problem]:
    if not isinstance(document.data, list) or not document.data:
        yield Problem(document.path, 1, "must be a list of danger signs")
        return
    for number, row in enumerate(document.data):
        line = document.line(number)
        if not isinstance(row, dict) or set(row) != {"id", "kind", "source", *LANGS}:
            yield Problem(document.path, line, f"a sign needs `id`, `kind`, `source`, {' and '.join(LANGS)}")
        elif row["kind"] not in ("emergency", "crisis"):
            yield Problem(document.path, line, "`kind` must be emergency or crisis")
        elif not all(isinstance(row[lang], list) and row[lang] for lang in LANGS):
            yield Problem(document.path, line, "each language needs a list of phrases")
        else:
            phrases = [str(phrase).lower().replace("ё", "е") for lang in LANGS for phrase in row[lang]]
            flags.append(RedFlag(row["id"], row["kind"], row["source"], tuple(tuple(p.split()) for p in phrases)))
