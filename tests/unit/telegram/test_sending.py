"""The outbox towards Telegram: order, patience, and nothing lost. The outbox is the real one, Telegram a stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.database.engine import Database
from bot.adapters.database.tables import CHATS, MESSAGES, OUTBOX
from bot.adapters.memory import FixedClock
from bot.adapters.telegram import pace, sending
from bot.adapters.telegram.rendering import MESSAGE_LIMIT, render
from bot.adapters.telegram.sending import Sender
from bot.deliveries import Arrival, Done
from bot.messages import Button, ChatId, ChatState, Document, Edit, Key, Kind, Leaving, Reply, StaffCard
from bot.wording import Phrase
from tests.examples import NOON, ScriptedLibrary, make_incoming
from tests.unit.fakes import (
    ANNA,
    BORIS,
    CountingMeters,
    StandInBot,
    StandInLock,
    Trouble,
    TroubledInbox,
    TroubledOutbox,
    blocked,
    connection_lost,
    open_database,
    refused,
    server_error,
    slow_down,
    soon,
    table_rows,
    until,
)

WORDING = ScriptedLibrary().wording
UNPARSED = refused("Bad Request: can't parse entities: unsupported start tag")
# Two messages of Telegram's, and a little.
LONG = "\n\n".join(f"{number}. " + "слово " * 150 for number in range(1, 11))


@pytest.fixture(autouse=True)
def _time_flies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(sending, "_LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(sending, "_LOOK_EVERY", 0.02)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path) as opened:
        yield opened


class Post:
    """A sender with its outbox, and Telegram at the other end."""

    def __init__(self, database: Database, *, limits: bool = False) -> None:
        self.database, self.clock, self.lock = database, FixedClock(NOON), StandInLock()
        self.bot, self.meters = StandInBot(), CountingMeters()
        self.outbox = TroubledOutbox(database, self.clock)
        self._limits = limits
        self.sender = self._new_sender()

    def _new_sender(self) -> Sender:
        return Sender(
            self.bot,  # type: ignore[arg-type]
            self.outbox,
            self.lock,
            self.meters,
            self.clock,
            lambda: WORDING,
            limits=self._limits,
        )

    async def put(self, *leaving: Leaving, chat: ChatId = ANNA, cause: str = "7", **fields: Any) -> None:
        """What one turn hands over, under the names that the conversation gives it."""
        turn = fields.pop("turn", cause)
        named = [_named(value, turn, part) for part, value in enumerate(leaving)]
        done = Done((), ChatState(), fields.pop("language", "ru"), turn, cause, fields.pop("asked_at", NOON), **fields)
        await self.outbox.put(chat, named, done)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """While a sender runs that has just started: it knows nothing but what is in the outbox."""
        self.sender = self._new_sender()
        running = asyncio.create_task(self.sender.run())
        try:
            yield
        finally:
            await soon(self.sender.stop())
            self.lock.give()  # whoever waits for it looks only then whether to stop
            await soon(running)

    async def deliver(self) -> None:
        """Start, send all that waits, stop."""
        async with self.open():
            await self.drained()

    async def drained(self) -> None:
        await until(self._is_empty)

    async def _is_empty(self) -> bool:
        return not await self.outbox.waiting((), 1)

    async def results(self) -> list[str | None]:
        """What came of each parcel, in the order in which they were handed over; None: it still waits."""
        return [row["result"] for row in await table_rows(self.database, OUTBOX)]

    async def noted(self) -> list[tuple[str, int, int]]:
        """Of what each message that stands there is: turn, part and piece."""
        return [(row["turn"], row["part"], row["piece"]) for row in await table_rows(self.database, MESSAGES)]


def _named(value: Leaving, turn: str, part: int) -> Leaving:
    if isinstance(value, Edit):
        return replace(value, reply=replace(value.reply, key=Key(turn, part)))
    return replace(value, key=Key(turn, part))


@pytest.fixture
def post(database: Database) -> Post:
    return Post(database)


def answer(text: str, *buttons: Button) -> Reply:
    return Reply(Kind.ANSWER, text, buttons)


def danger(text: str = "112") -> Reply:
    return Reply(Kind.EMERGENCY, text)


def edit(text: str, *, last: bool = True) -> Edit:
    return Edit(Key("7"), answer(text), last=last)


# ---- order ------------------------------------------------------------------------------------------------


async def test_the_replies_of_a_chat_leave_in_the_order_of_their_turns(post: Post) -> None:
    for number in range(10):
        await post.put(answer(f"{number}a"), answer(f"{number}b"), cause=str(number))

    await post.deliver()

    assert post.bot.sent(ANNA) == [f"{number}{part}" for number in range(10) for part in "ab"]
    assert await post.results() == ["sent"] * 20


async def test_what_comes_while_the_sender_runs_leaves_at_once_and_in_order(post: Post) -> None:
    async with post.open():
        for number in range(5):
            await post.put(answer(str(number)))
            await post.bot.has(lambda seen=number: len(post.bot.sent()) > seen)

    assert post.bot.sent(ANNA) == ["0", "1", "2", "3", "4"]


async def test_a_chat_that_is_stuck_holds_up_no_other(post: Post) -> None:
    goes_on = post.bot.sticks(ANNA)
    await post.put(answer("ей"), chat=ANNA)
    await post.put(answer("ему"), chat=BORIS)

    async with post.open():
        await post.bot.has(lambda: post.bot.sent(BORIS))
        assert post.bot.sent(ANNA) == []
        goes_on.set()
        await post.drained()

    assert post.bot.sent(ANNA) == ["ей"]


async def test_a_failure_in_a_chat_does_not_let_the_next_reply_overtake(post: Post) -> None:
    post.bot.fails(connection_lost, slow_down(0.03), server_error, chat=ANNA)
    for number in range(3):
        await post.put(answer(str(number)))

    await post.deliver()

    assert post.bot.sent(ANNA) == ["0", "1", "2"]


# ---- danger first -----------------------------------------------------------------------------------------


async def test_a_danger_passes_the_answers_of_its_chat_that_wait(post: Post) -> None:
    post.bot.fails(slow_down(0.3), chat=ANNA)
    await post.put(answer("first"))
    await post.put(answer("second"))

    async with post.open():
        await post.bot.has(lambda: post.bot.tried(ANNA))
        await post.put(danger(), ahead=True)
        await post.bot.has(lambda: post.bot.sent(ANNA))
        assert post.bot.sent(ANNA) == ["112"]
        await post.drained()

    assert post.bot.sent(ANNA) == ["112", "first", "second"]


async def test_a_danger_does_not_wait_for_the_pause_between_two_messages(database: Database) -> None:
    post = Post(database, limits=True)
    await post.put(answer("first"))
    await post.put(answer("second"))

    async with post.open():
        await post.bot.has(lambda: post.bot.sent() == ["first"])
        await post.put(danger(), ahead=True)
        await post.bot.has(lambda: len(post.bot.sent()) == 2)

    assert post.bot.sent() == ["first", "112"]


@pytest.mark.parametrize("trouble", [connection_lost, slow_down(0.05)], ids=["network", "429"])
async def test_what_goes_ahead_keeps_its_own_order_also_when_telegram_fails(post: Post, trouble: Trouble) -> None:
    """The sentence about an alert makes no sense before the danger reply."""
    post.bot.fails(trouble)
    await post.put(danger("112"), ahead=True)
    await post.put(Reply(Kind.CHAT, "alerted"), cause="alert", ahead=True)

    await post.deliver()

    assert post.bot.sent(ANNA) == ["112", "alerted"]


async def test_a_danger_passes_all_that_has_piled_up_for_others(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an outage thousands may wait, of which the sender holds some at a time."""
    monkeypatch.setattr(sending, "_LOOK_EVERY", 60.0)
    silent = [replace(ANNA, chat=str(number)) for number in range(2001, 2021)]
    goes_on = [post.bot.sticks(chat) for chat in silent]
    for chat in silent:
        await post.put(*[answer(str(number)) for number in range(20)], chat=chat)
    await post.put(danger(), chat=ANNA, ahead=True)

    async with post.open():
        try:
            await asyncio.wait_for(post.bot.has(lambda: post.bot.sent(ANNA)), 2)
        finally:
            for event in goes_on:
                event.set()
            post.database.ring("outbox")

    assert post.bot.sent()[0] == "112"


