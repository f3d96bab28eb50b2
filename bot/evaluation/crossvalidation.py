"""The library's own questions, each decided by a library that was built without its paraphrase family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.evaluation.verdicts import Verdict, judge
from bot.ports import Encoder, TextKind, Vectors
from bot.retrieval import version
from bot.retrieval.articles import Passage
from bot.retrieval.families import families, folds
from bot.retrieval.fitting import fit
from bot.retrieval.folder import Knowledge
from bot.retrieval.library import Library
from bot.retrieval.writing import shorten

Progress = Callable[[str, int, int], None]


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
    """Decide every question of the articles and of outside.yml in `count` parts.

    A family is left out of everything at once: the topic model, the centre, the indexes, the languages' letters,
    the confidence with its own inner parts, and the questions for calibration. Titles count as members, since a
    title may be a question's twin; paragraphs are never left out.

    Families hold one language only, so a question's translation stays while it is asked: patients' questions have
    no such twin, which makes these figures a little kind.
    """
    found = version.all_passages(knowledge, examples)
    everything = [*found, *version.calibration_passages(knowledge)]
    raw = version.vectors(everything, encoder, data_dir, lambda *_: None)
    known = None if encoder is None or raw is None else _Remembering(encoder, everything, raw)
    family, part = parts(everything, count)
    verdicts: list[Verdict] = []
    for fold in range(count):
        progress("cross-validation", fold, count)
        left_out = part == fold
        library = _library_without(left_out, knowledge, found, everything, raw, known)
        asked = [p for p, out in zip(found, left_out, strict=False) if out and p.kind in ("question", "outside")]
        verdicts += [judge(library, question) for question in asked]
    progress("cross-validation", count, count)
    return CrossValidation(tuple(verdicts), family)


def parts(everything: Sequence[Passage], count: int) -> tuple[int, npt.NDArray[np.int64]]:
    """The number of families, and for each passage the part in which it is left out; -1 for paragraphs."""
    rows = [row for row, passage in enumerate(everything) if passage.kind != "paragraph"]
    family = families([(everything[row].text, everything[row].lang) for row in rows])
    part = np.full(len(everything), -1, dtype=np.int64)
    part[rows] = folds(family, count)
    return int(family.max()) + 1, part


def _library_without(
    left_out: npt.NDArray[np.bool_],
    knowledge: Knowledge,
    found: Sequence[Passage],
    everything: Sequence[Passage],
    raw: Vectors | None,
    encoder: Encoder | None,
) -> Library:
    """The library that would be built if these passages and calibration questions had never been written."""
    texts = ("title", "paragraph")
    learnt = {p.label for p, out in zip(found, left_out, strict=False) if not out and p.kind not in texts}
    # A topic that lost all its questions can't be learnt; it is as if it had no article.
    kept = np.array([not out and p.label in learnt for p, out in zip(everything, left_out, strict=True)])
    size = len(found)
    fitted = fit(
        [p for p, keep in zip(found, kept[:size], strict=True) if keep],
        [p for p, keep in zip(everything[size:], kept[size:], strict=True) if keep],
        None if raw is None else raw[kept],
    )
    gone = {(p.lang, p.text) for p, out in zip(everything, left_out, strict=True) if out}
    articles = {
        key: replace(article, questions=tuple(text for text in article.questions if (article.lang, text) not in gone))
        for key, article in knowledge.articles.items()
    }
    return Library(
        version="cross-validation",
        catalogue=knowledge.catalogue,
        articles=articles,
        signed_copies=knowledge.signed_copies,
        sources=knowledge.sources,
        red_flags=knowledge.red_flags,
        clinic=knowledge.clinic,
        wording=knowledge.wording,
        tongues=version.tongues(replace(knowledge, articles=articles)),
        index=fitted.index,
        fitted=fitted.confidence,
        centre=fitted.centre,
        encoder=encoder,
    )


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
