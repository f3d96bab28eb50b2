"""What is kept about a person: shown whole, erased on their wish or in time, sealed anew with another key."""

from __future__ import annotations

import asyncio
import json
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Table

from bot.adapters.database import data
from bot.adapters.database.data import Retention, retire, rotate
from bot.adapters.database.engine import Database
from bot.adapters.database.tables import (
    ANSWERS,
    CALLBACKS,
    CHATS,
    CONSENTS,
    FEEDBACK,
    INBOX,
    LIBRARY,
    MESSAGES,
    METADATA,
    OUTBOX,
    SEAL,
    SEALED,
    UNANSWERED,
    UtcTime,
)
from bot.adapters.database.values import dump_state
from bot.deliveries import Answered
from bot.errors import DatabaseUnreachable, StorageError, TurnLost
from bot.messages import Button, ChatId, ChatState, Document, Key, Kind, Reply
from tests.contract.conftest import KEY, OLD_KEY, OTHER_KEY, Storage, arrival, chat, done
from tests.examples import CHAT, NOON

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
KEPT = Retention()
OF_A_CHAT = [table for table in METADATA.sorted_tables if "chat" in table.c]


async def insert(storage: Storage, table: Table, **given: Any) -> None:
    """A row with whatever the test says, and something in every other column that needs it."""
    for column in table.columns:
        if column.name in given or column.nullable or (column.name == "id" and column.autoincrement is True):
            continue
        python: dict[type[Any], Any] = {
            sa.String: "x", sa.LargeBinary: storage.database.vault.seal(b"x"), sa.Boolean: False, sa.Integer: 1,
            sa.BigInteger: 1, sa.Float: 0.5, UtcTime: NOON,
        }  # fmt: skip
        given[column.name] = python[type(column.type)]
    async with storage.database.begin() as connection:
        await connection.execute(sa.insert(table).values(given))


async def live(storage: Storage, of: ChatId, first: int) -> None:
    """A chat in which something of everything is kept: updates from `first`, one of them still waiting."""
    inbox, outbox = storage.inbox(), storage.outbox()
    await inbox.store([arrival(first, "первое", of=of), arrival(first + 1, "второе", of=of)])
    (claim,) = [claim for claim in await inbox.claim(10) if claim.chat_id == of]
    state = ChatState(language="ru", topic="pain", offered_question="а вопрос?")
    replies = [
        Reply(Kind.ANSWER, "Ответ отправленный", (Button("Ещё", f"more:{of.chat}"),), key=Key(str(first), 0)),
        Reply(Kind.CHAT, "Ответ ждущий", key=Key(str(first), 1)),
    ]
    answers = (Answered("answer", "pain", 0.9, "typed"),)
    following = await inbox.commit(claim, done(claim, *replies, state=state, answers=answers, unanswered="а вопрос?"))
    assert following is not None
    await inbox.release(following)
    known = [parcel.id for parcel in await outbox.waiting((), 100) if parcel.chat_id != of]
    await outbox.sent((await outbox.waiting(known, 1))[0], 0, str(first + 100), last=True)
    whose = {"bot": of.bot, "channel": of.channel, "chat": of.chat}
    comment = storage.database.vault.seal("Отзыв словами".encode())
    await insert(storage, FEEDBACK, **whose, rating=4, sealed_comment=comment)
    await insert(storage, CONSENTS, **whose, text_version="2026-11", language="ru")


async def rows_of(storage: Storage, of: ChatId) -> dict[str, list[dict[str, Any]]]:
    everything = await storage.everything()
    key = (of.bot, of.channel, of.chat)
    return {
        table.name: [row for row in everything[table.name] if (row["bot"], row["channel"], row["chat"]) == key]
        for table in OF_A_CHAT
    }


async def shown(storage: Storage, of: ChatId) -> dict[str, Any]:
    async with storage.database.begin() as connection:
        document = await data.show(connection, storage.database, of)
    found: dict[str, Any] = json.loads(document.content)
    return found


def in_order(found: dict[str, Any]) -> dict[str, Any]:
    """What is shown, whatever the order of rows."""
    return {name: sorted(map(json.dumps, rows)) for name, rows in found.items()}


# ---- show -------------------------------------------------------------------------------------------------


