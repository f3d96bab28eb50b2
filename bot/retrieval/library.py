"""The library as the conversation sees it: what a question is about, and the article that answers it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from bot.messages import Lang
from bot.ports import Encoder, Vectors
from bot.retrieval import confidence
from bot.retrieval.articles import Article
from bot.retrieval.catalogue import Catalogue
from bot.retrieval.clinic import Clinic
from bot.retrieval.confidence import Confidence, Decision
from bot.retrieval.danger import DangerModel, Suspicion
from bot.retrieval.evidence import Index
from bot.retrieval.lexical import Forms, words
from bot.retrieval.limits import Limits
from bot.retrieval.redflags import DangerKind, RedFlags
from bot.retrieval.references import Source
from bot.retrieval.semantic import centred
from bot.retrieval.writing import Reading, Tongues, clean, essence, shorten
from bot.wording import Wording


@dataclass(frozen=True, slots=True)
class Hit:
    """A topic id or `intent/<name>` with the probability that it answers the question."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Found:
    """Hits best first, what to do with them, and what else the question was near to.

    `outside` is the kind of outside question it looks like most, if that is likelier than any topic.
    """

    hits: tuple[Hit, ...]
    decision: Decision
    outside: str | None


class Library:
    """One library version, loaded; immutable, so that a turn sees one version from its beginning to its end."""

    def __init__(
        self,
        version: str,
        catalogue: Catalogue,
        articles: Mapping[tuple[str, Lang], Article],
        signed_copies: Mapping[tuple[str, Lang], Article],
        sources: Mapping[str, Source],
        red_flags: RedFlags,
        limits: Limits,
        brands: Sequence[str],
        redirects: Mapping[str, str],
        ordinary: frozenset[tuple[Lang, str]],
        forms: Forms,
        danger: DangerModel | None,
        clinic: Clinic,
        wording: Mapping[Lang, Mapping[str, str]],
        tongues: Tongues,
        index: Index,
        fitted: Confidence,
        centre: Vectors | None,
        encoder: Encoder | None,
    ) -> None:
        self.version = version
        self.catalogue = catalogue
        self.sources = sources
        self.red_flags = red_flags
        self.limits = limits
        self._redirects = redirects
        self.ordinary = ordinary
        self.forms = forms
        self._brands = re.compile(rf"\b(?:{'|'.join(map(re.escape, brands))})", re.IGNORECASE) if brands else None
        self._danger = danger
        self.clinic = clinic
        self.encoder = encoder
        self._articles = articles
        self._signed_copies = signed_copies
        self._wording = wording
        self._tongues = tongues
        self._index = index
        self._confidence = fitted
        self._centre = centre
        # One turn reads the same text for danger and for its topic.
        self._vector = lru_cache(maxsize=64)(self._encoded)
        self._reading = lru_cache(maxsize=64)(self._read)
        self._flags = lru_cache(maxsize=None)(self._all_flags)

    @cached_property
    def _answerable(self) -> npt.NDArray[np.bool_]:
        """Which labels a reply can be given for; one for what must not be answered leads to none."""
        return np.array([not label.startswith("outside/") for label in self._index.labels])

    @cached_property
    def wording(self) -> Wording:
        return Wording(self._wording, {lang: self.clinic.facts(lang) for lang in self._wording})

    def article(self, topic: str, lang: Lang) -> Article | None:
        """The article as staff keep it now, signed or not."""
        return self._articles.get((topic, lang))

    def signed_article(self, topic: str, lang: Lang, today: date) -> Article | None:
        """The text a clinician stands for: the article itself if signed, else the copy kept at its last signing."""
        for found in (self._articles.get((topic, lang)), self._signed_copies.get((topic, lang))):
            if found is not None and found.signed(today):
                return found
        return None

    def flags(self, topic: str) -> frozenset[str]:
        """The catalogue's least flags with those the articles of either language add, or did when they were signed."""
        return self._flags(topic)

    def _all_flags(self, topic: str) -> frozenset[str]:
        kept = (*self._articles.values(), *self._signed_copies.values())
        own = (article.flags for article in kept if article.id == topic)
        return self.catalogue[topic].flags.union(*own) if topic in self.catalogue else frozenset().union(*own)

    def names_brand(self, text: str) -> bool:
        """Whether a text holds a brand name, in any form."""
        return self._brands is not None and self._brands.search(text) is not None

    def current_id(self, topic: str) -> str:
        """The topic's id, or the id that answers instead of a retired one."""
        return self._redirects.get(topic, topic)

    def topics(self, lang: Lang, category: str | None = None) -> Sequence[Article]:
        """The articles there are in a language, in the catalogue's order."""
        return [
            self._articles[topic.id, lang]
            for topic in self.catalogue.topics.values()
            if (topic.id, lang) in self._articles and category in (None, topic.category)
        ]

    def read(self, text: str, habit: Lang | None = None, only: Lang | None = None) -> Reading:
        """Clean a message and decide its language; see `Tongues.read`."""
        return self._reading(text, habit, only)

    def _read(self, text: str, habit: Lang | None, only: Lang | None) -> Reading:
        return self._tongues.read(clean(text), habit, only)

    def search(self, reading: Reading) -> list[Hit]:
        """What the question may be about, best first; probabilities sum to at most 1."""
        return list(self.find(reading).hits)

    def find(self, reading: Reading, ask: Literal["all"] | Sequence[str] = "all") -> Found:
        """Search and decide. `ask` limits the search to some labels, as when they were just offered."""
        text = essence(shorten(reading.text))
        vector = self._vector(text)
        evidence = self._index.evidence(text, reading.lang, vector)
        labels = self._index.labels
        allowed = self._answerable
        if ask != "all":
            allowed = allowed & np.array([label in ask for label in labels])
        chosen = confidence.candidates(evidence, allowed)
        rows = confidence.features(evidence, chosen, self._answerable, len(words(text, reading.lang)))
        probabilities = self._confidence.probabilities(rows)
        order = np.argsort(-probabilities, kind="stable")
        hits = [Hit(labels[chosen[place]], float(probabilities[place])) for place in order]
        hits = _joined(hits)
        decision = self._confidence.decide([(hit.label, hit.probability) for hit in hits])
        best = labels[int(np.argmax(evidence.model))]
        return Found(tuple(hits), decision, best.removeprefix("outside/") if best.startswith("outside/") else None)

    @property
    def listens(self) -> bool:
        """Whether there is a second net."""
        return self._danger is not None and self.encoder is not None

    def suspects(self, reading: Reading, *, times: float = 1.0, hints: Collection[DangerKind] = ()) -> Suspicion | None:
        """The danger that a message seems to speak of, by the second net; see `DangerModel.suspects`."""
        if self._danger is None or self.encoder is None:
            return None
        text = essence(shorten(reading.text))
        return self._danger.suspects(text, reading.lang, self._vector(text), times=times, hints=hints)

    def _encoded(self, text: str) -> Vectors | None:
        if self.encoder is None or self._centre is None:
            return None
        return centred(self.encoder.encode([text], "query"), self._centre)


def _joined(hits: Sequence[Hit]) -> list[Hit]:
    """Hits with the probability of kin given to the likelier of the two, best first."""
    known = {hit.label: hit.probability for hit in hits}
    joined = []
    for hit in hits:
        kin = known.get(confidence.KIN.get(hit.label, ""), 0.0)
        if kin <= hit.probability:
            joined.append(Hit(hit.label, min(1.0, hit.probability + kin)))
    return sorted(joined, key=lambda hit: -hit.probability)
