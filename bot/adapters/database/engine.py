"""The database itself: opening, migrating, transactions, and the bell that wakes whoever waits for new rows."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Table, event, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.adapters.database import migrations, quick
from bot.adapters.database.tables import SEAL
from bot.adapters.database.vault import Vault
from bot.errors import DatabaseUnreachable, SettingError, StorageError

log = structlog.get_logger()

_WORD = b"mimika"
# Seconds a connection that broke is waited for before the bell is tied anew.
_AGAIN = 1.0
# Seconds SQLite waits for another process (a command such as `mimika report`) to let go of the file.
_PATIENCE = 5.0


class Database:
    """One database of one bot. `begin` opens a transaction; nothing is connected before the first.

    Args:
        url: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://...`.
        bot: our own name for the bot; rows of other bots are never seen.
    """

    def __init__(self, url: URL, bot: str, vault: Vault) -> None:
        self.url, self.bot, self.vault = url, bot, vault
        self.postgresql = url.get_backend_name() == "postgresql"
        self.engine = _engine(url)
        self._bells: dict[str, asyncio.Event] = {}
        self._listening: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One short transaction; it is rolled back by any exception.

        Raises:
            DatabaseUnreachable: the database is down, full or locked by somebody else; trying again may help.
        """
        try:
            async with self.engine.begin() as connection:
                yield connection
        except (TimeoutError, PoolTimeout, OperationalError, InterfaceError, OSError) as error:
            raise DatabaseUnreachable(type(getattr(error, "orig", None) or error).__name__) from error
        except DBAPIError as error:
            if error.connection_invalidated or _is_shutdown(error):
                raise DatabaseUnreachable(type(error.orig).__name__) from error
            if _is_unusable(error):
                raise StorageError(
                    "DATABASE_URL: this is no database that can be opened; see its file, name, user and password."
                ) from error
            raise

    def insert(self, table: Table) -> Any:
        """An INSERT that can say what happens on a conflict, in this database's dialect."""
        return (postgresql if self.postgresql else sqlite).insert(table)

    async def open(self) -> None:
        """Bring the schema up to date and see that our keys open what is kept.

        Raises:
            StorageError: the schema is newer than this program, or the keys are others.
            DatabaseUnreachable: the database can't be reached.
        """
        async with self.begin() as connection:
            if self.postgresql:
                # Replicas that start together migrate one after the other.
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("migrations")})
            await migrations.upgrade(connection)
            kept = (await connection.execute(select(SEAL.c.sealed_word))).scalar()
            if kept is None:
                await connection.execute(insert(SEAL).values(id=1, sealed_word=self.vault.seal(_WORD)))
            else:
                self.vault.open(kept)

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self.engine.dispose()

    # ---- bells --------------------------------------------------------------------------------------------

    def bell(self, name: str) -> asyncio.Event:
        """The event that is set when rows were added: in this process, and with PostgreSQL in any other."""
        found = self._bells.get(name)
        if found is None:
            found = self._bells[name] = asyncio.Event()
            if self.postgresql and self._listening is None:
                self._listening = asyncio.create_task(self._listen())
        return found

    def ring(self, name: str) -> None:
        """Wake whoever waits in this process; `notify` within the transaction wakes the other processes."""
        if name in self._bells:
            self._bells[name].set()

    async def notify(self, connection: AsyncConnection, name: str) -> None:
        if self.postgresql:
            await connection.execute(text("SELECT pg_notify('mimika', :name)"), {"name": f"{self.bot} {name}"})

    async def _listen(self) -> None:
        """Hear the notifications of PostgreSQL for ever; a bell may ring once too often, never too seldom for long."""
        while True:
            try:
                async with self.engine.connect() as connection:
                    raw = await connection.get_raw_connection()
                    driver: Any = raw.driver_connection
                    await driver.add_listener("mimika", self._heard)
                    try:
                        while not driver.is_closed():  # noqa: ASYNC110  # the driver has no event to wait for
                            await asyncio.sleep(_AGAIN)
                    finally:
                        if not driver.is_closed():
                            await driver.remove_listener("mimika", self._heard)
            except Exception as error:
                log.debug("listening_failed", error=type(error).__name__)
            await asyncio.sleep(_AGAIN)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        bot, _, name = payload.rpartition(" ")
        if bot == self.bot:
            self.ring(name)


def database_url(given: str, data_dir: Path) -> URL:
    """The address of the database; without one, a file below the data folder, whose folder is made.

    Raises:
        SettingError: it is no address of SQLite or PostgreSQL.
        StorageError: the folder can't be made.
    """
    if not given:
        folder = data_dir / "database"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder} can't be made: {error.strerror}.") from error
        return URL.create("sqlite+aiosqlite", database=str(folder / "mimika.sqlite"))
    try:
        url = make_url(given)
    except ArgumentError:
        raise SettingError("DATABASE_URL", "is no address of a database") from None
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
    driver = drivers.get(url.drivername.partition("+")[0])
    if driver is None:
        raise SettingError("DATABASE_URL", "must begin with sqlite:/// or postgresql://")
    return url.set(drivername=driver)


def lock_key(name: str) -> int:
    """The number of a PostgreSQL advisory lock: a signed 64-bit hash of its name."""
    return int.from_bytes(hashlib.sha256(f"mimika {name}".encode()).digest()[:8], "big", signed=True)


def _engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "postgresql":
        return create_async_engine(
            url, pool_size=8, max_overflow=4, pool_pre_ping=True, pool_recycle=1800, connect_args={"timeout": 5}
        )
    # One connection: SQLite has one writer anyway, and a queue in the process is fairer than its lock on the file.
    path = url.database or ""
    engine = create_async_engine(url, pool_size=1, max_overflow=0, async_creator=lambda: quick.connect(path, _PATIENCE))

    @event.listens_for(engine.sync_engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        # The driver must not begin transactions of its own: it would begin them too late, and never around DDL.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _is_unusable(error: DBAPIError) -> bool:
    """No database or a damaged one (SQLite); no such database or user, or a wrong password (PostgreSQL)."""
    state = str(getattr(error.orig, "sqlstate", "") or "")
    code = getattr(error.orig, "sqlite_errorcode", None)
    return state.startswith(("28", "3D")) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _is_shutdown(error: DBAPIError) -> bool:
    """PostgreSQL says so when it is stopped under us, has no room left, or ends one of two that wait for each other."""
    state = str(getattr(error.orig, "sqlstate", "") or "")
    return state.startswith(("08", "40", "53", "57P"))
