"""At the door: what is stored before Telegram hears of it, and danger, which waits for nothing.

Inbox, worker and conversation are the real ones; Telegram, and a database in trouble, are stood in for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiogram.types import Update

from bot import turns
from bot.adapters.database.engine import Database
from bot.adapters.database.tables import INBOX
from bot.adapters.memory import FixedClock, MemoryAlerts
from bot.adapters.telegram import gateway
from bot.adapters.telegram.gateway import Gateway
from bot.conversation import Conversation
from bot.deliveries import Parcel
from bot.dialogue.project import load_project
from bot.messages import Alert, ChatId, ChatState, Edit, Incoming, Kind, Lang, Outcome, Reply
from bot.retrieval.danger import Suspicion
from bot.retrieval.library import Library
from bot.retrieval.redflags import DangerKind
from bot.retrieval.writing import Reading
from bot.turns import Turns
from bot.wording import Phrase
from tests.examples import NOON, ScriptedLibrary
from tests.unit.fakes import (
    ANNA,
    CountingMeters,
    StandInBot,
    TroubledInbox,
    TroubledOutbox,
    blocked,
    connection_lost,
    open_database,
    soon,
    table_rows,
    until,
)

DANGER = "не могу дышать"
HIDDEN = "мне всё равно что будет дальше"  # only the second net of these tests hears it
UNSURE = "не могу дышать"
CAPTION: dict[str, Any] = {"photo": [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]}
NOTE = "BEGIN:VCARD\nVERSION:3.0\nFN:Анна\nNOTE:не могу дышать\nEND:VCARD"
PERSON = {"id": 1001, "is_bot": False, "first_name": "Анна", "language_code": "ru"}
CHAT = {"id": 1001, "type": "private", "first_name": "Анна"}


@pytest.fixture(autouse=True)
def _time_flies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_LOOK_EVERY", 0.02)
    monkeypatch.setattr(turns, "_PAUSE", 0.02)
    # Short beside what hangs for ever, long beside a busy disk.
    monkeypatch.setattr(gateway, "_PATIENCE", 1.5)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path) as opened:
        yield opened


class SpokenTo:
    """What was said to patients with nothing stored."""

    def __init__(self) -> None:
        self.said: list[Reply] = []
        self.fails = False

    async def say(self, chat_id: ChatId, replies: Sequence[Reply]) -> bool:
        assert chat_id == ANNA
        if self.fails:
            raise ConnectionError("no Telegram either")
        self.said += replies
        return True

    @property
    def kinds(self) -> list[Kind]:
        return [reply.kind for reply in self.said]


class ListeningLibrary(ScriptedLibrary):
    """With a second net that hears two phrases; `listens`: the first net leaves to it what it is not sure of."""

    def __init__(self, *, listens: bool) -> None:
        super().__init__({"сколько стоит": {"price": 0.9}, "больно?": {"pain": 0.9}, "а ещё больно?": {"pain": 0.9}})
        self._listens = listens

    @property
    def listens(self) -> bool:
        return self._listens

    def suspects(self, reading: Reading, *, times: float = 1.0, hints: Collection[DangerKind] = ()) -> Suspicion | None:
        if reading.text == UNSURE:
            return Suspicion("emergency", "breathing", 0.9)
        return Suspicion("crisis", "suicide", 0.9) if reading.text == HIDDEN else None


class SlowConversation(Conversation):
    """Ordinary turns wait until the test lets them go on."""

    def __init__(self, library: Library) -> None:
        super().__init__(lambda: library, load_project(), FixedClock(NOON))
        self.heard: list[str] = []
        self.goes_on = threading.Event()
        self.goes_on.set()

    def answer(self, incoming: Incoming, state: ChatState, only: Lang | None = None) -> Outcome:
        self.heard.append(incoming.text)
        if not self.alarms(incoming.text):
            assert self.goes_on.wait(10)
        if incoming.text == "сломайся" or (incoming.text.startswith("сломайся") and state != ChatState()):
            raise RuntimeError("broken")
        return super().answer(incoming, state, only)


class Door:
    """A gateway and a worker with fakes around them, and Anna before it."""

    def __init__(self, database: Database, alerts: MemoryAlerts | None = None, *, listens: bool = False) -> None:
        self.database, self.clock, self.bot = database, FixedClock(NOON), StandInBot()
        self.library = ListeningLibrary(listens=listens)
        self.conversation = SlowConversation(self.library)
        self.inbox, self.outbox = TroubledInbox(database, self.clock), TroubledOutbox(database, self.clock)
        self.voice, self.alerts, self.meters = SpokenTo(), alerts or MemoryAlerts(), CountingMeters()
        self.turns = Turns(
            self.conversation,
            self.inbox,
            self.outbox,
            self.voice,
            self.alerts,
            self.meters,
            self.clock,
            lambda: self.library.wording,
            lambda: self.library.version,
        )
        self.gateway = Gateway(
            "mimika",
            self.bot,  # type: ignore[arg-type]
            self.conversation,
            self.inbox,
            self.outbox,
            self.turns,
            self.clock,
        )
        self._numbers = count(1)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """While the worker works."""
        running = asyncio.create_task(self.turns.run())
        try:
            yield
        finally:
            self.conversation.goes_on.set()
            await soon(self.turns.stop())
            await soon(running)
            await self.gateway.close()

    @asynccontextmanager
    async def held_up(self) -> AsyncIterator[None]:
        """While an ordinary turn of Anna's takes its time."""
        self.conversation.goes_on.clear()
        try:
            yield
        finally:
            self.conversation.goes_on.set()

    # ---- what arrives

    def message(self, text: str = "", kind: str = "message", *, update: int | None = None, **content: Any) -> Update:
        number = next(self._numbers)
        given = {"text": text} if text and "photo" not in content else {"caption": text} if text else {}
        message = {"message_id": number, "date": 1_795_424_400, "chat": CHAT, "from": PERSON, **given, **content}
        if kind == "edited_message":
            message |= {"message_id": 1, "edit_date": 1_795_424_460}
        return Update.model_validate({"update_id": update or number, kind: message})

    def press(self, data: str, chat: dict[str, Any] | None = None) -> Update:
        number = next(self._numbers)
        message = {"message_id": 900, "date": 1_795_424_400, "chat": chat or CHAT, "text": "..."}
        query = {"id": str(number), "from": PERSON, "chat_instance": "1", "data": data, "message": message}
        return Update.model_validate({"update_id": number, "callback_query": query})

    async def says(self, text: str = "", kind: str = "message", **content: Any) -> bool:
        """Let a message arrive; whether Telegram hears that it was taken. Its turn comes when it comes."""
        return bool(await soon(self.gateway.take([self.message(text, kind, **content)])))

    async def presses(self, payload: str) -> bool:
        return bool(await soon(self.gateway.take([self.press(self.outbox.callback(ANNA, payload))])))

    # ---- what comes of it

    async def done(self) -> None:
        """Wait until everything that was stored is answered."""
        await until(self._is_done)

    async def _is_done(self) -> bool:
        return all(row["done_at"] for row in await self.rows())

    async def rows(self) -> list[dict[str, Any]]:
        return await table_rows(self.database, INBOX)

    async def left(self) -> list[Parcel]:
        """What waits to be sent, in the order in which it was handed over."""
        return sorted(await self.outbox.waiting((), 1000), key=lambda parcel: parcel.id)

    async def replies(self) -> list[Reply]:
        """What waits to be sent, in the order in which it was handed over."""
        shown = [parcel.leaving for parcel in await self.left()]
        return [value.reply if isinstance(value, Edit) else value for value in shown]  # type: ignore[misc]

    async def kinds(self) -> list[Kind]:
        return [reply.kind for reply in await self.replies()]

    async def answers_with(self, *kinds: Kind) -> None:
        """Wait until so much, and nothing else, was handed over."""

        async def has() -> bool:
            return await self.kinds() == list(kinds)

        await until(has)

    async def is_busy(self) -> None:
        """Wait until the turn that takes its time has begun."""

        async def busy() -> bool:
            return bool(self.conversation.heard)

        await until(busy)

    async def state(self) -> ChatState:
        return (await self.inbox.read(ANNA))[0]

    def says_in(self, lang: Lang, phrase: Phrase) -> str:
        return self.library.wording(lang, phrase)


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


