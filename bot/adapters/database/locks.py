"""Locks that die with their process: advisory locks of PostgreSQL, or a lock on a file beside an SQLite database."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database.engine import Database, lock_key
from bot.errors import StorageError
from bot.ports import Lock

log = structlog.get_logger()

# Seconds between two attempts to get a lock, and between two looks whether the one we hold is still ours. The second
# is how long two processes may both believe in it after the connection of one has broken.
_AGAIN = 1.0


class AdvisoryLock:
    """A PostgreSQL advisory lock, held by a connection of its own: it is free as soon as that connection is gone."""

    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name
        self._key = lock_key(f"{database.bot} {name}")
        self._connection: AsyncConnection | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def held(self) -> bool:
        return self._connection is not None

    async def acquire(self) -> None:
        said = False
        while not self.held:
            try:
                if await self._try():
                    return
                event = "lock_held_elsewhere"
            except Exception as error:  # whatever the driver says, the lock is not ours
                log.warning("lock_unreachable", lock=self._name, error=type(error).__name__)
                event = ""
            if event and not said:
                log.info(event, lock=self._name)
                said = True
            await asyncio.sleep(_AGAIN)

    async def _try(self) -> bool:
        connection = await self._database.engine.connect()
        try:
            taken = await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key})
            await connection.commit()
        except BaseException:
            await connection.close()
            raise
        if not taken:
            await connection.close()
            return False
        # This connection must not go back to the pool while it carries the lock.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        self._connection = connection
        self._watching = asyncio.create_task(self._watch(connection))
        return True

    async def _watch(self, connection: AsyncConnection) -> None:
        """The lock is lost with its connection; a look now and then notices."""
        try:
            while True:
                await asyncio.sleep(_AGAIN)
                async with asyncio.timeout(_AGAIN * 5):
                    await connection.execute(text("SELECT 1"))
        except Exception as error:
            log.warning("lock_lost", lock=self._name, error=type(error).__name__)
            self._connection = None
            await connection.invalidate()

    async def release(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._connection is not None:
            connection, self._connection = self._connection, None
            # Closing for good, and not into the pool, frees the lock whatever state the connection is in.
            await connection.invalidate()
            await connection.close()


class FileLock:
    """A lock on a file: SQLite is for one machine, so that is as far as it need reach."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    @property
    def held(self) -> bool:
        return self._file is not None

    async def acquire(self) -> None:
        if self.held:
            return
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageError(f"{self._path} can't be written: {error.strerror}.") from error
        try:
            said = False
            while not _locked(file):
                if not said:
                    log.info("lock_held_elsewhere", lock=self._path.name)
                    said = True
                await asyncio.sleep(_AGAIN)
        except BaseException:
            os.close(file)
            raise
        self._file = file

    async def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock(database: Database, name: str) -> Lock:
    """The lock of this name for all processes that share the database."""
    if database.postgresql:
        return AdvisoryLock(database, name)
    assert database.url.database is not None
    file = Path(database.url.database)
    return FileLock(file.with_name(f"{file.name}.{name}.lock"))
