"""Which library version every replica serves: one row."""

from __future__ import annotations

from sqlalchemy import select

from bot.adapters.database.engine import Database
from bot.adapters.database.tables import LIBRARY
from bot.ports import Clock


class Publication:
    """Reads and writes the row of this bot; both raise DatabaseUnreachable."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def current(self) -> str | None:
        """The version to serve; None before the first was published."""
        async with self._database.begin() as connection:
            found: str | None = await connection.scalar(
                select(LIBRARY.c.version).where(LIBRARY.c.bot == self._database.bot)
            )
        return found

    async def publish(self, version: str) -> None:
        """Every replica is to serve this version from now on."""
        statement = self._database.insert(LIBRARY).values(
            bot=self._database.bot, version=version, published_at=self._clock.now()
        )
        async with self._database.begin() as connection:
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[LIBRARY.c.bot],
                    set_={name: statement.excluded[name] for name in ("version", "published_at")},
                )
            )
