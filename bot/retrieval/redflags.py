"""The clinicians' list of danger signs, as `knowledge/red_flags.yml` has it; `bot.safety` reads messages by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from bot.messages import LANGS, Lang
from bot.retrieval.documents import Document
from bot.retrieval.problems import Problem

DangerKind = Literal["emergency", "urgent", "crisis"]
KINDS: tuple[DangerKind, ...] = ("crisis", "emergency", "urgent")
Texts = Mapping[Lang, tuple[str, ...]]

_SECTIONS = (
    "words", "misspelt", "fillers", "negators", "softeners", "insists", "addressed", "idioms", "signs", "replies",
    "lines",
)  # fmt: skip
_SIGN_KEYS = {"id", "kind", "reply", "source", *LANGS}
_LINE_KEYS = {"id", "number", "hours", "source", "checked_on", "checked_by"}


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of danger: its phrases, and those that mean something else in the same sentence (`unless`).

    `alone` are phrases too often harmless to alarm where the second net listens as well: they are hints to it, and
    alarms without it.
    """

    id: str
    kind: DangerKind
    reply: str
    source: str
    phrases: Texts
    alone: Texts
    unless: Texts


@dataclass(frozen=True, slots=True)
class Softener:
    """Words that take the danger out of a sentence: a question about rules, a thing long past."""

    id: str
    kinds: tuple[DangerKind, ...]
    phrases: Texts


@dataclass(frozen=True, slots=True)
class Line:
    """A telephone line that a reply names; it may be shown to patients once a person has called it."""

    id: str
    number: str
    hours: Mapping[Lang, str]
    source: str
    checked_on: date | None
    checked_by: str | None


@dataclass(frozen=True, slots=True, eq=False)
class RedFlags:
    """`words` are named groups, `fillers` may stand anywhere; `insists` says that a thing is happening now.

    `addressed` tells a long message to us from a story told to anybody. `misspelt` are words of the dictionary that
    mostly stand for another one here: "магу" for "могу".
    """

    words: Mapping[Lang, Mapping[str, str]]
    misspelt: Texts
    fillers: Texts
    negators: Texts
    softeners: tuple[Softener, ...]
    insists: Texts
    addressed: Texts
    idioms: Texts
    signs: tuple[Sign, ...]
    replies: Mapping[Lang, Mapping[str, str]]
    lines: tuple[Line, ...]


def parse_red_flags(document: Document) -> tuple[RedFlags | None, list[Problem]]:
    """Read the file; None where it can't be used, with every problem found."""
    data = document.data
    if not isinstance(data, dict) or set(data) != set(_SECTIONS):
        return None, [Problem(document.path, 1, f"must have the sections {', '.join(_SECTIONS)}")]
    problems = list(_problems(document))
    if problems:
        return None, problems
    return (
        RedFlags(
            words={lang: data["words"][lang] for lang in LANGS},
            misspelt=_texts(data["misspelt"]),
            fillers=_texts(data["fillers"]),
            negators=_texts(data["negators"]),
            softeners=tuple(Softener(row["id"], tuple(row["kinds"]), _texts(row)) for row in data["softeners"]),
            insists=_texts(data["insists"]),
            addressed=_texts(data["addressed"]),
            idioms=_texts(data["idioms"]),
            signs=tuple(
                Sign(
                    row["id"],
                    row["kind"],
                    row["reply"],
                    row["source"],
                    {lang: tuple(row[lang]["phrases"]) for lang in LANGS},
                    {lang: tuple(row[lang].get("alone", ())) for lang in LANGS},
                    {lang: tuple(row[lang].get("unless", ())) for lang in LANGS},
                )
                for row in data["signs"]
            ),
            replies={lang: {name: text.strip() for name, text in data["replies"][lang].items()} for lang in LANGS},
            lines=tuple(
                Line(
                    row["id"],
                    row["number"],
                    row["hours"],
                    row["source"],
                    _date(row["checked_on"]),
                    row["checked_by"],
                )
                for row in data["lines"]
            ),
        ),
        [],
    )


def _texts(row: Mapping[str, Any]) -> Texts:
    return {lang: tuple(row[lang]) for lang in LANGS}


