"""Rows of a report with good defaults, so that a test names only what it is about."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.report.figures import Figures, Period, Tally, figures
from bot.report.page import Setting, page
from bot.report.rows import AnswerRow, QuestionRow, Rows
from tests.examples import NOON

MOSCOW = ZoneInfo("Europe/Moscow")
WEEK = Period.ending(NOON, 7, MOSCOW)


def make_turn(minutes: float = 0, kind: str = "answer", *topics: str, **fields: object) -> list[AnswerRow]:
    """The rows of one reply, so many minutes after noon."""
    given: dict[str, object] = {
        "at": NOON + timedelta(minutes=minutes), "language": "ru", "kind": kind, "by": "typed", "library": "v1",
        **fields,
    }  # fmt: skip
    return [AnswerRow(topic=topic, **given) for topic in topics or ("",)]  # type: ignore[arg-type]


def make_question(text: str, language: str = "ru", at: datetime = NOON) -> QuestionRow:
    return QuestionRow(at, language, text)


def count(
    *found: list[AnswerRow], period: Period = WEEK, redirects: dict[str, str] | None = None, **rows: object
) -> Figures:
    """What comes of these turns, in the order of their times, and of other rows."""
    tally = Tally(period, redirects)
    for turn in found:
        tally.add(turn)
    tally.finish()
    return figures(tally, Rows(**rows))  # type: ignore[arg-type]


def show(found: Figures, lang: str = "ru", clinic: str = "Клиника", **titles: str) -> str:
    setting = Setting(clinic, titles, NOON, questions_kept=90, deliveries_kept=30)
    return page(found, "en" if lang == "en" else "ru", setting)
