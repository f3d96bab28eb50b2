"""The second net: how near a message is to examples of danger, by meaning and by letters.

It may only raise an alarm, never lower one. Without an encoder it does not exist: the first net then stands alone, and
alarms by phrases (`alone` in red_flags.yml) that are only hints to this one otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.messages import Lang
from bot.ports import Vectors
from bot.retrieval.articles import Passage
from bot.retrieval.questions import Labelled
from bot.retrieval.redflags import KINDS, DangerKind
from bot.retrieval.ridge import Solution, fit_topics
from bot.retrieval.topics import TopicModel
from bot.retrieval.writing import clean, essence, questions

# The label of everything that raises nothing.
_CALM = "calm"
_LANDMARKS = 2000
# A feature of one example alone tells it apart only from itself; 200,000 of them cost 40 MB where the bot runs.
_FEATURES_FROM = 2
# A shorter sentence of a harmless message says nothing by itself.
_SHORTEST_PART = 16
# How much a message must be of a kind before it alarms; `mimika evaluate safety` shows what each value catches and
# what it costs in false alarms.
ALARM_FROM: Mapping[DangerKind, float] = {"crisis": 0.45, "emergency": 0.40, "urgent": 0.53}
# Where words that are often harmless name the same kind of danger, less of its meaning is enough.
HINTED = 0.8


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A kind of danger, the sign it is most like, and how much the message is of that kind (about 0 to 1)."""

    kind: DangerKind
    sign: str
    score: float


@dataclass(frozen=True)
class DangerModel:
    """A topic model whose labels are `<kind>/<sign>` and `calm`."""

    model: TopicModel

    def suspects(
        self,
        text: str,
        lang: Lang,
        vector: Vectors | None,
        *,
        times: float = 1.0,
        hints: Collection[DangerKind] = (),
    ) -> Suspicion | None:
        """The danger a message seems to speak of, the likeliest kind first; None where it is calm enough.

        Args:
            vector: centred, shape (1, d), unit row.
            times: how many times as much of a kind as `ALARM_FROM` is needed.
            hints: kinds that the first net names without being sure of them.
        """
        scores = dict(zip(self.model.labels, self.model.scores(text, lang, vector).tolist(), strict=True))
        found = []
        for kind in KINDS:
            own = {label: score for label, score in scores.items() if label.startswith(f"{kind}/")}
            total = sum(own.values())
            needed = ALARM_FROM[kind] * times * (HINTED if kind in hints else 1.0)
            if own and total >= needed:
                sign = max(own, key=lambda label: own[label]).removeprefix(f"{kind}/")
                found.append((total / needed, Suspicion(kind, sign, total)))
        return max(found, key=lambda row: row[0])[1] if found else None

    def save(self, folder: Path) -> None:
        self.model.save(folder)

    @classmethod
    def load(cls, folder: Path) -> DangerModel:
        return cls(TopicModel.load(folder))


def danger_passages(examples: Iterable[Labelled]) -> list[Passage]:
    """The examples as texts to be encoded, labelled as the model knows them.

    A harmless message of several sentences teaches each of them as well: of reviews cut into sentences this halved the
    false alarms.
    """
    found = []
    for row in examples:
        label = row.label if row.label.split("/")[0] in KINDS else _CALM
        sentences = questions(clean(row.text)) if label == _CALM else []
        parts = [part for part in sentences if len(part) >= _SHORTEST_PART] if len(sentences) > 1 else []
        found += [Passage(label, row.lang, "danger", essence(text)) for text in (row.text, *parts)]
    return found


def fit_danger(
    examples: Sequence[Passage], calm: Sequence[Passage], vectors: Vectors, start: Solution | None = None
) -> tuple[DangerModel, Solution]:
    """Fit on the examples against everything ordinary (build time).

    Args:
        calm: the library's own questions, outside questions and the dialogue's examples.
        vectors: centred, of examples and calm texts in that order.
    """
    texts = [(passage.text, passage.lang) for passage in (*examples, *calm)]
    labels = [*(passage.label for passage in examples), *(_CALM for _ in calm)]
    model, solution = fit_topics(texts, labels, vectors, start, _LANDMARKS, _FEATURES_FROM)
    return DangerModel(model), solution