async def test_a_danger_does_not_wait_for_calls_that_telegram_does_not_answer(post: Post) -> None:
    silent = [replace(ANNA, chat=str(number)) for number in range(2001, 2041)]
    goes_on = [post.bot.sticks(chat) for chat in silent]
    for chat in silent:
        await post.put(answer("?"), chat=chat)

    async with post.open():
        await post.bot.has(lambda: len(post.bot.tried()) >= 30)
        await post.put(danger(), chat=ANNA, ahead=True)
        try:
            await asyncio.wait_for(post.bot.has(lambda: post.bot.sent(ANNA)), 2)
        finally:
            for event in goes_on:
                event.set()

    assert post.bot.sent(ANNA) == ["112"]


# ---- patience ---------------------------------------------------------------------------------------------


async def test_a_message_that_telegram_puts_off_is_sent_after_the_time_it_named(post: Post) -> None:
    post.bot.fails(slow_down(0.2), slow_down(0.1))
    await post.put(answer("one"))
    await post.put(answer("two"))

    await post.deliver()

    first, second, third, _ = post.bot.tried()
    assert second.at - first.at >= 0.2
    assert third.at - second.at >= 0.1
    assert post.bot.sent() == ["one", "two"]
    assert await post.results() == ["sent", "sent"]


@pytest.mark.parametrize("trouble", [connection_lost, server_error])
async def test_a_message_that_fails_is_tried_again_after_pauses_that_grow_up_to_a_limit(
    post: Post, trouble: Trouble
) -> None:
    post.bot.fails(*[trouble] * 4)
    await post.put(answer("one"))

    await post.deliver()

    pauses = [later.at - earlier.at for earlier, later in pairwise(post.bot.tried())]
    least = [0.02, 0.04, 0.05, 0.05]
    assert len(pauses) == 4
    assert all(pause >= low for pause, low in zip(pauses, least, strict=True))
    assert post.bot.sent() == ["one"]
    assert post.meters.errors == [type(trouble()).__name__] * 4


