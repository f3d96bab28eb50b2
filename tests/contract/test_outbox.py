"""The outbox, the map of our messages, the buttons, and the published version: what holds on every database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.adapters.database.outbox import Outbox
from bot.adapters.database.publication import Publication
from bot.adapters.database.tables import CALLBACKS, CHATS, MESSAGES, OUTBOX
from bot.deliveries import Done, Parcel
from bot.messages import Alert, Button, ChatId, ChatState, Copy, Document, Edit, Key, Kind, Leaving, Reply, StaffCard
from tests.contract.conftest import BROKEN, KEY, MOMENTS, OLD_KEY, Storage, arrival, chat, cut_off, done, within
from tests.examples import CHAT, NOON

# The same person in another chat, channel and clinic: each of them is somebody else.
EVERY_OTHER = pytest.mark.parametrize(
    "other", [replace(CHAT, chat="2"), replace(CHAT, channel="web"), replace(CHAT, bot="other")], ids=str
)
ANSWER = Reply(Kind.ANSWER, "Да.", key=Key("7", 0))
PAYLOAD = "topic:" + "pregnancy-breastfeeding-" * 10


def turn(cause: str = "7", *, ahead: bool = False) -> Done:
    return Done(rows=(), state=ChatState(), language="ru", turn=cause, cause=cause, asked_at=NOON, ahead=ahead)


async def one_parcel(outbox: Outbox, leaving: Leaving = ANSWER, of: ChatId = CHAT) -> Parcel:
    """Something of its own that waits to be sent."""
    known = [parcel.id for parcel in await outbox.waiting((), 100)]
    await outbox.put(of, [leaving], turn())
    (parcel,) = await outbox.waiting(known, 1)
    return parcel


# ---- what waits -------------------------------------------------------------------------------------------


async def test_what_was_put_waits_with_all_that_sending_needs(storage: Storage) -> None:
    outbox, of = storage.outbox(), turn("7", ahead=True)

    await outbox.put(CHAT, [ANSWER], replace(of, language="en"))

    (parcel,) = await outbox.waiting((), 10)
    assert parcel == Parcel(parcel.id, CHAT, ANSWER, "7", True, "en", NOON, 0)


async def test_things_wait_in_the_order_in_which_turns_gave_them(storage: Storage) -> None:
    outbox = storage.outbox()
    replies = [Reply(Kind.ANSWER, text) for text in ("один", "два", "три", "четыре")]
    await outbox.put(CHAT, replies[:2], turn("7"))
    await outbox.put(chat(2), replies[2:3], turn("8"))
    await outbox.put(CHAT, replies[3:], turn("9"))

    found = await outbox.waiting((), 10)

    assert [parcel.leaving for parcel in found] == replies
    assert [parcel.chat_id for parcel in found] == [CHAT, CHAT, chat(2), CHAT]


@pytest.mark.parametrize(
    "leaving",
    [
        Reply(Kind.CLARIFY, "Что?", (Button("Боль", "topic:pain"),), topics=("pain",), confidence=0.5, key=Key("7", 1)),
        Edit(Key("7", 0), ANSWER, Key("7~1", 0), last=False),
        Document("data.json", bytes(range(256)), "Вот всё.", Key("7", 0)),
        Copy(chat(2), "9", Key("7", 0)),
        StaffCard("Пациент ждёт", (Button("Взять", "take:1"),), Key("7", 0)),
        Alert("crisis", Key("7", 0)),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_everything_that_can_leave_comes_back_as_it_was(storage: Storage, leaving: Leaving) -> None:
    assert (await one_parcel(storage.outbox(), leaving)).leaving == leaving


async def test_nothing_to_put_is_nothing(storage: Storage) -> None:
    await storage.outbox().put(CHAT, [], turn())

    assert await storage.rows(OUTBOX) == []


async def test_what_is_known_is_not_given_again_and_never_more_than_asked_for(storage: Storage) -> None:
    outbox = storage.outbox()
    for number in range(6):
        await outbox.put(CHAT, [ANSWER], turn(str(number)))

    first = await outbox.waiting((), 2)
    then = await outbox.waiting({parcel.id for parcel in first}, 3)
    rest = await outbox.waiting({parcel.id for parcel in (*first, *then)}, 100)

    assert [[parcel.cause for parcel in found] for found in (first, then, rest)] == [["0", "1"], ["2", "3", "4"], ["5"]]


async def test_what_is_known_and_done_makes_no_room_for_more_than_asked_for(storage: Storage) -> None:
    outbox = storage.outbox()
    for number in range(6):
        await outbox.put(CHAT, [ANSWER], turn(str(number)))
    first = await outbox.waiting((), 2)
    for parcel in first:
        await outbox.ended(parcel, "refused")

    found = await outbox.waiting({parcel.id for parcel in first}, 2)

    assert [parcel.cause for parcel in found] == ["2", "3"]


async def test_a_danger_is_not_hidden_behind_a_backlog(storage: Storage) -> None:
    outbox = storage.outbox()
    for number in range(5):
        await outbox.put(chat(number), [ANSWER], turn(str(number)))
    await outbox.put(CHAT, [Reply(Kind.EMERGENCY, "Звоните 103.")], turn("9", ahead=True))

    (first,) = await outbox.waiting((), 1)

    assert first.ahead


async def test_another_bots_replies_are_not_given(storage: Storage) -> None:
    other = replace(CHAT, bot="other")
    await storage.outbox().put(other, [ANSWER], turn())

    assert await storage.outbox().waiting((), 10) == []
    (parcel,) = await storage.outbox(storage.process(bot="other")).waiting((), 10)
    assert parcel.chat_id == other


@pytest.mark.parametrize("table", [OUTBOX, CALLBACKS], ids=lambda table: table.name)
async def test_what_cannot_be_put_whole_is_not_put_at_all(storage: Storage, table: object) -> None:
    outbox = storage.outbox()
    replies = [ANSWER, Reply(Kind.CLARIFY, "Что?", (Button("Боль", "topic:pain"),))]
    await storage.execute(f"ALTER TABLE {table} RENAME TO gone")

    with pytest.raises(BROKEN):
        await outbox.put(CHAT, replies, turn())

    await storage.execute(f"ALTER TABLE gone RENAME TO {table}")
    assert await outbox.waiting((), 10) == []
    assert await storage.rows(CALLBACKS) == []


# ---- what was sent ----------------------------------------------------------------------------------------


async def test_what_was_sent_waits_no_longer_and_its_words_are_gone(storage: Storage) -> None:
    outbox = storage.outbox()
    parcel = await one_parcel(outbox)

    await outbox.sent(parcel, 0, "100", last=True)

    assert await outbox.waiting((), 10) == []
    (row,) = await storage.rows(OUTBOX)
    assert (row["sealed_leaving"], row["result"], row["done_at"]) == (None, "sent", storage.clock.at)


async def test_a_long_reply_goes_on_behind_the_pieces_that_were_sent(storage: Storage) -> None:
    outbox = storage.outbox()
    parcel = await one_parcel(outbox)

    await outbox.sent(parcel, 0, "100", last=False)
    await outbox.sent(parcel, 1, "101", last=False)

    # Whoever sends after a crash reads how far it came.
    (again,) = await storage.outbox(storage.process()).waiting((), 10)
    assert (again.id, again.pieces, again.leaving) == (parcel.id, 2, ANSWER)
    await outbox.sent(again, 2, "102", last=True)
    assert await outbox.waiting((), 10) == []


async def test_a_note_cut_off_at_any_moment_is_written_whole_or_not_at_all(storage: Storage) -> None:
    outbox, seen = storage.outbox(), set()
    for attempt, moment in enumerate(MOMENTS):
        parcel = await one_parcel(outbox)

        await cut_off(outbox.sent(parcel, 0, str(attempt), last=True), after=moment)

        waits = [row.id for row in await outbox.waiting((), 10)] == [parcel.id]
        noted = str(attempt) in [row["message"] for row in await storage.rows(MESSAGES)]
        assert noted != waits
        seen.add(noted)
        if waits:
            await outbox.ended(parcel, "gave_up")
    assert seen == {True, False}, "the test cut at no interesting moment"


@pytest.mark.parametrize("result", ["unreachable", "refused", "gave_up"])
async def test_what_will_not_be_tried_again_waits_no_longer_and_says_why(storage: Storage, result: str) -> None:
    outbox = storage.outbox()
    parcel = await one_parcel(outbox)

    await outbox.ended(parcel, result)

    assert await outbox.waiting((), 10) == []
    (row,) = await storage.rows(OUTBOX)
    assert (row["sealed_leaving"], row["result"]) == (None, result)
    assert await storage.rows(MESSAGES) == []


async def test_a_chat_is_marked_unreachable_until_the_patient_writes_again(storage: Storage) -> None:
    inbox, outbox = storage.inbox(), storage.outbox()
    await inbox.store([arrival(1), arrival(2, of=chat(2))])
    await outbox.ended(await one_parcel(outbox), "unreachable")

    marked = {row["chat"]: row["unreachable_since"] for row in await storage.rows(CHATS)}
    await inbox.store([arrival(3)])
    then = {row["chat"]: row["unreachable_since"] for row in await storage.rows(CHATS)}

    assert marked == {CHAT.chat: storage.clock.at, "2": None}
    assert then == {CHAT.chat: None, "2": None}


# ---- which message of ours came of which of theirs --------------------------------------------------------


async def note(outbox: Outbox, cause: str, key: Key, message: str, piece: int = 0, of: ChatId = CHAT) -> None:
    """A reply to message `cause` was sent as `message`."""
    known = [parcel.id for parcel in await outbox.waiting((), 100)]
    await outbox.put(of, [replace(ANSWER, key=key)], turn(cause))
    (parcel,) = await outbox.waiting(known, 1)
    await outbox.sent(parcel, piece, message, last=True)


async def test_a_message_nobody_wrote_led_to_none_of_ours(storage: Storage) -> None:
    assert await storage.outbox().earlier(CHAT, "7") == {}


async def test_what_a_message_led_to_is_found_by_part_and_piece(storage: Storage) -> None:
    outbox = storage.outbox()
    await note(outbox, "7", Key("7", 1), "102")
    await note(outbox, "7", Key("7", 0), "101", piece=1)
    await note(outbox, "7", Key("7", 0), "100", piece=0)
    await note(outbox, "8", Key("8", 0), "103")

    assert list((await outbox.earlier(CHAT, "7")).items()) == [((0, 0), "100"), ((0, 1), "101"), ((1, 0), "102")]
    assert await outbox.earlier(CHAT, "8") == {(0, 0): "103"}


async def test_a_message_that_took_an_edited_answer_keeps_its_place_under_the_new_turn(storage: Storage) -> None:
    outbox = storage.outbox()
    await note(outbox, "7", Key("7", 0), "100")
    edit = Edit(Key("7", 0), replace(ANSWER, key=Key("7~1", 0)), Key("7~1", 0))

    await outbox.sent(await one_parcel(outbox, edit), 0, "100", last=True)

    assert await outbox.earlier(CHAT, "7") == {(0, 0): "100"}
    (row,) = await storage.rows(MESSAGES)
    assert row["turn"] == "7~1"


async def test_a_message_that_was_taken_away_is_found_no_longer(storage: Storage) -> None:
    outbox = storage.outbox()
    await note(outbox, "7", Key("7", 0), "100")
    await note(outbox, "7", Key("7", 1), "101")

    await outbox.removed(CHAT, "101")

    assert await outbox.earlier(CHAT, "7") == {(0, 0): "100"}


@EVERY_OTHER
async def test_the_same_number_in_another_chat_is_another_message(storage: Storage, other: ChatId) -> None:
    outbox = storage.outbox()
    await note(outbox, "7", Key("7", 0), "100")

    assert await outbox.earlier(other, "7") == {}
    await outbox.removed(other, "100")
    assert await outbox.earlier(CHAT, "7") == {(0, 0): "100"}


# ---- buttons ----------------------------------------------------------------------------------------------


def buttons(*payloads: str) -> Reply:
    return Reply(Kind.CLARIFY, "Что?", tuple(Button(f"Кнопка {n}", payload) for n, payload in enumerate(payloads)))


@pytest.mark.parametrize(
    "leaving",
    [buttons(PAYLOAD), Edit(Key("7"), buttons(PAYLOAD)), StaffCard("Ждёт", buttons(PAYLOAD).buttons)],
    ids=lambda value: type(value).__name__,
)
async def test_a_button_that_was_shown_means_its_payload(storage: Storage, leaving: Leaving) -> None:
    outbox = storage.outbox()
    await outbox.put(CHAT, [leaving], turn())

    assert await outbox.payload(CHAT, outbox.callback(CHAT, PAYLOAD)) == PAYLOAD


async def test_a_turns_buttons_are_kept_by_its_commit(storage: Storage) -> None:
    inbox, outbox = storage.inbox(), storage.outbox()
    await inbox.store([arrival(1)])
    (claim,) = await inbox.claim(1)

    await inbox.commit(claim, done(claim, buttons("topic:pain", "topic:price"), buttons("topic:pain")))

    assert await outbox.payload(CHAT, outbox.callback(CHAT, "topic:pain")) == "topic:pain"
    assert await outbox.payload(CHAT, outbox.callback(CHAT, "topic:price")) == "topic:price"


async def test_a_buttons_id_fits_into_the_64_bytes_of_telegram_and_tells_nothing(storage: Storage) -> None:
    callback = storage.outbox().callback(CHAT, PAYLOAD)

    assert 0 < len(callback.encode()) <= 64
    assert "pregnancy" not in callback


async def test_a_payload_keeps_its_id_however_often_it_is_shown(storage: Storage) -> None:
    outbox = storage.outbox()
    first = outbox.callback(CHAT, PAYLOAD)
    await outbox.put(CHAT, [buttons(PAYLOAD)], turn("7"))
    await outbox.put(CHAT, [buttons("topics")], turn("8"))
    await outbox.put(CHAT, [buttons(PAYLOAD)], turn("9"))

    assert outbox.callback(CHAT, PAYLOAD) == first
    assert storage.outbox(storage.process()).callback(CHAT, PAYLOAD) == first
    assert len(await storage.rows(CALLBACKS)) == 2


async def test_two_payloads_have_two_ids(storage: Storage) -> None:
    outbox = storage.outbox()

    assert outbox.callback(CHAT, "topic:pain") != outbox.callback(CHAT, "topic:price")


@EVERY_OTHER
async def test_an_id_given_to_one_chat_means_nothing_in_another(storage: Storage, other: ChatId) -> None:
    outbox = storage.outbox()
    await outbox.put(CHAT, [buttons(PAYLOAD)], turn())

    assert outbox.callback(CHAT, PAYLOAD) != outbox.callback(other, PAYLOAD)
    assert await outbox.payload(other, outbox.callback(CHAT, PAYLOAD)) is None
    assert await outbox.payload(other, outbox.callback(other, PAYLOAD)) is None


@pytest.mark.parametrize(
    "forged",
    ["", "0123456789abcdef", PAYLOAD, "'; DROP TABLE callbacks; --", "a\0b", "%", "кнопка"],
    ids=["empty", "unknown", "payload", "sql", "nul", "wildcard", "cyrillic"],
)
async def test_an_id_nobody_was_given_means_nothing(storage: Storage, forged: str) -> None:
    outbox = storage.outbox()
    await outbox.put(CHAT, [buttons(PAYLOAD)], turn())

    assert await outbox.payload(CHAT, forged) is None


async def test_a_button_is_kept_from_the_last_time_it_was_shown(storage: Storage) -> None:
    outbox = storage.outbox()
    await outbox.put(CHAT, [buttons(PAYLOAD)], turn("7"))
    storage.clock.at = NOON.replace(day=30)

    await outbox.put(CHAT, [buttons(PAYLOAD)], turn("8"))

    assert [row["kept_at"] for row in await storage.rows(CALLBACKS)] == [storage.clock.at]


async def test_a_button_shown_before_a_new_key_came_still_works_and_keeps_its_id(storage: Storage) -> None:
    before = storage.outbox(storage.process(keys=[OLD_KEY]))
    await before.put(CHAT, [buttons(PAYLOAD)], turn())
    shown = before.callback(CHAT, PAYLOAD)

    after = storage.outbox(storage.process(keys=[KEY, OLD_KEY]))

    assert await after.payload(CHAT, shown) == PAYLOAD
    assert after.callback(CHAT, PAYLOAD) == shown


# ---- waiting ----------------------------------------------------------------------------------------------


async def test_whoever_sends_is_woken_by_a_turn_that_says_something(storage: Storage) -> None:
    inbox, outbox = storage.inbox(), storage.outbox()
    await inbox.store([arrival(1)])
    (claim,) = await inbox.claim(1)
    woken = asyncio.create_task(outbox.wait(60))
    await asyncio.sleep(0)

    await inbox.commit(claim, done(claim, ANSWER))

    await within(2, woken)


async def test_whoever_sends_is_woken_by_what_no_turn_carries(storage: Storage) -> None:
    outbox = storage.outbox()
    await outbox.wait(0)
    await outbox.put(CHAT, [ANSWER], turn())

    await within(2, outbox.wait(60))


async def test_a_turn_that_says_nothing_wakes_nobody(storage: Storage) -> None:
    inbox, outbox = storage.inbox(), storage.outbox()
    await inbox.store([arrival(1)])
    (claim,) = await inbox.claim(1)
    woken = asyncio.create_task(outbox.wait(60))
    await asyncio.sleep(0)

    await inbox.commit(claim, done(claim))

    assert not (await asyncio.wait({woken}, timeout=0.2))[0]
    woken.cancel()
    await asyncio.gather(woken, return_exceptions=True)


# ---- the published library version ------------------------------------------------------------------------


async def test_before_the_first_version_there_is_none(storage: Storage) -> None:
    assert await Publication(storage.database, storage.clock).current() is None


async def test_every_replica_sees_the_version_published_last(storage: Storage) -> None:
    one = Publication(storage.database, storage.clock)
    two = Publication(storage.process(), storage.clock)

    await one.publish("a" * 64)
    seen = await two.current()
    await two.publish("b" * 64)

    assert seen == "a" * 64
    assert await one.current() == "b" * 64


async def test_a_version_is_published_for_one_bot(storage: Storage) -> None:
    other = Publication(storage.process(bot="other"), storage.clock)
    await Publication(storage.database, storage.clock).publish("ours")

    assert await other.current() is None
    await other.publish("theirs")
    assert await Publication(storage.database, storage.clock).current() == "ours"


async def test_of_two_that_publish_the_first_version_at_once_one_stands(storage: Storage) -> None:
    one = Publication(storage.database, storage.clock)
    two = Publication(storage.process(), storage.clock)

    await asyncio.gather(one.publish("one"), two.publish("two"))

    assert await one.current() in ("one", "two")
    assert await one.current() == await two.current()
