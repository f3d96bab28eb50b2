"""Markdown -> Article -> Passage; the front matter is checked here, one article at a time."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Any, Literal

from bot.messages import LANGS, Lang
from bot.retrieval.documents import Document, parse_yaml
from bot.retrieval.problems import Problem
from bot.retrieval.writing import essence

FLAGS = ("mood", "medical", "commercial", "clinic", "urgent", "watch")
GRADES = ("strong", "moderate", "weak", "expert", "none")
MORE_HEADING: dict[Lang, str] = {"ru": "Подробнее", "en": "More"}

# A phone screen shows about this much without scrolling (design.md, section 3).
ANSWER_LIMIT = 600
# Telegram cuts a button's title at about this width on a small phone.
TITLE_LIMIT = 40
# A topic with fewer questions than this can't be found reliably and must not go live ...
FEWEST_QUESTIONS = 5
# ... and with fewer than this it goes live, marked as weakly covered.
WEAKLY_COVERED = 15

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)---[ \t]*(?:\n|\Z)", re.S)
_CITATION = re.compile(r"\s*\[((?:@[\w-]+)(?:\s*[;,]\s*@[\w-]+)*)\]")

_REQUIRED = (
    "id", "lang", "title", "questions", "flags", "evidence", "sources", "related",
    "reviewed_by", "reviewed_on", "reviewed_hash", "review_by",
)  # fmt: skip
_OPTIONAL = ("translation_of", "source_hash")


@dataclass(frozen=True, slots=True)
class Article:
    """One topic in one language.

    `answer` (the first paragraph) and `more` are Markdown without citation marks; `body` is as written.
    `flags` are the article's own: `Catalogue.flags` adds the topic's.
    """

    id: str
    lang: Lang
    category: str
    title: str
    questions: tuple[str, ...]
    flags: tuple[str, ...]
    evidence: str
    sources: tuple[str, ...]
    related: tuple[str, ...]
    reviewed_by: str | None
    reviewed_on: date | None
    reviewed_hash: str | None
    review_by: date
    translation_of: Lang | None
    source_hash: str | None
    body: str
    answer: str
    more: str
    path: str

    @property
    def hash(self) -> str:
        """What a clinician signs: id, lang, title, flags, evidence, sources and body; 16 hex digits."""
        signed = [self.id, self.lang, self.title, sorted(self.flags), self.evidence, sorted(self.sources), self.body]
        return digest(json.dumps(signed, ensure_ascii=False))

    def signed(self, today: date) -> bool:
        """Signed by a clinician, unchanged since, and not past its review date."""
        return self.reviewed_by is not None and self.reviewed_hash == self.hash and today <= self.review_by


PassageKind = Literal["question", "title", "paragraph", "outside", "intent", "danger"]


@dataclass(frozen=True, slots=True)
class Passage:
    """One piece of text that can be found; `label` says what finding it means.

    A label is a topic id, `outside/<kind>` or `intent/<name>`.
    """

    label: str
    lang: Lang
    kind: PassageKind
    text: str


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def passages(article: Article) -> Iterator[Passage]:
    """Everything of an article that is indexed: questions, title, paragraphs."""
    for question in article.questions:
        yield Passage(article.id, article.lang, "question", essence(question))
    yield Passage(article.id, article.lang, "title", article.title)
    for paragraph in [article.answer, *article.more.split("\n\n")]:
        if paragraph.strip():
            yield Passage(article.id, article.lang, "paragraph", f"{article.title}. {paragraph.strip()}")


def without_citations(text: str) -> str:
    return _CITATION.sub("", text).strip()


def citations(text: str) -> list[tuple[str, int]]:
    """Every cited key with the number of newlines before it, in order."""
    return [
        (key.strip().removeprefix("@"), text[: match.start(1)].count("\n"))
        for match in _CITATION.finditer(text)
        for key in re.split(r"[;,]", match[1])
    ]


def parse(text: str, path: str) -> tuple[Article | None, list[Problem]]:
    """Read one article file; `path` is `articles/<category>/<id>.<lang>.md`.

    Returns the article, or None when it has an error, and every problem found in it.
    """
    match = _FRONT_MATTER.match(text)
    if match is None:
        return None, [Problem(path, 1, "must begin with a front matter between two lines `---`")]
    head = parse_yaml(match[1], path, first_line=2)
    if isinstance(head, Problem):
        return None, [head]
    if not isinstance(head.data, dict):
        return None, [Problem(path, 2, "the front matter must be a list of `key: value` lines")]
    body = text[match.end() :].strip("\n")
    body_line = text[: match.end()].count("\n") + 1 + _blank_lines_before(text[match.end() :])
    problems = [*_head_problems(head, path)]
    if problems:
        return None, problems
    data = head.data
    lang: Lang = data["lang"]
    answer, more, body_problems = _split_body(body, lang, path, body_line)
    problems += body_problems
    problems += _citation_problems(head, body, path, body_line)
    if any(problem.level == "error" for problem in problems):
        return None, problems
    return (
        Article(
            id=data["id"],
            lang=lang,
            category=PurePosixPath(path).parent.name,
            title=data["title"].strip(),
            questions=tuple(question.strip() for question in data["questions"]),
            flags=tuple(data["flags"]),
            evidence=data["evidence"],
            sources=tuple(data["sources"]),
            related=tuple(data["related"]),
            reviewed_by=data["reviewed_by"],
            reviewed_on=data["reviewed_on"],
            reviewed_hash=data["reviewed_hash"],
            review_by=data["review_by"],
            translation_of=data.get("translation_of"),
            source_hash=data.get("source_hash"),
            body=body,
            answer=without_citations(answer),
            more=without_citations(more),
            path=path,
        ),
        problems,
    )


def _blank_lines_before(text: str) -> int:
    return len(text) - len(text.lstrip("\n"))


def _head_problems(head: Document, path: str) -> Iterator[Problem]:
    """Everything that the front matter alone can have wrong."""
    data: dict[str, Any] = head.data
    for key in _REQUIRED:
        if key not in data:
            yield Problem(path, 1, f"the front matter lacks `{key}`")
    for key in data:
        if key not in (*_REQUIRED, *_OPTIONAL):
            yield Problem(path, head.line(key), f"unknown key `{key}`; known are {', '.join(_REQUIRED + _OPTIONAL)}")
    expected = PurePosixPath(path).name.split(".")
    if len(expected) != 3 or expected[2] != "md":
        yield Problem(path, 0, "must be named <id>.<lang>.md")
    for key, wanted in zip(("id", "lang"), expected, strict=False):
        if key in data and data[key] != wanted:
            yield Problem(path, head.line(key), f"`{key}: {data[key]}` must agree with the file's name ({wanted})")
    checks: list[tuple[str, Callable[[Any], bool], str]] = [
        ("lang", lambda value: value in LANGS, f"must be one of {', '.join(LANGS)}"),
        ("title", _is_text, "must be a text"),
        ("questions", _are_texts, "must be a list of texts (quote a text with a colon)"),
        ("flags", lambda value: _are_in(value, FLAGS), f"must be a list of {', '.join(FLAGS)}"),
        ("evidence", lambda value: value in GRADES, f"must be one of {', '.join(GRADES)}"),
        ("sources", _are_texts, "must be a list of keys of sources.yml"),
        ("related", _are_texts, "must be a list of topic ids"),
        ("reviewed_by", lambda value: value is None or _is_text(value), "must be a key of signers.yml or null"),
        ("reviewed_on", lambda value: value is None or _is_date(value), "must be a date or null"),
        ("reviewed_hash", lambda value: value is None or _is_text(value), "must be a text or null"),
        ("review_by", _is_date, "must be a date such as 2027-05-21"),
        ("translation_of", lambda value: value in (None, *LANGS), f"must be one of {', '.join(LANGS)}"),
        ("source_hash", lambda value: value is None or _is_text(value), "must be a text or null"),
    ]
    for key, is_fine, reason in checks:
        if key in data and not is_fine(data[key]):
            yield Problem(path, head.line(key), f"`{key}` {reason}")
    if _is_text(data.get("title")) and len(data["title"].strip()) > TITLE_LIMIT:
        yield Problem(path, head.line("title"), f"`title` is longer than {TITLE_LIMIT} characters")
    if _are_texts(data.get("questions")):
        count = len(data["questions"])
        if count < FEWEST_QUESTIONS:
            yield Problem(path, head.line("questions"), f"{count} questions; at least {FEWEST_QUESTIONS} are needed")


def _split_body(body: str, lang: Lang, path: str, line: int) -> tuple[str, str, list[Problem]]:
    heading = f"## {MORE_HEADING[lang]}"
    before, found, more = body.partition(f"\n{heading}\n")
    answer = before.strip()
    problems = []
    if not answer or answer.startswith("#"):
        problems.append(Problem(path, line, "must begin with a first paragraph: the answer itself"))
    if "\n\n" in answer:
        second = line + answer[: answer.index("\n\n")].count("\n") + 2
        problems.append(Problem(path, second, f"only one paragraph may stand before `{heading}`"))
    if not found or not more.strip():
        problems.append(Problem(path, line + body.count("\n"), f"the section `{heading}` is missing or empty"))
    length = len(without_citations(answer))
    if length > ANSWER_LIMIT:
        problems.append(Problem(path, line, f"the first paragraph has {length} characters; at most {ANSWER_LIMIT}"))
    for number, text in enumerate(body.split("\n")):
        if text.startswith("#") and text.strip() != heading:
            problems.append(Problem(path, line + number, f"the only heading may be `{heading}`"))
        if re.search(r"<[a-zA-Z/!]|\]\(|^\|", text):
            problems.append(Problem(path, line + number, "no HTML, links or tables in an article"))
    return answer, more, problems


def _citation_problems(head: Document, body: str, path: str, line: int) -> Iterator[Problem]:
    listed: Sequence[str] = head.data["sources"]
    cited = citations(body)
    for key, number in cited:
        if key not in listed:
            yield Problem(path, line + number, f"[@{key}] is cited but not listed in `sources`")
    for key in listed:
        if key not in {cited_key for cited_key, _ in cited}:
            yield Problem(path, head.line("sources"), f"`{key}` is listed in `sources` but never cited")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(_is_text(item) for item in value)


def _are_in(value: object, allowed: Sequence[str]) -> bool:
    return isinstance(value, list) and all(item in allowed for item in value)


def _is_date(value: object) -> bool:
    return type(value) is date
