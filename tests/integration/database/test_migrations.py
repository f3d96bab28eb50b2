"""The schema's history on both databases: up, down, together, halfway, and from the future."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.adapters.database.engine import Database
from bot.adapters.database.migrations import HEAD, downgrade, upgrade
from bot.adapters.database.tables import METADATA, UtcTime
from bot.adapters.database.vault import Vault
from bot.adapters.memory import FixedClock
from bot.errors import DatabaseUnreachable, StorageError
from bot.messages import ChatState
from tests.contract.conftest import BROKEN, KEY, Storage, arrival, done
from tests.examples import CHAT, NOON, ROOT
from tests.integration.database.processes import OPENS, process

FIRST = "0001"


@pytest.fixture
async def new(new_url: URL, clock: FixedClock) -> AsyncIterator[Storage]:
    """A database of either kind that was never opened."""
    made = Storage(new_url, clock)
    yield made
    await made.close()


def _differences(connection: sa.Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, METADATA))


async def differences(connection: AsyncConnection) -> list[Any]:
    """Where the schema is not what the program says it is."""
    return await connection.run_sync(_differences)


async def objects(database: Database) -> set[str]:
    """The names of the tables, indexes and sequences that are there, but for Alembic's own table."""

    def names(connection: sa.Connection) -> set[str]:
        found = sa.inspect(connection)
        tables = set(found.get_table_names())
        indexes = {str(index["name"]) for table in tables for index in found.get_indexes(table)}
        sequences = set(found.get_sequence_names()) if connection.dialect.name == "postgresql" else set()
        return (tables | indexes | sequences) - {"alembic_version"}

    async with database.begin() as connection:
        return await connection.run_sync(names)


# ---- up and down ------------------------------------------------------------------------------------------


async def test_a_schema_made_from_nothing_is_the_one_the_program_knows(new: Storage) -> None:
    await new.database.open()

    async with new.database.begin() as connection:
        assert await differences(connection) == []
        assert await connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == HEAD


async def test_a_column_that_is_missing_would_be_noticed(storage: Storage) -> None:
    await storage.execute("ALTER TABLE chats DROP COLUMN tries")

    async with storage.database.begin() as connection:
        (difference,) = await differences(connection)

    assert difference[0] == "add_column"


def test_the_newest_revision_is_the_one_the_program_asks_for_and_history_has_no_branches() -> None:
    scripts = ScriptDirectory(str(ROOT / "bot" / "adapters" / "database" / "migrations"))

    assert scripts.get_heads() == [HEAD]
    assert scripts.get_bases() == [FIRST]


async def test_down_to_the_base_leaves_nothing(storage: Storage) -> None:
    async with storage.database.begin() as connection:
        await downgrade(connection, "base")

    assert await objects(storage.database) == set()


async def test_after_going_down_the_way_up_leads_to_the_same_schema(storage: Storage) -> None:
    async with storage.database.begin() as connection:
        await downgrade(connection, "base")

    await storage.database.open()

    async with storage.database.begin() as connection:
        assert await differences(connection) == []


async def test_every_step_down_and_up_again_leads_to_the_same_schema(storage: Storage) -> None:
    scripts = ScriptDirectory(str(ROOT / "bot" / "adapters" / "database" / "migrations"))
    for script in scripts.walk_revisions():
        async with storage.database.begin() as connection:
            await downgrade(connection, str(script.down_revision or "base"))
            await upgrade(connection)
            assert await differences(connection) == [], script.revision