# ---- ahead of the queue -----------------------------------------------------------------------------------


async def test_a_danger_is_answered_while_the_messages_before_it_still_wait(door: Door) -> None:
    async with door.open():
        async with door.held_up():
            await door.says("сколько стоит")
            await door.says("больно?")
            await door.says(DANGER)
            await door.answers_with(Kind.EMERGENCY)
        door.clock.at += timedelta(seconds=11)  # the turn that lost to the danger is taken up again
        await door.done()

    kinds = await door.kinds()
    assert kinds[0] is Kind.EMERGENCY
    assert len(kinds) == 3


async def test_what_the_first_net_is_not_sure_of_goes_ahead_as_well(database: Database) -> None:
    """With a second net beside it, the first leaves «не могу дышать» to that: both must read it before what waits."""
    door = Door(database, listens=True)
    assert not door.conversation.first_net(UNSURE)

    async with door.open(), door.held_up():
        await door.says("сколько стоит")
        await door.says(UNSURE)
        await door.answers_with(Kind.EMERGENCY)


async def test_a_danger_goes_ahead_in_the_outbox_too_and_an_answer_does_not(door: Door) -> None:
    async with door.open():
        await door.says("больно?")
        await door.done()
        await door.says(DANGER)
        await door.done()

    assert [parcel.ahead for parcel in await door.left()] == [False, True]


