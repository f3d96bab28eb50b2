"""Transactions, what goes wrong in them, and the bells that wake other processes."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import StatementError

from bot.adapters.database import engine
from bot.adapters.database.depth import depths
from bot.adapters.database.tables import CHATS, INBOX, LIBRARY, SEAL
from bot.adapters.memory import FixedClock
from bot.errors import DatabaseUnreachable, StorageError
from bot.messages import Kind, Reply
from tests.contract.conftest import Storage, arrival, chat, done, opened, within
from tests.examples import CHAT, NOON
from tests.integration.database.conftest import Frail

# ---- times ------------------------------------------------------------------------------------------------


async def published(storage: Storage, at: datetime) -> datetime:
    """A time as it comes back from the database."""
    async with storage.database.begin() as connection:
        await connection.execute(sa.insert(LIBRARY).values(bot=str(at), version="1", published_at=at))
        found: datetime = (
            await connection.execute(sa.select(LIBRARY.c.published_at).where(LIBRARY.c.bot == str(at)))
        ).scalar_one()
    return found


@pytest.mark.parametrize("hours", [0, 3, -11, 14])
async def test_a_time_comes_back_as_the_same_moment_in_utc(storage: Storage, hours: int) -> None:
    at = datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=hours)))

    found = await published(storage, at)

    assert found == at
    assert found.tzinfo is UTC


async def test_a_time_without_a_zone_is_refused(storage: Storage) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        await published(storage, datetime(2026, 12, 31, 23, 59))  # naive


async def test_times_are_compared_as_moments_whatever_their_zone(storage: Storage) -> None:
    tokyo, lima = timezone(timedelta(hours=9)), timezone(timedelta(hours=-5))
    await published(storage, NOON.astimezone(tokyo))

    async with storage.database.begin() as connection:
        before = await connection.scalar(
            sa.select(sa.func.count()).where(LIBRARY.c.published_at < (NOON + timedelta(seconds=1)).astimezone(lima))
        )
        after = await connection.scalar(
            sa.select(sa.func.count()).where(LIBRARY.c.published_at < (NOON - timedelta(seconds=1)).astimezone(lima))
        )

    assert (before, after) == (1, 0)


# ---- transactions -----------------------------------------------------------------------------------------


async def test_whatever_breaks_within_a_transaction_undoes_it_even_new_tables(storage: Storage) -> None:
    async def work() -> None:
        async with storage.database.begin() as connection:
            await connection.execute(sa.text("CREATE TABLE extra (id INTEGER)"))
            await connection.execute(sa.text("DELETE FROM seal"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()

    assert len(await storage.rows(SEAL)) == 1
    await storage.execute("CREATE TABLE extra (id INTEGER)")


async def test_a_power_cut_loses_nothing_that_was_committed_to_sqlite(sqlite: Storage) -> None:
    async with sqlite.database.begin() as connection:
        modes = [
            (await connection.execute(sa.text(f"PRAGMA {name}"))).scalar() for name in ("journal_mode", "synchronous")
        ]

    assert modes == ["wal", 2], "the log is written to the disk at each commit"


async def test_sqlite_is_told_to_overwrite_what_is_deleted(sqlite: Storage) -> None:
    async with sqlite.database.begin() as connection:
        assert await connection.scalar(sa.text("PRAGMA secure_delete")) == 1


async def test_many_at_once_wait_for_their_turn(storage: Storage) -> None:
    inbox = storage.inbox()

    found = await asyncio.gather(*(inbox.store([arrival(number, of=chat(number))]) for number in range(60)))

    assert all(found)
    assert len(await storage.rows(INBOX)) == 60


# ---- a database that can't be used now --------------------------------------------------------------------


async def test_a_file_that_another_process_writes_to_for_long_is_unreachable_and_then_works_again(
    new_sqlite: URL, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PATIENCE", 0.2)
    async with opened(new_sqlite, clock) as storage:
        other = sqlite3.connect(str(new_sqlite.database), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(DatabaseUnreachable):
            await storage.inbox().store([arrival(1)])

        other.execute("ROLLBACK")
        other.close()
        assert list(await storage.inbox().store([arrival(1)])) == [1]


async def test_a_full_disk_keeps_nothing_of_a_batch_and_is_got_over(sqlite: Storage) -> None:
    inbox = sqlite.inbox()
    batch = [arrival(number, "слово " * 500, of=chat(number)) for number in range(50)]
    # The file may not grow: what SQLite says then is what it says of a full disk.
    await sqlite.execute("PRAGMA max_page_count = 1")

    with pytest.raises(DatabaseUnreachable):
        await inbox.store(batch)

    await sqlite.execute("PRAGMA max_page_count = 1000000")
    assert await sqlite.rows(INBOX) == []
    assert len(await inbox.store(batch)) == 50


async def test_a_folder_that_is_gone_is_unreachable(tmp_path: Path, clock: FixedClock) -> None:
    storage = Storage(engine.database_url(f"sqlite:///{tmp_path}/gone/mimika.sqlite", tmp_path), clock)

    with pytest.raises(DatabaseUnreachable):
        await storage.database.open()
    await storage.close()


async def cannot_be_opened(storage: Storage) -> None:
    """Fails where a database that never will work does not stop the start with one sentence."""
    with pytest.raises(StorageError) as raised:
        await storage.database.open()
    await storage.close()

    said = str(raised.value)
    assert not isinstance(raised.value, DatabaseUnreachable), "it would be tried again for ever"
    assert said.startswith("DATABASE_URL: ")
    assert said.endswith(".")
    assert "\n" not in said


async def test_a_file_that_is_no_database_stops_the_start(new_sqlite: URL, clock: FixedClock, tmp_path: Path) -> None:
    file = tmp_path / "mimika.sqlite"
    file.write_text("список дел " * 100, encoding="utf-8")
    before = file.read_bytes()

    await cannot_be_opened(Storage(new_sqlite, clock))

    assert file.read_bytes() == before


@pytest.mark.parametrize("wrong", [{"database": "nowhere"}, {"username": "nobody"}], ids=["database", "user"])
async def test_a_postgresql_without_our_database_or_user_stops_the_start(
    new_postgresql: URL, clock: FixedClock, wrong: dict[str, Any]
) -> None:
    await cannot_be_opened(Storage(new_postgresql.set(**wrong), clock))


async def test_whoever_waits_too_long_for_a_connection_hears_that_the_database_cannot_be_used(sqlite: Storage) -> None:
    pool = sqlite.database.engine.sync_engine.pool
    # Otherwise this test would wait for half a minute.
    pool._timeout = 0.1  # type: ignore[attr-defined]

    async with sqlite.database.begin():
        with pytest.raises(DatabaseUnreachable):
            await sqlite.inbox().claim(1)


async def test_of_two_transactions_that_wait_for_each_other_one_hears_to_try_again(postgresql: Storage) -> None:
    await postgresql.inbox().store([arrival(1, of=chat(1)), arrival(2, of=chat(2))])
    both_have_one = asyncio.Barrier(2)

    async def work(first: str, second: str) -> None:
        async with postgresql.database.begin() as connection:
            await connection.execute(sa.select(CHATS).where(CHATS.c.chat == first).with_for_update())
            await both_have_one.wait()
            await connection.execute(sa.select(CHATS).where(CHATS.c.chat == second).with_for_update())

    found = await within(10, asyncio.gather(work("1", "2"), work("2", "1"), return_exceptions=True))

    assert sorted(type(result).__name__ for result in found) == ["DatabaseUnreachable", "NoneType"]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL], ids=["stopped", "crashed", "killed"])
async def test_while_the_server_is_away_nothing_works_and_afterwards_all_is_there(
    frail: Frail, how: signal.Signals
) -> None:
    inbox, outbox = frail.storage.inbox(), frail.storage.outbox()
    await inbox.store([arrival(1), arrival(2)])
    (claim,) = await inbox.claim(1)
    await asyncio.to_thread(frail.server.stop, how)
    try:
        for work in (
            inbox.store([arrival(3)]),
            inbox.claim(1),
            inbox.commit(claim, done(claim)),
            inbox.release(claim),
            outbox.waiting((), 1),
            outbox.payload(CHAT, "x"),
            depths(frail.storage.database, NOON),
        ):
            with pytest.raises(DatabaseUnreachable):
                await within(20, work)
    finally:
        await asyncio.to_thread(frail.server.start)

    following = await inbox.commit(claim, done(claim, Reply(Kind.ANSWER, "Да.")))
    assert following is not None
    assert [waiting.incoming.message_id for waiting in following.waiting] == ["2"]
    assert len(await outbox.waiting((), 10)) == 1


@pytest.mark.slow
async def test_a_server_that_stops_in_the_middle_of_a_transaction_leaves_nothing_of_it(frail: Frail) -> None:
    async def work() -> None:
        async with frail.storage.database.begin() as connection:
            await connection.execute(sa.insert(LIBRARY).values(bot="x", version="1", published_at=NOON))
            await asyncio.to_thread(frail.server.stop)
            await connection.execute(sa.insert(LIBRARY).values(bot="y", version="1", published_at=NOON))

    try:
        with pytest.raises(DatabaseUnreachable):
            await within(20, work())
    finally:
        await asyncio.to_thread(frail.server.start)

    assert await frail.storage.rows(LIBRARY) == []


# ---- bells ------------------------------------------------------------------------------------------------


async def listening(storage: Storage, processes: int) -> None:
    """Wait until so many processes listen to this PostgreSQL."""
    async with asyncio.timeout(10):
        while True:
            async with storage.database.begin() as connection:
                found = await connection.scalar(
                    sa.text(
                        "SELECT count(*) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'"
                    )
                )
            if found == processes:
                return
            await asyncio.sleep(0.05)


async def test_a_message_stored_by_one_process_wakes_another_within_a_second(postgresql: Storage) -> None:
    theirs = postgresql.inbox(database=postgresql.process())
    woken = asyncio.create_task(theirs.wait(60))
    await asyncio.sleep(0)
    await listening(postgresql, 1)

    await postgresql.inbox().store([arrival(1)])

    await within(1, woken)
    assert len(await theirs.claim(1)) == 1


async def test_a_reply_committed_by_one_process_wakes_the_sender_in_another(postgresql: Storage) -> None:
    inbox, sender = postgresql.inbox(), postgresql.outbox(postgresql.process())
    await inbox.store([arrival(1)])
    (claim,) = await inbox.claim(1)
    woken = asyncio.create_task(sender.wait(60))
    await asyncio.sleep(0)
    await listening(postgresql, 1)

    await inbox.commit(claim, done(claim, Reply(Kind.ANSWER, "Да.")))

    await within(1, woken)
    assert len(await sender.waiting((), 1)) == 1


@pytest.mark.parametrize("bell", ["another bot's", "the outbox's"])
async def test_another_bell_is_not_rung(postgresql: Storage, bell: str) -> None:
    process = postgresql.process(bot="other" if bell == "another bot's" else CHAT.bot)
    theirs = postgresql.outbox(process) if bell == "the outbox's" else postgresql.inbox(database=process)
    waiting = asyncio.create_task(theirs.wait(60))
    await asyncio.sleep(0)
    await listening(postgresql, 1)

    await postgresql.inbox().store([arrival(1)])

    assert not (await asyncio.wait({waiting}, timeout=0.5))[0]
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_transaction_that_is_undone_wakes_nobody(postgresql: Storage) -> None:
    waiting = asyncio.create_task(postgresql.inbox(database=postgresql.process()).wait(60))
    await asyncio.sleep(0)
    await listening(postgresql, 1)

    async def work() -> None:
        async with postgresql.database.begin() as connection:
            await postgresql.database.notify(connection, "inbox")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()

    assert not (await asyncio.wait({waiting}, timeout=0.5))[0]
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
async def test_bells_ring_again_after_the_server_was_restarted(frail: Frail, how: signal.Signals) -> None:
    theirs = frail.storage.inbox(database=frail.storage.process())
    await theirs.wait(0)
    await listening(frail.storage, 1)
    await asyncio.to_thread(frail.server.stop, how)
    await asyncio.to_thread(frail.server.start)
    await listening(frail.storage, 1)
    woken = asyncio.create_task(theirs.wait(60))
    await asyncio.sleep(0)

    await frail.storage.inbox().store([arrival(1)])

    await within(1, woken)


# ---- depth ------------------------------------------------------------------------------------------------


async def test_where_nothing_waits_the_depths_are_0(storage: Storage) -> None:
    assert set((await depths(storage.database, NOON)).values()) == {0.0}


async def test_depths_tell_how_much_waits_and_since_when(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1), arrival(2), arrival(3, at=NOON + timedelta(seconds=5))])
    (claim,) = await inbox.claim(1)
    storage.clock.at += timedelta(seconds=7)
    await inbox.commit(claim, done(claim, Reply(Kind.ANSWER, "Да."), Reply(Kind.ANSWER, "Нет.")))

    found = await depths(storage.database, NOON + timedelta(seconds=10))

    assert found == {
        "inbox_waiting": 2, "inbox_oldest_seconds": 10, "outbox_waiting": 2, "outbox_oldest_seconds": 3
    }  # fmt: skip


async def test_depths_are_those_of_one_bot_and_never_negative(storage: Storage) -> None:
    await storage.inbox().store([arrival(1)])

    ours = await depths(storage.database, NOON - timedelta(hours=1))
    others = await depths(storage.process(bot="other"), NOON)

    assert (ours["inbox_waiting"], ours["inbox_oldest_seconds"]) == (1, 0)
    assert others["inbox_waiting"] == 0