async def test_everything_of_a_chat_is_shown_row_by_row_and_nothing_of_another(storage: Storage) -> None:
    await live(storage, CHAT, 1)
    await live(storage, chat(2), 11)

    found = await shown(storage, CHAT)

    assert found.pop("chat") == str(CHAT)
    assert set(found) == {table.name for table in OF_A_CHAT}
    kept = await rows_of(storage, CHAT)
    assert all(kept.values()), "the test keeps nothing in some table"
    for name, rows in kept.items():
        hidden = {"bot", "lease_holder"}
        assert [set(row) for row in found[name]] == [set(row) - hidden for row in rows], name
        assert {row["chat"] for row in found[name]} == {CHAT.chat}


async def test_what_is_shown_stands_in_the_order_in_which_it_was_said(storage: Storage) -> None:
    await storage.inbox().store([arrival(1)])
    (claim,) = await storage.inbox().claim(1)
    await storage.inbox().commit(claim, done(claim, *(Reply(Kind.ANSWER, str(number)) for number in range(4))))
    (first, *_) = await storage.outbox().waiting((), 10)

    # PostgreSQL writes a row that is changed behind all others.
    await storage.outbox().sent(first, 0, "100", last=True)

    assert [row["part"] for row in (await shown(storage, CHAT))["outbox"]] == [0, 1, 2, 3]


async def test_what_is_shown_can_be_read(storage: Storage) -> None:
    await live(storage, CHAT, 1)

    found = await shown(storage, CHAT)

    assert found["chats"][0]["sealed_state"]["topic"] == "pain"
    assert [row["sealed_incoming"] and row["sealed_incoming"]["text"] for row in found["inbox"]] == [None, "второе"]
    assert "Ответ ждущий" in json.dumps(found["outbox"], ensure_ascii=False)
    assert found["callbacks"][0]["sealed_payload"] == f"more:{CHAT.chat}"
    assert found["feedback"][0]["sealed_comment"] == "Отзыв словами"
    assert found["consents"][0]["text_version"] == "2026-11"
    assert datetime.fromisoformat(found["inbox"][0]["received_at"]) == NOON


async def test_nothing_sealed_is_shown_as_it_is_stored(storage: Storage) -> None:
    await live(storage, CHAT, 1)

    said = json.dumps(await shown(storage, CHAT))

    for rows in (await rows_of(storage, CHAT)).values():
        for row in rows:
            for value in row.values():
                if isinstance(value, bytes):
                    assert value.decode("ascii") not in said


async def test_a_chat_nobody_wrote_in_is_shown_empty(storage: Storage) -> None:
    await live(storage, CHAT, 1)

    found = await shown(storage, chat(2))

    assert [name for name, rows in found.items() if rows and name != "chat"] == []


async def test_a_wish_to_see_is_answered_with_a_file_behind_the_reply(storage: Storage) -> None:
    await live(storage, CHAT, 1)
    (claim,) = await storage.inbox().claim(1)
    known = [parcel.id for parcel in await storage.outbox().waiting((), 10)]

    await storage.inbox().commit(claim, done(claim, Reply(Kind.CHAT, "Вот всё."), show=True))

    reply, file = [parcel.leaving for parcel in await storage.outbox().waiting(known, 10)]
    assert isinstance(reply, Reply)
    assert isinstance(file, Document)
    assert file.name.endswith(".json")
    assert "Отзыв словами" in file.content.decode()


# ---- erase ------------------------------------------------------------------------------------------------


async def erased(storage: Storage) -> None:
    """The patient's wish, as their next turn carries it out."""
    (claim,) = await storage.inbox().claim(1)
    await storage.inbox().commit(claim, done(claim, Reply(Kind.CHAT, "Стёрто."), state=ChatState(), erase=True))


async def test_a_wish_to_erase_leaves_consents_the_numbers_of_updates_and_what_waits(storage: Storage) -> None:
    await live(storage, CHAT, 1)
    before = await rows_of(storage, CHAT)

    await erased(storage)

    after = await rows_of(storage, CHAT)
    assert after["consents"] == before["consents"]
    assert [row["update_id"] for row in after["inbox"]] == [row["update_id"] for row in before["inbox"]]
    assert [row["sealed_incoming"] for row in after["inbox"]] == [None, None]
    assert (after["messages"], after["callbacks"], after["feedback"]) == ([], [], [])
    waiting = [parcel.leaving for parcel in await storage.outbox().waiting((), 10)]
    assert [value.text for value in waiting if isinstance(value, Reply)] == ["Ответ ждущий", "Стёрто."]
    assert len(after["outbox"]) == 2
    assert (await storage.inbox().read(CHAT))[0] == ChatState()


