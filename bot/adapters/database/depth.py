"""How much waits in inbox and outbox, and since when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from bot.adapters.database.engine import Database
from bot.adapters.database.tables import INBOX, OUTBOX


async def depths(database: Database, now: datetime) -> dict[str, float]:
    """`inbox_waiting`, `inbox_oldest_seconds`, `outbox_waiting`, `outbox_oldest_seconds`; 0 where nothing waits.

    Raises:
        DatabaseUnreachable: the database can't be used now.
    """
    found = {}
    async with database.begin() as connection:
        for name, table, since in (("inbox", INBOX, INBOX.c.received_at), ("outbox", OUTBOX, OUTBOX.c.made_at)):
            row = (
                await connection.execute(
                    select(func.count(), func.min(since)).where(table.c.bot == database.bot, table.c.done_at.is_(None))
                )
            ).one()
            found[f"{name}_waiting"] = float(row[0])
            found[f"{name}_oldest_seconds"] = max((now - row[1]).total_seconds(), 0.0) if row[1] else 0.0
    return found
