"""The bibliography articles cite, and the people who may sign them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.retrieval.documents import Document
from bot.retrieval.problems import Problem

_SOURCE_KEYS = {"authors", "title", "year", "doi", "pmid", "address", "supports"}
_SIGNER_KEYS = {"name", "role", "telegram_id"}


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of the bibliography; doi, pmid and address only where they were verified."""

    key: str
    authors: str
    title: str
    year: int | None
    doi: str | None
    pmid: str | None
    address: str | None
    supports: str

    def citation(self) -> str:
        """One line for a patient: authors, title, year, where to find it."""
        where = f"DOI {self.doi}" if self.doi else f"PMID {self.pmid}" if self.pmid else self.address
        parts = [self.authors, self.title, str(self.year) if self.year else None, where]
        return ". ".join(part.rstrip(".") for part in parts if part)


@dataclass(frozen=True, slots=True)
class Signer:
    """A clinician who may sign articles."""

    key: str
    name: str
    role: str
    telegram_id: int | None


def parse_sources(document: Document) -> tuple[Mapping[str, Source], list[Problem]]:
    sources: dict[str, Source] = {}
    return sources, list(_read_sources(document, sources))


def parse_signers(document: Document) -> tuple[Mapping[str, Signer], list[Problem]]:
    signers: dict[str, Signer] = {}
    return signers, list(_read_signers(document, signers))


def _read_sources(document: Document, sources: dict[str, Source]) -> Iterator[Problem]:
    if not isinstance(document.data, dict):
        yield Problem(document.path, 1, "must map each key to a source")
        return
    for key, row in document.data.items():
        line = document.line(key)
        if not isinstance(key, str) or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", key):
            yield Problem(document.path, line, f"the key `{key}` may have only small letters, digits and hyphens")
        elif not isinstance(row, dict) or not row.get("title") or not row.get("supports"):
            yield Problem(document.path, line, f"`{key}` needs at least `title` and `supports`")
        elif unknown := set(row) - _SOURCE_KEYS:
            yield Problem(document.path, document.line(key, min(unknown)), f"unknown key `{min(unknown)}`")
        elif not isinstance(row.get("year"), int | None):
            yield Problem(document.path, document.line(key, "year"), "`year` must be a number or null")
        else:
            text = {name: str(row[name]) if row.get(name) is not None else None for name in ("doi", "pmid", "address")}
            sources[key] = Source(
                key,
                str(row.get("authors") or ""),
                str(row["title"]),
                row.get("year"),
                text["doi"],
                text["pmid"],
                text["address"],
                str(row["supports"]),
            )


def _read_signers(document: Document, signers: dict[str, Signer]) -> Iterator[Problem]:
    if document.data is None:
        return
    if not isinstance(document.data, dict):
        yield Problem(document.path, 1, "must map each key to a signer")
        return
    for key, row in document.data.items():
        if not isinstance(row, dict) or not row.get("name") or not row.get("role") or set(row) - _SIGNER_KEYS:
            yield Problem(document.path, document.line(key), f"`{key}` needs `name`, `role` and may have `telegram_id`")
        else:
            signers[str(key)] = Signer(str(key), str(row["name"]), str(row["role"]), row.get("telegram_id"))
