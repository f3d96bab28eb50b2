"""Whatever happens in whatever order, each stored message is answered once, and those of a chat in their order."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.database.engine import database_url
from bot.adapters.database.inbox import LEASE, Inbox
from bot.adapters.database.tables import INBOX, OUTBOX
from bot.adapters.memory import FixedClock
from bot.deliveries import AHEAD_WAITS, FRAGMENT_WAITS, Arrival, Claim, Waiting, next_work
from bot.errors import TurnLost
from bot.messages import ChatId, Kind, Reply
from tests.contract.conftest import Storage, arrival, chat, done
from tests.examples import NOON

CHATS, WORKERS = 3, 2
KINDS: dict[str, dict[str, bool]] = {"message": {}, "fragment": {"fragment": True}, "danger": {"ahead": True}}

_chats, _workers = st.integers(0, CHATS - 1), st.integers(0, WORKERS - 1)
STEPS = st.one_of(
    st.tuples(st.just("store"), st.lists(st.tuples(_chats, st.sampled_from(sorted(KINDS))), min_size=1, max_size=4)),
    st.tuples(st.just("deliver again"), st.integers(0, 20)),
    st.tuples(st.just("claim"), _workers),
    st.tuples(st.just("commit"), _workers),
    st.tuples(st.just("commit"), _workers),
    st.tuples(st.just("release"), _workers),
    st.tuples(st.just("forget"), _workers),
    st.tuples(st.just("read for danger"), st.integers(0, 5)),
    st.tuples(st.just("commit danger"), st.integers(0, 5)),
    st.tuples(
        st.just("clock"),
        st.sampled_from([FRAGMENT_WAITS, AHEAD_WAITS, LEASE, timedelta(hours=1), timedelta(hours=-1)]),
    ),
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the schema and nothing in it, to be copied for each run."""
    file = tmp_path_factory.mktemp("empty") / "mimika.sqlite"

    async def make() -> None:
        storage = Storage(database_url(f"sqlite:///{file}", file.parent), FixedClock(NOON))
        await storage.database.open()
        await storage.close()

    asyncio.run(make())
    return file


class Run:
    """Carries out steps and keeps account of what was stored and answered."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.workers = [storage.inbox(f"worker-{number}") for number in range(WORKERS)]
        self.claims: list[list[Claim]] = [[] for _ in self.workers]
        self.stored: list[Arrival] = []
        self.dangers: list[Waiting] = []
        self.read: list[Claim] = []
        self.answered: list[str] = []
        self._row_of: dict[int, Arrival] = {}

    async def step(self, name: str, about: object) -> None:
        await getattr(self, name.replace(" ", "_"))(about)

    async def store(self, said: list[tuple[int, str]]) -> None:
        first = len(self.stored)
        batch = [
            arrival(first + number, f"слово {first + number}", of=chat(of), at=self.storage.clock.at, **KINDS[kind])
            for number, (of, kind) in enumerate(said)
        ]
        # Nothing says in which order one delivery is written down.
        fresh = await self.workers[0].store(batch[::-1])
        assert sorted(fresh) == [one.update for one in batch]
        self.stored += batch
        for one in batch:
            self._row_of[fresh[one.update]] = one
            if one.ahead:
                self.dangers.append(Waiting(fresh[one.update], one.incoming, ahead=True))

    async def deliver_again(self, number: int) -> None:
        if self.stored:
            assert await self.workers[0].store([self.stored[number % len(self.stored)]]) == {}

    async def claim(self, worker: int) -> None:
        self.claims[worker] += await self.workers[worker].claim(CHATS)

    async def commit(self, worker: int) -> None:
        if self.claims[worker]:
            claim = self.claims[worker].pop(0)
            following = await self._commit(self.workers[worker], claim)
            self.claims[worker] += [following] if following is not None else []

    async def release(self, worker: int) -> None:
        if self.claims[worker]:
            await self.workers[worker].release(self.claims[worker].pop(0))

    async def forget(self, worker: int) -> None:
        """The worker dies with what it has in hand; the leases stay."""
        self.claims[worker].clear()

    async def read_for_danger(self, number: int) -> None:
        if self.dangers:
            waiting = self.dangers[number % len(self.dangers)]
            state, version = await self.workers[0].read(waiting.incoming.chat_id)
            self.read.append(Claim(waiting.incoming.chat_id, state, version, (waiting,)))

    async def commit_danger(self, number: int) -> None:
        if self.read:
            await self._commit(self.workers[0], self.read.pop(number % len(self.read)))

    async def clock(self, jump: timedelta) -> None:
        self.storage.clock.at += jump

    async def _commit(self, inbox: Inbox, claim: Claim) -> Claim | None:
        work, rows = next_work(claim.waiting)
        answer = Reply(Kind.ANSWER, work.incoming.text)
        try:
            following = await inbox.commit(claim, done(claim, answer, ahead=work.ahead))
        except TurnLost:
            return None
        self.answered += [self._row_of[row].incoming.message_id for row in rows]
        return following

    async def to_the_end(self) -> None:
        """One worker that does not die works off what is left."""
        for claims in self.claims:
            claims.clear()
        self.storage.clock.at += 2 * LEASE
        for _ in range(2 * len(self.stored) + 1):
            await self.claim(0)
            while self.claims[0]:
                await self.commit(0)


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=100, deadline=None)
def test_every_stored_message_is_answered_once_and_in_its_chats_order(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]]
) -> None:
    file = tmp_path_factory.mktemp("run") / "mimika.sqlite"
    shutil.copy(empty, file)

    async def live() -> tuple[Run, int, int]:
        storage = Storage(database_url(f"sqlite:///{file}", file.parent), FixedClock(NOON))
        try:
            run = Run(storage)
            for name, about in steps:
                await run.step(name, about)
            await run.to_the_end()
            open_rows = [row for row in await storage.rows(INBOX) if row["done_at"] is None]
            return run, len(open_rows), len(await storage.rows(OUTBOX))
        finally:
            await storage.close()

    run, waiting, replies = asyncio.run(live())

    assert waiting == 0
    assert Counter(run.answered) == Counter(one.incoming.message_id for one in run.stored)
    # Fragments share one answer with what follows them; nothing else does.
    fragments = sum(one.fragment for one in run.stored)
    assert len(run.stored) - fragments <= replies <= len(run.stored)
    for number in range(CHATS):
        assert ordinary(run, chat(number)) == sorted(ordinary(run, chat(number)))


def ordinary(run: Run, of: ChatId) -> list[int]:
    """What was answered in a chat, without dangers, which may go ahead of everything."""
    mine = {one.incoming.message_id for one in run.stored if one.incoming.chat_id == of and not one.ahead}
    return [int(message) for message in run.answered if message in mine]