async def test_a_message_that_fails_for_a_day_is_given_up_and_the_next_one_goes(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TRIED_FOR", timedelta(seconds=0.1))
    post.bot.fails(server_error, always=True)
    await post.put(answer("one"))
    await post.put(answer("two"), chat=BORIS)

    async with post.open():
        await until(lambda: _all(post, "gave_up"))
        post.bot.works_again()
        await post.put(answer("three"))
        await post.drained()

    assert await post.results() == ["gave_up", "gave_up", "sent"]


async def _all(post: Post, result: str) -> bool:
    return set(await post.results()) == {result}


# ---- what can't be sent -----------------------------------------------------------------------------------


async def test_a_patient_who_has_blocked_the_bot_is_marked_unreachable_and_holds_up_nobody(post: Post) -> None:
    await _writes(post, ANNA)
    post.bot.fails(blocked, chat=ANNA, always=True)
    for number in range(3):
        await post.put(answer(str(number)), chat=ANNA)
    await post.put(answer("ему"), chat=BORIS)

    await post.deliver()

    assert await post.results() == ["unreachable"] * 3 + ["sent"]
    (chat,) = await table_rows(post.database, CHATS)
    assert chat["unreachable_since"] == NOON
    assert [result for result, _ in post.meters.deliveries if result == "unreachable"] == ["unreachable"] * 3


async def test_a_patient_who_writes_again_is_no_longer_unreachable(post: Post) -> None:
    await _writes(post, ANNA)
    post.bot.fails(blocked)
    await post.put(answer("one"))
    await post.deliver()

    await _writes(post, ANNA, update=2)

    (chat,) = await table_rows(post.database, CHATS)
    assert chat["unreachable_since"] is None


async def _writes(post: Post, chat: ChatId, update: int = 1) -> None:
    incoming = make_incoming("больно?", chat_id=chat, message_id=str(update))
    await TroubledInbox(post.database, post.clock).store([Arrival(update, incoming, NOON)])


async def test_markup_that_telegram_can_not_parse_is_sent_once_more_as_plain_text(post: Post) -> None:
    post.bot.fails(UNPARSED)
    await post.put(answer("**Three** months & more", Button("Подробнее", "more:duration")))

    await post.deliver()

    marked, bare = post.bot.tried()
    assert (marked.text, marked.html) == ("<b>Three</b> months &amp; more", True)
    assert (bare.text, bare.html) == ("Three months & more", False)
    assert bare.buttons == marked.buttons != ()
    assert await post.results() == ["sent"]


async def test_plain_text_that_is_refused_too_is_not_tried_a_third_time(post: Post) -> None:
    post.bot.fails(UNPARSED, UNPARSED)
    await post.put(answer("**Three** months"))

    await post.deliver()

    assert len(post.bot.tried()) == 2
    assert await post.results() == ["refused"]


async def test_what_telegram_refuses_for_good_is_recorded_and_never_tried_again(post: Post) -> None:
    post.bot.fails(refused())
    await post.put(answer("one"))
    await post.put(answer("two"))

    await post.deliver()
    await post.deliver()

    assert [call.text for call in post.bot.tried()] == ["one", "two"]
    assert await post.results() == ["refused", "sent"]
    assert post.meters.errors == ["TelegramBadRequest"]


async def test_a_value_that_can_not_leave_here_is_recorded_and_holds_up_nothing(post: Post) -> None:
    await post.put(StaffCard("for the staff group"))
    await post.put(answer("two"))

    await post.deliver()

    assert await post.results() == ["refused", "sent"]


async def test_an_error_of_our_own_is_recorded_and_holds_up_nothing(post: Post) -> None:
    post.bot.fails(lambda: ZeroDivisionError("ours"))
    await post.put(answer("one"))
    await post.put(answer("two"))

    await post.deliver()

    assert await post.results() == ["refused", "sent"]


async def test_a_reply_without_a_visible_letter_is_recorded_and_not_tried_for_ever(post: Post) -> None:
    await post.put(answer("  "))
    await post.put(answer("two"))

    async with post.open():
        await post.bot.has(lambda: post.bot.sent() == ["two"])
        await until(lambda: _nothing_waits(post))

    assert (await post.results())[1] == "sent"


async def _nothing_waits(post: Post) -> bool:
    return None not in await post.results()


# ---- long replies -----------------------------------------------------------------------------------------


async def test_a_long_reply_leaves_in_pieces_with_its_buttons_under_the_last(post: Post) -> None:
    await post.put(answer(LONG, Button("Темы", "topics")))

    await post.deliver()

    pieces = post.bot.tried()
    assert len(pieces) == 3
    assert all(len(piece.text) <= MESSAGE_LIMIT for piece in pieces)
    assert [bool(piece.buttons) for piece in pieces] == [False, False, True]
    assert "".join("".join(piece.text for piece in pieces).split()) == "".join(LONG.split())
    assert await post.noted() == [("7", 0, 0), ("7", 0, 1), ("7", 0, 2)]


async def test_after_a_crash_a_long_reply_goes_on_at_the_piece_that_was_not_noted(post: Post) -> None:
    await post.put(answer(LONG))
    (parcel,) = await post.outbox.waiting((), 1)
    await post.outbox.sent(parcel, 0, "99", last=False)

    await post.deliver()

    assert post.bot.sent() == render(LONG)[1:]
    assert await post.noted() == [("7", 0, 1), ("7", 0, 2), ("7", 0, 0)]
    assert await post.results() == ["sent"]


async def test_a_long_reply_that_is_interrupted_is_whole_after_the_next_start(post: Post) -> None:
    post.bot.fails(connection_lost, slow_down(3600), method="send_message")
    await post.put(answer(LONG))
    async with post.open():
        await post.bot.has(lambda: len(post.bot.tried()) == 2)

    await post.deliver()

    assert post.bot.sent() == render(LONG)


async def test_a_piece_that_left_is_noted_as_soon_as_the_database_is_back_and_is_not_sent_twice(post: Post) -> None:
    post.outbox.fails = {"sent"}
    await post.put(answer("one"))
    await post.put(answer("two"))

    async with post.open():
        await post.bot.has(lambda: post.bot.sent() == ["one"])
        await asyncio.sleep(0.1)
        assert post.bot.sent() == ["one"]
        post.outbox.fails = set()
        await post.drained()

    assert post.bot.sent() == ["one", "two"]


async def test_the_meaning_of_a_button_is_found_under_the_id_it_carries(post: Post) -> None:
    await post.put(answer("one", Button("Подробнее", "more:duration"), Button("Темы", "topics")))

    await post.deliver()

    (call,) = post.bot.tried()
    (more, first), (topics, second) = call.buttons
    assert (more, topics) == ("Подробнее", "Темы")
    assert await post.outbox.payload(ANNA, first) == "more:duration"
    assert await post.outbox.payload(ANNA, second) == "topics"


# ---- edits ------------------------------------------------------------------------------------------------


async def test_an_edited_answer_stands_where_the_earlier_one_stood(post: Post) -> None:
    await post.put(answer("old"))
    await post.put(answer("other"), cause="8")
    await post.deliver()

    await post.put(edit("new"), turn="7~1")
    await post.deliver()

    assert post.bot.shows() == ["new", "other"]
    assert await post.results() == ["sent"] * 3


async def test_an_edited_answer_takes_over_part_by_part_and_adds_what_is_new(post: Post) -> None:
    await post.put(answer("a"), answer("b"))
    await post.deliver()

    await post.put(edit("A", last=False), edit("B", last=False), edit("C"), turn="7~1")
    await post.deliver()

    assert post.bot.shows() == ["A", "B", "C"]


async def test_an_edited_answer_takes_away_the_parts_it_no_longer_has(post: Post) -> None:
    await post.put(answer("a"), answer("b"), answer("c"))
    await post.deliver()

    await post.put(edit("A"), turn="7~1")
    await post.deliver()

    assert post.bot.shows() == ["A"]
    assert await post.noted() == [("7~1", 0, 0)]


async def test_an_edited_answer_takes_away_the_pieces_it_no_longer_has_and_adds_the_ones_it_needs(post: Post) -> None:
    await post.put(answer(LONG))
    await post.deliver()

    await post.put(edit("short"), turn="7~1")
    await post.deliver()
    assert post.bot.shows() == ["short"]

    await post.put(edit(LONG), turn="7~2")
    await post.deliver()
    assert "".join("".join(post.bot.shows()).split()) == "".join(LONG.split())


async def test_an_answer_edited_twice_is_edited_in_its_one_place(post: Post) -> None:
    await post.put(answer("old"))
    await post.put(edit("new"), turn="7~1")
    await post.put(edit("newest"), turn="7~2")

    await post.deliver()

    assert post.bot.shows() == ["newest"]
    assert len(post.bot.tried()) == 1


async def test_an_edited_answer_to_a_question_that_had_none_is_a_new_message(post: Post) -> None:
    await post.put(edit("new"), turn="7~1")

    await post.deliver()

    assert post.bot.sent() == ["new"]
    assert await post.results() == ["sent"]


@pytest.mark.parametrize("reason", ["message can't be edited", "message to edit not found"])
async def test_an_answer_that_can_not_be_edited_any_more_is_a_new_message(post: Post, reason: str) -> None:
    await post.put(answer("old"))
    await post.deliver()
    post.bot.fails(refused(f"Bad Request: {reason}"), method="edit_message_text")

    await post.put(edit("new"), turn="7~1")
    await post.deliver()

    assert post.bot.sent() == ["old", "new"]
    assert await post.results() == ["sent", "sent"]


async def test_an_edited_answer_that_says_the_same_is_left_as_it_stands(post: Post) -> None:
    await post.put(answer("same"))
    await post.deliver()
    post.bot.fails(refused("Bad Request: message is not modified"), method="edit_message_text")

    await post.put(edit("same"), turn="7~1")
    await post.deliver()

    assert post.bot.shows() == ["same"]
    assert await post.results() == ["sent", "sent"]


@pytest.mark.parametrize("trouble", [slow_down(0.02), connection_lost], ids=["429", "network"])
async def test_a_part_that_can_not_be_taken_away_at_once_is_taken_away_later(post: Post, trouble: Trouble) -> None:
    """Otherwise an answer that is no longer true would stand there for ever."""
    await post.put(answer("a"), answer("wrong by now"))
    await post.deliver()
    post.bot.fails(trouble, method="delete_message")

    await post.put(edit("A"), turn="7~1")
    await post.deliver()

    assert post.bot.shows() == ["A"]


async def test_a_part_that_telegram_will_not_take_away_holds_up_nothing(post: Post) -> None:
    await post.put(answer("a"), answer("b"))
    await post.deliver()
    post.bot.fails(refused("Bad Request: message can't be deleted"), method="delete_message")

    await post.put(edit("A"), turn="7~1")
    await post.put(answer("next"), cause="8")
    await post.deliver()

    assert post.bot.sent() == ["a", "b", "next"]
    assert await post.results() == ["sent"] * 4


# ---- files ------------------------------------------------------------------------------------------------


async def test_a_document_is_sent_as_a_file_after_the_reply_before_it(post: Post) -> None:
    await post.put(answer("Here it is."), Document("mimika-data.json", b'{"chat": 1}'))

    await post.deliver()

    assert post.bot.shows() == ["Here it is.", "[mimika-data.json]"]
    (call,) = post.bot.tried(method="send_document")
    assert call.file == b'{"chat": 1}'
    assert await post.results() == ["sent", "sent"]


async def test_a_document_that_fails_is_tried_again_like_any_message(post: Post) -> None:
    post.bot.fails(slow_down(0.02), connection_lost, method="send_document")
    await post.put(Document("mimika-data.json", b"{}"))

    await post.deliver()

    assert post.bot.shows() == ["[mimika-data.json]"]


async def test_what_replaces_a_wish_for_ones_data_stands_where_its_reply_stood_and_not_where_the_file_did(
    post: Post,
) -> None:
    await _writes(post, ANNA, update=7)
    inbox = TroubledInbox(post.database, post.clock)
    (claim,) = await inbox.claim(1)
    here_it_is = replace(answer("Here it is."), key=Key("7"))
    rows = tuple(waiting.id for waiting in claim.waiting)
    await inbox.commit(claim, Done(rows, ChatState(), "ru", "7", "7", NOON, (here_it_is,), show=True))
    await post.deliver()

    await post.put(edit("Three months."), turn="7~1")
    await post.deliver()

    assert post.bot.shows()[0] == "Three months."
    assert post.bot.sent() == ["Here it is."]


# ---- late answers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["ru", "en"])
async def test_an_answer_that_comes_a_quarter_of_an_hour_late_begins_with_an_apology(post: Post, language: str) -> None:
    post.clock.at += timedelta(minutes=15)
    await post.put(answer("Three months."), language=language)

    await post.deliver()

    assert post.bot.sent() == [f"{WORDING(language, Phrase.LATE)}\n\nThree months."]  # type: ignore[arg-type]


async def test_an_answer_that_comes_in_time_does_not_apologise(post: Post) -> None:
    post.clock.at += timedelta(minutes=14, seconds=59)
    await post.put(answer("Three months."))

    await post.deliver()

    assert post.bot.sent() == ["Three months."]


@pytest.mark.parametrize("kind", [Kind.CRISIS, Kind.EMERGENCY, Kind.URGENT])
async def test_what_to_do_in_danger_is_never_put_off_by_an_apology(post: Post, kind: Kind) -> None:
    post.clock.at += timedelta(hours=2)
    await post.put(Reply(kind, "112"), ahead=True)

    await post.deliver()

    assert post.bot.sent() == ["112"]


async def test_the_rest_of_a_long_answer_that_was_begun_in_time_repeats_nothing(post: Post) -> None:
    """An apology put before a text that is then cut elsewhere would show some of it twice."""
    text = "слово " * 1500
    await post.put(answer(text))
    (parcel,) = await post.outbox.waiting((), 1)
    await post.outbox.sent(parcel, 0, "99", last=False)

    post.clock.at += timedelta(minutes=20)
    await post.deliver()

    assert post.bot.sent() == render(text)[1:]


# ---- the lock, and stopping -------------------------------------------------------------------------------


async def test_nothing_is_sent_before_the_lock_is_ours(post: Post) -> None:
    post.lock.take_away()
    await post.put(answer("one"))

    async with post.open():
        await asyncio.sleep(0.1)
        assert post.bot.calls == []
        post.lock.give()
        await post.bot.has(lambda: post.bot.sent() == ["one"])


async def test_when_the_lock_is_lost_nothing_more_is_sent_and_the_rest_waits_for_the_next_holder(post: Post) -> None:
    goes_on = post.bot.sticks(ANNA)
    for number in range(5):
        await post.put(answer(str(number)))
    await post.put(answer("ему"), chat=BORIS)

    async with post.open():
        await post.bot.has(lambda: post.bot.tried(ANNA) and post.bot.sent(BORIS))
        post.lock.take_away()
        goes_on.set()
        await until(lambda: _holds(post, [True, False]))
        assert post.bot.sent(ANNA) == ["0"]
        assert (await post.results())[1:5] == [None] * 4

        post.lock.give()
        await post.drained()

    assert post.bot.sent(ANNA) == ["0", "1", "2", "3", "4"]
    assert post.meters.holds == [True, False, True, False]


async def _holds(post: Post, holds: list[bool]) -> bool:
    return post.meters.holds == holds


async def test_a_message_that_waits_when_the_lock_is_lost_is_not_sent_from_here(post: Post) -> None:
    post.bot.fails(slow_down(0.1))
    await post.put(answer("one"))

    async with post.open():
        await post.bot.has(lambda: post.bot.tried())
        post.lock.take_away()
        await until(lambda: _holds(post, [True, False]))

    assert post.bot.sent() == []
    assert await post.results() == [None]


async def test_a_stop_finishes_the_call_under_way_and_leaves_the_rest_in_the_outbox(post: Post) -> None:
    goes_on = post.bot.sticks(ANNA)
    for number in range(3):
        await post.put(answer(str(number)))
    running = asyncio.create_task(post.sender.run())
    await post.bot.has(lambda: post.bot.tried())

    stopping = asyncio.create_task(post.sender.stop())
    await asyncio.sleep(0)
    goes_on.set()
    await soon(stopping)
    await soon(running)

    assert post.bot.sent() == ["0"]
    assert await post.results() == ["sent", None, None]
    assert not post.lock.held


@pytest.mark.parametrize("trouble", [slow_down(3600), connection_lost], ids=["429", "network"])
async def test_a_stop_does_not_wait_until_telegram_takes_a_message(post: Post, trouble: Trouble) -> None:
    post.bot.fails(trouble, always=True)
    await post.put(answer("one"))
    running = asyncio.create_task(post.sender.run())
    await post.bot.has(lambda: post.bot.tried())

    await soon(post.sender.stop())
    await soon(running)

    assert await post.results() == [None]


async def test_a_sender_that_is_cancelled_ends_though_telegram_takes_nothing(post: Post) -> None:
    """So it is stopped when the grace is over: the process must not wait for Telegram to come back."""
    post.bot.fails(connection_lost, always=True)
    await post.put(answer("one"))
    running = asyncio.create_task(post.sender.run())
    await post.bot.has(lambda: post.bot.tried())

    running.cancel()
    try:
        await asyncio.wait([running], timeout=1)
        assert running.done()
    finally:
        await soon(post.sender.stop())
        await asyncio.gather(running, return_exceptions=True)
    assert await post.results() == [None]


async def test_what_was_left_at_a_stop_is_sent_after_the_next_start(post: Post) -> None:
    post.bot.fails(slow_down(3600))
    await post.put(answer("one"))
    await post.put(answer("two"))
    running = asyncio.create_task(post.sender.run())
    await post.bot.has(lambda: post.bot.tried())
    await soon(post.sender.stop())
    await soon(running)

    await post.deliver()

    assert post.bot.sent() == ["one", "two"]


async def test_drained_means_that_nothing_waits_here_or_in_the_outbox(post: Post) -> None:
    goes_on = post.bot.sticks(ANNA)
    await post.put(answer("one"))
    await post.put(answer("two"))

    async with post.open():
        await post.bot.has(lambda: post.bot.tried())
        drained = asyncio.create_task(post.sender.drained())
        await asyncio.sleep(0.05)
        assert not drained.done()
        goes_on.set()
        await soon(drained)

    assert post.bot.sent() == ["one", "two"]


async def test_whoever_does_not_send_has_nothing_to_drain(post: Post) -> None:
    await post.put(answer("one"))

    await soon(post.sender.drained())

    assert post.bot.calls == []


async def test_a_stop_is_not_broken_by_a_database_that_is_gone(post: Post) -> None:
    async with post.open():
        await until(lambda: _holds(post, [True]))
        post.outbox.fails = {"waiting"}

        await soon(post.sender.drained())


async def test_the_sender_goes_on_when_the_database_is_back(post: Post) -> None:
    post.outbox.fails = {"waiting"}
    await post.put(answer("one"))

    async with post.open():
        await asyncio.sleep(0.1)
        post.outbox.fails = set()
        await post.bot.has(lambda: post.bot.sent() == ["one"])


# ---- limits -----------------------------------------------------------------------------------------------


async def test_two_messages_to_one_patient_are_a_pause_apart_and_other_chats_do_not_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "CHAT_PAUSE", 0.3)
    post = Post(database, limits=True)
    await post.put(answer("one"), answer("two"))
    await post.put(answer("ему"), chat=BORIS)

    await post.deliver()

    first, second = post.bot.tried(ANNA)
    (other,) = post.bot.tried(BORIS)
    assert second.at - first.at >= 0.29
    assert other.at - first.at < 0.25