async def test_what_waited_before_a_danger_is_answered_in_care_mode(door: Door) -> None:
    """The turn began before the danger and ends after it: it must not sell anything any more."""
    async with door.open():
        async with door.held_up():
            await door.says("сколько стоит")
            await door.is_busy()
            await door.says(DANGER)
            await door.answers_with(Kind.EMERGENCY)
        door.clock.at += timedelta(seconds=11)
        await door.done()

    *_, last = await door.replies()
    assert last.text == door.says_in("ru", Phrase.CARE_NOT_NOW)
    assert (await door.state()).care_until is not None


@pytest.mark.parametrize(
    ("text", "kind", "content"),
    [
        (DANGER, "message", {}),
        (DANGER, "edited_message", {}),
        (DANGER, "message", CAPTION),
        (DANGER, "edited_message", CAPTION),
        (f"/start {DANGER}", "message", {}),
        ("/start ne_mogu_dyshat", "message", {}),
        ("", "message", {"contact": {"phone_number": "+79990000000", "first_name": "Анна", "vcard": NOTE}}),
    ],
    ids=["text", "edit", "caption", "edited caption", "deep link", "latin deep link", "contact note"],
)  # fmt: skip
async def test_a_danger_is_heard_at_every_entry_and_goes_ahead(
    door: Door, text: str, kind: str, content: dict[str, Any]
) -> None:
    async with door.open(), door.held_up():
        await door.says("больно?")
        await door.says(text, kind, **content)
        await door.answers_with(Kind.EMERGENCY)


@pytest.mark.parametrize("kind", ["message", "edited_message"])
async def test_a_danger_is_heard_at_every_entry_though_the_database_fails(door: Door, kind: str) -> None:
    door.inbox.fails = {"store"}

    assert not await door.says(DANGER, kind, **CAPTION)

    assert door.voice.kinds == [Kind.EMERGENCY]


async def test_a_danger_in_an_edited_message_is_a_new_message_not_an_edit_that_rings_no_bell(door: Door) -> None:
    async with door.open():
        await door.says("больно?")
        await door.done()
        await door.says(DANGER, "edited_message")
        await door.done()

    danger = (await door.left())[-1]
    assert isinstance(danger.leaving, Reply)
    assert (danger.leaving.kind, danger.ahead) == (Kind.EMERGENCY, True)