async def test_erasing_one_chat_touches_no_other(storage: Storage) -> None:
    await live(storage, chat(2), 11)
    other = await storage.inbox().claim(10)
    await live(storage, CHAT, 1)
    before = await rows_of(storage, chat(2))

    await erased(storage)

    assert other
    assert await rows_of(storage, chat(2)) == before


async def test_an_update_delivered_again_after_erasing_is_not_answered_again(storage: Storage) -> None:
    await live(storage, CHAT, 1)
    await erased(storage)

    assert await storage.inbox().store([arrival(1), arrival(2)]) == {}
    assert await storage.inbox().claim(10) == []


async def test_a_turn_that_is_lost_erases_nothing(storage: Storage) -> None:
    await live(storage, CHAT, 1)
    (claim,) = await storage.inbox().claim(1)
    await storage.inbox().commit(claim, done(claim))
    before = await storage.everything()

    with pytest.raises(TurnLost):
        await storage.inbox().commit(claim, done(claim, erase=True))

    assert await storage.everything() == before


# ---- retention --------------------------------------------------------------------------------------------


def test_the_periods_are_those_of_the_design() -> None:
    assert {field.name: getattr(KEPT, field.name) for field in fields(Retention)} == {
        "turns": 24 * timedelta(hours=1),
        "message_map": 48 * timedelta(hours=1),
        "ids": 30 * DAY,
        "unanswered": 90 * DAY,
        "report": 365 * DAY,
        "consents": 3 * 365 * DAY,
    }


PERIODS = [
    pytest.param(INBOX, "done_at", {"update_id": 7}, KEPT.ids, id="an answered message's number"),
    pytest.param(OUTBOX, "done_at", {"result": "sent"}, KEPT.ids, id="a sent reply's row"),
    pytest.param(MESSAGES, "noted_at", {}, KEPT.message_map, id="which message answered which"),
    pytest.param(CALLBACKS, "kept_at", {}, KEPT.ids, id="a button"),
    pytest.param(UNANSWERED, "at", {}, KEPT.unanswered, id="an unanswered question"),
    pytest.param(ANSWERS, "at", {}, KEPT.report, id="a line of the report"),
    pytest.param(FEEDBACK, "at", {}, KEPT.report, id="feedback"),
    pytest.param(CONSENTS, "given_at", {}, KEPT.consents, id="a consent"),
    pytest.param(
        CONSENTS, "withdrawn_at", {"given_at": NOON - 9 * 365 * DAY}, KEPT.consents, id="a withdrawn consent"
    ),
    pytest.param(CHATS, "seen_at", {"sealed_state": None}, KEPT.ids, id="a chat"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "since", "given", "period"), PERIODS)
async def test_what_was_kept_long_enough_goes_and_what_was_not_stays(
    storage: Storage, table: Table, since: str, given: dict[str, Any], period: timedelta
) -> None:
    await insert(storage, table, **{since: NOON - period}, **given)
    storage.clock.at = NOON

    too_early = await retire(storage.database, KEPT, NOON)
    kept = len(await storage.rows(table))
    gone = await retire(storage.database, KEPT, NOON + SECOND)

    assert (too_early, kept) == (0, 1)
    assert (gone, await storage.rows(table)) == (1, [])


async def test_every_table_that_holds_something_of_patients_has_a_period() -> None:
    tested: set[Any] = {case.values[0] for case in PERIODS}

    assert tested == set(METADATA.sorted_tables) - {LIBRARY, SEAL}


@pytest.mark.parametrize(
    ("table", "since"), [(INBOX, "received_at"), (OUTBOX, "made_at")], ids=["a message", "a reply"]
)
async def test_what_still_waits_is_kept_however_old(storage: Storage, table: Table, since: str) -> None:
    await insert(storage, table, **{since: NOON - 9 * 365 * DAY}, done_at=None)

    assert await retire(storage.database, KEPT, NOON) == 0
    assert len(await storage.rows(table)) == 1


