"""The stored inbox: updates come in once, chats are claimed by a lease, a turn is committed whole or not at all."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database import data
from bot.adapters.database.engine import Database
from bot.adapters.database.outbox import put
from bot.adapters.database.tables import ANSWERS, CHATS, INBOX, UNANSWERED
from bot.adapters.database.values import dump_incoming, dump_state, load_incoming, load_state
from bot.deliveries import AHEAD_WAITS, Arrival, Claim, Done, Waiting
from bot.errors import TurnLost
from bot.messages import ChatId, ChatState, Key
from bot.ports import Clock

# A turn takes milliseconds; a worker that has not committed for so long has died or hangs.
LEASE = timedelta(seconds=10)
# Nothing is ever put off further than this: a due time or a lease beyond it means that the clock was put back.
_CLOCK_PUT_BACK = 2 * max(LEASE, AHEAD_WAITS)


class Inbox:
    """One worker per chat, in the order of updates; several processes may share the database.

    Args:
        worker: names this process in leases; a new name each time it starts.
    """

    def __init__(self, database: Database, clock: Clock, worker: str | None = None) -> None:
        self._database, self._clock = database, clock
        self._worker = worker or uuid.uuid4().hex

    async def store(self, arrivals: Sequence[Arrival]) -> dict[int, int]:
        """Keep updates; gives the rows of those not seen before, by update. All are kept, or none.

        Raises:
            DatabaseUnreachable: nothing was kept; the channel must not hear that they were taken.
        """
        if not arrivals:
            return {}
        seal = self._database.vault.seal
        rows = [
            {
                **_key(arrival.incoming.chat_id),
                "update_id": arrival.update,
                "sealed_incoming": seal(dump_incoming(arrival.incoming)),
                "received_at": arrival.at,
                "due_at": arrival.due_at,
                "ahead": arrival.ahead,
                "told": arrival.told,
                "fragment": arrival.fragment,
            }
            for arrival in arrivals
        ]
        async with self._database.begin() as connection:
            kept = await connection.execute(
                self._database.insert(INBOX).on_conflict_do_nothing().returning(INBOX.c.update_id, INBOX.c.id), rows
            )
            fresh: dict[int, int] = {row.update_id: row.id for row in kept}
            due: dict[ChatId, datetime] = {}
            for arrival in arrivals:
                if arrival.update in fresh:
                    chat = arrival.incoming.chat_id
                    due[chat] = min(arrival.due_at, due.get(chat, arrival.due_at))
            if due:
                await self._make_due(connection, due)
                await self._database.notify(connection, "inbox")
        if fresh:
            self._database.ring("inbox")
            for arrival in arrivals:
                if arrival.fragment and arrival.update in fresh:
                    wait = (arrival.due_at - arrival.at).total_seconds()
                    asyncio.get_running_loop().call_later(wait, self._database.ring, "inbox")
        return fresh

    async def _make_due(self, connection: AsyncConnection, due: dict[ChatId, datetime]) -> None:
        # In one order for all, so that two processes never wait for each other's chats.
        rows = [
            {**_key(chat), "seen_at": self._clock.now(), "due_at": due[chat], "version": 0, "fence": 0, "tries": 0}
            for chat in sorted(due, key=str)
        ]
        statement = self._database.insert(CHATS)
        new = statement.excluded.due_at
        sooner = case((or_(CHATS.c.due_at.is_(None), CHATS.c.due_at > new), new), else_=CHATS.c.due_at)
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=[CHATS.c.bot, CHATS.c.channel, CHATS.c.chat],
                set_={"due_at": sooner, "unreachable_since": None},
            ),
            rows,
        )

    async def claim(self, most: int) -> list[Claim]:
        """Lease up to `most` chats in which something may be answered, those that wait longest first.

        Raises:
            DatabaseUnreachable: the database can't be used now.
        """
        now = self._clock.now()
        async with self._database.begin() as connection:
            found = await connection.execute(
                select(CHATS)
                .where(CHATS.c.bot == self._database.bot, _is_past(CHATS.c.due_at, now), _is_free(now))
                .order_by(CHATS.c.due_at)
                .limit(most)
                .with_for_update(skip_locked=True)
            )
            chats = {_chat_of(row): row for row in found}
            if not chats:
                return []
            await connection.execute(
                update(CHATS)
                .where(tuple_(CHATS.c.bot, CHATS.c.channel, CHATS.c.chat).in_(list(map(_tuple, chats))))
                .values(
                    lease_holder=self._worker,
                    lease_until=now + LEASE,
                    fence=CHATS.c.fence + 1,
                    tries=CHATS.c.tries + 1,
                )
            )
            waiting = await self._waiting(connection, chats)
            claims = []
            for chat, row in chats.items():
                rows = waiting.get(chat, [])
                ripe = tuple(map(self._opened, _ripe(rows, now)))
                if ripe:
                    claims.append(Claim(chat, self._state(row), row.version, ripe, row.fence + 1, row.tries + 1))
                    continue
                # Nothing to do after all: what waits here is somebody else's, or not due yet.
                await connection.execute(update(CHATS).where(_is(chat)).values(due_at=_next_due(rows), **_FREE))
        return claims

    async def read(self, chat_id: ChatId) -> tuple[ChatState, int]:
        """A chat's state and its version, without a lease; a new chat has an empty state at version 0."""
        async with self._database.begin() as connection:
            row = (await connection.execute(select(CHATS).where(_is(chat_id)))).one_or_none()
        return (ChatState(), 0) if row is None else (self._state(row), row.version)

    async def commit(self, claim: Claim, done: Done) -> Claim | None:
        """Write what a turn came to: state, what leaves, and that its messages are answered, in one transaction.

        Returns:
            The same chat with what waits there now, still leased; None if nothing does, and the lease is given back.

        Raises:
            TurnLost: the state is no longer the one the turn read, the lease is not ours, or the messages are answered.
            DatabaseUnreachable: nothing was written.
        """
        now, chat = self._clock.now(), claim.chat_id
        async with self._database.begin() as connection:
            # PostgreSQL reads the inbox below as it stands once this row is ours, not as it stood before.
            row = (await connection.execute(select(CHATS).where(_is(chat)).with_for_update())).one_or_none()
            if row is None or row.version != claim.version or (claim.fence is not None and row.fence != claim.fence):
                raise TurnLost("The chat has had another turn meanwhile.")
            written = await connection.execute(
                update(INBOX)
                .where(INBOX.c.id.in_(done.rows), INBOX.c.done_at.is_(None))
                .values(done_at=now, sealed_incoming=None)
            )
            if written.rowcount != len(done.rows):
                raise TurnLost("The messages of this turn have been answered already.")
            if done.erase:
                await data.erase(connection, chat)
            leaving = list(done.leaving)
            if done.show:
                file = await data.show(connection, self._database, chat)
                leaving.append(replace(file, key=Key(done.turn, len(leaving))))
            await put(connection, self._database, chat, leaving, done, now)
            await self._note(connection, done, now)
            rest = (await self._waiting(connection, [chat])).get(chat, [])
            ripe = tuple(map(self._opened, _ripe(rest, now))) if claim.fence is not None else ()
            lease = {"lease_until": now + LEASE} if ripe else _FREE if claim.fence is not None else {}
            await connection.execute(
                update(CHATS)
                .where(_is(chat))
                .values(
                    sealed_state=self._database.vault.seal(dump_state(done.state)),
                    version=claim.version + 1,
                    seen_at=now,
                    tries=0,
                    due_at=_next_due(rest),
                    **lease,
                )
            )
            if leaving:
                await self._database.notify(connection, "outbox")
        if leaving:
            self._database.ring("outbox")
        return Claim(chat, done.state, claim.version + 1, ripe, claim.fence) if ripe else None

    async def release(self, claim: Claim) -> None:
        """Give a lease back with nothing written; what waits there may be claimed at once."""
        async with self._database.begin() as connection:
            await connection.execute(
                update(CHATS).where(_is(claim.chat_id), CHATS.c.fence == claim.fence).values(**_FREE)
            )
        self._database.ring("inbox")

    async def free_all(self) -> None:
        """Take back every lease: only for a process that knows itself alone with its database, when it starts."""
        async with self._database.begin() as connection:
            await connection.execute(update(CHATS).where(CHATS.c.bot == self._database.bot).values(**_FREE))

    async def wait(self, seconds: float) -> None:
        """Sleep until something may be due, or for so long."""
        bell = self._database.bell("inbox")
        try:
            async with asyncio.timeout(seconds):
                await bell.wait()
        except TimeoutError:
            return
        bell.clear()

    async def _note(self, connection: AsyncConnection, done: Done, now: datetime) -> None:
        """Lines for the clinic's report; none of them says whose they are."""
        bot = self._database.bot
        if done.answers:
            await connection.execute(
                insert(ANSWERS),
                [
                    {
                        "bot": bot,
                        "at": now,
                        "language": done.language,
                        "kind": answer.kind,
                        "topic": answer.topic,
                        "confidence": answer.confidence,
                        "by": answer.by,
                        "library": done.library,
                    }
                    for answer in done.answers
                ],
            )
        if done.unanswered:
            question = self._database.vault.seal(done.unanswered.encode())
            await connection.execute(
                insert(UNANSWERED).values(bot=bot, at=now, language=done.language, sealed_question=question)
            )

    async def _waiting(self, connection: AsyncConnection, chats: Iterable[ChatId]) -> dict[ChatId, list[Row[Any]]]:
        """What waits in some chats, in the order of answering: dangers first, then as the channel numbers it."""
        found = await connection.execute(
            select(INBOX)
            .where(
                INBOX.c.done_at.is_(None),
                tuple_(INBOX.c.bot, INBOX.c.channel, INBOX.c.chat).in_(list(map(_tuple, chats))),
            )
            .order_by(INBOX.c.ahead.desc(), INBOX.c.update_id)
        )
        waiting: dict[ChatId, list[Row[Any]]] = {}
        for row in found:
            waiting.setdefault(_chat_of(row), []).append(row)
        return waiting

    def _state(self, row: Row[Any]) -> ChatState:
        return load_state(self._database.vault.open(row.sealed_state)) if row.sealed_state else ChatState()

    def _opened(self, row: Row[Any]) -> Waiting:
        incoming = load_incoming(self._database.vault.open(row.sealed_incoming))
        return Waiting(row.id, incoming, row.ahead, row.told, row.fragment)


