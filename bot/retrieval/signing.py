"""Signing an article, and noting that a translation follows its original: both write one file's front matter."""

from __future__ import annotations

import os
import re
import tempfile
from datetime import date
from pathlib import Path

from bot.errors import KnowledgeError, MimikaError
from bot.retrieval.articles import Article, digest
from bot.retrieval.check import check
from bot.retrieval.documents import read_text
from bot.retrieval.folder import Knowledge, read_folder
from bot.retrieval.problems import Problem, errors


class SigningError(MimikaError):
    pass


def sign(root: Path, name: str, signer: str, today: date | None = None) -> str:
    """Sign `<id>.<lang>` as it stands; returns one sentence for the person who signed.

    A copy of the signed text goes to `signed/`, so that it can be served while a later change waits for its signature.

    Raises:
        KnowledgeError: the article has an error.
        SigningError: there is no such article or signer.
    """
    knowledge, article, path = _find(root, name)
    if signer not in knowledge.signers:
        known = ", ".join(knowledge.signers) or "nobody yet"
        raise SigningError(f"{signer} is not in signers.yml, which has {known}; add name and role there first.")
    wrong = [problem for problem in errors(check(knowledge)) if problem.path == article.path]
    if wrong:
        raise KnowledgeError(wrong)
    day = today or date.today()
    if article.review_by <= day:
        raise SigningError(f"{article.path}: `review_by` is {article.review_by}; set the next review date first.")
    fields = {"reviewed_by": signer, "reviewed_on": day.isoformat(), "reviewed_hash": f'"{article.hash}"'}
    text = _with_fields(path, root, fields)
    copy = root / "signed" / article.category / path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    _replace(copy, text)
    _replace(path, text)
    person = knowledge.signers[signer]
    return f"{article.path} is signed by {person.name} ({person.role}) on {day}."


def note_translation(root: Path, name: str) -> str:
    """Note in `<id>.<lang>` that it says what its original says now.

    Raises:
        SigningError: there is no such article, or it is no translation.
    """
    knowledge, article, path = _find(root, name)
    if article.translation_of is None:
        raise SigningError(f"{article.path} is no translation; give the one that has `translation_of`.")
    original = knowledge.articles.get((article.id, article.translation_of))
    if original is None:
        raise SigningError(f"{article.path}: its original has an error; `mimika knowledge check` says which.")
    _replace(path, _with_fields(path, root, {"source_hash": f'"{digest(original.body)}"'}))
    return f"{article.path} is up to date with {original.path}."


def _find(root: Path, name: str) -> tuple[Knowledge, Article, Path]:
    knowledge, problems = read_folder(root)
    if knowledge is None:
        raise KnowledgeError(errors(problems))
    for (topic, lang), article in knowledge.articles.items():
        if name == f"{topic}.{lang}":
            return knowledge, article, root / article.path
    wrong = [problem for problem in errors(problems) if Path(problem.path).name == f"{name}.md"]
    if wrong:
        raise KnowledgeError(wrong)
    raise SigningError(f"There is no article {name}; give its id and language, such as duration.ru.")


def _with_fields(path: Path, root: Path, fields: dict[str, str]) -> str:
    """The file's text with these front matter lines changed and everything else as it was."""
    text = read_text(root, path)
    if isinstance(text, Problem):
        raise KnowledgeError([text])
    head, line, rest = text[4:].partition("\n---")
    for key, value in fields.items():
        head, count = re.subn(rf"^{key}:.*$", f"{key}: {value}", head, flags=re.M)
        if not count:
            head += f"\n{key}: {value}"
    return f"---\n{head}{line}{rest}"


def _replace(path: Path, text: str) -> None:
    """Write in one step, so that the running bot never reads half a file."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".", delete=False, encoding="utf-8") as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
