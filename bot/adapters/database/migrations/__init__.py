"""The schema's history. A program that is older than the database stops with one clear sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

# The newest revision of `versions/`; a test keeps it true.
HEAD = "0001"


async def upgrade(connection: AsyncConnection, target: str = HEAD) -> None:
    """Bring the schema to a revision, within the caller's transaction.

    Raises:
        StorageError: the schema is newer than this program.
    """
    await connection.run_sync(_upgrade, target)


def _upgrade(connection: Connection, target: str) -> None:
    known = None
    if inspect(connection).has_table("alembic_version"):
        known = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if known == target:
        return  # the usual start: Alembic is not even imported
    _alembic(connection, target, known)


def _alembic(connection: Connection, target: str, known: str | None) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _config(connection)
    revisions = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if known is not None and known not in revisions:
        raise StorageError(
            f"The database has schema {known}, which is newer than this program knows (up to {HEAD}); "
            "start the newer program, or give this one another database."
        )
    command.upgrade(config, target)


async def downgrade(connection: AsyncConnection, target: str) -> None:
    """Take the schema back to a revision, `base` for an empty one; what newer columns held is lost."""

    def down(sync: Connection) -> None:
        from alembic import command

        command.downgrade(_config(sync), target)

    await connection.run_sync(down)


def _config(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "bot:adapters/database/migrations")
    config.attributes["connection"] = connection
    return config