_FREE: dict[str, Any] = {"lease_holder": None, "lease_until": None}


def _ripe(rows: Sequence[Row[Any]], now: datetime) -> list[Row[Any]]:
    """What may be answered now: not what its own task answers at once, nor fragments alone before their time."""
    found = [row for row in rows if not row.ahead or _has_come(row.due_at, now)]
    return found if any(not row.fragment or _has_come(row.due_at, now) for row in found) else []


def _next_due(rows: Sequence[Row[Any]]) -> datetime | None:
    return min((row.due_at for row in rows), default=None)


def _has_come(due: datetime, now: datetime) -> bool:
    return due <= now or due > now + _CLOCK_PUT_BACK


def _is_past(column: ColumnElement[datetime], now: datetime) -> ColumnElement[bool]:
    return or_(column <= now, column > now + _CLOCK_PUT_BACK)


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(CHATS.c.lease_until.is_(None), _is_past(CHATS.c.lease_until, now))


def _is(chat: ChatId) -> ColumnElement[bool]:
    return and_(CHATS.c.bot == chat.bot, CHATS.c.channel == chat.channel, CHATS.c.chat == chat.chat)


def _key(chat: ChatId) -> dict[str, str]:
    return {"bot": chat.bot, "channel": chat.channel, "chat": chat.chat}


def _tuple(chat: ChatId) -> tuple[str, str, str]:
    return chat.bot, chat.channel, chat.chat


def _chat_of(row: Row[Any]) -> ChatId:
    return ChatId(row.bot, row.channel, row.chat)
