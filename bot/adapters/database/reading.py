"""Reads what the clinic's report is made of, in short transactions, so that a running bot is not held up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Row, Table, func, or_, select

from bot.adapters.database.engine import Database
from bot.adapters.database.tables import ANSWERS, FEEDBACK, OUTBOX, UNANSWERED
from bot.report.rows import AnswerRow, FeedbackRow, LostRow, QuestionRow, Rows

# Rows read in one transaction. SQLite lets nobody write meanwhile, which for so many is a few milliseconds.
PAGE = 1000
# Seconds between two transactions, in which a bot that waits for the file gets it.
_BREATH = 0.01


async def read(database: Database, since: datetime, until: datetime) -> Rows:
    """All rows of this bot from `since` up to, but not including, `until`, oldest first.

    Raises:
        DatabaseUnreachable: the database can't be used now.
        StorageError: something is sealed with a key that is not there.
    """
    answers = [
        AnswerRow(row.at, row.language, row.kind, row.topic, row.by, row.library)
        async for row in _rows(database, ANSWERS, ANSWERS.c.at, since, until)
    ]
    questions = [
        QuestionRow(row.at, row.language, _opened(database, row.sealed_question))
        async for row in _rows(database, UNANSWERED, UNANSWERED.c.at, since, until)
    ]
    feedback = [
        FeedbackRow(row.at, row.language, row.rating, _opened(database, row.sealed_comment))
        async for row in _rows(database, FEEDBACK, FEEDBACK.c.at, since, until)
    ]
    ours, done = OUTBOX.c.bot == database.bot, (OUTBOX.c.done_at >= since, OUTBOX.c.done_at < until)
    async with database.begin() as connection:
        counted = await connection.execute(
            select(OUTBOX.c.result, func.count()).where(ours, *done).group_by(OUTBOX.c.result)
        )
        delivered = {str(result or ""): int(count) for result, count in counted}
        waiting = await connection.scalar(select(func.count()).where(ours, OUTBOX.c.done_at.is_(None)))
        lost = await connection.execute(
            select(OUTBOX.c.done_at, OUTBOX.c.result)
            .where(ours, *done, OUTBOX.c.result != "sent")
            .order_by(OUTBOX.c.done_at, OUTBOX.c.id)
        )
        lost_rows = tuple(LostRow(at, result) for at, result in lost)
    return Rows(tuple(answers), tuple(questions), tuple(feedback), delivered, int(waiting or 0), lost_rows)


async def _rows(
    database: Database, table: Table, at: Column[datetime], since: datetime, until: datetime
) -> AsyncIterator[Row[Any]]:
    """Page after page, each found by where the last one ended; no transaction is open while a row is worked on."""
    last: Row[Any] | None = None
    while True:
        after = at >= since if last is None else or_(at > last.at, (at == last.at) & (table.c.id > last.id))
        # Whose a row is, is not even read.
        statement = (
            select(*(column for column in table.columns if column.name not in ("channel", "chat")))
            .where(table.c.bot == database.bot, at < until, after)
            .order_by(at, table.c.id)
            .limit(PAGE)
        )
        async with database.begin() as connection:
            page = (await connection.execute(statement)).all()
        for row in page:
            yield row
        if len(page) < PAGE:
            return
        last = page[-1]
        await asyncio.sleep(_BREATH)


def _opened(database: Database, sealed: bytes | None) -> str:
    return "" if sealed is None else database.vault.open(sealed).decode(errors="replace")
