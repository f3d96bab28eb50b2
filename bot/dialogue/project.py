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
    intents: list[str] = []
    responses: dict[tuple[str, Lang], str] = {}
    if domain:
        problems += _read_intents(domain, intents)
        problems += _read_responses(domain, responses)
    examples: list[Example] = []
    for lang in LANGS:
        found = _document(root, root / "data" / f"nlu.{lang}.yml", problems)
        if found:
            problems += _read_examples(found, lang, intents, examples)
    if problems:
        raise KnowledgeError(sorted(problems))
    return Project(tuple(intents), tuple(examples), responses)


def _document(root: Path, path: Path, problems: list[Problem]) -> Document | None:
    found = read_yaml(root, path)
    if isinstance(found, Problem):
        problems.append(found)
        return None
    if not isinstance(found.data, dict):
        problems.append(Problem(found.path, 1, "must be a list of `key: value` lines"))
        return None
    return found


def _read_intents(domain: Document, intents: list[str]) -> Iterator[Problem]:
    for key in domain.data:
        if key not in ("version", "intents", "slots", "responses"):
            yield Problem(domain.path, domain.line(key), f"`{key}` is not supported here")
    found = domain.data.get("intents")
    if isinstance(found, list) and all(isinstance(intent, str) for intent in found):
        intents += found
    else:
        yield Problem(domain.path, domain.line("intents"), "`intents` must be a list of names")


def _read_responses(domain: Document, responses: dict[tuple[str, Lang], str]) -> Iterator[Problem]:
    found = domain.data.get("responses")
    if not isinstance(found, dict):
        yield Problem(domain.path, domain.line("responses"), "`responses` must map names to lists of texts")
        return
    for name, rows in found.items():
        for number, row in enumerate(rows if isinstance(rows, list) else [rows]):
            line = domain.line("responses", name, number)
            match row:
                case {"condition": [{"name": "language", "value": "ru" | "en" as lang}], "text": str(text)} if (
                    len(row) == 2
                ):
                    responses[name, lang] = text.strip()
                case _:
                    yield Problem(domain.path, line, f"`{name}` needs `text` and one condition on the slot `language`")
        for lang in LANGS:
            if (name, lang) not in responses:
                yield Problem(domain.path, domain.line("responses", name), f"`{name}` has no text for `{lang}`")


def _read_examples(document: Document, lang: Lang, intents: list[str], examples: list[Example]) -> Iterator[Problem]:
    rows = document.data.get("nlu")
    for number, row in enumerate(rows if isinstance(rows, list) else [rows]):
        line = document.line("nlu", number)
        match row:
            case {"intent": str(intent), "examples": str(texts)} if len(row) == 2 and intent not in intents:
                yield Problem(document.path, line, f"the intent `{intent}` is not in domain.yml")
            case {"intent": str(intent), "examples": str(texts)} if len(row) == 2:
                said = re.findall(r"^\s*- (.+)$", texts, re.M)
                examples.extend(Example(intent, lang, text.strip()) for text in said)
            case _:
                yield Problem(document.path, line, "only an `intent` with its `examples` (a text) is supported here")
