"""Fits kept between versions, by what they were fitted on: an edit that changes no question fits nothing anew.

DATA_DIR/fits/topics/<hash>/   the topic model with its confidence
DATA_DIR/fits/danger/<hash>/   the second net
Both hold the solution that the next fit starts from.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from bot.ports import Vectors
from bot.retrieval.articles import Passage, digest
from bot.retrieval.confidence import Confidence
from bot.retrieval.danger import DangerModel, danger_passages, fit_danger
from bot.retrieval.evidence import Fitted, Index
from bot.retrieval.questions import Labelled
from bot.retrieval.ridge import Solution
from bot.retrieval.sealing import FORMAT, is_whole, seal
from bot.retrieval.semantic import centred
from bot.retrieval.topics import TopicModel

# Share of the harmless questions that a fit of the second net must have in common with the library to be taken for it.
_SAME_CALM = 0.99
# Older fits kept beside the last one: an edit taken back finds its own again.
_KEPT = 3

Progress = Callable[[str, int, int], None]


def topics(
    found: Sequence[Passage],
    held_out: Sequence[Passage],
    raw: Vectors | None,
    encoder: str,
    data_dir: Path,
    progress: Progress,
) -> Fitted:
    """Fit the topics, or take the fit of the same questions.

    The confidence also saw the paragraphs, as they were when the questions last changed: they weigh little in it.
    """
    asked = [row for row in (*found, *held_out) if row.kind not in ("title", "paragraph")]
    kept = _place(data_dir, "topics", encoder, _plain(asked))
    if is_whole(kept):
        content = json.loads((kept / "fit.json").read_text(encoding="utf-8"))
        centre = None if content["centre"] is None else np.array(content["centre"], dtype=np.float32)
        near = None if raw is None or centre is None else centred(raw[: len(found)], centre)
        index = Index.build(found, TopicModel.load(kept / "topics"), near)
        return Fitted(index, Confidence.from_json(content["confidence"]), centre)
    # scikit-learn and SciPy take a second and 100 MB: only a build that fits pays for them.
    from bot.retrieval.fitting import fit

    fitted, solution = fit(found, held_out, raw, progress, _latest_solution(kept.parent))

    def write(folder: Path) -> None:
        fitted.index.model.save(folder / "topics")
        solution.save(folder / "solution.npz")
        centre_rows = None if fitted.centre is None else fitted.centre.tolist()
        content = {"confidence": fitted.confidence.to_json(), "centre": centre_rows}
        (folder / "fit.json").write_text(json.dumps(content), encoding="utf-8")

    _keep(kept, encoder, write)
    return fitted


def danger(
    examples: Sequence[Labelled],
    calm: Sequence[Passage],
    near: Callable[[Sequence[Passage]], Vectors],
    encoder: str,
    data_dir: Path,
) -> DangerModel:
    """Fit the second net, or take the last fit of the same examples among nearly the same questions.

    What danger is does not change with a question or two of the library: whoever edits one need not wait for that.

    Args:
        near: gives centred vectors of the examples' passages and of the calm ones, in that order; asked for a fit only.
    """
    said = digest("\n".join(f"{row.label} {row.lang} {row.text}" for row in examples))
    kept = _place(data_dir, "danger", encoder, [said, _plain(calm)])
    for known in [kept, *sorted(kept.parent.glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)]:
        if is_whole(known) and _is_of(known, encoder, said, calm):
            return DangerModel.load(known / "model")
    alarming = danger_passages(examples)
    model, solution = fit_danger(alarming, calm, near(alarming), _latest_solution(kept.parent))

    def write(folder: Path) -> None:
        model.save(folder / "model")
        solution.save(folder / "solution.npz")
        texts = [f"{row.lang} {row.text}" for row in calm]
        learnt = {"encoder": encoder, "examples": said, "calm": texts}
        (folder / "learnt.json").write_text(json.dumps(learnt, ensure_ascii=False), encoding="utf-8")

    _keep(kept, encoder, write)
    return model


def _is_of(known: Path, encoder: str, examples: str, calm: Sequence[Passage]) -> bool:
    """Whether a fit of the second net was made on these examples, by this encoder, among nearly these questions."""
    learnt = json.loads((known / "learnt.json").read_text(encoding="utf-8"))
    texts, before = {f"{row.lang} {row.text}" for row in calm}, set(learnt["calm"])
    same = len(texts & before) >= _SAME_CALM * max(len(texts), len(before))
    return same and (learnt["encoder"], learnt["examples"]) == (encoder, examples)


def _plain(rows: Sequence[Passage]) -> list[tuple[str, ...]]:
    return [(row.label, row.lang, row.kind, row.text) for row in rows]


def _place(data_dir: Path, kind: str, encoder: str, learnt: object) -> Path:
    return data_dir / "fits" / kind / digest(json.dumps([FORMAT, encoder, learnt], ensure_ascii=False))


def _keep(kept: Path, encoder: str, write: Callable[[Path], None]) -> None:
    """Put a fit in its place whole, or not at all; the oldest make room."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    for old in sorted(kept.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".fitting-", dir=kept.parent) as made:
        folder = Path(made) / "fit"
        folder.mkdir()
        write(folder)
        seal(folder, kept.name, encoder)
        shutil.rmtree(kept, ignore_errors=True)
        os.replace(folder, kept)


def _latest_solution(fits: Path) -> Solution | None:
    """The last solution, to start from; one that can't be read only costs time."""
    found = sorted(fits.glob("*/solution.npz"), key=lambda path: path.stat().st_mtime)
    try:
        return Solution.load(found[-1]) if found else None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
