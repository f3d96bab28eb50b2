"""The stored outbox: written with the turn, emptied by the one sender; and the map from our messages to theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database.engine import Database
from bot.adapters.database.tables import CALLBACKS, CHATS, MESSAGES, OUTBOX
from bot.adapters.database.values import dump_leaving, load_leaving
from bot.deliveries import Done, Parcel
from bot.messages import Button, ChatId, Edit, Leaving, Reply, StaffCard
from bot.ports import Clock


async def put(
    connection: AsyncConnection, database: Database, chat: ChatId, leaving: Sequence[Leaving], done: Done, now: datetime
) -> None:
    """Write what must leave, in order, and what its buttons mean, in the caller's transaction."""
    if not leaving:
        return
    key = {"bot": chat.bot, "channel": chat.channel, "chat": chat.chat}
    await connection.execute(
        insert(OUTBOX),
        [
            {
                **key,
                "turn": done.turn,
                "part": part,
                "cause": done.cause,
                "ahead": done.ahead,
                "language": done.language,
                "sealed_leaving": database.vault.seal(dump_leaving(value)),
                "asked_at": done.asked_at,
                "made_at": now,
                "pieces": 0,
            }
            for part, value in enumerate(leaving)
        ],
    )
    payloads = {button.payload for value in leaving for button in _buttons(value)}
    if payloads:
        named = {database.vault.name(*key.values(), payload): payload for payload in payloads}
        statement = database.insert(CALLBACKS)
        kept = [
            {**key, "callback": name, "sealed_payload": database.vault.seal(payload.encode()), "kept_at": now}
            for name, payload in sorted(named.items())
        ]
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=[CALLBACKS.c.bot, CALLBACKS.c.channel, CALLBACKS.c.chat, CALLBACKS.c.callback],
                set_={"kept_at": statement.excluded.kept_at},
            ),
            kept,
        )


def _buttons(value: Leaving) -> Sequence[Button]:
    shown = value.reply if isinstance(value, Edit) else value
    return shown.buttons if isinstance(shown, Reply | StaffCard) else ()