async def test_a_days_old_state_is_emptied_and_its_chat_stays(storage: Storage) -> None:
    inbox = storage.inbox()
    await inbox.store([arrival(1)])
    (claim,) = await inbox.claim(1)
    await inbox.commit(claim, done(claim, state=ChatState(topic="pain")))
    _, version = await inbox.read(CHAT)

    assert await retire(storage.database, KEPT, NOON + KEPT.turns) == 0
    assert (await inbox.read(CHAT))[0].topic == "pain"
    assert await retire(storage.database, KEPT, NOON + KEPT.turns + SECOND) == 1

    # Whoever computes a turn from the old state must notice.
    assert await inbox.read(CHAT) == (ChatState(), version + 1)
    assert await retire(storage.database, KEPT, NOON + KEPT.turns + 2 * SECOND) == 0


async def test_a_chat_in_which_something_waits_keeps_its_state_and_its_place(storage: Storage) -> None:
    await live(storage, CHAT, 1)
    before = await storage.rows(CHATS)

    await retire(storage.database, KEPT, NOON + 9 * 365 * DAY)

    assert await storage.rows(CHATS) == before
    (claim,) = await storage.inbox().claim(1)
    assert claim.state.topic == "pain"


async def test_after_years_nothing_of_a_person_is_left(storage: Storage) -> None:
    await live(storage, CHAT, 1)
    (claim,) = await storage.inbox().claim(1)
    await storage.inbox().commit(claim, done(claim))
    for parcel in await storage.outbox().waiting((), 10):
        await storage.outbox().ended(parcel, "gave_up")

    later = NOON + KEPT.consents + SECOND
    gone = await retire(storage.database, KEPT, later)

    left = {name for name, rows in (await storage.everything()).items() if rows}
    assert gone > 0
    assert left == {"seal"}


async def test_retention_beside_a_working_bot_loses_nothing(storage: Storage) -> None:
    inbox, other = storage.inbox(), storage.process()
    later = NOON + KEPT.ids + SECOND
    for update in range(20):
        storage.clock.at = NOON
        await inbox.store([arrival(2 * update, of=chat(update))])
        (claim,) = await inbox.claim(1)
        await inbox.commit(claim, done(claim))
        storage.clock.at = later

        # The chat is old enough to go just when its patient writes again.
        await asyncio.gather(
            retire(other, KEPT, later), inbox.store([arrival(2 * update + 1, of=chat(update), at=later)])
        )

        (claim,) = await inbox.claim(10)
        assert [waiting.incoming.message_id for waiting in claim.waiting] == [str(2 * update + 1)]
        await inbox.commit(claim, done(claim))


# ---- keys -------------------------------------------------------------------------------------------------


async def sealed(storage: Storage) -> int:
    """How many values are sealed."""
    everything = await storage.everything()
    return sum(row[column.name] is not None for table, column in SEALED for row in everything[table.name])


async def test_after_rotation_the_new_key_alone_opens_everything(storage: Storage) -> None:
    await live(storage, CHAT, 1)
    before = await shown(storage, CHAT)
    both = storage.process(keys=[OTHER_KEY, KEY])
    await both.open()

    count = await rotate(both)

    assert count == await sealed(storage)
    new = storage.with_keys(OTHER_KEY)
    await new.database.open()
    assert in_order(await shown(new, CHAT)) == in_order(before)
    (claim,) = await new.inbox().claim(1)
    assert claim.waiting[0].incoming.text == "второе"


async def test_after_rotation_the_old_key_opens_nothing(storage: Storage) -> None:
    await live(storage, CHAT, 1)
    await rotate(storage.process(keys=[OTHER_KEY, KEY]))

    everything = await storage.everything()

    values = [row[column.name] for table, column in SEALED for row in everything[table.name]]
    for value in [value for value in values if value is not None]:
        with pytest.raises(StorageError):
            storage.database.vault.open(value)


async def test_rotation_changes_nothing_but_the_seals(storage: Storage) -> None:
    await live(storage, CHAT, 1)
    before = await storage.everything()

    await rotate(storage.process(keys=[OTHER_KEY, KEY]))

    after = await storage.everything()
    for table, column in SEALED:
        for row in (*before[table.name], *after[table.name]):
            del row[column.name]
    assert after == before


