"""Danger at the door: it goes ahead of the queue and out without storage; fakes stand for Telegram and the database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from aiogram.types import Update

from bot.adapters.memory import FixedClock, MemoryAlerts, MemoryCallbacks, MemorySessions
from bot.adapters.telegram.gateway import Gateway
from bot.conversation import Conversation
from bot.dialogue.project import load_project
from bot.messages import Alert, ChatId, ChatState, Edit, Incoming, Kind, Lang, Leaving, Outcome, Reply
from bot.retrieval.danger import Suspicion
from bot.retrieval.library import Library
from bot.retrieval.redflags import DangerKind
from bot.retrieval.writing import Reading
from bot.wording import Phrase
from tests.examples import NOON, ScriptedLibrary

ANNA = ChatId("mimika", "telegram", "1001")
DANGER = "не могу дышать"
HIDDEN = "всё, прощайте, я так больше не"  # only the second net of these tests hears it
UNSURE = "не могу дышать"
CAPTION: dict[str, Any] = {"photo": [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]}
NOTE = "BEGIN:VCARD\nVERSION:3.0\nFN:Анна\nNOTE:не могу дышать\nEND:VCARD"


class StandInBot:
    """Telegram's courtesies, which nothing waits for."""

    async def send_chat_action(self, *_: object) -> None: ...

    async def answer_callback_query(self, *_: object) -> None: ...


class Sent:
    """The outbox: what was handed over, in order, as (value, went ahead)."""

    def __init__(self) -> None:
        self.left: list[tuple[Leaving, bool]] = []

    async def put(self, chat_id: ChatId, leaving: Sequence[Leaving], cause: str, *, ahead: bool = False) -> None:
        assert chat_id == ANNA
        self.left += [(value, ahead) for value in leaving]

    @property
    def replies(self) -> list[Reply]:
        return [value.reply if isinstance(value, Edit) else value for value, _ in self.left]  # type: ignore[misc]

    @property
    def kinds(self) -> list[Kind]:
        return [reply.kind for reply in self.replies]


class FailingSessions(MemorySessions):
    """A database that can't be reached, for reading or for writing, until it is back."""

    def __init__(self, *, reading: bool = True) -> None:
        super().__init__()
        self.down, self._reading = True, reading

    async def load(self, chat_id: ChatId) -> tuple[ChatState, int]:
        if self.down and self._reading:
            raise ConnectionError("no database")
        return await super().load(chat_id)

    async def save(self, chat_id: ChatId, state: ChatState, version: int) -> bool:
        if self.down:
            raise ConnectionError("no database")
        return await super().save(chat_id, state, version)


class BrokenAlerts(MemoryAlerts):
    async def raise_alert(self, chat_id: ChatId, alert: Alert) -> bool:
        raise ConnectionError("no staff group")


class ListeningLibrary(ScriptedLibrary):
    """With a second net that hears two phrases; `listens`: the first net leaves to it what it is not sure of."""

    def __init__(self, *, listens: bool) -> None:
        super().__init__({"сколько стоит": {"price": 0.9}, "больно?": {"pain": 0.9}})
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
        self.goes_on = threading.Event()
        self.goes_on.set()

    def answer(self, incoming: Incoming, state: ChatState, only: Lang | None = None) -> Outcome:
        if not self.alarms(incoming.text):
            assert self.goes_on.wait(10)
        if incoming.text == "сломайся":
            raise RuntimeError("broken")
        return super().answer(incoming, state, only)


class Door:
    """A gateway with fakes around it, and Anna before it."""

    def __init__(
        self, sessions: MemorySessions | None = None, alerts: MemoryAlerts | None = None, *, listens: bool = False
    ) -> None:
        self.library = ListeningLibrary(listens=listens)
        self.conversation = SlowConversation(self.library)
        self.sessions, self.alerts, self.sent = sessions or MemorySessions(), alerts or MemoryAlerts(), Sent()
        self.callbacks = MemoryCallbacks()
        self.gateway = Gateway(
            "mimika", StandInBot(), self.conversation, self.sessions, self.sent, self.callbacks,  # type: ignore[arg-type]
            self.alerts, FixedClock(NOON), lambda: self.library.wording,
        )  # fmt: skip
        self._numbers = count(1)

    async def says(self, text: str = "", kind: str = "message", *, update: int | None = None, **content: Any) -> None:
        """Let a message arrive; its turn comes when it comes."""
        number = next(self._numbers)
        person = {"id": 1001, "is_bot": False, "first_name": "Анна", "language_code": "ru"}
        chat = {"id": 1001, "type": "private", "first_name": "Анна"}
        given = {"text": text} if text and "photo" not in content else {"caption": text} if text else {}
        message = {"message_id": number, "date": 1_795_424_400, "chat": chat, "from": person, **given, **content}
        if kind == "edited_message":
            message |= {"message_id": 1, "edit_date": 1_795_424_460}
        await self.gateway.take(Update.model_validate({"update_id": update or number, kind: message}))

    async def presses(self, payload: str) -> None:
        number = next(self._numbers)
        person = {"id": 1001, "is_bot": False, "first_name": "Анна", "language_code": "ru"}
        chat = {"id": 1001, "type": "private", "first_name": "Анна"}
        message = {"message_id": 900, "date": 1_795_424_400, "chat": chat, "text": "..."}
        data = await self.callbacks.keep(ANNA, payload)
        query = {"id": str(number), "from": person, "chat_instance": "1", "data": data, "message": message}
        await self.gateway.take(Update.model_validate({"update_id": number, "callback_query": query}))

    async def done(self) -> None:
        await asyncio.wait_for(self.gateway.drained(), 10)

    async def state(self) -> ChatState:
        return (await self.sessions.load(ANNA))[0]