async def test_what_was_kept_under_the_first_schema_is_kept_under_the_newest(new: Storage) -> None:
    # As the first schema was, whatever the tables of today are.
    columns: dict[str, Any] = {
        "bot": sa.String(), "channel": sa.String(), "chat": sa.String(), "sealed_state": sa.LargeBinary(),
        "version": sa.Integer(), "seen_at": UtcTime(), "fence": sa.Integer(), "tries": sa.Integer(),
    }  # fmt: skip
    chats = sa.table("chats", *(sa.column(name, kind) for name, kind in columns.items()))
    row = {"bot": CHAT.bot, "channel": CHAT.channel, "chat": CHAT.chat, "version": 5, "seen_at": NOON, "fence": 9,
           "tries": 0, "sealed_state": Vault([KEY]).seal(b'{"schema":1,"language":"en","topic":"pain"}')}  # fmt: skip
    async with new.database.begin() as connection:
        await upgrade(connection, FIRST)
        await connection.execute(chats.insert().values(row))

    await new.database.open()

    assert await new.inbox().read(CHAT) == (ChatState(language="en", topic="pain"), 5)


async def test_opening_again_changes_nothing_that_is_kept(storage: Storage) -> None:
    await storage.inbox().store([arrival(1)])
    before = await storage.everything()

    again = storage.process()
    await again.open()

    assert await storage.everything() == before
    (claim,) = await storage.inbox(database=again).claim(1)
    assert await storage.inbox(database=again).commit(claim, done(claim)) is None


def test_the_usual_start_does_without_alembic_and_its_memory(sqlite: Storage) -> None:
    code = (
        "import asyncio, sys\n"
        "from sqlalchemy.engine import make_url\n"
        "from bot.adapters.database.engine import Database\n"
        "from bot.adapters.database.vault import Vault\n"
        "async def main():\n"
        "    database = Database(make_url(sys.argv[1]), 'mimika', Vault([sys.argv[2]]))\n"
        "    await database.open()\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(sqlite.url), KEY], check=True, cwd=ROOT)


# ---- together ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_processes_that_open_an_empty_database_at_the_same_time_all_succeed(new_url: URL) -> None:
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(process(OPENS, new_url)) for _ in range(4)]

        for one in processes:
            one.go()

        for one in processes:
            one.did_it()
        assert [one.end() for one in processes] == [""] * 4


async def test_replicas_that_open_an_empty_postgresql_at_the_same_time_make_one_schema_and_one_seal(
    new_postgresql: URL, clock: FixedClock
) -> None:
    storage = Storage(new_postgresql, clock)
    replicas = [storage.process() for _ in range(6)]

    await asyncio.gather(*(replica.open() for replica in replicas))

    async with storage.database.begin() as connection:
        assert await differences(connection) == []
        assert await connection.scalar(sa.text("SELECT count(*) FROM seal")) == 1
    await storage.close()


# ---- halfway ----------------------------------------------------------------------------------------------


async def test_a_migration_that_fails_halfway_leaves_nothing_behind(new: Storage) -> None:
    # The last table of the first revision is there already, and is another one.
    await new.execute("CREATE TABLE unanswered (something INTEGER)")

    with pytest.raises(BROKEN):
        await new.database.open()

    assert await objects(new.database) == {"unanswered"}
    await new.execute("DROP TABLE unanswered")
    await new.database.open()
    async with new.database.begin() as connection:
        assert await differences(connection) == []


async def test_a_start_that_breaks_behind_the_migration_leaves_nothing_behind(new: Storage) -> None:
    async def start() -> None:
        async with new.database.begin() as connection:
            await upgrade(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await start()

    assert await objects(new.database) == set()


# ---- from the future --------------------------------------------------------------------------------------


async def test_a_newer_schema_stops_an_older_program_with_one_clear_sentence_and_is_left_alone(
    storage: Storage,
) -> None:
    await storage.inbox().store([arrival(1)])
    await storage.execute("UPDATE alembic_version SET version_num = '9999'")
    before = await storage.everything()

    with pytest.raises(StorageError) as raised:
        await storage.process().open()

    said = str(raised.value)
    assert not isinstance(raised.value, DatabaseUnreachable), "it would be tried again for ever"
    assert "9999" in said
    assert HEAD in said
    assert "newer" in said
    assert said.endswith(".")
    assert "\n" not in said
    assert await storage.everything() == before
