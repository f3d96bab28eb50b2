"""The knowledge folder as one value: everything staff keep, read file by file."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bot.messages import LANGS, Lang
from bot.retrieval.articles import Article, parse
from bot.retrieval.catalogue import Catalogue, parse_catalogue, parse_redirects
from bot.retrieval.clinic import Clinic, parse_clinic
from bot.retrieval.documents import Document, parse_yaml, read_text
from bot.retrieval.launch import LaunchCheck, parse_launch
from bot.retrieval.limits import Limits, parse_brands, parse_limits
from bot.retrieval.problems import Problem
from bot.retrieval.questions import Labelled, parse_calibration, parse_danger, parse_outside
from bot.retrieval.redflags import RedFlags, parse_red_flags
from bot.retrieval.references import Signer, Source, parse_signers, parse_sources
from bot.wording import Phrase

T = TypeVar("T")

# Names a fixed text may use in braces; `list` and the rest are filled by the program.
PLACEHOLDERS = frozenset({"clinic", "address", "question", "title", "category", "list", "topics"})

_FILES = ("*.yml", "wording/*.yml", "articles/*/*.md", "signed/*/*.md")


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Words no article may hold, with the reason staff read."""

    pattern: re.Pattern[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the parts of an article stand in its file, counted from 1."""

    keys: Mapping[str, int]
    questions: tuple[int, ...]
    body: int


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that staff keep.

    `signed_copies` are the texts as they were last signed; `lines` says by an article's path where things stand.
    """

    catalogue: Catalogue
    articles: Mapping[tuple[str, Lang], Article]
    signed_copies: Mapping[tuple[str, Lang], Article]
    sources: Mapping[str, Source]
    signers: Mapping[str, Signer]
    clinic: Clinic
    wording: Mapping[Lang, Mapping[str, str]]
    outside: tuple[Labelled, ...]
    calibration: tuple[Labelled, ...]
    red_flags: RedFlags
    limits: Limits
    brands: tuple[str, ...]
    redirects: Mapping[str, str]
    launch: tuple[LaunchCheck, ...]
    danger_examples: tuple[Labelled, ...]
    danger_phrases: tuple[Labelled, ...]
    forbidden: tuple[Forbidden, ...]
    lines: Mapping[str, Lines]


def files(root: Path) -> list[Path]:
    """The files that make the library, sorted; editors' backups and hidden files are none of them."""
    found = (path for pattern in _FILES for path in root.glob(pattern))
    return sorted(path for path in found if not path.name.startswith((".", "~")))


def fingerprint(root: Path) -> str:
    """Hash of every file's name and content: changes when staff change anything; 16 hex digits."""
    total = hashlib.sha256()
    for path in files(root):
        total.update(path.relative_to(root).as_posix().encode() + b"\0")
        try:
            content = path.read_bytes()
        except OSError:
            content = b""  # `read_folder` names the file that can't be read
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()[:16]


def read_folder(root: Path) -> tuple[Knowledge | None, list[Problem]]:
    """Read the whole folder and name every problem found on the way.

    There is a Knowledge, without the articles that have an error, unless one of the files all others need
    (catalogue, sources, clinic, wording...) can't be used.
    """
    if not root.is_dir():
        return None, [Problem(root.name, 0, f"there is no folder {root}; set KNOWLEDGE_DIR to the clinic's library")]
    problems: list[Problem] = []

    def read(name: str, parser: Callable[[Document], tuple[T, list[Problem]]]) -> T | None:
        path = root / name
        if not path.is_file():
            problems.append(Problem(name, 0, "the file is missing"))
            return None
        text = read_text(root, path)
        document = parse_yaml(text, name) if isinstance(text, str) else text
        if isinstance(document, Problem):
            problems.append(document)
            return None
        value, found = parser(document)
        problems.extend(found)
        return value

    catalogue = read("catalogue.yml", parse_catalogue)
    sources = read("sources.yml", parse_sources)
    signers = read("signers.yml", parse_signers)
    clinic = read("clinic.yml", parse_clinic)
    outside = read("outside.yml", parse_outside)
    calibration = read("calibration.yml", parse_calibration)
    red_flags = read("red_flags.yml", parse_red_flags)
    limits = read("limits.yml", parse_limits)
    brands = read("brands.yml", parse_brands)
    redirects = read("redirects.yml", parse_redirects)
    launch = read("launch.yml", parse_launch)
    danger_examples = read("danger_examples.yml", parse_danger)
    danger_phrases = read("danger_phrases.yml", parse_danger)
    forbidden = read("forbidden.yml", _parse_forbidden)
    wording = {lang: read(f"wording/{lang}.yml", _parse_wording) for lang in LANGS}
    articles, lines = _read_articles(root, "articles", problems)
    signed, signed_lines = _read_articles(root, "signed", problems)
    lines |= signed_lines
    if not articles and not any(problem.path.startswith("articles/") for problem in problems):
        problems.append(Problem("articles", 0, "there are no articles; each is articles/<category>/<id>.<lang>.md"))
    texts = {lang: found for lang, found in wording.items() if found is not None}
    if (
        catalogue is None or sources is None or signers is None or clinic is None or outside is None
        or calibration is None or red_flags is None or forbidden is None
        or limits is None or brands is None or redirects is None or launch is None
        or danger_examples is None or danger_phrases is None
        or len(texts) < len(LANGS)
    ):  # fmt: skip
        return None, sorted(problems)
    return (
        Knowledge(
            catalogue=catalogue,
            articles=articles,
            signed_copies=signed,
            sources=sources,
            signers=signers,
            clinic=clinic,
            wording=texts,
            outside=outside,
            calibration=calibration,
            red_flags=red_flags,
            limits=limits,
            brands=brands,
            redirects=redirects,
            launch=launch,
            danger_examples=danger_examples,
            danger_phrases=danger_phrases,
            forbidden=forbidden,
            lines=lines,
        ),
        sorted(problems),
    )


def _read_articles(
    root: Path, folder: str, problems: list[Problem]
) -> tuple[dict[tuple[str, Lang], Article], dict[str, Lines]]:
    articles: dict[tuple[str, Lang], Article] = {}
    lines: dict[str, Lines] = {}
    for path in files(root):
        name = path.relative_to(root).as_posix()
        if not name.startswith(f"{folder}/"):
            continue
        text = read_text(root, path)
        if isinstance(text, Problem):
            problems.append(text)
            continue
        article, found = parse(text, name)
        problems.extend(found)
        if article is None:
            continue
        twin = articles.setdefault((article.id, article.lang), article)
        if twin is not article:
            problems.append(Problem(name, 2, f"the id `{article.id}` is also in {twin.path}; keep one of the two"))
        lines[name] = _lines(text)
    return articles, lines


def _lines(text: str) -> Lines:
    """Where things stand in an article that is known to be sound."""
    head, body = re.split(r"^---[ \t]*$", text, maxsplit=2, flags=re.M)[1:]
    found = parse_yaml(head, "", first_line=1)
    assert isinstance(found, Document)
    before = text[: len(text) - len(body.lstrip("\n -"))].count("\n")
    return Lines(
        {key: found.line(key) for key in found.data},
        tuple(found.line("questions", number) for number in range(len(found.data["questions"]))),
        before + 1,
    )


def _parse_forbidden(document: Document) -> tuple[tuple[Forbidden, ...], list[Problem]]:
    rows: list[Forbidden] = []
    problems: list[Problem] = []
    for number, row in enumerate(document.data if isinstance(document.data, list) else []):
        try:
            rows.append(Forbidden(re.compile(row["pattern"], re.IGNORECASE), row["reason"]))
        except (re.error, KeyError, TypeError) as error:
            problems.append(Problem(document.path, document.line(number), f"needs `pattern` and `reason` ({error})"))
    if not rows and not problems:
        problems.append(Problem(document.path, 1, "must be a list of rows with `pattern` and `reason`"))
    return tuple(rows), problems


def _parse_wording(document: Document) -> tuple[dict[str, str], list[Problem]]:
    texts: dict[str, str] = {}
    problems = list(_read_wording(document, texts))
    return texts, problems


def _read_wording(document: Document, texts: dict[str, str]) -> Iterator[Problem]:
    sections = document.data if isinstance(document.data, dict) else {}
    for section, rows in sections.items():
        for name, text in (rows if isinstance(rows, dict) else {}).items():
            key, line = f"{section}.{name}", document.line(section, name)
            if key not in list(Phrase):
                yield Problem(document.path, line, f"`{key}` is no phrase the program knows; remove it")
            elif not isinstance(text, str) or not text.strip():
                yield Problem(document.path, line, f"`{key}` must be a text")
            else:
                texts[key] = text.strip()
                yield from _placeholder_problems(document.path, line, key, text)
    for phrase in Phrase:
        if phrase not in texts:
            yield Problem(document.path, 1, f"the phrase `{phrase}` is missing")


def _placeholder_problems(path: str, line: int, key: str, text: str) -> Iterator[Problem]:
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        names = {""}
    for name in sorted(names - PLACEHOLDERS):
        yield Problem(path, line, f"`{key}` uses {{{name}}}; known are {', '.join(sorted(PLACEHOLDERS))}")