async def test_an_edited_question_without_danger_takes_the_place_of_its_answer(door: Door) -> None:
    async with door.open():
        await door.says("больно?", "edited_message")
        await door.done()

    (parcel,) = await door.left()
    assert isinstance(parcel.leaving, Edit)
    assert parcel.cause == "1"


async def test_a_danger_is_answered_while_a_human_holds_the_chat(door: Door) -> None:
    await door.says("больно?")
    (claim,) = await door.inbox.claim(1)
    held = Outcome(ChatState(owner="human"))
    await door.inbox.commit(claim, door.turns._done(claim.waiting[0], [claim.waiting[0].id], claim.state, held))

    async with door.open():
        await door.says("больно?")
        await door.says(DANGER)
        await door.done()

    assert await door.kinds() == [Kind.EMERGENCY]
    assert (await door.state()).owner == "human"


# ---- once -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [DANGER, "больно?"])
async def test_an_update_that_telegram_repeats_is_taken_and_answered_once(door: Door, text: str) -> None:
    async with door.open():
        assert await door.says(text, update=77)
        assert await door.says(text, update=77)
        await door.done()
        assert await door.says(text, update=77)
        await door.done()

    assert len(await door.replies()) == 1


@pytest.mark.parametrize("text", [DANGER, "больно?"])
async def test_an_update_that_comes_twice_in_one_batch_is_answered_once(door: Door, text: str) -> None:
    update = door.message(text, update=77)

    async with door.open():
        assert await soon(door.gateway.take([update, update]))
        await door.done()

    assert len(await door.replies()) == 1


async def test_the_messages_of_a_batch_are_answered_in_their_order(door: Door) -> None:
    texts = ["больно?", "сколько стоит", "больно?"]

    async with door.open():
        assert await soon(door.gateway.take([door.message(text) for text in texts]))
        await door.done()

    assert door.conversation.heard == texts


# ---- stored before it is taken ----------------------------------------------------------------------------


async def test_an_update_is_stored_before_telegram_hears_that_it_was_taken(door: Door) -> None:
    assert await door.says("больно?")

    (row,) = await door.rows()
    assert row["done_at"] is None


async def test_an_ordinary_update_that_can_not_be_stored_is_not_taken_and_nothing_is_said(door: Door) -> None:
    door.inbox.fails = {"store"}

    async with door.open():
        assert not await door.says("больно?", update=7)
        assert await door.rows() == []
        assert (door.voice.said, await door.left()) == ([], [])

        door.inbox.fails = set()
        assert await door.says("больно?", update=7)
        await door.done()

    assert await door.kinds() == [Kind.ANSWER]


async def test_of_a_batch_that_can_not_be_stored_nothing_is_taken_and_only_the_dangers_are_answered(door: Door) -> None:
    door.inbox.fails = {"store"}
    batch = [door.message("больно?"), door.message(DANGER), door.message("сколько стоит")]

    assert not await soon(door.gateway.take(batch))

    assert door.voice.kinds == [Kind.EMERGENCY]
    assert await door.rows() == []


async def test_an_empty_batch_is_taken(door: Door) -> None:
    assert await soon(door.gateway.take([]))


async def test_what_telegram_itself_says_is_taken_and_left_alone(door: Door) -> None:
    assert await door.says("", new_chat_title="...")

    assert await door.rows() == []


@pytest.mark.parametrize("text", ["больно\ud83d?", "\ud83d", "больно\0?"], ids=["half", "nothing else", "zero"])
async def test_letters_that_no_database_keeps_stop_neither_their_message_nor_the_next(door: Door, text: str) -> None:
    """An update that can never be taken would be fetched again and again, and none behind it."""
    async with door.open():
        assert await door.says(text)
        assert await door.says("больно?")
        await door.done()

    assert (await door.kinds())[-1] is Kind.ANSWER
    assert len(await door.rows()) == 2


async def test_a_fragment_is_stored_as_one_and_answered_with_what_follows_it(door: Door) -> None:
    async with door.open():
        await door.says("а ещё")
        await door.says("больно?")
        await door.done()

    assert door.conversation.heard == ["а ещё больно?"]
    assert await door.kinds() == [Kind.ANSWER]


