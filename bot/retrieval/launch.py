"""What people must still check before patients may use the bot: `mimika knowledge check --launch`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from bot.messages import LANGS, Lang
from bot.retrieval.documents import Document
from bot.retrieval.problems import Problem

_KEYS = {"id", "what", "checked_on", "checked_by"}


@dataclass(frozen=True, slots=True)
class LaunchCheck:
    """Something that only a person can settle."""

    id: str
    what: Mapping[Lang, str]
    checked_on: date | None
    checked_by: str | None
    line: int


def parse_launch(document: Document) -> tuple[tuple[LaunchCheck, ...], list[Problem]]:
    checks: list[LaunchCheck] = []
    problems = list(_read(document, checks))
    return tuple(checks), problems


def _read(document: Document, checks: list[LaunchCheck]) -> Iterator[Problem]:
    rows: Any = document.data
    if not isinstance(rows, list) or not rows:
        yield Problem(document.path, 1, "must be a list of checks")
        return
    for number, row in enumerate(rows):
        line = document.line(number)
        if not isinstance(row, dict) or set(row) != _KEYS or not isinstance(row["what"], dict):
            yield Problem(document.path, line, f"a check needs {', '.join(sorted(_KEYS))}")
        elif set(row["what"]) != set(LANGS):
            yield Problem(document.path, line, "`what` needs a text for each of ru and en")
        elif row["checked_on"] is not None and type(row["checked_on"]) is not date:
            yield Problem(document.path, line, "`checked_on` must be a date such as 2027-01-31, or null")
        else:
            checks.append(LaunchCheck(row["id"], row["what"], row["checked_on"], row["checked_by"], line))