class Outbox:
    """What waits to be sent. Only the holder of the sender's lock reads it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def put(self, chat_id: ChatId, leaving: Sequence[Leaving], done: Done) -> None:
        """Hand over what no commit carries: an apology for a turn that failed, the word that staff were alerted.

        Raises:
            DatabaseUnreachable: nothing was written.
        """
        async with self._database.begin() as connection:
            await put(connection, self._database, chat_id, leaving, done, self._clock.now())
            await self._database.notify(connection, "outbox")
        self._database.ring("outbox")

    async def waiting(self, known: Collection[int], most: int) -> list[Parcel]:
        """Up to `most` parcels that are not `known` yet, in the order of sending: dangers first, then as written.

        Raises:
            DatabaseUnreachable: the database can't be used now.
        """
        async with self._database.begin() as connection:
            ids = await connection.execute(
                select(OUTBOX.c.id)
                .where(OUTBOX.c.bot == self._database.bot, OUTBOX.c.done_at.is_(None))
                .order_by(OUTBOX.c.ahead.desc(), OUTBOX.c.id)
                .limit(most + len(known))
            )
            new = [number for (number,) in ids if number not in known][:most]
            if not new:
                return []
            rows = await connection.execute(
                select(OUTBOX).where(OUTBOX.c.id.in_(new)).order_by(OUTBOX.c.ahead.desc(), OUTBOX.c.id)
            )
            return [
                Parcel(
                    row.id,
                    ChatId(row.bot, row.channel, row.chat),
                    load_leaving(self._database.vault.open(row.sealed_leaving)),
                    row.cause,
                    row.ahead,
                    row.language,
                    row.asked_at,
                    row.pieces,
                )
                for row in rows
            ]

    async def sent(self, parcel: Parcel, piece: int, message_id: str, *, last: bool) -> None:
        """Note that a piece, counted from 0, has left as `message_id`; with the `last` one the parcel is done.

        Raises:
            DatabaseUnreachable: not noted; sending it again would show it twice.
        """
        now = self._clock.now()
        reply = parcel.leaving.reply if isinstance(parcel.leaving, Edit) else parcel.leaving
        chat = parcel.chat_id
        row = {
            "bot": chat.bot,
            "channel": chat.channel,
            "chat": chat.chat,
            "message": message_id,
            "cause": parcel.cause,
            "turn": reply.key.turn,
            "part": reply.key.part,
            "piece": piece,
            "noted_at": now,
        }
        statement = self._database.insert(MESSAGES)
        values: dict[str, Any] = {"pieces": piece + 1}
        if last:
            values |= {"done_at": now, "result": "sent", "sealed_leaving": None}
        async with self._database.begin() as connection:
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[MESSAGES.c.bot, MESSAGES.c.channel, MESSAGES.c.chat, MESSAGES.c.message],
                    set_={name: statement.excluded[name] for name in ("cause", "turn", "part", "piece", "noted_at")},
                ),
                row,
            )
            await connection.execute(update(OUTBOX).where(OUTBOX.c.id == parcel.id).values(**values))

    async def ended(self, parcel: Parcel, result: str) -> None:
        """Record that a parcel will not be tried again, and why: `unreachable`, `refused`, `gave_up`.

        An unreachable patient's chat is marked so until they write again.

        Raises:
            DatabaseUnreachable: not recorded.
        """
        now, chat = self._clock.now(), parcel.chat_id
        async with self._database.begin() as connection:
            await connection.execute(
                update(OUTBOX).where(OUTBOX.c.id == parcel.id).values(done_at=now, result=result, sealed_leaving=None)
            )
            if result == "unreachable":
                here = and_(CHATS.c.bot == chat.bot, CHATS.c.channel == chat.channel, CHATS.c.chat == chat.chat)
                await connection.execute(update(CHATS).where(here).values(unreachable_since=now))

    async def earlier(self, chat_id: ChatId, cause: str) -> dict[tuple[int, int], str]:
        """Our messages that `cause` led to, by part and piece: an edited answer takes their place."""
        async with self._database.begin() as connection:
            rows = await connection.execute(
                select(MESSAGES)
                .where(_of(MESSAGES, chat_id), MESSAGES.c.cause == cause)
                .order_by(MESSAGES.c.part, MESSAGES.c.piece)
            )
            return {(row.part, row.piece): row.message for row in rows}

    async def removed(self, chat_id: ChatId, message_id: str) -> None:
        """A message of ours is no longer there."""
        async with self._database.begin() as connection:
            await connection.execute(delete(MESSAGES).where(_of(MESSAGES, chat_id), MESSAGES.c.message == message_id))

    def callback(self, chat_id: ChatId, payload: str) -> str:
        """The short id under which a button's payload was kept."""
        return self._database.vault.name(chat_id.bot, chat_id.channel, chat_id.chat, payload)

    async def payload(self, chat_id: ChatId, callback: str) -> str | None:
        """What a button means, or None if this chat was never given it, or too long ago."""
        if not callback.isascii() or not callback.isalnum():
            return None  # no name of ours; PostgreSQL would not even take some of what may be sent here
        async with self._database.begin() as connection:
            sealed = await connection.scalar(
                select(CALLBACKS.c.sealed_payload).where(_of(CALLBACKS, chat_id), CALLBACKS.c.callback == callback)
            )
        return None if sealed is None else self._database.vault.open(sealed).decode()

    async def wait(self, seconds: float) -> None:
        """Sleep until something may wait here, or for so long."""
        bell = self._database.bell("outbox")
        try:
            async with asyncio.timeout(seconds):
                await bell.wait()
        except TimeoutError:
            return
        bell.clear()


def _of(table: Table, chat: ChatId) -> ColumnElement[bool]:
    return and_(table.c.bot == chat.bot, table.c.channel == chat.channel, table.c.chat == chat.chat)