@pytest.mark.parametrize(
    ("kind", "content"), [("edited_message", {}), ("message", CAPTION)], ids=["an edit", "a caption"]
)
async def test_an_edit_or_a_caption_is_no_fragment(door: Door, kind: str, content: dict[str, Any]) -> None:
    await door.says("а ещё", kind, **content)

    (row,) = await door.rows()
    assert not row["fragment"]


# ---- without storage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
@pytest.mark.parametrize(("text", "kind"), [(DANGER, Kind.EMERGENCY), ("хочу умереть", Kind.CRISIS)])
async def test_a_danger_is_answered_at_once_though_nothing_can_be_stored(
    door: Door, text: str, kind: Kind, trouble: str
) -> None:
    setattr(door.inbox, trouble, {"store"})

    taken = await door.says(text)

    assert not taken  # Telegram gives it again, and then it is stored like any other
    assert door.voice.kinds == [kind]


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
async def test_a_danger_does_not_wait_for_a_button_in_its_batch_that_can_not_be_looked_up(
    door: Door, trouble: str
) -> None:
    setattr(door.outbox, trouble, {"payload"})

    assert not await soon(door.gateway.take([door.press("0123456789abcdef"), door.message(DANGER)]))

    assert door.voice.kinds == [Kind.EMERGENCY]


async def test_a_danger_that_telegram_gives_again_and_again_while_storing_fails_is_told_once(door: Door) -> None:
    door.inbox.fails = {"store"}

    for _ in range(3):
        assert not await door.says(DANGER, update=77)

    assert door.voice.kinds == [Kind.EMERGENCY]


async def test_a_danger_that_could_not_be_told_is_told_at_the_next_attempt(door: Door) -> None:
    door.inbox.fails = {"store"}
    door.voice.fails = True
    await door.says(DANGER, update=77)

    door.voice.fails = False
    await door.says(DANGER, update=77)

    assert door.voice.kinds == [Kind.EMERGENCY]


async def test_a_danger_that_was_told_is_stored_when_the_database_is_back_and_not_said_again(door: Door) -> None:
    door.inbox.fails = {"store"}
    await door.says(DANGER, update=77)

    door.inbox.fails = set()
    async with door.open():
        assert await door.says(DANGER, update=77)
        await door.done()

    assert door.voice.kinds == [Kind.EMERGENCY]
    assert await door.left() == []
    assert (await door.state()).care_until == NOON + timedelta(hours=24)


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
@pytest.mark.parametrize("method", ["read", "commit"])
async def test_a_danger_that_was_stored_but_can_not_be_written_is_said_directly(
    door: Door, method: str, trouble: str
) -> None:
    async with door.open():
        setattr(door.inbox, trouble, {method})
        assert await door.says(DANGER)
        try:
            await asyncio.wait_for(until(lambda: _was_told(door)), 4)
        finally:
            door.inbox.hangs = set()

    assert set(door.voice.kinds) == {Kind.EMERGENCY}


async def _was_told(door: Door) -> bool:
    return bool(door.voice.said)


@pytest.mark.parametrize("method", ["store", "commit"])
async def test_a_danger_that_only_the_second_net_hears_is_answered_though_storage_fails(
    door: Door, method: str
) -> None:
    assert not door.conversation.alarms(HIDDEN)
    door.inbox.fails = {method}

    async with door.open():
        await door.says(HIDDEN)
        await asyncio.wait_for(until(lambda: _was_told(door)), 3)

    assert set(door.voice.kinds) == {Kind.CRISIS}


@pytest.mark.parametrize("method", ["store", "commit"])
async def test_a_danger_alerts_staff_though_storage_fails(door: Door, method: str) -> None:
    door.inbox.fails = {method}

    async with door.open():
        await door.says(DANGER)
        await until(lambda: _was_told(door))

    assert {(chat, alert.reason) for chat, alert in door.alerts.raised} == {(ANNA, "emergency/breathing")}


