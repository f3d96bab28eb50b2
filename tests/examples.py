"""Builders with good defaults, so that a test names only what it is about."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import yaml

from bot.adapters.memory import FixedClock
from bot.conversation import Conversation
from bot.dialogue.project import Project, load_project
from bot.messages import LANGS, ChatId, ChatState, Incoming, Lang, Outcome, Reply
from bot.ports import TextKind, Vectors
from bot.retrieval import version
from bot.retrieval.articles import Article
from bot.retrieval.confidence import Confidence
from bot.retrieval.folder import Knowledge, read_folder
from bot.retrieval.lexical import Forms
from bot.retrieval.library import Found, Hit, Library
from bot.retrieval.writing import Reading, Tongues, ordinary_words

ROOT = Path(__file__).resolve().parent.parent
KNOWLEDGE = ROOT / "knowledge"
NOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CHAT = ChatId("mimika", "test", "1")
# Enough topics to tell apart, one of each flag.
FEW_TOPICS = (
    "duration", "onset", "pain", "price", "mood-evidence", "red-flags", "side-effects", "address-hours", "how-to-book",
)  # fmt: skip


def make_incoming(text: str = "", **fields: object) -> Incoming:
    given: dict[str, object] = {"chat_id": CHAT, "sender": "7", "message_id": "1", "at": NOON, "text": text, **fields}
    return Incoming(**given)  # type: ignore[arg-type]


def make_article(**fields: object) -> Article:
    given: dict[str, object] = {
        "id": "duration", "lang": "ru", "category": "duration", "title": "Сколько держится эффект",
        "questions": ("сколько держится", "на сколько хватает", "надолго ли", "когда пройдёт", "срок действия"),
        "flags": ("medical",), "evidence": "moderate", "sources": ("nhs-botox",), "related": (),
        "reviewed_by": None, "reviewed_on": None, "reviewed_hash": None, "review_by": date(2027, 11, 1),
        "translation_of": None, "source_hash": None, "body": "Три месяца. [@nhs-botox]\n\n## Подробнее\nИногда четыре.",
        "answer": "Три месяца.", "more": "Иногда четыре.", "path": "articles/duration/duration.ru.md",
    }  # fmt: skip
    return Article(**{**given, **fields})  # type: ignore[arg-type]


def article_text(topic: str, lang: Lang = "ru") -> str:
    """The text of a real article file."""
    return next(KNOWLEDGE.glob(f"articles/*/{topic}.{lang}.md")).read_text(encoding="utf-8")


def small_folder(target: Path, topics: Sequence[str] = FEW_TOPICS) -> Path:
    """A knowledge folder with a few real topics: builds in seconds and passes the check."""
    shutil.copytree(KNOWLEDGE, target, ignore=shutil.ignore_patterns("articles", "signed"))
    for path in KNOWLEDGE.glob("articles/*/*.md"):
        if path.name.split(".")[0] in topics:
            copy = target / path.relative_to(KNOWLEDGE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    calibration = yaml.safe_load((target / "calibration.yml").read_text(encoding="utf-8"))
    kept = {
        lang: {label: rows for label, rows in found.items() if label in topics or label.startswith("outside/")}
        for lang, found in calibration.items()
    }
    (target / "calibration.yml").write_text(yaml.safe_dump(kept, allow_unicode=True), encoding="utf-8")
    outside = yaml.safe_load((target / "outside.yml").read_text(encoding="utf-8"))
    few = {lang: {kind: rows[:6] for kind, rows in found.items()} for lang, found in outside.items()}
    (target / "outside.yml").write_text(yaml.safe_dump(few, allow_unicode=True), encoding="utf-8")
    examples = yaml.safe_load((target / "danger_examples.yml").read_text(encoding="utf-8"))
    some = {lang: {label: rows[:2] for label, rows in found.items()} for lang, found in examples.items()}
    (target / "danger_examples.yml").write_text(yaml.safe_dump(some, allow_unicode=True), encoding="utf-8")
    return target


# ---- conversations without an index: what a question finds is said by the test ----------------------------


@cache
def whole_knowledge() -> Knowledge:
    """The whole knowledge folder, read without building anything."""
    knowledge, problems = read_folder(KNOWLEDGE)
    assert knowledge is not None, problems
    return knowledge


@cache
def _tongues() -> Tongues:
    return version.tongues(whole_knowledge())


@cache
def _forms() -> Forms:
    """One for all, so that the clinicians' lists are made ready once and not for each library of a test."""
    return Forms()


