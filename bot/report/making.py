"""`mimika report`: reads the database, counts, and writes the page."""

from __future__ import annotations

import asyncio
import os
import tempfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.adapters.database.opening import make_database, retention
from bot.adapters.database.reading import answers, read
from bot.app import warn
from bot.errors import StorageError
from bot.messages import LANGS, Lang
from bot.report.figures import Period, Tally, figures
from bot.report.page import Setting, page
from bot.report.rows import Rows
from bot.retrieval.folder import Knowledge, read_folder
from bot.retrieval.problems import errors
from bot.settings import Settings

# Whose clock the days are by where clinic.yml can't be read.
_ZONE = "Europe/Moscow"


def make_report(settings: Settings, bot: str, out: Path, days: int, lang: Lang, now: datetime) -> None:
    """Write the page about the last `days` days, the day of `now` included; an older page is replaced whole.

    A knowledge folder with errors costs titles of topics, not the report.

    Raises:
        SettingError: the settings name no database that can be used.
        StorageError: the database can't be used, or `out` can't be written.
    """
    knowledge, problems = read_folder(settings.knowledge_dir)
    if knowledge is None:
        warn(f"topics are named by their ids, since the library's files can't be read: {errors(problems)[0]}")
    period = Period.ending(now, days, ZoneInfo(knowledge.clinic.time_zone if knowledge is not None else _ZONE))
    tally = Tally(period, knowledge.redirects if knowledge is not None else {})
    rows = asyncio.run(_read(settings, bot, tally))
    kept = retention(settings)
    setting = Setting(
        clinic=knowledge.clinic.name if knowledge is not None else "",
        titles=_titles(knowledge, lang),
        made_at=now,
        questions_kept=kept.unanswered.days,
        deliveries_kept=kept.ids.days,
    )
    _write(out, page(figures(tally, rows), lang, setting))


async def _read(settings: Settings, bot: str, tally: Tally) -> Rows:
    since, until = tally.period.since, tally.period.until
    database = make_database(settings, bot)
    try:
        await database.open()
        async for found in answers(database, since, until):
            tally.add(found)
        tally.finish()
        return await read(database, since, until)
    finally:
        await database.close()


def _titles(knowledge: Knowledge | None, lang: Lang) -> dict[str, str]:
    """Titles of topics in a language, in another one where there is no article in this."""
    articles = knowledge.articles if knowledge is not None else {}
    order = (*(other for other in LANGS if other != lang), lang)
    return {article.id: article.title for one in order for (_, its), article in articles.items() if its == one}


def _write(out: Path, text: str) -> None:
    """Whole or not at all, and readable by its owner alone: what patients asked stands there in clear."""
    if out.exists() and not out.is_file():
        raise StorageError(f"{out} is not a file; give --out another name.")
    made = ""
    try:
        handle, made = tempfile.mkstemp(prefix=".report-", dir=out.absolute().parent)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        os.replace(made, out)
    except OSError as error:
        if made:
            Path(made).unlink(missing_ok=True)
        raise StorageError(f"{out} can't be written: {error.strerror}.") from error