@asynccontextmanager
async def held_up(door: Door) -> AsyncIterator[None]:
    """While an ordinary turn of Anna's takes its time."""
    door.conversation.goes_on.clear()
    try:
        yield
    finally:
        door.conversation.goes_on.set()


async def soon(door: Door, kind: Kind) -> None:
    for _ in range(500):
        if kind in door.sent.kinds:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"no {kind} within 5 s: {door.sent.kinds}")


# ---- ahead of the queue -----------------------------------------------------------------------------------


async def test_a_danger_is_answered_while_the_messages_before_it_still_wait() -> None:
    door = Door()

    async with held_up(door):
        await door.says("сколько стоит")
        await door.says("больно?")
        await door.says(DANGER)
        await soon(door, Kind.EMERGENCY)
        assert door.sent.kinds == [Kind.EMERGENCY]
    await door.done()

    assert door.sent.kinds[0] is Kind.EMERGENCY
    assert len(door.sent.kinds) == 3


async def test_what_the_first_net_is_not_sure_of_goes_ahead_as_well() -> None:
    """With a second net beside it, the first leaves «не могу дышать» to that: both must read it before what waits."""
    door = Door(listens=True)
    assert not door.conversation.first_net(UNSURE)

    async with held_up(door):
        await door.says("сколько стоит")
        await door.says(UNSURE)
        await soon(door, Kind.EMERGENCY)
        assert door.sent.kinds == [Kind.EMERGENCY]
    await door.done()

    assert len(door.sent.kinds) == 2


async def test_a_danger_goes_ahead_in_the_outbox_too_and_an_answer_does_not() -> None:
    door = Door()

    await door.says("больно?")
    await door.done()
    await door.says(DANGER)
    await door.done()

    assert [ahead for _, ahead in door.sent.left] == [False, True]


async def test_what_waited_before_a_danger_is_answered_in_care_mode() -> None:
    """The turn began before the danger and ends after it: it must not sell anything any more."""
    door = Door()

    async with held_up(door):
        await door.says("сколько стоит")
        await asyncio.sleep(0.05)
        await door.says(DANGER)
        await soon(door, Kind.EMERGENCY)
    await door.done()

    *_, last = door.sent.replies
    assert last.text == door.library.wording("ru", Phrase.CARE_NOT_NOW)
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
async def test_a_danger_is_heard_at_every_entry_and_goes_ahead(text: str, kind: str, content: dict[str, Any]) -> None:
    door = Door()

    async with held_up(door):
        await door.says("больно?")
        await door.says(text, kind, **content)
        await soon(door, Kind.EMERGENCY)
    await door.done()

    assert sorted(door.sent.kinds) == [Kind.ANSWER, Kind.EMERGENCY]


async def test_a_danger_in_an_edited_message_is_a_new_message_not_an_edit_that_rings_no_bell() -> None:
    door = Door()
    await door.says("больно?")
    await door.done()

    await door.says(DANGER, "edited_message")
    await door.done()

    danger, ahead = door.sent.left[-1]
    assert isinstance(danger, Reply)
    assert (danger.kind, ahead) == (Kind.EMERGENCY, True)


async def test_an_edited_question_without_danger_takes_the_place_of_its_answer() -> None:
    door = Door()

    await door.says("больно?", "edited_message")
    await door.done()

    assert isinstance(door.sent.left[0][0], Edit)


async def test_a_danger_is_answered_while_a_human_holds_the_chat() -> None:
    door = Door()
    await door.sessions.save(ANNA, ChatState(owner="human"), 0)

    await door.says("больно?")
    await door.says(DANGER)
    await door.done()

    assert door.sent.kinds == [Kind.EMERGENCY]
    assert (await door.state()).owner == "human"


async def test_a_danger_that_telegram_repeats_is_answered_once() -> None:
    door = Door()

    await door.says(DANGER, update=77)
    await door.says(DANGER, update=77)
    await door.done()

    assert door.sent.kinds == [Kind.EMERGENCY]


# ---- without storage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reading", [True, False], ids=["nothing can be read", "nothing can be written"])
@pytest.mark.parametrize(("text", "kind"), [(DANGER, Kind.EMERGENCY), ("хочу умереть", Kind.CRISIS)])
async def test_a_danger_is_answered_and_alerts_though_storage_fails(text: str, kind: Kind, reading: bool) -> None:
    door = Door(FailingSessions(reading=reading))

    await door.says(text)
    await door.done()

    assert door.sent.kinds == [kind]
    assert door.sent.left[0][1] is True
    assert [alert.reason.partition("/")[0] for _, alert in door.alerts.raised] == [str(kind)]


