"""Loads the dialogue in Rasa's format: intents with their examples, and the responses patients read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from bot.errors import KnowledgeError
from bot.messages import LANGS, Lang
from bot.retrieval.documents import Document, read_yaml
from bot.retrieval.problems import Problem
from bot.retrieval.version import Example


@dataclass(frozen=True, slots=True)
class Project:
    """`responses` are by name and language; an intent without a response has an action of its own."""

    intents: tuple[str, ...]
    examples: tuple[Example, ...]
    responses: Mapping[tuple[str, Lang], str]


def load_project(root: Path | None = None) -> Project:
    """Load `bot/dialogue/rasa` (or another folder).

    Raises:
        KnowledgeError: names file and line of everything the program does not support.
    """
    if root is None:
        with as_file(files("bot.dialogue") / "rasa") as packaged:
            return load_project(packaged)
    problems: list[Problem] = []
    domain = _document(root, root / "domain.yml", problems)
    intents = tuple(domain.data.get("intents") or ()) if domain else ()
    responses: dict[tuple[str, Lang], str] = {}
    if domain:
        problems += _read_responses(domain, responses)
    examples: list[Example] = []
    for lang in LANGS:
        found = _document(root, root / "data" / f"nlu.{lang}.yml", problems)
        if found:
            problems += _read_examples(found, lang, intents, examples)
    if problems:
        raise KnowledgeError(sorted(problems))
    return Project(intents, tuple(examples), responses)


def _document(root: Path, path: Path, problems: list[Problem]) -> Document | None:
    found = read_yaml(root, path)
    if isinstance(found, Problem):
        problems.append(found)
        return None
    if not isinstance(found.data, dict):
        problems.append(Problem(found.path, 1, "must be a list of `key: value` lines"))
        return None
    return found


def _read_responses(domain: Document, responses: dict[tuple[str, Lang], str]) -> Iterator[Problem]:
    for key in domain.data:
        if key not in ("version", "intents", "slots", "responses"):
            yield Problem(domain.path, domain.line(key), f"`{key}` is not supported here")
    for name, rows in (domain.data.get("responses") or {}).items():
        for number, row in enumerate(rows):
            line = domain.line("responses", name, number)
            condition = row.get("condition")
            lang = condition[0].get("value") if isinstance(condition, list) and len(condition) == 1 else None
            if lang not in LANGS or condition[0].get("name") != "language" or set(row) != {"condition", "text"}:
                yield Problem(domain.path, line, f"`{name}` needs `text` and one condition on the slot `language`")
            else:
                responses[name, lang] = str(row["text"]).strip()
        for lang in LANGS:
            if (name, lang) not in responses:
                yield Problem(domain.path, domain.line("responses", name), f"`{name}` has no text for `{lang}`")


def _read_examples(
    document: Document, lang: Lang, intents: tuple[str, ...], examples: list[Example]
) -> Iterator[Problem]:
    for number, row in enumerate(document.data.get("nlu") or []):
        line = document.line("nlu", number)
        if row.get("intent") not in intents:
            yield Problem(document.path, line, f"the intent `{row.get('intent')}` is not in domain.yml")
            continue
        said = re.findall(r"^\s*- (.+)$", row.get("examples") or "", re.M)
        examples.extend(Example(row["intent"], lang, text.strip()) for text in said)