async def test_without_limits_nothing_waits(post: Post) -> None:
    for number in range(50):
        await post.put(answer(str(number)))

    await post.deliver()

    calls = post.bot.tried()
    assert calls[-1].at - calls[0].at < 5  # with the pause between two messages of a chat: 49 s


# ---- said at once -----------------------------------------------------------------------------------------


async def test_a_danger_is_said_at_once_without_the_outbox_and_without_buttons(post: Post) -> None:
    said = await soon(post.sender.say(ANNA, [danger("**112**"), danger("103")]))

    assert said
    assert [(call.text, call.html, call.buttons) for call in post.bot.tried()] == [
        ("<b>112</b>", True, ()),
        ("103", True, ()),
    ]
    assert await post.results() == []


async def test_a_danger_is_said_whether_or_not_we_are_the_one_that_sends(post: Post) -> None:
    post.lock.take_away()

    assert await soon(post.sender.say(ANNA, [danger()]))

    assert post.bot.sent(ANNA) == ["112"]


async def test_a_danger_that_is_said_at_once_is_tried_again_and_falls_back_to_plain_text(post: Post) -> None:
    post.bot.fails(connection_lost, slow_down(0.02), UNPARSED)

    assert await soon(post.sender.say(ANNA, [danger("**112**")]))

    assert post.bot.sent(ANNA) == ["112"]


# ---- what is measured -------------------------------------------------------------------------------------


async def test_a_delivery_is_counted_with_the_time_since_its_message_was_written(post: Post) -> None:
    await post.put(answer("one"), asked_at=NOON - timedelta(seconds=3))

    await post.deliver()

    assert post.meters.deliveries == [("sent", 3.0)]