async def test_a_danger_that_only_the_second_net_hears_is_answered_though_storage_fails() -> None:
    door = Door(FailingSessions())

    await door.says(HIDDEN)
    await door.done()

    assert door.sent.kinds == [Kind.CRISIS]


async def test_care_mode_is_kept_in_memory_until_storage_is_back() -> None:
    sessions = FailingSessions()
    door = Door(sessions)
    await door.says(DANGER)
    await door.done()

    sessions.down = False
    await door.says("сколько стоит")
    await door.done()

    assert door.sent.replies[-1].text == door.library.wording("ru", Phrase.CARE_NOT_NOW)
    assert (await door.state()).care_until == NOON + timedelta(hours=24)


async def test_care_mode_kept_in_memory_can_be_ended_by_the_patient() -> None:
    sessions = FailingSessions()
    door = Door(sessions)
    await door.says(DANGER)
    await door.done()
    sessions.down = False

    await door.presses("care:check")
    await door.done()
    await door.presses(door.sent.replies[-1].buttons[0].payload)
    await door.done()
    await door.says("сколько стоит")
    await door.done()

    assert door.sent.kinds[-1] is Kind.ANSWER
    assert (await door.state()).care_until is None


async def test_an_ordinary_question_gets_an_apology_with_112_while_storage_fails() -> None:
    door = Door(FailingSessions())

    await door.says("больно?")
    await door.done()

    assert [reply.text for reply in door.sent.replies] == [door.library.wording("ru", Phrase.FAILED)]
    assert "112" in door.sent.replies[0].text


async def test_a_turn_that_fails_holds_up_none_of_the_next_ones() -> None:
    door = Door(FailingSessions())
    await door.says("больно?")
    await door.done()
    assert isinstance(door.sessions, FailingSessions)
    door.sessions.down = False

    await door.says("больно?")
    await door.done()

    assert door.sent.kinds == [Kind.UNKNOWN, Kind.ANSWER]


async def test_a_message_that_breaks_the_conversation_gets_an_apology_and_the_next_one_an_answer() -> None:
    door = Door()

    await door.says("сломайся")
    await door.says("больно?")
    await door.done()

    assert door.sent.kinds == [Kind.UNKNOWN, Kind.ANSWER]


# ---- alerts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "reason"), [(DANGER, "emergency/breathing"), ("хочу умереть", "crisis/suicide")])
async def test_an_alert_names_the_sign_and_none_of_the_patients_words(text: str, reason: str) -> None:
    door = Door()

    await door.says(f"{text} Иванова Мария 89161234567")
    await door.done()

    assert [(chat, alert.reason) for chat, alert in door.alerts.raised] == [(ANNA, reason)]


async def test_an_alert_that_reached_somebody_is_told_after_the_danger_reply() -> None:
    door = Door(alerts=MemoryAlerts(reaches=True))

    await door.says(DANGER)
    await door.done()

    danger, told = door.sent.replies
    assert danger.kind is Kind.EMERGENCY
    assert told.text == door.library.wording("ru", Phrase.CARE_ALERTED)


async def test_an_alert_that_reached_somebody_is_told_though_storage_fails() -> None:
    door = Door(FailingSessions(), MemoryAlerts(reaches=True))

    await door.says("I can't breathe")
    await door.done()

    assert [reply.text for reply in door.sent.replies[1:]] == [door.library.wording("en", Phrase.CARE_ALERTED)]


async def test_of_an_alert_that_reached_nobody_nothing_is_said() -> None:
    door = Door()

    await door.says(DANGER)
    await door.done()

    assert len(door.alerts.raised) == 1
    assert len(door.sent.replies) == 1
    assert "сотрудник" not in door.sent.replies[0].text.lower()


async def test_two_alerts_are_told_of_once() -> None:
    door = Door(alerts=MemoryAlerts(reaches=True))

    await door.says("не могу дышать и хочу умереть")
    await door.done()

    assert door.sent.kinds == [Kind.CRISIS, Kind.EMERGENCY, Kind.CHAT]
    assert len(door.alerts.raised) == 2


async def test_an_alert_that_can_not_be_raised_costs_no_reply() -> None:
    door = Door(alerts=BrokenAlerts())

    with suppress(ConnectionError):
        await door.says(DANGER)
    await door.done()

    assert Kind.EMERGENCY in door.sent.kinds
    assert door.library.wording("ru", Phrase.CARE_ALERTED) not in [reply.text for reply in door.sent.replies]


async def test_an_urgent_sign_calls_nobody() -> None:
    door = Door(alerts=MemoryAlerts(reaches=True))

    await door.says("место укола гноится")
    await door.done()

    assert door.sent.kinds == [Kind.URGENT]
    assert door.alerts.raised == []