async def test_an_alert_that_reached_somebody_is_told_though_storage_fails(database: Database) -> None:
    door = Door(database, MemoryAlerts(reaches=True))
    door.inbox.fails = {"store"}

    await door.says("I can't breathe")

    assert [reply.text for reply in door.voice.said[1:]] == [door.says_in("en", Phrase.CARE_ALERTED)]


async def test_care_mode_is_kept_in_memory_until_storage_is_back(door: Door) -> None:
    door.inbox.fails = {"store"}
    await door.says(DANGER)

    door.inbox.fails = set()
    async with door.open():
        await door.says("сколько стоит")
        await door.done()

    assert (await door.replies())[-1].text == door.says_in("ru", Phrase.CARE_NOT_NOW)
    assert (await door.state()).care_until == NOON + timedelta(hours=24)


async def test_care_mode_kept_in_memory_can_be_ended_by_the_patient(door: Door) -> None:
    door.inbox.fails = {"store"}
    await door.says(DANGER)
    door.inbox.fails = set()

    async with door.open():
        await door.says("больно?")
        await door.done()
        for _ in range(2):  # the way out, then "I am safe"
            *_, last = await door.replies()
            await door.presses(next(button.payload for button in last.buttons if button.payload.startswith("care:")))
            await door.done()
        await door.says("сколько стоит")
        await door.done()

    assert (await door.kinds())[-1] is Kind.ANSWER
    assert (await door.state()).care_until is None


# ---- a turn that breaks -----------------------------------------------------------------------------------


async def test_a_message_that_breaks_the_conversation_gets_an_apology_and_the_next_one_an_answer(door: Door) -> None:
    async with door.open():
        await door.says("сломайся")
        await door.says("больно?")
        await door.done()

    assert (await door.replies())[0].text == door.says_in("ru", Phrase.FAILED)
    assert await door.kinds() == [Kind.UNKNOWN, Kind.ANSWER]


async def test_a_danger_in_a_turn_that_the_chats_state_breaks_is_still_answered(door: Door) -> None:
    async with door.open():
        await door.says("больно?")
        await door.done()
        await door.says(f"сломайся {DANGER}")
        await door.done()

    assert await door.kinds() == [Kind.ANSWER, Kind.EMERGENCY]


async def test_a_danger_that_breaks_the_conversation_does_not_stop_the_gateway(door: Door) -> None:
    """An apology with 112 is the least that is left to say; the next messages must come in all the same."""
    door.conversation.alarms = lambda text: ["anything"] if text == "сломайся" else []  # type: ignore[method-assign, assignment, list-item]
    door.inbox.fails = {"store"}

    assert not await door.says("сломайся")
    door.inbox.fails = set()
    assert await door.says("больно?")


# ---- alerts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "reason"), [(DANGER, "emergency/breathing"), ("хочу умереть", "crisis/suicide")])
async def test_an_alert_names_the_sign_and_none_of_the_patients_words(door: Door, text: str, reason: str) -> None:
    async with door.open():
        await door.says(f"{text} Иванова Мария 89161234567")
        await door.done()

    assert [(chat, alert.reason) for chat, alert in door.alerts.raised] == [(ANNA, reason)]


async def test_an_alert_that_reached_somebody_is_told_after_the_danger_reply(database: Database) -> None:
    door = Door(database, MemoryAlerts(reaches=True))

    async with door.open():
        await door.says(DANGER)
        await door.done()

    danger, told = await door.replies()
    assert danger.kind is Kind.EMERGENCY
    assert told.text == door.says_in("ru", Phrase.CARE_ALERTED)


async def test_of_an_alert_that_reached_nobody_nothing_is_said(door: Door) -> None:
    async with door.open():
        await door.says(DANGER)
        await door.done()

    (reply,) = await door.replies()
    assert len(door.alerts.raised) == 1
    assert "сотрудник" not in reply.text.lower()


