"""Empty databases for the suites of storage: a file of SQLite, and a PostgreSQL that the tests start themselves."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import uuid
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Table, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from bot.adapters.database.engine import Database, database_url
from bot.adapters.database.inbox import Inbox
from bot.adapters.database.outbox import Outbox
from bot.adapters.database.tables import METADATA
from bot.adapters.database.vault import Vault
from bot.adapters.memory import FixedClock
from bot.deliveries import Arrival, Claim, Done, next_work
from bot.errors import DatabaseUnreachable
from bot.messages import ChatId, ChatState, Leaving
from tests.examples import CHAT, NOON, make_incoming
from tests.postgres import Postgres, make_postgres

T = TypeVar("T")
# Keys of tests, in the order in which a clinic would have made them.
OLD_KEY = "b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZCE="
KEY = "bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IG5ldyE="
OTHER_KEY = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgISE="
# What a statement raises on a table that a test has taken away: the two databases call it by different names.
BROKEN = (DatabaseUnreachable, DBAPIError)


def chat(number: int) -> ChatId:
    return replace(CHAT, chat=str(number))


def arrival(update: int, words: str = "это больно?", of: ChatId = CHAT, at: datetime = NOON, **fields: Any) -> Arrival:
    """An update; `ahead`, `told` and `fragment` are the arrival's, everything else the message's."""
    own = {name: fields.pop(name) for name in ("ahead", "told", "fragment") if name in fields}
    incoming = make_incoming(words, **{"chat_id": of, "message_id": str(update), "at": at, **fields})
    return Arrival(update, incoming, at, **own)


def done(claim: Claim, *leaving: Leaving, state: ChatState | None = None, **fields: Any) -> Done:
    """What the next turn of a claimed chat comes to."""
    work, rows = next_work(claim.waiting)
    given: dict[str, Any] = {
        "rows": rows, "state": state or claim.state, "language": "ru", "turn": work.incoming.turn,
        "cause": work.incoming.message_id, "asked_at": work.incoming.at, "leaving": leaving, **fields,
    }  # fmt: skip
    return Done(**given)


class Storage:
    """One database, and whatever processes share it; each `Database` is what one process has open."""

    def __init__(self, url: URL, clock: FixedClock) -> None:
        self.url, self.clock = url, clock
        self.postgresql = url.get_backend_name() == "postgresql"
        self._opened: list[Database] = []
        self.database = self.process()

    def process(self, bot: str = CHAT.bot, keys: Sequence[str] = (KEY,)) -> Database:
        """The same database as another process sees it."""
        self._opened.append(Database(self.url, bot, Vault(keys)))
        return self._opened[-1]

    def with_keys(self, *keys: str) -> Storage:
        """The same database, seen by a process that was given other keys."""
        seen = copy.copy(self)
        seen.database = self.process(keys=keys)
        return seen

    def inbox(self, worker: str | None = None, database: Database | None = None) -> Inbox:
        return Inbox(database or self.database, self.clock, worker)

    def outbox(self, database: Database | None = None) -> Outbox:
        return Outbox(database or self.database, self.clock)

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        """Everything in a table, as it was written."""
        async with self.database.begin() as connection:
            found = await connection.execute(select(table).order_by(*table.primary_key.columns))
            return [dict(row) for row in found.mappings()]

    async def everything(self) -> dict[str, list[dict[str, Any]]]:
        return {table.name: await self.rows(table) for table in METADATA.sorted_tables}

    async def execute(self, statement: str) -> None:
        async with self.database.begin() as connection:
            await connection.execute(text(statement))

    async def close(self) -> None:
        for database in self._opened:
            await database.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """The PostgreSQL of this test process."""
    made = make_postgres()
    yield made
    made.remove()


@pytest.fixture
def new_sqlite(tmp_path: Path) -> URL:
    """The address of an SQLite database that is not there yet."""
    return database_url(f"sqlite:///{tmp_path / 'mimika.sqlite'}", tmp_path)


@pytest.fixture
def new_postgresql(server: Postgres, tmp_path: Path) -> Iterator[URL]:
    """The address of an empty PostgreSQL database."""
    name = f"test_{uuid.uuid4().hex}"
    yield database_url(server.create(name), tmp_path)
    server.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest) -> URL:
    """The address of an empty database of either kind."""
    found: URL = request.getfixturevalue(f"new_{request.param}")
    return found


@contextlib.asynccontextmanager
async def opened(url: URL, clock: FixedClock) -> AsyncIterator[Storage]:
    made = Storage(url, clock)
    try:
        await made.database.open()
        yield made
    finally:
        await made.close()


@pytest.fixture
async def storage(new_url: URL, clock: FixedClock) -> AsyncIterator[Storage]:
    """An opened database of either kind."""
    async with opened(new_url, clock) as made:
        yield made


@pytest.fixture
async def sqlite(new_sqlite: URL, clock: FixedClock) -> AsyncIterator[Storage]:
    """An opened SQLite, for what is said of it alone."""
    async with opened(new_sqlite, clock) as made:
        yield made


@pytest.fixture
async def postgresql(new_postgresql: URL, clock: FixedClock) -> AsyncIterator[Storage]:
    """An opened PostgreSQL, for what is said of it alone."""
    async with opened(new_postgresql, clock) as made:
        yield made


async def within(seconds: float, work: Awaitable[T]) -> T:
    """The result of something that must not take so long."""
    async with asyncio.timeout(seconds):
        return await work


# Seconds after which something is cut off: at its first steps, at all that follow, and long after its end.
MOMENTS = (*(number * 0.0003 for number in range(50)), 30.0)


async def cut_off(work: Coroutine[Any, Any, Any], after: float) -> bool:
    """Cancel something under way so many seconds after it began; whether that was before its end."""
    task = asyncio.create_task(work)
    await asyncio.wait({task}, timeout=after)
    task.cancel()
    await asyncio.wait({task})
    if task.cancelled():
        return True
    task.result()
    return False
