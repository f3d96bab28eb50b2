"""An aiosqlite connection that goes to its thread only for what may take long.

aiosqlite does everything in a thread of its own: a hundred hops there and back per turn, each longer than the look-up
it carries, took more of a core than the encoder. Here a statement runs where it is awaited; only what waits for the
disk or for another process (BEGIN IMMEDIATE, COMMIT, large deletions, closing) goes to the thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import aiosqlite

_SLOW_CALLS = frozenset({"commit", "rollback", "close"})
_SLOW_STATEMENTS = ("BEGIN", "PRAGMA", "DELETE", "CREATE", "ALTER", "DROP")


class QuickConnection(aiosqlite.Connection):
    """The calls of one connection never overlap: whoever awaits one has the connection to themselves."""

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        statement = args[0] if args and isinstance(args[0], str) else ""
        if fn.__name__ in _SLOW_CALLS or statement.startswith(_SLOW_STATEMENTS):
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        if not self._running or self._connection is None:
            raise ValueError("Connection closed")
        return fn(*args, **kwargs)


async def connect(path: str, timeout_s: float) -> QuickConnection:
    """Open an SQLite file; `timeout_s` is how long another process that writes is waited for."""

    def open_file() -> sqlite3.Connection:
        # Two threads use it, one after the other.
        return sqlite3.connect(path, timeout=timeout_s, check_same_thread=False)

    # Opened before its thread is started: a file that can't be opened leaves nothing behind.
    file = await asyncio.to_thread(open_file)
    connection = QuickConnection(lambda: file, iter_chunk_size=64)
    # The thread must not keep the process alive when it has to end.
    connection._thread.daemon = True
    await connection
    return connection