async def test_two_alerts_are_told_of_once(database: Database) -> None:
    door = Door(database, MemoryAlerts(reaches=True))

    async with door.open():
        await door.says("не могу дышать и хочу умереть")
        await door.done()

    assert await door.kinds() == [Kind.CRISIS, Kind.EMERGENCY, Kind.CHAT]
    assert len(door.alerts.raised) == 2


class BrokenAlerts(MemoryAlerts):
    async def raise_alert(self, chat_id: ChatId, alert: Alert) -> bool:
        raise ConnectionError("no staff group")


async def test_an_alert_that_can_not_be_raised_costs_no_reply(database: Database) -> None:
    door = Door(database, BrokenAlerts())

    async with door.open():
        await door.says(DANGER)
        await door.done()

    assert await door.kinds() == [Kind.EMERGENCY]


async def test_an_urgent_sign_calls_nobody(database: Database) -> None:
    door = Door(database, MemoryAlerts(reaches=True))

    async with door.open():
        await door.says("место укола гноится")
        await door.done()

    assert await door.kinds() == [Kind.URGENT]
    assert door.alerts.raised == []


# ---- buttons ----------------------------------------------------------------------------------------------


async def test_a_button_means_what_it_meant_when_it_was_given(door: Door) -> None:
    async with door.open():
        await door.says("больно?")
        await door.done()
        more = next(button for button in (await door.replies())[0].buttons if button.payload.startswith("more:"))
        await door.presses(more.payload)
        await door.done()

    assert [reply.topics for reply in await door.replies()] == [("pain",), ("pain",)]
    assert [parcel.cause for parcel in await door.left()][1].startswith("press-")


@pytest.mark.parametrize("data", ["0123456789abcdef", "forget:yes", "topic:price", "", "'; DROP TABLE chats; --"])
async def test_a_button_that_this_chat_was_never_given_does_nothing(door: Door, data: str) -> None:
    async with door.open():
        assert await soon(door.gateway.take([door.press(data)]))
        await door.done()

    assert [reply.text for reply in await door.replies()] == [door.says_in("ru", Phrase.OLD_BUTTON)]


async def test_anothers_button_does_nothing_here(door: Door) -> None:
    other = ChatId("mimika", "telegram", "1002")

    async with door.open():
        await soon(door.gateway.take([door.press(door.outbox.callback(other, "forget:yes"))]))
        await door.done()

    assert [reply.text for reply in await door.replies()] == [door.says_in("ru", Phrase.OLD_BUTTON)]


async def test_the_sand_glass_on_a_button_is_taken_away_also_where_the_button_means_nothing(door: Door) -> None:
    await soon(door.gateway.take([door.press("0123456789abcdef")]))

    await door.bot.has(lambda: door.bot.tried(method="answer_callback_query"))


# ---- courtesies and strangers -----------------------------------------------------------------------------


async def test_whoever_writes_sees_that_an_answer_is_being_written(door: Door) -> None:
    await door.says("больно?")

    await door.bot.has(lambda: door.bot.tried(ANNA, "send_chat_action"))


@pytest.mark.parametrize("trouble", [blocked, connection_lost])
async def test_a_courtesy_that_fails_costs_nothing(door: Door, trouble: Any) -> None:
    door.bot.fails(trouble, always=True)

    async with door.open():
        assert await door.says("больно?")
        await door.done()

    assert await door.kinds() == [Kind.ANSWER]


@pytest.mark.parametrize("kind", ["group", "supergroup", "channel"])
@pytest.mark.parametrize("text", ["больно?", DANGER])
async def test_groups_and_channels_are_left_alone(door: Door, kind: str, text: str) -> None:
    chat = {"id": -1001, "type": kind, "title": "Staff"}

    assert await door.says(text, chat=chat)
    assert await soon(door.gateway.take([door.press("0123456789abcdef", chat)]))

    assert await door.rows() == []
    assert door.bot.calls == []


async def test_groups_are_left_alone_though_the_database_fails(door: Door) -> None:
    door.inbox.fails = {"store"}

    await door.says(DANGER, chat={"id": -1001, "type": "group", "title": "Staff"})

    assert door.voice.said == []
