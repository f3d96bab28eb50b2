"""The clinic's own facts; what staff have not written is unknown and nothing is invented in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.messages import LANGS, Lang
from bot.retrieval.documents import Document
from bot.retrieval.problems import Problem

_KEYS = ("name", "address", "time_zone", "hours", "holidays", "phone", "site", "legal_name", "licence", "price")
_PRICE_KEYS = {"text", "source", "published_on"}


@dataclass(frozen=True, slots=True)
class Clinic:
    """None is unknown. `address` and `price` are by language; `price_source` says where it was published."""

    name: str
    address: Mapping[Lang, str]
    time_zone: str
    hours: Any
    holidays: Any
    phone: str | None
    site: str | None
    legal_name: str | None
    licence: str | None
    price: Mapping[Lang, str] | None
    price_source: str | None

    def facts(self, lang: Lang) -> dict[str, str]:
        """The facts a fixed text may name as `{clinic}` and `{address}`."""
        return {"clinic": self.name, "address": self.address[lang]}


def parse_clinic(document: Document) -> tuple[Clinic | None, list[Problem]]:
    data = document.data
    if not isinstance(data, dict):
        return None, [Problem(document.path, 1, "must be a list of `key: value` lines")]

    def problem(key: str, reason: str) -> Problem:
        return Problem(document.path, document.line(key), f"`{key}` {reason}")

    problems = [problem(key, "is missing; write null where it is unknown") for key in _KEYS if key not in data]
    problems += [problem(str(key), f"is unknown; known are {', '.join(_KEYS)}") for key in data if key not in _KEYS]
    if not isinstance(data.get("name"), str) or not data["name"].strip():
        problems.append(problem("name", "must be the clinic's name"))
    if not _by_language(data.get("address")):
        problems.append(problem("address", "must give a text for each of ru and en"))
    try:
        ZoneInfo(str(data.get("time_zone")))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.append(problem("time_zone", "must be a zone such as Europe/Moscow"))
    price = data.get("price")
    if price is not None and (
        not isinstance(price, dict)
        or not _by_language(price.get("text"))
        or not price.get("source")
        or set(price) - _PRICE_KEYS
    ):
        problems.append(problem("price", "must be null or have `text` (ru and en), `source` and `published_on`"))
    if problems:
        return None, problems
    return (
        Clinic(
            name=data["name"].strip(),
            address=data["address"],
            time_zone=data["time_zone"],
            hours=data["hours"],
            holidays=data["holidays"],
            phone=data["phone"],
            site=data["site"],
            legal_name=data["legal_name"],
            licence=data["licence"],
            price=price["text"] if price else None,
            price_source=price["source"] if price else None,
        ),
        [],
    )


def _by_language(value: object) -> bool:
    return (
        isinstance(value, dict) and set(value) == set(LANGS) and all(isinstance(text, str) for text in value.values())
    )
