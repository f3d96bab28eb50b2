"""The library's own questions, each decided by a library that was built without its paraphrase family."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bot.evaluation.verdicts import Verdict, judge
from bot.messages import Lang
from bot.ports import Encoder, TextKind, Vectors
from bot.retrieval import version
from bot.retrieval.articles import Passage
from bot.retrieval.families import families, folds
from bot.retrieval.fitting import fit
from bot.retrieval.folder import Knowledge
from bot.retrieval.lexical import Forms
from bot.retrieval.library import Library
from bot.retrieval.questions import OUTSIDE, Labelled
from bot.retrieval.vectors import vectors_of
from bot.retrieval.writing import essence, shorten

Progress = Callable[[str, int, int], None]
# A text in its language, as the library learns it.
Member = tuple[Lang, str]


@dataclass(frozen=True)
class CrossValidation:
    verdicts: tuple[Verdict, ...]
    families: int


def cross_validate(
    knowledge: Knowledge,
    examples: Sequence[version.Example],
    encoder: Encoder | None,
    data_dir: Path,
    count: int,
    progress: Progress = lambda *_: None,
) -> CrossValidation:
    """Decide every question of the articles and of outside.yml in `count` parts, as it is written.

    A family is left out of everything at once: the topic model, the centre, the indexes, the languages' letters,
    the confidence with its own inner parts, and the questions for calibration. Titles count as members, since a
    title may be a question's twin; paragraphs are never left out.

    Families hold one language only, so a question's translation stays while it is asked: patients' questions have
    no such twin, which makes these figures a little kind.
    """
    questions = [
        Passage(article.id, article.lang, "question", text)
        for article in knowledge.articles.values()
        for text in article.questions
    ]
    questions += [Passage(f"{OUTSIDE}{row.label}", row.lang, "outside", row.text) for row in knowledge.outside]
    members = [member_of(question.lang, question.text) for question in questions]
    others = [member_of(article.lang, article.title) for article in knowledge.articles.values()]
    others += [member_of(example.lang, example.text) for example in examples]
    others += [member_of(row.lang, row.text) for row in knowledge.calibration]
    families_found, part = parts([*members, *others], count)
    known = _remembering(knowledge, examples, encoder, data_dir)
    verdicts: list[Verdict] = []
    for fold in range(count):
        progress("cross-validation", fold, count)
        gone = {member for member, own in part.items() if own == fold}
        library = _library_without(gone, knowledge, examples, known, data_dir)
        verdicts += [judge(library, q) for q, member in zip(questions, members, strict=True) if member in gone]
    progress("cross-validation", count, count)
    return CrossValidation(tuple(verdicts), families_found)


def member_of(lang: Lang, text: str) -> Member:
    """A text as the library learns it: what differs in courtesies alone is one and the same."""
    return lang, essence(text)


def parts(members: Sequence[Member], count: int) -> tuple[int, dict[Member, int]]:
    """The number of families, and for each text the part in which its family is left out."""
    distinct = list(dict.fromkeys(members))
    family = families([(text, lang) for lang, text in distinct])
    return int(family.max()) + 1, dict(zip(distinct, folds(family, count).tolist(), strict=True))


def without(gone: Set[Member], knowledge: Knowledge) -> Knowledge:
    """The knowledge folder as if these questions had never been written; titles stay, for an article needs one."""

    def kept(rows: Sequence[Labelled]) -> tuple[Labelled, ...]:
        return tuple(row for row in rows if member_of(row.lang, row.text) not in gone)

    articles = {
        key: replace(article, questions=tuple(t for t in article.questions if member_of(article.lang, t) not in gone))
        for key, article in knowledge.articles.items()
    }
    # A topic that lost all its questions can't be learnt; it is as if it had no article.
    learnt = {article.id for article in articles.values() if article.questions}
    return replace(
        knowledge,
        articles={key: article for key, article in articles.items() if article.id in learnt},
        outside=kept(knowledge.outside),
        calibration=tuple(
            row for row in kept(knowledge.calibration) if row.label in learnt or row.label.startswith(OUTSIDE)
        ),
    )


def _library_without(
    gone: Set[Member],
    knowledge: Knowledge,
    examples: Sequence[version.Example],
    encoder: Encoder | None,
    data_dir: Path,
) -> Library:
    """The library that would be built without these texts."""
    knowledge = without(gone, knowledge)
    examples = [example for example in examples if member_of(example.lang, example.text) not in gone]
    found = [
        passage
        for passage in version.all_passages(knowledge, examples)
        if passage.kind != "title" or member_of(passage.lang, passage.text) not in gone
    ]
    calibration = version.calibration_passages(knowledge)
    raw = vectors_of([*found, *calibration], encoder, data_dir, lambda *_: None)
    fitted, _ = fit(found, calibration, raw)
    return Library(
        version="cross-validation",
        catalogue=knowledge.catalogue,
        articles=knowledge.articles,
        signed_copies=knowledge.signed_copies,
        sources=knowledge.sources,
        red_flags=knowledge.red_flags,
        limits=knowledge.limits,
        brands=knowledge.brands,
        redirects=knowledge.redirects,
        ordinary=frozenset(),
        forms=Forms(),
        danger=None,
        clinic=knowledge.clinic,
        wording=knowledge.wording,
        tongues=version.tongues(knowledge, examples),
        index=fitted.index,
        fitted=fitted.confidence,
        centre=fitted.centre,
        encoder=encoder,
    )


def _remembering(
    knowledge: Knowledge, examples: Sequence[version.Example], encoder: Encoder | None, data_dir: Path
) -> Encoder | None:
    everything = [*version.all_passages(knowledge, examples), *version.calibration_passages(knowledge)]
    raw = vectors_of(everything, encoder, data_dir, lambda *_: None)
    return None if encoder is None or raw is None else _Remembering(encoder, everything, raw)


class _Remembering:
    """An encoder that does not encode again what a build has encoded: most questions are read as they were written."""

    def __init__(self, encoder: Encoder, passages: Sequence[Passage], raw: Vectors) -> None:
        self._encoder = encoder
        self._known = {
            shorten(passage.text): vector
            for passage, vector in zip(passages, raw, strict=True)
            if passage.kind not in ("title", "paragraph")
        }
        self.name = encoder.name

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        if kind == "query" and texts and all(text in self._known for text in texts):
            return np.stack([self._known[text] for text in texts])
        return self._encoder.encode(texts, kind)
