"""What is kept about a person: shown, erased on their wish, and erased by itself when its time has passed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, and_, delete, func, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database.engine import Database
from bot.adapters.database.tables import (
    ANSWERS,
    CALLBACKS,
    CHATS,
    CONSENTS,
    FEEDBACK,
    INBOX,
    MESSAGES,
    OUTBOX,
    SEALED,
    UNANSWERED,
)
from bot.messages import ChatId, Document

# Rows changed in one transaction while keys are rotated: few enough that nobody waits for it.
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept. Words go as soon as their turn is done; these are what remains.

    Source: design.md, section 9; a lawyer confirms them.
    """

    turns: timedelta = timedelta(hours=24)
    message_map: timedelta = timedelta(hours=48)
    ids: timedelta = timedelta(days=30)
    unanswered: timedelta = timedelta(days=90)
    report: timedelta = timedelta(days=365)
    consents: timedelta = timedelta(days=3 * 365)


async def show(connection: AsyncConnection, database: Database, chat: ChatId) -> Document:
    """Everything kept about a chat, as a JSON file whose names are the tables'."""
    found: dict[str, Any] = {"chat": str(chat)}
    for table in (CHATS, INBOX, OUTBOX, MESSAGES, CALLBACKS, FEEDBACK, CONSENTS):
        order = [table.c[name] for name in ("id", "noted_at", "part", "piece", "kept_at") if name in table.c]
        rows = (await connection.execute(select(table).where(_of(table, chat)).order_by(*order))).mappings().all()
        found[table.name] = [
            {
                name: _readable(database, name, value)
                for name, value in row.items()
                if name not in ("bot", "lease_holder")
            }
            for row in rows
        ]
    body = json.dumps(found, ensure_ascii=False, indent=1)
    return Document("mimika-data.json", body.encode())


def _readable(database: Database, name: str, value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if name.startswith("sealed_") and isinstance(value, bytes):
        plain = database.vault.open(value).decode()
        try:
            return json.loads(plain)
        except ValueError:
            return plain
    return value


async def erase(connection: AsyncConnection, chat: ChatId) -> None:
    """Erase what is kept about a chat, but for its consents and the numbers of updates taken from it.

    Those numbers stay so that a repeated delivery is not answered again. What waits to be answered or sent was written
    after the wish, or answers something before it: it is not lost, and its words go as soon as it is done. The state is
    replaced by the commit this belongs to.
    """
    for table in (MESSAGES, CALLBACKS, FEEDBACK):
        await connection.execute(delete(table).where(_of(table, chat)))
    await connection.execute(delete(OUTBOX).where(_of(OUTBOX, chat), OUTBOX.c.done_at.is_not(None)))


async def retire(database: Database, kept: Retention, now: datetime) -> int:
    """Erase what has been kept long enough; gives the number of rows erased or emptied.

    Raises:
        DatabaseUnreachable: nothing was erased.
    """
    old = [
        delete(INBOX).where(INBOX.c.done_at < now - kept.ids),
        delete(OUTBOX).where(OUTBOX.c.done_at < now - kept.ids),
        delete(MESSAGES).where(MESSAGES.c.noted_at < now - kept.message_map),
        delete(CALLBACKS).where(CALLBACKS.c.kept_at < now - kept.ids),
        delete(UNANSWERED).where(UNANSWERED.c.at < now - kept.unanswered),
        delete(ANSWERS).where(ANSWERS.c.at < now - kept.report),
        delete(FEEDBACK).where(FEEDBACK.c.at < now - kept.report),
        delete(CONSENTS).where(func.coalesce(CONSENTS.c.withdrawn_at, CONSENTS.c.given_at) < now - kept.consents),
        # A chat nobody wrote in for a day keeps its place, without its state; a month later it goes.
        update(CHATS)
        .where(CHATS.c.seen_at < now - kept.turns, CHATS.c.sealed_state.is_not(None), CHATS.c.due_at.is_(None))
        .values(sealed_state=null(), version=CHATS.c.version + 1),
        delete(CHATS).where(CHATS.c.seen_at < now - kept.ids, CHATS.c.due_at.is_(None)),
    ]
    gone = 0
    for statement in old:
        async with database.begin() as connection:
            gone += (await connection.execute(statement)).rowcount
    return gone


async def rotate(database: Database) -> int:
    """Seal everything anew with the first key; gives the number of values. Afterwards the other keys may go.

    Raises:
        StorageError: something is sealed with a key that is not there; what came before it is done.
    """
    count = 0
    for table, column in SEALED:
        keys = list(table.primary_key.columns)
        async with database.begin() as connection:
            all_keys = (await connection.execute(select(*keys).where(column.is_not(None)))).all()
        for start in range(0, len(all_keys), _BATCH):
            async with database.begin() as connection:
                for row in all_keys[start : start + _BATCH]:
                    here = and_(*(key == value for key, value in zip(keys, row, strict=True)))
                    sealed = await connection.scalar(select(column).where(here).with_for_update())
                    if sealed is not None:
                        fresh = database.vault.rotated(sealed)
                        await connection.execute(update(table).where(here).values({column.name: fresh}))
                        count += 1
    return count


def _of(table: Table, chat: ChatId) -> Any:
    return and_(table.c.bot == chat.bot, table.c.channel == chat.channel, table.c.chat == chat.chat)