async def test_more_values_than_one_transaction_takes_are_sealed_anew(storage: Storage) -> None:
    for number in range(450):
        await insert(storage, UNANSWERED, language="ru", at=NOON + number * SECOND)

    assert await rotate(storage.process(keys=[OTHER_KEY, KEY])) == 451

    opens = storage.process(keys=[OTHER_KEY]).vault.open
    assert {opens(row["sealed_question"]) for row in await storage.rows(UNANSWERED)} == {b"x"}


async def test_a_rotation_beside_a_working_bot_loses_nothing(storage: Storage) -> None:
    both = storage.process(keys=[OTHER_KEY, KEY])
    working = storage.inbox(database=storage.process(keys=[OTHER_KEY, KEY]))
    await storage.inbox().store([arrival(number, f"слово {number}", of=chat(number)) for number in range(60)])

    async def work() -> list[str]:
        heard = []
        while claims := await working.claim(1):
            heard.append(claims[0].waiting[0].incoming.text)
            await working.commit(claims[0], done(claims[0], Reply(Kind.ANSWER, "Да."), state=ChatState(topic="pain")))
        return heard

    heard, _ = await asyncio.gather(work(), rotate(both))

    new = storage.process(keys=[OTHER_KEY])
    assert sorted(heard) == sorted(f"слово {number}" for number in range(60))
    assert len(await storage.outbox(new).waiting((), 100)) == 60
    for number in range(60):
        assert (await storage.inbox(database=new).read(chat(number)))[0].topic == "pain"


async def test_a_state_written_while_it_is_sealed_anew_is_not_overwritten_with_the_one_before(
    postgresql: Storage,
) -> None:
    await live(postgresql, CHAT, 1)
    new_state = dump_state(ChatState(topic="price"))

    async with postgresql.database.begin() as connection:
        await connection.execute(sa.update(CHATS).values(sealed_state=postgresql.database.vault.seal(new_state)))
        rotation = asyncio.create_task(rotate(postgresql.process(keys=[OTHER_KEY, KEY])))
        await somebody_waits(postgresql.process())
    await rotation

    seen = postgresql.with_keys(OTHER_KEY)
    assert (await seen.inbox().read(CHAT))[0].topic == "price"


async def somebody_waits(database: Database) -> None:
    """Return when a transaction of this database waits for another."""
    async with asyncio.timeout(10):
        while True:
            async with database.begin() as connection:
                if await connection.scalar(
                    sa.text(
                        "SELECT count(*) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                    )
                ):
                    return
            await asyncio.sleep(0.02)


async def test_a_rotation_that_was_cut_off_goes_on_the_next_time(storage: Storage) -> None:
    await live(storage, CHAT, 1)
    # Comes behind other tables, and is sealed with a key that is not given.
    lost = storage.process(keys=[OLD_KEY]).vault.seal(b"x")
    await insert(storage, UNANSWERED, sealed_question=lost)
    both = storage.process(keys=[OTHER_KEY, KEY])

    with pytest.raises(StorageError) as raised:
        await rotate(both)
    assert not isinstance(raised.value, DatabaseUnreachable)
    assert (await shown(storage.with_keys(OTHER_KEY, KEY), CHAT))["feedback"][0]["sealed_comment"]
    await rotate(storage.process(keys=[OTHER_KEY, KEY, OLD_KEY]))

    await storage.process(keys=[OTHER_KEY]).open()
    assert (await shown(storage.with_keys(OTHER_KEY), CHAT))["feedback"][0]["sealed_comment"] == "Отзыв словами"


@pytest.mark.parametrize("keys", [[OTHER_KEY], [OTHER_KEY, OLD_KEY]], ids=["one", "two"])
async def test_wrong_keys_stop_the_start_with_one_sentence_that_names_the_setting(
    storage: Storage, keys: list[str]
) -> None:
    before = await storage.everything()

    with pytest.raises(StorageError) as raised:
        await storage.process(keys=keys).open()

    said = str(raised.value)
    assert not isinstance(raised.value, DatabaseUnreachable), "it would be tried again for ever"
    assert said.startswith("DATA_KEYS: ")
    assert said.count(".") == 1
    assert said.endswith(".")
    assert "\n" not in said
    assert not any(key in said for key in (*keys, KEY))
    assert await storage.everything() == before


async def test_a_key_that_opens_is_enough_whatever_stands_before_it(storage: Storage) -> None:
    await storage.process(keys=[OTHER_KEY, OLD_KEY, KEY]).open()
