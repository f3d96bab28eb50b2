"""Locks: one holder among all processes, free as soon as the holder is gone."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.adapters.database.engine import Database
from bot.adapters.database.locks import AdvisoryLock, FileLock, lock
from bot.errors import StorageError
from bot.ports import Lock
from tests.contract.conftest import Storage, within
from tests.integration.database.conftest import Frail
from tests.integration.database.processes import HOLDS_A_LOCK, process

# A lock is asked for again every second; what a test waits for longer than this does not come.
SOON = 3.0


@contextlib.asynccontextmanager
async def held(database: Database, name: str = "sender") -> AsyncIterator[Lock]:
    """A lock of this name, acquired; let go of at the end."""
    made = lock(database, name)
    await within(SOON, made.acquire())
    try:
        yield made
    finally:
        await made.release()


async def stays_out(waiting: Lock) -> None:
    """Fails where a lock is to be had although it is held elsewhere."""
    with pytest.raises(TimeoutError):
        await within(1.3, waiting.acquire())
    assert not waiting.held


# ---- within one process -----------------------------------------------------------------------------------


async def test_each_database_has_its_own_kind_of_lock(storage: Storage) -> None:
    assert isinstance(lock(storage.database, "sender"), AdvisoryLock if storage.postgresql else FileLock)


async def test_a_lock_is_held_from_its_acquiring_to_its_release(storage: Storage) -> None:
    ours = lock(storage.database, "sender")
    before = ours.held
    await within(SOON, ours.acquire())
    during = ours.held
    await ours.release()

    assert (before, during, ours.held) == (False, True, False)


async def test_a_lock_held_already_is_acquired_at_once(storage: Storage) -> None:
    async with held(storage.database) as ours:
        await within(1, ours.acquire())

        assert ours.held


async def test_a_lock_can_be_acquired_again_after_its_release(storage: Storage) -> None:
    async with held(storage.database) as ours:
        await ours.release()
        await within(SOON, ours.acquire())

        assert ours.held


async def test_releasing_what_is_not_held_does_nothing(storage: Storage) -> None:
    async with held(storage.process()) as theirs:
        ours = lock(storage.database, "sender")

        await ours.release()

        assert (ours.held, theirs.held) == (False, True)
        await stays_out(ours)


async def test_another_waits_until_the_holder_lets_go(storage: Storage) -> None:
    theirs = lock(storage.process(), "sender")
    async with held(storage.database) as ours:
        waiting = asyncio.create_task(theirs.acquire())
        assert not (await asyncio.wait({waiting}, timeout=1.3))[0]

        await ours.release()

        await within(SOON, waiting)
        assert (ours.held, theirs.held) == (False, True)
    await theirs.release()


async def test_of_many_that_wait_one_gets_it(storage: Storage) -> None:
    locks = [lock(storage.process(), "sender") for _ in range(4)]
    waiting = [asyncio.create_task(one.acquire()) for one in locks]

    done, pending = await asyncio.wait(waiting, timeout=1.5)

    assert len(done) == 1
    assert sum(one.held for one in locks) == 1
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for one in locks:
        await one.release()


async def test_locks_of_other_names_are_not_in_the_way(storage: Storage) -> None:
    async with held(storage.database, "sender") as one, held(storage.process(), "polling") as two:
        assert one.held
        assert two.held


async def test_locks_of_other_bots_are_not_in_the_way(postgresql: Storage) -> None:
    async with held(postgresql.database) as one, held(postgresql.process(bot="other")) as two:
        assert one.held
        assert two.held


async def test_whoever_gives_up_waiting_leaves_the_lock_to_others(storage: Storage) -> None:
    gave_up = lock(storage.process(), "sender")
    async with held(storage.database):
        await stays_out(gave_up)

    async with held(storage.process()) as third:
        assert third.held
    assert not gave_up.held


def open_files(file: Path) -> int:
    """How often this process has a file open."""
    links = Path("/proc/self/fd").iterdir()
    return sum(link.exists() and link.samefile(file) for link in links)


async def test_whoever_gives_up_waiting_leaves_no_file_open(tmp_path: Path) -> None:
    file = tmp_path / "sender.lock"
    holder, gave_up = FileLock(file), FileLock(file)
    await holder.acquire()

    await stays_out(gave_up)

    assert open_files(file) == 1
    await holder.release()
    assert open_files(file) == 0


async def test_the_database_works_on_while_a_lock_is_held(storage: Storage) -> None:
    async with held(storage.database) as ours:
        # Long enough for the holder to look whether the lock is still its own.
        await asyncio.sleep(1.2)

        assert ours.held
        assert await storage.inbox().claim(1) == []


async def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/sender\.lock can't be written: .*\.$"):
        await FileLock(tmp_path / "nowhere" / "sender.lock").acquire()


# ---- between processes ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("how", ["killed", "ended"])
async def test_a_lock_held_by_another_process_is_ours_soon_after_that_is_gone(storage: Storage, how: str) -> None:
    ours = lock(storage.database, "sender")
    with process(HOLDS_A_LOCK, storage.url, "sender") as holder:
        holder.go()
        holder.did_it()
        await stays_out(ours)

        began = time.monotonic()
        if how == "killed":
            holder.kill()
        else:
            await asyncio.to_thread(holder.end)
        await within(SOON + 5, ours.acquire())

    assert ours.held
    assert time.monotonic() - began < SOON
    await ours.release()


@pytest.mark.slow
async def test_a_lock_of_ours_keeps_another_process_waiting(storage: Storage) -> None:
    with process(HOLDS_A_LOCK, storage.url, "sender") as other:
        async with held(storage.database):
            other.go()
            got_it = asyncio.create_task(asyncio.to_thread(other.did_it))
            assert not (await asyncio.wait({got_it}, timeout=2))[0]

        await within(SOON, got_it)


# ---- a connection that breaks -----------------------------------------------------------------------------


async def no_longer_held(ours: Lock, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while ours.held:  # noqa: ASYNC110  # there is nothing to wait for but the lock itself
            await asyncio.sleep(0.05)


async def test_whoever_lost_its_connection_notices_and_another_gets_the_lock(postgresql: Storage) -> None:
    async with held(postgresql.database) as ours:
        await postgresql.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

        async with held(postgresql.process()) as theirs:
            await no_longer_held(ours, SOON)
            assert theirs.held
        await within(SOON, ours.acquire())
        assert ours.held


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
async def test_a_lock_is_lost_with_the_server_and_got_again_when_it_is_back(frail: Frail, how: signal.Signals) -> None:
    async with held(frail.storage.database) as ours:
        await asyncio.to_thread(frail.server.stop, how)
        try:
            await no_longer_held(ours, 2 * SOON)
            waiting = asyncio.create_task(ours.acquire())
            assert not (await asyncio.wait({waiting}, timeout=1.3))[0]
        finally:
            await asyncio.to_thread(frail.server.start)

        await within(SOON, waiting)
        assert ours.held