@cache
def ordinary() -> frozenset[tuple[Lang, str]]:
    """The words of ordinary questions, as a library version of the whole knowledge folder has them."""
    found = version.all_passages(whole_knowledge(), _project().examples)
    return frozenset(
        (lang, word) for lang in LANGS for word in ordinary_words(row.text for row in found if row.lang == lang)
    )


class ScriptedLibrary(Library):
    """The real articles, wording and languages; `finds` says for a text as it is read what is found, best first.

    A text that is not in `finds` finds nothing. `outside/<kind>` as the first label is an outside question.
    """

    # An article from here, a choice from there: near what the real model has.
    DECIDES = Confidence((), (), (), 0.0, answer_from=0.7, clarify_from=0.5)

    def __init__(
        self,
        finds: Mapping[str, Mapping[str, float]] | None = None,
        changed: Iterable[Article] = (),
        signed_copies: Iterable[Article] = (),
    ) -> None:
        knowledge = whole_knowledge()
        super().__init__(
            version="scripted",
            catalogue=knowledge.catalogue,
            articles={**knowledge.articles, **{(article.id, article.lang): article for article in changed}},
            signed_copies={(article.id, article.lang): article for article in signed_copies},
            sources=knowledge.sources,
            red_flags=knowledge.red_flags,
            limits=knowledge.limits,
            brands=knowledge.brands,
            redirects=knowledge.redirects,
            ordinary=ordinary(),
            forms=_forms(),
            danger=None,
            clinic=knowledge.clinic,
            wording=knowledge.wording,
            tongues=_tongues(),
            index=None,  # type: ignore[arg-type]  # nothing is searched
            fitted=self.DECIDES,
            centre=None,
            encoder=None,
        )
        self.finds = dict(finds or {})
        self.searched: list[str] = []

    def find(self, reading: Reading, ask: Literal["all"] | Sequence[str] = "all") -> Found:
        self.searched.append(reading.text)
        found = self.finds.get(reading.text, {})
        first = next(iter(found), "")
        rows = [
            (label, probability)
            for label, probability in found.items()
            if not label.startswith("outside/") and (ask == "all" or label in ask)
        ]
        hits = tuple(Hit(label, probability) for label, probability in rows)
        outside = first.removeprefix("outside/") if first.startswith("outside/") else None
        return Found(hits, self.DECIDES.decide(rows), outside)


def signed(article: Article, **changes: object) -> Article:
    """The article as a clinician signed it, with changes made before the signature."""
    changed = replace(article, reviewed_by="ivanova", reviewed_on=NOON.date(), **changes)  # type: ignore[arg-type]
    return replace(changed, reviewed_hash=changed.hash)


class Chat:
    """One chat with the bot: keeps the state between turns, as the gateway does, on a clock the test moves."""

    def __init__(
        self,
        library: Library,
        unsigned: Literal["mark", "hide"] = "mark",
        state: ChatState | None = None,
        *,
        information_only: bool = False,
    ) -> None:
        self.clock = FixedClock(NOON)
        self.state = state or ChatState()
        self._conversation = Conversation(
            lambda: library, _project(), self.clock, unsigned, information_only=information_only
        )

    def turn(self, text: str = "", only: Lang | None = None, **fields: object) -> Outcome:
        """Send one message and remember what it leads to."""
        outcome = self._conversation.answer(make_incoming(text, at=self.clock.at, **fields), self.state, only)
        self.state = outcome.state
        return outcome

    def says(self, text: str, only: Lang | None = None, **fields: object) -> Reply:
        """The one reply to a text."""
        (reply,) = self.turn(text, only, **fields).replies
        return reply

    def presses(self, payload: str) -> Reply:
        """The one reply to a button."""
        (reply,) = self.turn(press=payload).replies
        return reply

    def waits(self, time: timedelta) -> None:
        self.clock.at += time


@cache
def _project() -> Project:
    return load_project()


# ---- the library's own parts ------------------------------------------------------------------------------


def change(path: Path, old: str, new: str) -> None:
    """Edit a file as staff would; `old` must be in it."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def line_of(path: Path, part: str) -> int:
    """The number of the first line that holds `part`, counted from 1."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if part in line)


class LettersEncoder:
    """An encoder without a model: texts that share letters in a row are close. `encoded` is all it was given."""

    DIMENSION = 64

    def __init__(self, name: str = "letters-1") -> None:
        self.name = name
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        self.encoded += texts
        vectors = np.zeros((len(texts), self.DIMENSION), dtype=np.float32)
        for row, text in enumerate(texts):
            padded = f"  {text.lower()} "
            for start in range(len(padded) - 2):
                vectors[row, zlib.crc32(padded[start : start + 3].encode()) % self.DIMENSION] += 1
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
