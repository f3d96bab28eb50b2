"""Reads what the clinic's report is made of, in short transactions, so that a running bot is not held up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Row, Table, and_, func, or_, select

from bot.adapters.database.engine import Database
from bot.adapters.database.tables import ANSWERS, FEEDBACK, OUTBOX, UNANSWERED
from bot.report.rows import AnswerRow, FeedbackRow, LostRow, QuestionRow, Rows

# Rows read in one transaction. SQLite lets nobody write meanwhile, which for so many is a few milliseconds.
PAGE = 1000
# Seconds between two transactions, in which a bot that waits for the file gets it.
_BREATH = 0.01


async def answers(database: Database, since: datetime, until: datetime) -> AsyncIterator[list[AnswerRow]]:
    """What was answered, page by page: there may be a million rows of a year.

    Like `read`: this bot's rows from `since` up to, but not including, `until`, oldest first, and the same errors.
    """
    async for page in _pages(database, ANSWERS, ANSWERS.c.at, since, until):
        yield [AnswerRow(row.at, row.language, row.kind, row.topic, row.by, row.library) for row in page]


async def read(database: Database, since: datetime, until: datetime) -> Rows:
    """Everything but the answers: all rows of this bot from `since` up to, but not including, `until`, oldest first.

    Raises:
        DatabaseUnreachable: the database can't be used now.
        StorageError: something is sealed with a key that is not there.
    """
    questions = [
        QuestionRow(row.at, row.language, _opened(database, row.sealed_question))
        async for page in _pages(database, UNANSWERED, UNANSWERED.c.at, since, until)
        for row in page
    ]
    feedback = [
        FeedbackRow(row.at, row.language, row.rating, _opened(database, row.sealed_comment))
        async for page in _pages(database, FEEDBACK, FEEDBACK.c.at, since, until)
        for row in page
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
    return Rows(tuple(questions), tuple(feedback), delivered, int(waiting or 0), lost_rows)


async def _pages(
    database: Database, table: Table, at: Column[datetime], since: datetime, until: datetime
) -> AsyncIterator[Sequence[Row[Any]]]:
    """Page after page, each found by where the last one ended; no transaction is open while one is worked on."""
    last: Row[Any] | None = None
    while True:
        # The first condition lets the index find the place; an OR alone would read everything from the beginning.
        after = at >= since if last is None else and_(at >= last.at, or_(at > last.at, table.c.id > last.id))
        # Whose a row is, is not even read.
        statement = (
            select(*(column for column in table.columns if column.name not in ("channel", "chat")))
            .where(table.c.bot == database.bot, at < until, after)
            .order_by(at, table.c.id)
            .limit(PAGE)
        )
        async with database.begin() as connection:
            page = (await connection.execute(statement)).all()
        yield page
        if len(page) < PAGE:
            return
        last = page[-1]
        await asyncio.sleep(_BREATH)


def _opened(database: Database, sealed: bytes | None) -> str:
    return "" if sealed is None else database.vault.open(sealed).decode(errors="replace")
