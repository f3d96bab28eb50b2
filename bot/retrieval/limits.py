"""What the bot must not answer, as `knowledge/limits.yml` has it; `safety.scope` reads messages by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.messages import LANGS, Lang
from bot.retrieval.documents import Document
from bot.retrieval.problems import Problem
from bot.retrieval.redflags import Texts, are_texts, is_map, is_text
from bot.wording import REFUSALS

_KEYS = {"id", "topic", "search", *LANGS}


@dataclass(frozen=True, slots=True)
class Limit:
    """Something asked for that is refused.

    `topic` is the general article offered instead; with `search`, what the question finds comes before it.
    """

    id: str
    topic: str | None
    search: bool
    phrases: Texts
    unless: Texts


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """`words` are groups of words that the phrases name."""

    words: Mapping[Lang, Mapping[str, str]]
    limits: tuple[Limit, ...]


def parse_limits(document: Document) -> tuple[Limits | None, list[Problem]]:
    """Read the file; None where it can't be used, with every problem found."""
    problems = list(_problems(document))
    if problems:
        return None, problems
    data: dict[str, Any] = document.data
    return (
        Limits(
            {lang: data["words"][lang] for lang in LANGS},
            tuple(
                Limit(
                    row["id"],
                    row["topic"],
                    row["search"],
                    {lang: tuple(row[lang]["phrases"]) for lang in LANGS},
                    {lang: tuple(row[lang].get("unless", ())) for lang in LANGS},
                )
                for row in data["limits"]
            ),
        ),
        [],
    )


def parse_brands(document: Document) -> tuple[tuple[str, ...], list[Problem]]:
    if not are_texts(document.data):
        return (), [Problem(document.path, 1, "must be a list of brand names")]
    return tuple(name.lower() for name in document.data), []


def _problems(document: Document) -> Iterator[Problem]:
    data = document.data
    if not isinstance(data, dict) or set(data) != {"words", "limits"} or not isinstance(data["limits"], list):
        yield Problem(document.path, 1, "must have the sections words and limits")
        return
    if not isinstance(data["words"], dict) or not all(is_map(data["words"].get(lang)) for lang in LANGS):
        yield Problem(document.path, document.line("words"), "`words` needs groups of words for each of ru and en")
    seen: set[str] = set()
    for number, row in enumerate(data["limits"]):
        line = document.line("limits", number)
        if not isinstance(row, dict) or set(row) != _KEYS or not isinstance(row["search"], bool):
            yield Problem(document.path, line, f"a limit needs {', '.join(sorted(_KEYS))}")
        elif not is_text(row["id"]) or row["id"] not in REFUSALS:
            yield Problem(document.path, line, f"`{row['id']}` has no refusal; known: {', '.join(REFUSALS)}")
        elif row["id"] in seen:
            yield Problem(document.path, line, f"the limit `{row['id']}` stands here twice")
        elif row["topic"] is not None and not is_text(row["topic"]):
            yield Problem(document.path, line, "`topic` must be the id of a topic or null")
        elif not all(
            isinstance(row[lang], dict)
            and set(row[lang]) <= {"phrases", "unless"}
            and are_texts(row[lang].get("phrases"))
            and are_texts(row[lang].get("unless", []))
            for lang in LANGS
        ):
            yield Problem(document.path, line, "each language needs a list of `phrases`, and may have a list `unless`")
        seen.add(row["id"] if isinstance(row, dict) and is_text(row.get("id")) else "")
