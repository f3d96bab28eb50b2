"""The inbox: what a worker may rely on, on every database; two `process()` of one storage are two replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from sqlalchemy import select

from bot.adapters.database.inbox import LEASE, Inbox
from bot.adapters.database.tables import ANSWERS, CALLBACKS, CHATS, INBOX, OUTBOX, UNANSWERED
from bot.deliveries import AHEAD_WAITS, FRAGMENT_WAITS, Answered, Arrival, Claim, Waiting, next_work
from bot.errors import TurnLost
from bot.messages import Alert, Button, ChatId, ChatState, Kind, Reply
from tests.contract.conftest import BROKEN, MOMENTS, Storage, arrival, chat, cut_off, done, within
from tests.examples import CHAT, NOON

ANSWER = Reply(Kind.ANSWER, "Да.", (Button("Подробнее", "more:pain"),), topics=("pain",), confidence=0.9)
MOMENT = timedelta(milliseconds=1)
HOUR = timedelta(hours=1)
T = TypeVar("T")


async def claim_one(inbox: Inbox) -> Claim:
    (claim,) = await inbox.claim(10)
    return claim


def updates(claim: Claim) -> list[int]:
    """The updates of what waits in a claim; messages of these tests are numbered like their updates."""
    return [int(waiting.incoming.message_id) for waiting in claim.waiting]


async def lost(storage: Storage, inbox: Inbox, claim: Claim, **fields: Any) -> str:
    """What the commit of a turn that is no longer ours says; fails where it wrote anything."""
    before = await storage.everything()
    with pytest.raises(TurnLost) as raised:
        await inbox.commit(claim, done(claim, ANSWER, unanswered="а?", **fields))
    assert await storage.everything() == before
    return str(raised.value)


# ---- store ------------------------------------------------------------------------------------------------


async def test_an_update_that_was_not_seen_before_gets_a_row(storage: Storage) -> None:
    fresh = await storage.inbox().store([arrival(7), arrival(9)])

    rows = await storage.rows(INBOX)
    assert fresh == {row["update_id"]: row["id"] for row in rows}
    assert sorted(fresh) == [7, 9]


async def test_an_update_delivered_again_changes_nothing(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(7, "сколько держится?")])
    before = await storage.everything()

    assert await inbox.store([arrival(7, "сколько держится?"), arrival(7)]) == {}

    assert await storage.everything() == before


async def test_of_a_batch_only_what_is_new_is_kept(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(7)])

    fresh = await inbox.store([arrival(6), arrival(7), arrival(8), arrival(8)])

    assert sorted(fresh) == [6, 8]
    assert updates(await claim_one(inbox)) == [6, 7, 8]


async def test_an_update_delivered_again_after_its_turn_is_not_answered_again(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(7)])
    claim = await claim_one(inbox)
    await inbox.commit(claim, done(claim))

    assert await inbox.store([arrival(7)]) == {}
    assert await inbox.claim(10) == []


async def test_an_update_delivered_to_two_replicas_at_once_is_kept_by_one(storage: Storage) -> None:
    one, two = storage.inbox(), storage.inbox(database=storage.process())

    for update in range(20):
        found = await asyncio.gather(one.store([arrival(update)]), two.store([arrival(update)]))

        assert sorted(map(len, found)) == [0, 1]
    assert len(await storage.rows(INBOX)) == 20


@pytest.mark.parametrize("other", [replace(CHAT, channel="web"), replace(CHAT, bot="other")], ids=["channel", "bot"])
async def test_the_same_number_from_another_channel_or_bot_is_another_update(storage: Storage, other: ChatId) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(7)])

    assert list(await inbox.store([arrival(7, of=other)])) == [7]
    assert len(await storage.rows(INBOX)) == 2


async def test_the_same_number_in_another_chat_is_the_same_update(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(7)])

    assert await inbox.store([arrival(7, of=chat(2))]) == {}
    assert {row["chat"] for row in await storage.rows(CHATS)} == {CHAT.chat}


async def test_no_updates_are_no_rows(storage: Storage) -> None:
    assert await storage.inbox().store([]) == {}


async def test_where_a_batch_cannot_be_kept_whole_nothing_of_it_is(storage: Storage) -> None:
    inbox = storage.inbox()
    await storage.execute("ALTER TABLE chats RENAME TO gone")

    with pytest.raises(BROKEN):
        await inbox.store([arrival(7), arrival(8, of=chat(2))])

    await storage.execute("ALTER TABLE gone RENAME TO chats")
    assert await storage.rows(INBOX) == []
    assert sorted(await inbox.store([arrival(7), arrival(8, of=chat(2))])) == [7, 8]


async def test_a_store_cut_off_at_any_moment_keeps_all_or_nothing(storage: Storage) -> None:
    inbox, kept = storage.inbox(), []
    for attempt, moment in enumerate(MOMENTS):
        batch = [arrival(100 * attempt + number, of=chat(attempt)) for number in range(5)]

        cut = await cut_off(inbox.store(batch), after=moment)

        kept.append(len([row for row in await storage.rows(INBOX) if row["update_id"] // 100 == attempt]))
        assert kept[-1] in ((0, 5) if cut else (5,))
        assert [found.chat_id for found in await inbox.claim(10)] == ([chat(attempt)] if kept[-1] else [])
    assert set(kept) == {0, 5}, "the test cut at no interesting moment"


# ---- claim ------------------------------------------------------------------------------------------------


async def test_where_nothing_waits_nothing_is_claimed(storage: Storage) -> None:
    assert await storage.inbox().claim(10) == []


async def test_a_new_chat_is_claimed_with_an_empty_state_and_what_was_said(storage: Storage) -> None:
    inbox, said = storage.inbox(), arrival(7, "сколько держится?", language_hint="ru-RU", reply_to="3")
    fresh = await inbox.store([said])

    claim = await claim_one(inbox)

    (waiting,) = claim.waiting
    assert (claim.chat_id, claim.state, claim.tries) == (CHAT, ChatState(), 1)
    assert (waiting.id, waiting.incoming) == (fresh[7], said.incoming)


@pytest.mark.parametrize("batches", [[[3, 1, 2]], [[3], [1], [2]], [[2, 3], [1]]], ids=str)
async def test_messages_wait_in_the_order_of_their_updates_however_they_were_stored(
    storage: Storage, batches: list[list[int]]
) -> None:
    inbox = storage.inbox()
    for batch in batches:
        await inbox.store([arrival(update) for update in batch])

    assert updates(await claim_one(inbox)) == [1, 2, 3]


async def test_at_most_as_many_chats_are_claimed_as_asked_for_and_those_that_wait_longest_come_first(
    storage: Storage,
) -> None:
    inbox = storage.inbox()
    for number in (3, 1, 4, 2):
        await inbox.store([arrival(number, of=chat(number), at=NOON + number * MOMENT)])
    storage.clock.at = NOON + 10 * MOMENT

    first, then = await inbox.claim(2), await inbox.claim(10)

    assert [claim.chat_id for claim in first] == [chat(1), chat(2)]
    assert [claim.chat_id for claim in then] == [chat(3), chat(4)]


async def test_another_bots_chats_are_not_claimed(storage: Storage) -> None:
    other = replace(CHAT, bot="other")
    await storage.inbox().store([arrival(7, of=other)])

    assert await storage.inbox().claim(10) == []
    (claim,) = await storage.inbox(database=storage.process(bot="other")).claim(10)
    assert claim.chat_id == other


async def test_a_claimed_chat_is_not_claimed_again_whatever_comes_in(storage: Storage) -> None:
    inbox, other = storage.inbox(), storage.inbox(database=storage.process())
    await inbox.store([arrival(1)])
    await claim_one(inbox)

    await other.store([arrival(2)])

    assert await inbox.claim(10) == []
    assert await other.claim(10) == []


async def test_workers_that_claim_at_the_same_time_never_get_the_same_chat(storage: Storage) -> None:
    chats = 40
    await storage.inbox().store([arrival(number, of=chat(number)) for number in range(chats)])
    processes = [storage.database, storage.process(), storage.process()]
    workers = [storage.inbox(f"worker-{number}", processes[number % 3]) for number in range(6)]

    claimed: list[ChatId] = []
    while len(claimed) < chats:
        found = await asyncio.gather(*(worker.claim(3) for worker in workers))
        claimed += [claim.chat_id for claims in found for claim in claims]
        assert any(found), "nobody gets what is left"

    assert len(set(claimed)) == chats


async def test_a_worker_does_not_wait_for_a_chat_that_another_is_just_writing(postgresql: Storage) -> None:
    await postgresql.inbox().store([arrival(1, of=chat(1)), arrival(2, of=chat(2))])

    async with postgresql.process().begin() as connection:
        await connection.execute(select(CHATS).where(CHATS.c.chat == "1").with_for_update())
        found = await within(2, postgresql.inbox().claim(10))

    assert [claim.chat_id for claim in found] == [chat(2)]


async def test_claims_since_the_last_commit_are_counted(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1), arrival(2)])

    seen = []
    for _ in range(3):
        claim = await claim_one(inbox)
        seen.append(claim.tries)
        storage.clock.at += LEASE
    claim = await claim_one(inbox)
    following = await inbox.commit(claim, done(claim))
    assert following is not None
    storage.clock.at += LEASE

    assert seen == [1, 2, 3]
    assert (await claim_one(inbox)).tries == 1


# ---- leases -----------------------------------------------------------------------------------------------


async def test_a_chat_is_taken_over_when_its_lease_has_run_out_and_not_before(storage: Storage) -> None:
    dead, alive = storage.inbox("dead"), storage.inbox("alive", storage.process())
    await dead.store([arrival(1)])
    first = await claim_one(dead)

    storage.clock.at += LEASE - MOMENT
    assert await alive.claim(10) == []
    storage.clock.at += MOMENT
    second = await claim_one(alive)

    assert second.fence is not None
    assert first.fence is not None
    assert second.fence > first.fence
    assert updates(second) == [1]


async def test_a_worker_whose_lease_was_taken_over_cannot_commit(storage: Storage) -> None:
    slow, other = storage.inbox("slow"), storage.inbox("other", storage.process())
    await slow.store([arrival(1)])
    old = await claim_one(slow)
    storage.clock.at += LEASE
    new = await claim_one(other)

    await lost(storage, slow, old)

    assert await other.commit(new, done(new, ANSWER)) is None


async def test_a_worker_that_claims_again_cannot_commit_under_its_earlier_claim(storage: Storage) -> None:
    inbox = storage.inbox("one and the same")
    await inbox.store([arrival(1)])
    old = await claim_one(inbox)
    storage.clock.at += LEASE
    await claim_one(inbox)

    await lost(storage, inbox, old)


async def test_a_late_worker_may_commit_if_nobody_has_taken_the_chat(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    claim = await claim_one(inbox)
    storage.clock.at += 3 * LEASE

    assert await inbox.commit(claim, done(claim, ANSWER)) is None

    assert len(await storage.rows(OUTBOX)) == 1


async def test_a_lease_given_back_leaves_the_chat_to_others_at_once_with_nothing_written(storage: Storage) -> None:
    inbox, other = storage.inbox(), storage.inbox(database=storage.process())
    await inbox.store([arrival(1)])
    claim = await claim_one(inbox)

    await inbox.release(claim)

    again = await claim_one(other)
    assert (updates(again), again.version) == ([1], claim.version)
    assert await storage.rows(OUTBOX) == []


async def test_giving_back_a_lease_that_is_no_longer_ours_does_not_touch_the_new_one(storage: Storage) -> None:
    slow, other = storage.inbox("slow"), storage.inbox("other")
    await slow.store([arrival(1)])
    old = await claim_one(slow)
    storage.clock.at += LEASE
    new = await claim_one(other)

    await slow.release(old)

    assert await slow.claim(10) == []
    assert await other.commit(new, done(new)) is None


async def test_a_process_alone_with_its_database_takes_every_lease_back_at_its_start(storage: Storage) -> None:
    dead, other = storage.inbox("dead"), storage.process(bot="other")
    elsewhere = replace(CHAT, bot="other")
    await dead.store([arrival(number, of=chat(number)) for number in range(3)])
    await dead.store([arrival(9, of=elsewhere)])
    old = (await dead.claim(10))[0]
    await storage.inbox(database=other).claim(10)

    started = storage.inbox("started")
    await started.free_all()

    assert {claim.chat_id for claim in await started.claim(10)} == {chat(0), chat(1), chat(2)}
    assert await storage.inbox(database=other).claim(10) == [], "another bot's leases are not ours to take"
    await lost(storage, dead, old)


async def test_a_turn_that_goes_on_with_the_next_message_renews_its_lease(storage: Storage) -> None:
    inbox, other = storage.inbox(), storage.inbox("other")
    await inbox.store([arrival(1), arrival(2)])
    claim = await claim_one(inbox)
    storage.clock.at += LEASE - MOMENT

    await inbox.commit(claim, done(claim))

    storage.clock.at += LEASE - MOMENT
    assert await other.claim(10) == []
    storage.clock.at += MOMENT
    assert updates(await claim_one(other)) == [2]


# ---- commit -----------------------------------------------------------------------------------------------


async def test_a_commit_writes_state_outbox_buttons_report_and_question_and_forgets_the_words(storage: Storage) -> None:
    inbox, state = storage.inbox(), ChatState(language="ru", topic="pain", topic_at=NOON)
    await inbox.store([arrival(1)])
    claim = await claim_one(inbox)
    answered = Answered("answer", "pain", 0.9, "typed")
    storage.clock.at += MOMENT

    assert await inbox.commit(claim, done(claim, ANSWER, state=state, answers=(answered,), unanswered="а?")) is None

    assert await inbox.read(CHAT) == (state, claim.version + 1)
    (parcel,) = await storage.outbox().waiting((), 10)
    assert (parcel.leaving, parcel.chat_id, parcel.cause) == (ANSWER, CHAT, "1")
    assert len(await storage.rows(CALLBACKS)) == 1
    (line,) = await storage.rows(ANSWERS)
    assert (line["kind"], line["topic"], line["confidence"], line["by"]) == ("answer", "pain", 0.9, "typed")
    (question,) = await storage.rows(UNANSWERED)
    assert storage.database.vault.open(question["sealed_question"]).decode() == "а?"
    (row,) = await storage.rows(INBOX)
    assert (row["done_at"], row["sealed_incoming"]) == (storage.clock.at, None)
    assert await inbox.claim(10) == []


async def test_a_commit_gives_the_next_message_still_leased(storage: Storage) -> None:
    inbox, other = storage.inbox(), storage.inbox("other")
    await inbox.store([arrival(1), arrival(2)])
    claim = await claim_one(inbox)
    state = ChatState(unknowns=1)
    await inbox.store([arrival(3)])

    following = await inbox.commit(claim, done(claim, state=state))

    assert following is not None
    assert (updates(following), following.state, following.fence) == ([2, 3], state, claim.fence)
    assert await other.claim(10) == []
    last = await inbox.commit(following, done(following))
    assert last is not None
    assert updates(last) == [3]
    assert await inbox.commit(last, done(last)) is None


async def test_a_turn_committed_twice_is_lost_the_second_time(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    claim = await claim_one(inbox)
    await inbox.commit(claim, done(claim, ANSWER))

    await lost(storage, inbox, claim)

    assert len(await storage.rows(OUTBOX)) == 1


async def test_messages_that_were_answered_are_not_answered_again_even_under_the_right_version(
    storage: Storage,
) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    claim = await claim_one(inbox)
    await inbox.commit(claim, done(claim))

    said = await lost(storage, inbox, replace(claim, version=claim.version + 1))

    assert "answered" in said


async def test_a_turn_for_an_answered_and_an_open_message_is_lost_whole(storage: Storage) -> None:
    inbox = storage.inbox()
    fresh = await inbox.store([arrival(1), arrival(2)])
    claim = await claim_one(inbox)
    following = await inbox.commit(claim, done(claim))
    assert following is not None

    await lost(storage, inbox, following, rows=tuple(fresh.values()))

    assert updates(following) == [2]
    assert await inbox.commit(following, done(following)) is None


async def test_of_two_commits_of_one_turn_at_the_same_time_one_is_written(storage: Storage) -> None:
    one, two = storage.inbox(), storage.inbox(database=storage.process())
    for update in range(10):
        await one.store([arrival(update)])
        claim = await claim_one(one)

        found = await asyncio.gather(
            *(inbox.commit(claim, done(claim, ANSWER)) for inbox in (one, two)), return_exceptions=True
        )

        assert sorted(type(result).__name__ for result in found) == ["NoneType", "TurnLost"]
        assert len(await storage.rows(OUTBOX)) == update + 1


async def test_a_chat_nobody_wrote_in_has_no_turn(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    claim = await claim_one(inbox)

    await lost(storage, inbox, replace(claim, chat_id=chat(2), version=0))


@pytest.mark.parametrize("table", [CHATS, INBOX, OUTBOX, CALLBACKS, ANSWERS, UNANSWERED], ids=lambda table: table.name)
async def test_where_a_part_of_a_turn_cannot_be_written_nothing_of_it_is(storage: Storage, table: object) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1), arrival(2)])
    claim = await claim_one(inbox)
    turn = done(claim, ANSWER, answers=(Answered("answer", "pain", 0.9, "typed"),), unanswered="а?")
    before = await storage.everything()

    await storage.execute(f"ALTER TABLE {table} RENAME TO gone")
    with pytest.raises(BROKEN):
        await inbox.commit(claim, turn)
    await storage.execute(f"ALTER TABLE gone RENAME TO {table}")

    assert await storage.everything() == before
    following = await inbox.commit(claim, turn)
    assert following is not None
    assert updates(following) == [2]


async def test_a_commit_cut_off_at_any_moment_is_written_whole_or_not_at_all(storage: Storage) -> None:
    inbox, written = storage.inbox(), []
    for attempt, moment in enumerate(MOMENTS):
        await inbox.store([arrival(attempt, of=chat(attempt))])
        claim = await claim_one(inbox)
        turn = done(claim, ANSWER, answers=(Answered("answer", "pain", 0.9, "typed"),), unanswered="а?")
        counts = {table: len(await storage.rows(table)) for table in (OUTBOX, CALLBACKS, ANSWERS, UNANSWERED)}

        cut = await cut_off(inbox.commit(claim, turn), after=moment)

        grown = {len(await storage.rows(table)) - count for table, count in counts.items()}
        assert len(grown) == 1, "some tables have it and some don't"
        written.append(grown.pop())
        assert cut or written[-1] == 1
        assert (await inbox.read(chat(attempt)))[1] == claim.version + written[-1]
        if not written[-1]:
            await inbox.commit(claim, turn)
    assert set(written) == {0, 1}, "the test cut at no interesting moment"
    assert all(row["done_at"] is not None for row in await storage.rows(INBOX))


# ---- no message is forgotten ------------------------------------------------------------------------------


async def test_a_message_stored_while_the_chats_last_turn_commits_is_not_forgotten(storage: Storage) -> None:
    inbox, other = storage.inbox(), storage.inbox(database=storage.process())
    came = {"with the commit": 0, "by a claim": 0}
    for number in range(1, 80, 2):
        await inbox.store([arrival(number)])
        claim = await claim_one(inbox)

        # Now one is ahead and now the other, by a little more each time.
        following, _ = await asyncio.gather(
            later(number % 8 * 0.0003, inbox.commit(claim, done(claim))),
            later(number // 8 % 8 * 0.0003, other.store([arrival(number + 1)])),
        )

        came["by a claim" if following is None else "with the commit"] += 1
        following = following or await claim_one(other)
        assert updates(following) == [number + 1]
        assert await inbox.commit(following, done(following)) is None
    assert all(came.values()), f"one order never happened: {came}"


async def test_a_message_stored_while_its_chat_is_claimed_is_not_forgotten(storage: Storage) -> None:
    inbox, other = storage.inbox(), storage.inbox(database=storage.process())
    for number in range(1, 80, 2):
        await inbox.store([arrival(number)])

        claims, _ = await asyncio.gather(
            later(number % 8 * 0.0003, inbox.claim(10)),
            later(number // 8 % 8 * 0.0003, other.store([arrival(number + 1)])),
        )

        seen: list[int] = []
        following: Claim | None = claims[0] if claims else await claim_one(inbox)
        while following is not None:
            seen.append(updates(following)[0])
            following = await inbox.commit(following, done(following))
        seen += [update for claim in await inbox.claim(10) for update in updates(claim)]
        assert seen == [number, number + 1]
        await inbox.free_all()


async def test_what_many_workers_do_at_once_answers_every_message_once_and_in_order(storage: Storage) -> None:
    processes = [storage.database, storage.process(), storage.process()]
    chats, messages = 6, 12
    answered: dict[ChatId, list[int]] = {chat(number): [] for number in range(chats)}
    left = chats * messages

    async def store_all(inbox: Inbox, of: ChatId, number: int) -> None:
        for count in range(messages):
            await inbox.store([arrival(1000 * number + count, of=of)])

    async def work(inbox: Inbox) -> None:
        nonlocal left
        while left:
            claims = await inbox.claim(2)
            for first in claims:
                claim: Claim | None = first
                while claim is not None:
                    update, held = updates(claim)[0], claim
                    claim = await inbox.commit(held, done(held, ANSWER))
                    answered[held.chat_id].append(update)
                    left -= 1
            if not claims:
                await inbox.wait(0.01)

    await within(
        60,
        asyncio.gather(
            *(store_all(storage.inbox(database=processes[n % 3]), chat(n), n) for n in range(chats)),
            *(work(storage.inbox(database=database)) for database in processes),
        ),
    )

    assert {of: len(found) for of, found in answered.items()} == dict.fromkeys(answered, messages)
    assert all(one < two for found in answered.values() for one, two in pairwise(found))
    assert len(await storage.rows(OUTBOX)) == chats * messages


async def later(seconds: float, work: Awaitable[T]) -> T:
    await asyncio.sleep(seconds)
    return await work


# ---- danger -----------------------------------------------------------------------------------------------


async def danger(inbox: Inbox, update: int, **fields: Any) -> Claim:
    """Store a danger and read its chat as the task that answers it does: without a lease."""
    stored = arrival(update, "не могу дышать", ahead=True, **fields)
    fresh = await inbox.store([stored])
    return await unleased(inbox, stored, fresh[update])


async def unleased(inbox: Inbox, stored: Arrival, row: int) -> Claim:
    state, version = await inbox.read(stored.incoming.chat_id)
    return Claim(stored.incoming.chat_id, state, version, (Waiting(row, stored.incoming, ahead=True),))


async def test_a_danger_is_left_to_its_own_task_for_a_while_and_then_taken_by_a_worker(storage: Storage) -> None:
    inbox = storage.inbox()
    await danger(inbox, 1)

    assert await inbox.claim(10) == []
    storage.clock.at += AHEAD_WAITS - MOMENT
    assert await inbox.claim(10) == []
    storage.clock.at += MOMENT
    claim = await claim_one(inbox)

    assert updates(claim) == [1]
    assert claim.waiting[0].ahead


async def test_what_waits_beside_a_danger_is_claimed_without_it(storage: Storage) -> None:
    inbox = storage.inbox()
    await danger(inbox, 2)
    await inbox.store([arrival(1), arrival(3)])

    assert updates(await claim_one(inbox)) == [1, 3]


async def test_a_danger_its_task_did_not_answer_goes_before_what_came_earlier(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    await danger(inbox, 2)
    storage.clock.at += AHEAD_WAITS

    assert updates(await claim_one(inbox)) == [2, 1]


async def test_a_danger_is_committed_while_a_worker_has_the_chat(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    ordinary = await claim_one(inbox)
    alarm = await danger(inbox, 2)
    care = ChatState(care_until=NOON + HOUR, care_for="emergency:breathing")

    assert await inbox.commit(alarm, done(alarm, ANSWER, Alert("emergency"), state=care, ahead=True)) is None

    assert (await inbox.read(CHAT))[0] == care
    assert [parcel.ahead for parcel in await storage.outbox().waiting((), 10)] == [True, True]
    assert await storage.inbox("other").claim(10) == [], "the worker's lease stands"
    assert "another turn" in await lost(storage, inbox, ordinary)


async def test_after_a_danger_the_ordinary_message_is_answered_from_the_new_state(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    await claim_one(inbox)
    alarm = await danger(inbox, 2)
    care = ChatState(care_until=NOON + HOUR)
    await inbox.commit(alarm, done(alarm, state=care))
    storage.clock.at += LEASE

    again = await claim_one(inbox)

    assert (updates(again), again.state) == ([1], care)
    assert await inbox.commit(again, done(again)) is None


async def test_a_worker_overtaken_by_a_danger_gives_its_lease_back_and_the_message_waits_no_longer(
    storage: Storage,
) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    overtaken = await claim_one(inbox)
    alarm = await danger(inbox, 2)
    await inbox.commit(alarm, done(alarm))

    await inbox.release(overtaken)

    assert updates(await claim_one(storage.inbox("other"))) == [1]


async def test_a_danger_computed_from_a_state_that_has_changed_is_lost_and_read_anew(storage: Storage) -> None:
    inbox, stored = storage.inbox(), arrival(2, "не могу дышать", ahead=True)
    await inbox.store([arrival(1)])
    ordinary = await claim_one(inbox)
    fresh = await inbox.store([stored])
    early = await unleased(inbox, stored, fresh[2])
    await inbox.commit(ordinary, done(ordinary))

    await lost(storage, inbox, early)

    again = await unleased(inbox, stored, fresh[2])
    assert await inbox.commit(again, done(again)) is None


async def test_a_danger_answered_by_its_task_is_not_answered_by_a_worker_too(storage: Storage) -> None:
    inbox = storage.inbox()
    alarm = await danger(inbox, 1)
    storage.clock.at += AHEAD_WAITS
    claim = await claim_one(inbox)

    await inbox.commit(alarm, done(alarm, ANSWER))

    await lost(storage, inbox, claim)
    storage.clock.at += LEASE
    assert await inbox.claim(10) == []


async def test_a_danger_that_was_told_already_says_so(storage: Storage) -> None:
    inbox = storage.inbox()
    await danger(inbox, 1, told=True)
    storage.clock.at += AHEAD_WAITS

    assert (await claim_one(inbox)).waiting[0].told


# ---- fragments --------------------------------------------------------------------------------------------


async def test_a_fragment_waits_a_moment_for_the_rest(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1, "и ещё", fragment=True)])

    assert await inbox.claim(10) == []
    storage.clock.at += FRAGMENT_WAITS - MOMENT
    assert await inbox.claim(10) == []
    storage.clock.at += MOMENT

    assert updates(await claim_one(inbox)) == [1]


async def test_a_fragment_and_the_text_behind_it_are_answered_at_once_as_one_message(storage: Storage) -> None:
    inbox = storage.inbox()
    first = await inbox.store([arrival(1, "и ещё", fragment=True)])
    second = await inbox.store([arrival(2, "сколько держится?")])

    claim = await claim_one(inbox)

    work, rows = next_work(claim.waiting)
    assert (work.incoming.text, work.incoming.message_id) == ("и ещё сколько держится?", "2")
    assert rows == (first[1], second[2])
    assert await inbox.commit(claim, done(claim)) is None
    storage.clock.at += FRAGMENT_WAITS
    assert await inbox.claim(10) == []


async def test_two_fragments_in_a_row_wait_together_for_the_rest(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1, "и", fragment=True)])
    await inbox.store([arrival(2, "ещё", at=NOON + MOMENT, fragment=True)])

    assert await inbox.claim(10) == []
    storage.clock.at += FRAGMENT_WAITS
    work, rows = next_work((await claim_one(inbox)).waiting)

    assert (work.incoming.text, len(rows)) == ("и ещё", 2)


async def test_a_fragment_behind_a_message_waits_although_its_chat_is_in_hand(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1), arrival(2, "и ещё", fragment=True)])
    claim = await claim_one(inbox)

    assert await inbox.commit(claim, done(claim)) is None

    assert await inbox.claim(10) == []
    storage.clock.at += FRAGMENT_WAITS
    assert updates(await claim_one(inbox)) == [2]


async def test_two_fragments_behind_a_message_wait_for_the_rest_too(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1), arrival(2, "и", fragment=True), arrival(3, "ещё", fragment=True)])
    claim = await claim_one(inbox)

    assert await inbox.commit(claim, done(claim)) is None

    storage.clock.at += FRAGMENT_WAITS
    assert updates(await claim_one(inbox)) == [2, 3]


async def test_a_danger_neither_shortens_nor_forgets_the_wait_of_a_fragment(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1, "и ещё", fragment=True)])
    alarm = await danger(inbox, 2)

    assert await inbox.commit(alarm, done(alarm)) is None

    assert await inbox.claim(10) == []
    storage.clock.at += FRAGMENT_WAITS
    claim = await claim_one(inbox)
    assert (updates(claim), next_work(claim.waiting)[0].incoming.text) == ([1], "и ещё")


async def test_whoever_waits_is_woken_when_a_fragments_time_has_come(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.wait(0)
    await inbox.store([arrival(1, "и ещё", fragment=True)])
    await inbox.wait(0.5)

    await within(FRAGMENT_WAITS.total_seconds() + 1, inbox.wait(60))


# ---- a clock that jumps -----------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-HOUR, HOUR], ids=["back", "forward"])
@pytest.mark.parametrize(
    "waits", [{}, {"fragment": True}, {"ahead": True}], ids=["a message", "a fragment", "a danger"]
)
async def test_what_waits_is_claimed_although_the_clock_was_set(
    storage: Storage, jump: timedelta, waits: dict[str, Any]
) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1, **waits)])

    storage.clock.at += jump

    assert updates(await claim_one(inbox)) == [1]


@pytest.mark.parametrize("jump", [-HOUR, HOUR], ids=["back", "forward"])
async def test_a_dead_workers_chat_is_claimed_although_the_clock_was_set(storage: Storage, jump: timedelta) -> None:
    dead, alive = storage.inbox("dead"), storage.inbox("alive")
    await dead.store([arrival(1)])
    old = await claim_one(dead)

    storage.clock.at += jump

    new = await claim_one(alive)
    assert updates(new) == [1]
    await lost(storage, dead, old)
    assert await alive.commit(new, done(new)) is None


async def test_what_comes_after_the_clock_was_put_back_is_answered_in_the_order_of_updates(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    storage.clock.at -= HOUR
    await inbox.store([arrival(2, at=storage.clock.at)])

    assert updates(await claim_one(inbox)) == [1, 2]


# ---- read, wait -------------------------------------------------------------------------------------------


async def test_a_chat_nobody_wrote_in_is_read_as_an_empty_state_at_version_0(storage: Storage) -> None:
    assert await storage.inbox().read(CHAT) == (ChatState(), 0)


async def test_a_chats_state_is_read_whole(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    claim = await claim_one(inbox)
    state = ChatState(
        language="en", topic="pain", topic_at=NOON, offered=("pain", "price"), offered_question="больно и дорого?",
        offered_at=NOON, unknowns=2, events=({"event": "slot", "name": "zone", "value": ["лоб", 1, None]},),
        owner="human", care_until=NOON + HOUR, care_for="crisis",
    )  # fmt: skip

    await inbox.commit(claim, done(claim, state=state))

    assert await inbox.read(CHAT) == (state, claim.version + 1)
    assert await inbox.read(chat(2)) == (ChatState(), 0)


async def test_whoever_waits_is_woken_by_a_new_message_and_not_by_a_repeated_one(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    woken = asyncio.create_task(inbox.wait(60))
    await asyncio.sleep(0)

    await inbox.store([arrival(1)])
    assert not (await asyncio.wait({woken}, timeout=0.2))[0]
    await inbox.store([arrival(2)])

    await within(2, woken)


async def test_a_message_stored_between_a_claim_and_the_wait_ends_the_wait(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.wait(0)
    assert await inbox.claim(10) == []
    await inbox.store([arrival(1)])

    await within(2, inbox.wait(60))


async def test_without_anything_new_a_wait_ends_in_time(storage: Storage) -> None:
    await within(2, storage.inbox().wait(0.05))


async def test_a_lease_given_back_wakes_whoever_waits(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    claim = await claim_one(inbox)
    woken = asyncio.create_task(inbox.wait(60))
    await asyncio.sleep(0)

    await inbox.release(claim)

    await within(2, woken)
