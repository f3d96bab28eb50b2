"""The topics a release must cover, with the least flags each carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.retrieval.articles import FLAGS
from bot.retrieval.documents import Document
from bot.retrieval.problems import Problem

# Flags under which nothing may be sold: no booking, price or offer button (design.md, promise 3).
NOTHING_FOR_SALE_FLAGS = frozenset({"mood", "urgent"})
# Topics under which nothing may be sold although their flags don't say so: pregnancy and under 18.
NOTHING_FOR_SALE_TOPICS = frozenset({"pregnancy-breastfeeding", "pregnancy-after-injection", "minors"})


@dataclass(frozen=True, slots=True)
class Topic:
    """`boundary` says which neighbour a question belongs to instead."""

    id: str
    category: str
    flags: frozenset[str]
    covers: str
    boundary: str

    @property
    def sells(self) -> bool:
        """Speaks of a price, an offer or a booking."""
        return "commercial" in self.flags

    @property
    def nothing_for_sale(self) -> bool:
        return bool(self.flags & NOTHING_FOR_SALE_FLAGS) or self.id in NOTHING_FOR_SALE_TOPICS


@dataclass(frozen=True, slots=True)
class Catalogue:
    topics: Mapping[str, Topic]

    def __contains__(self, topic: str) -> bool:
        return topic in self.topics

    def __getitem__(self, topic: str) -> Topic:
        return self.topics[topic]

    def categories(self) -> Sequence[str]:
        return list(dict.fromkeys(topic.category for topic in self.topics.values()))


def parse_catalogue(document: Document) -> tuple[Catalogue, list[Problem]]:
    topics: dict[str, Topic] = {}
    problems = list(_read(document, topics))
    return Catalogue(topics), problems


def parse_redirects(document: Document) -> tuple[Mapping[str, str] | None, list[Problem]]:
    """Retired topic ids with the ids that answer instead."""
    data = {} if document.data is None else document.data
    if not isinstance(data, dict) or not all(isinstance(key, str) and isinstance(to, str) for key, to in data.items()):
        return None, [Problem(document.path, 1, "must map retired ids to the ids that answer instead")]
    return data, []


def _read(document: Document, topics: dict[str, Topic]) -> Iterator[Problem]:
    if not isinstance(document.data, dict):
        yield Problem(document.path, 1, "must map each category to its topics")
        return
    for category, rows in document.data.items():
        if not isinstance(rows, list):
            yield Problem(document.path, document.line(category), f"`{category}` must be a list of topics")
            continue
        for number, row in enumerate(rows):
            line = document.line(category, number)
            if not isinstance(row, dict) or not isinstance(row.get("id"), str):
                yield Problem(document.path, line, "a topic needs an `id`")
            elif not isinstance(row.get("flags"), list) or not set(row["flags"]) <= set(FLAGS):
                yield Problem(document.path, line, f"`flags` of {row['id']} must be a list of {', '.join(FLAGS)}")
            elif row["id"] in topics:
                yield Problem(document.path, line, f"the topic `{row['id']}` stands here twice")
            else:
                topics[row["id"]] = Topic(
                    row["id"], category, frozenset(row["flags"]), str(row.get("covers", "")), str(row.get("not", ""))
                )