def _date(value: object) -> date | None:
    """A date as YAML gives it, or as a library version keeps it."""
    return date.fromisoformat(value) if isinstance(value, str) else value if isinstance(value, date) else None


def _is_date(value: object) -> bool:
    """Whether a date can be read from it, or it says that there is none yet."""
    try:
        return value is None or _date(value) is not None
    except ValueError:
        return False


def _problems(document: Document) -> Iterator[Problem]:
    data: dict[str, Any] = document.data

    def problem(message: str, *place: Any) -> Problem:
        return Problem(document.path, document.line(*place), message)

    for section in ("misspelt", "fillers", "negators", "insists", "addressed", "idioms"):
        if not by_language(data[section]):
            yield problem(f"`{section}` needs a list of phrases for each of ru and en", section)
    if not isinstance(data["words"], dict) or not all(is_map(data["words"].get(lang)) for lang in LANGS):
        yield problem("`words` needs groups of words for each of ru and en", "words")
    for section in ("softeners", "signs", "lines"):
        if not isinstance(data[section], list):
            yield problem(f"`{section}` must be a list", section)
    for number, row in enumerate(_rows(data["softeners"])):
        if not by_language(row) or not is_text(row.get("id")) or not _are_kinds(row.get("kinds")):
            yield problem("a softener needs `id`, `kinds`, ru and en", "softeners", number)
    replies = data["replies"] if isinstance(data["replies"], dict) else {}
    if not all(is_map(replies.get(lang)) for lang in LANGS) or set(replies["ru"]) != set(replies["en"]):
        yield problem("`replies` needs the same names with texts in ru and en", "replies")
        return
    yield from _sign_problems(document, set(replies["ru"]))
    for number, row in enumerate(_rows(data["lines"])):
        if not isinstance(row, dict) or set(row) != _LINE_KEYS or not is_map(row["hours"]):
            yield problem(f"a line needs {', '.join(sorted(_LINE_KEYS))}", "lines", number)
        elif not _is_date(row["checked_on"]):
            yield problem("`checked_on` must be a date like 2026-11-20, or null", "lines", number)
        elif not is_text(row["number"]):
            yield problem(f"`number: {row['number']}` must be a text; write it in quotes", "lines", number)
        elif not all(row["number"] in "\n".join(replies[lang].values()) for lang in LANGS):
            yield problem(f"no reply names {row['number']}; remove the line or name it", "lines", number)


def _sign_problems(document: Document, replies: set[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, row in enumerate(_rows(document.data["signs"])):
        line = document.line("signs", number)
        if not isinstance(row, dict) or set(row) != _SIGN_KEYS:
            yield Problem(document.path, line, f"a sign needs {', '.join(sorted(_SIGN_KEYS))}")
        elif not is_text(row["id"]) or not is_text(row["source"]):
            yield Problem(document.path, line, "`id` and `source` must be texts")
        elif row["kind"] not in KINDS:
            yield Problem(document.path, line, f"`kind` must be one of {', '.join(KINDS)}")
        elif not is_text(row["reply"]) or row["reply"] not in replies:
            yield Problem(document.path, line, f"`reply: {row['reply']}` is not among `replies`")
        elif row["id"] in seen:
            yield Problem(document.path, line, f"the sign `{row['id']}` stands here twice")
        elif not all(
            isinstance(row[lang], dict)
            and set(row[lang]) <= {"phrases", "alone", "unless"}
            and are_texts(row[lang].get("phrases"))
            and row[lang]["phrases"]
            and are_texts(row[lang].get("alone", []))
            and are_texts(row[lang].get("unless", []))
            for lang in LANGS
        ):
            yield Problem(
                document.path, line, "each language needs a list of `phrases`, and may have lists `alone` and `unless`"
            )
        seen.add(row["id"] if isinstance(row, dict) and isinstance(row.get("id"), str) else "")
    if document.data["signs"] == []:
        yield Problem(document.path, document.line("signs"), "`signs` must name the danger signs; it is empty")


def _rows(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _are_kinds(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(kind in KINDS for kind in value)


def is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def is_map(value: object) -> bool:
    return isinstance(value, dict) and all(map(is_text, value.values()))


def are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(is_text, value))


def by_language(value: object) -> bool:
    return isinstance(value, dict) and all(are_texts(value.get(lang)) for lang in LANGS)
