"""Builders with good defaults, so that a test names only what it is about."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import yaml

from bot.messages import ChatId, Incoming, Lang
from bot.retrieval.articles import Article

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
        lang: {topic: rows for topic, rows in found.items() if topic in topics} for lang, found in calibration.items()
    }
    (target / "calibration.yml").write_text(yaml.safe_dump(kept, allow_unicode=True), encoding="utf-8")
    outside = yaml.safe_load((target / "outside.yml").read_text(encoding="utf-8"))
    few = {lang: {kind: rows[:6] for kind, rows in found.items()} for lang, found in outside.items()}
    (target / "outside.yml").write_text(yaml.safe_dump(few, allow_unicode=True), encoding="utf-8")
    return target
