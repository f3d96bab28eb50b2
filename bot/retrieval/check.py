"""What is wrong across the library's files: links, flags, languages, stale and overdue texts, questions asked twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

import numpy as np
from rapidfuzz import fuzz, process

from bot.messages import LANGS, Lang
from bot.retrieval.articles import WEAKLY_COVERED, Article, digest
from bot.retrieval.folder import Knowledge
from bot.retrieval.lexical import words
from bot.retrieval.problems import Problem
from bot.retrieval.questions import OUTSIDE

# Likeness of two questions' sorted words, 0 to 100, from which they are worth a warning.
NEARLY_THE_SAME = 92


def check(knowledge: Knowledge, today: date | None = None, *, near: bool = True) -> list[Problem]:
    """Every problem that shows only when files are held against each other, in the order of paths and lines.

    Args:
        today: the day overdue reviews are measured by; by default, the machine's.
        near: also look for questions of two topics that are nearly the same, which takes seconds and only warns.
    """
    day = today or date.today()
    problems = [problem for article in knowledge.articles.values() for problem in _article(article, knowledge, day)]
    for article in knowledge.signed_copies.values():
        problems += _words(article, knowledge)
    problems += _same_questions(knowledge)
    problems += _near_questions(knowledge) if near else []
    problems += [
        Problem("calibration.yml", row.line, f"`{row.label}` has no article in `{row.lang}`; remove its questions")
        for row in knowledge.calibration
        if not row.label.startswith(OUTSIDE) and (row.label, row.lang) not in knowledge.articles
    ]
    problems += [
        Problem("redirects.yml", 0, f"`{old}` leads to `{new}`, which has no article")
        for old, new in knowledge.redirects.items()
        if all((new, lang) not in knowledge.articles for lang in LANGS)
    ]
    problems += [
        Problem("redirects.yml", 0, f"`{old}` is not retired: it still has an article")
        for old in knowledge.redirects
        if any((old, lang) in knowledge.articles for lang in LANGS)
    ]
    problems += [
        Problem("catalogue.yml", 0, f"`{topic}` has no article yet", "warning")
        for topic in knowledge.catalogue.topics
        if all((topic, lang) not in knowledge.articles for lang in LANGS)
    ]
    return sorted(problems)


def launch(knowledge: Knowledge) -> list[Problem]:
    """What people must still do before patients may use the bot, as warnings."""
    flags, clinic = knowledge.red_flags, knowledge.clinic
    left = [
        Problem("launch.yml", check.line, f"{check.what['ru']} / {check.what['en']}", "warning")
        for check in knowledge.launch
        if check.checked_on is None or not check.checked_by
    ]
    left += [
        Problem("red_flags.yml", 0, f"nobody has called {line.number} ({line.id}) and noted it", "warning")
        for line in flags.lines
        if line.checked_on is None or not line.checked_by
    ]
    unsigned = [article for article in knowledge.articles.values() if not article.signed(date.today())]
    if unsigned:
        left.append(Problem("articles", 0, f"{len(unsigned)} texts are not signed by a clinician", "warning"))
    unknown = [
        name for name in ("hours", "holidays", "phone", "site", "legal_name", "licence") if not getattr(clinic, name)
    ]
    left += [Problem("clinic.yml", 0, f"`{name}` is unknown", "warning") for name in unknown]
    return sorted(left)


def _article(article: Article, knowledge: Knowledge, today: date) -> Iterator[Problem]:
    path, keys = article.path, knowledge.lines[article.path].keys

    def error(key: str, message: str) -> Problem:
        return Problem(path, keys[key], message)

    def warning(key: str, message: str) -> Problem:
        return Problem(path, keys[key], message, "warning")

    if article.id not in knowledge.catalogue:
        yield error("id", f"`{article.id}` is not in catalogue.yml; add the topic there first")
        return
    topic = knowledge.catalogue[article.id]
    if article.category != topic.category:
        yield Problem(path, 0, f"must lie in articles/{topic.category}, where the catalogue has the topic")
    for flag in sorted(topic.flags - set(article.flags)):
        yield error("flags", f"lacks the flag `{flag}` of the catalogue; an article may add flags, not drop them")
    for key in article.sources:
        if key not in knowledge.sources:
            yield error("sources", f"the source `{key}` is not in sources.yml")
    for related in article.related:
        if related not in knowledge.catalogue:
            yield error("related", f"`related` names `{related}`, which is not in catalogue.yml")
        elif (related, article.lang) not in knowledge.articles:
            yield warning("related", f"`related` names `{related}`, which has no article yet")
        elif topic.nothing_for_sale and knowledge.catalogue[related].sells:
            yield error("related", f"`related` names `{related}`, but nothing may be sold under `{article.id}`")
    for lang in LANGS:
        if (article.id, lang) not in knowledge.articles:
            yield Problem(path, 0, f"has no twin in `{lang}` without errors; every topic speaks both languages")
    yield from _translation(article, knowledge)
    if article.reviewed_by is not None and article.reviewed_by not in knowledge.signers:
        yield error("reviewed_by", f"`reviewed_by: {article.reviewed_by}` is not in signers.yml")
    if article.reviewed_by is not None and article.reviewed_hash != article.hash:
        yield warning("reviewed_hash", "was changed since it was signed; it shows as unsigned")
    if today > article.review_by:
        yield warning("review_by", f"its review was due on {article.review_by}")
    if len(article.questions) < WEAKLY_COVERED:
        yield warning(
            "questions", f"is weakly covered: {len(article.questions)} questions, {WEAKLY_COVERED} are wanted"
        )
    yield from _words(article, knowledge)


def _translation(article: Article, knowledge: Knowledge) -> Iterator[Problem]:
    if article.translation_of is None:
        return
    line = knowledge.lines[article.path].keys["translation_of"]
    original = knowledge.articles.get((article.id, article.translation_of))
    if article.translation_of == article.lang:
        yield Problem(article.path, line, "`translation_of` names its own language")
    elif original is not None and article.source_hash != digest(original.body):
        command = f"mimika knowledge translated {article.id}.{article.lang}"
        yield Problem(
            article.path,
            line,
            f"is stale: {original.path} has changed; bring it up to date, then `{command}`",
            "warning",
        )


def _words(article: Article, knowledge: Knowledge) -> Iterator[Problem]:
    """Words no article may hold, each with its line."""
    lines = knowledge.lines[article.path]
    texts = [(lines.keys["title"], article.title)]
    texts += [(lines.body + number, text) for number, text in enumerate(article.body.split("\n"))]
    for line, text in texts:
        for row in knowledge.forbidden:
            match = row.pattern.search(text)
            if match is not None:
                yield Problem(article.path, line, f"says «{match[0]}»: {row.reason}")


def _asked(knowledge: Knowledge) -> Iterator[tuple[str, Lang, str, str, int]]:
    """Every question with its language, owner, path and line."""
    for article in knowledge.articles.values():
        lines = knowledge.lines[article.path].questions
        for question, line in zip(article.questions, lines, strict=True):
            yield question, article.lang, article.id, article.path, line
    for row in knowledge.outside:
        yield row.text, row.lang, f"outside.yml ({row.label})", "outside.yml", row.line


def _same_questions(knowledge: Knowledge) -> Iterator[Problem]:
    first: dict[tuple[str, ...], tuple[str, str]] = {}
    for question, lang, owner, path, line in _asked(knowledge):
        key = (lang, *words(question, lang))
        if len(key) == 1:
            key = (lang, question)
        known = first.setdefault(key, (owner, path))
        if known[0] != owner:
            yield Problem(path, line, f"«{question}» is also a question of {known[0]} ({known[1]}); keep one")


def _near_questions(knowledge: Knowledge) -> Iterator[Problem]:
    """Questions of two topics that are nearly the same; the winner is the topic whose other questions are nearer."""
    by_lang: dict[Lang, list[tuple[str, str, str, int]]] = defaultdict(list)
    for question, lang, owner, path, line in _asked(knowledge):
        by_lang[lang].append((" ".join(sorted(words(question, lang))), owner, path, line))
    for lang, rows in by_lang.items():
        texts = [text for text, *_ in rows]
        # Below the cutoff a likeness is 0 and costs little: there are millions of pairs.
        alike = process.cdist(texts, texts, scorer=fuzz.ratio, dtype=np.uint8, score_cutoff=NEARLY_THE_SAME, workers=-1)
        for one, two in np.argwhere(np.triu(alike, 1)):
            (text, owner, path, line), (other, rival, rival_path, rival_line) = rows[one], rows[two]
            if owner == rival or text == other:
                continue
            # The topic whose three nearest other questions are nearer to the pair.
            near = process.cdist([text, other], texts, scorer=fuzz.ratio, dtype=np.uint8).max(axis=0)
            nearness = {
                name: np.sort([near[n] for n, row in enumerate(rows) if row[1] == name and n not in (one, two)])[-3:]
                for name in (owner, rival)
            }
            winner = max(nearness, key=lambda name: float(np.sum(nearness[name])))
            message = f"nearly the same as {rival_path}:{rival_line} [{lang}]; {winner} would win"
            yield Problem(path, line, message, "warning")
