"""The worker: turns in order, each whole or not at all. The inbox is the real one, the conversation is scripted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bot import turns
from bot.adapters.database.engine import Database
from bot.adapters.database.inbox import LEASE
from bot.adapters.database.tables import ANSWERS, CHATS, INBOX, OUTBOX, UNANSWERED
from bot.adapters.memory import FixedClock, MemoryAlerts
from bot.deliveries import AHEAD_WAITS, FRAGMENT_WAITS, Answered, Arrival, Claim, Parcel, Waiting
from bot.messages import (
    Alert,
    ChatId,
    ChatState,
    Document,
    Edit,
    Erase,
    Incoming,
    Key,
    Kind,
    Leaving,
    Outcome,
    Reply,
    ShowData,
    Unanswered,
)
from bot.turns import Turns, answers, leaving
from bot.wording import Phrase
from tests.examples import NOON, ScriptedLibrary, make_incoming
from tests.unit.fakes import (
    ANNA,
    BORIS,
    CountingMeters,
    TroubledInbox,
    TroubledOutbox,
    open_database,
    soon,
    table_rows,
    until,
)

WORDING = ScriptedLibrary().wording
CARE = NOON + timedelta(hours=24)
ALERT = Alert("emergency/breathing")


@pytest.fixture(autouse=True)
def _time_flies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_LOOK_EVERY", 0.02)
    monkeypatch.setattr(turns, "_PAUSE", 0.02)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path) as opened:
        yield opened


class ScriptedConversation:
    """Repeats what it hears; some words are a danger, some break it, and some take until the test lets them go on."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.goes_on = threading.Event()

    def alarms(self, text: str) -> list[str]:
        return ["danger"] if "danger" in text else []

    def answer(self, incoming: Incoming, state: ChatState) -> Outcome:
        text = incoming.text
        self.heard.append(text)
        if "slow" in text:
            assert self.goes_on.wait(10)
        if "broken always" in text or ("broken" in text and state != ChatState()):
            raise RuntimeError("broken")
        if "danger" in text:
            cared = replace(state, language="ru", care_until=CARE, care_for="emergency:breathing")
            return Outcome(cared, (Reply(Kind.EMERGENCY, "112"),), (ALERT,), language="ru")
        effects = {"forget": (Erase(),), "mydata": (ShowData(),), "unknown": (Unanswered("▒?"),)}.get(text, ())
        kind = Kind.UNKNOWN if "unknown" in text else Kind.ANSWER
        said = f"{text}, in care" if state.in_care(NOON) else text
        reply = Reply(kind, said, topics=("pain",), confidence=0.91234, key=Key(incoming.turn))
        return Outcome(replace(state, language="ru", topic="pain", topic_at=NOON), (reply,), effects, language="ru")


class SpokenTo:
    """What was said to patients with nothing stored."""

    def __init__(self) -> None:
        self.said: list[tuple[ChatId, str]] = []
        self.fails = False

    async def say(self, chat_id: ChatId, replies: Sequence[Reply]) -> bool:
        if self.fails:
            raise ConnectionError("no Telegram either")
        self.said += [(chat_id, reply.text) for reply in replies]
        return True


class Desk:
    """A worker with everything around it."""

    def __init__(self, database: Database, alerts: MemoryAlerts | None = None) -> None:
        self.database, self.clock = database, FixedClock(NOON)
        self.inbox, self.outbox = TroubledInbox(database, self.clock), TroubledOutbox(database, self.clock)
        self.conversation, self.voice, self.meters = ScriptedConversation(), SpokenTo(), CountingMeters()
        self.alerts = alerts or MemoryAlerts()
        self.turns = Turns(
            self.conversation,  # type: ignore[arg-type]
            self.inbox,
            self.outbox,
            self.voice,
            self.alerts,
            self.meters,
            self.clock,
            lambda: WORDING,
            lambda: "library-1",
        )
        self._numbers = count(1)

    async def hears(self, *texts: str, chat: ChatId = ANNA, **fields: Any) -> list[Waiting]:
        """Store messages; `ahead`, `told` and `fragment` are the arrival's, everything else the message's."""
        own = {name: fields.pop(name) for name in ("ahead", "told", "fragment") if name in fields}
        arrivals = []
        for text in texts:
            number = next(self._numbers)
            message = {"chat_id": chat, "message_id": str(number), **fields}
            arrivals.append(Arrival(number, make_incoming(text, **message), self.clock.now(), **own))
        rows = await self.inbox.store(arrivals)
        ahead, told = own.get("ahead", False), own.get("told", False)
        return [Waiting(rows[one.update], one.incoming, ahead=ahead, told=told) for one in arrivals]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        running = asyncio.create_task(self.turns.run())
        try:
            yield
        finally:
            self.conversation.goes_on.set()
            await soon(self.turns.stop())
            await soon(running)

    async def works(self) -> None:
        """Work until nothing waits."""
        async with self.open():
            await self.idle()

    async def idle(self) -> None:
        await until(self._is_idle)

    async def _is_idle(self) -> bool:
        return all(row["done_at"] for row in await table_rows(self.database, INBOX))

    async def left(self) -> list[Parcel]:
        """What waits to be sent, in the order in which it was handed over."""
        return sorted(await self.outbox.waiting((), 1000), key=lambda parcel: parcel.id)

    async def texts(self, chat: ChatId = ANNA) -> list[str]:
        """What waits to be sent to a chat, in order."""
        return [_reply(parcel.leaving).text for parcel in await self.left() if parcel.chat_id == chat]

    async def state(self, chat: ChatId = ANNA) -> ChatState:
        return (await self.inbox.read(chat))[0]

    async def has_heard(self, text: str) -> None:
        async def heard() -> bool:
            return text in self.conversation.heard

        await until(heard)


def _reply(value: Leaving) -> Reply:
    shown = value.reply if isinstance(value, Edit) else value
    assert isinstance(shown, Reply)
    return shown


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


# ---- ordinary turns ---------------------------------------------------------------------------------------


async def test_a_message_that_waits_is_answered_and_its_state_kept(desk: Desk) -> None:
    await desk.hears("больно?")

    await desk.works()

    assert await desk.texts() == ["больно?"]
    assert (await desk.state()).topic == "pain"


async def test_a_message_that_arrives_while_the_worker_runs_is_answered_too(desk: Desk) -> None:
    async with desk.open():
        await desk.hears("one")
        await desk.idle()
        await desk.hears("two")
        await desk.idle()

    assert await desk.texts() == ["one", "two"]


async def test_the_messages_of_a_chat_are_answered_one_after_the_other(desk: Desk) -> None:
    texts = [str(number) for number in range(10)]
    await desk.hears(*texts)

    await desk.works()

    assert desk.conversation.heard == texts
    assert await desk.texts() == texts


async def test_each_turn_begins_with_the_state_that_the_one_before_it_left(desk: Desk) -> None:
    await desk.hears("danger", "больно?")

    await desk.works()

    assert await desk.texts() == ["112", "больно?, in care"]


async def test_a_slow_turn_holds_up_no_other_chat(desk: Desk) -> None:
    await desk.hears("slow", chat=ANNA)
    await desk.hears("one", "two", chat=BORIS)

    async with desk.open():
        await until(lambda: _has_two(desk))
        assert await desk.texts(ANNA) == []

    assert await desk.texts(ANNA) == ["slow"]


async def _has_two(desk: Desk) -> bool:
    return await desk.texts(BORIS) == ["one", "two"]


async def test_a_turn_is_written_with_all_that_sending_and_the_report_need(desk: Desk) -> None:
    await desk.hears("больно?")

    await desk.works()

    (parcel,) = await desk.left()
    assert (parcel.cause, parcel.ahead, parcel.language, parcel.asked_at) == ("1", False, "ru", NOON)
    (line,) = await table_rows(desk.database, ANSWERS)
    assert (line["kind"], line["topic"], line["by"], line["library"]) == ("answer", "pain", "typed", "library-1")
    assert line["confidence"] == 0.9123
    assert desk.meters.turns == [(("answer",), "ru")]


async def test_a_question_nobody_answered_is_kept_as_the_conversation_gave_it(desk: Desk) -> None:
    await desk.hears("unknown")

    await desk.works()

    (row,) = await table_rows(desk.database, UNANSWERED)
    assert desk.database.vault.open(row["sealed_question"]).decode() == "▒?"


async def test_whoever_wants_to_see_their_data_gets_them_as_a_file_after_the_reply(desk: Desk) -> None:
    await desk.hears("mydata")

    await desk.works()

    reply, file = [parcel.leaving for parcel in await desk.left()]
    assert isinstance(reply, Reply)
    assert isinstance(file, Document)
    assert b"mimika:telegram:1001" in file.content


async def test_whoever_wants_to_be_forgotten_is(desk: Desk) -> None:
    await desk.hears("больно?")
    await desk.works()
    (parcel,) = await desk.left()
    await desk.outbox.sent(parcel, 0, "99", last=True)

    desk = Desk(desk.database)
    desk._numbers = count(2)
    await desk.hears("forget")
    await desk.works()

    assert await desk.outbox.earlier(ANNA, "1") == {}
    assert [row["cause"] for row in await table_rows(desk.database, OUTBOX)] == ["2"]


async def test_a_fragment_is_answered_with_the_message_that_follows_it(desk: Desk) -> None:
    await desk.hears("а ещё", fragment=True)
    await desk.hears("больно?")

    await desk.works()

    assert desk.conversation.heard == ["а ещё больно?"]


async def test_a_fragment_that_nothing_follows_is_answered_when_its_time_has_come(desk: Desk) -> None:
    await desk.hears("а ещё", fragment=True)

    async with desk.open():
        await asyncio.sleep(0.1)
        assert desk.conversation.heard == []
        desk.clock.at += FRAGMENT_WAITS
        await desk.idle()

    assert await desk.texts() == ["а ещё"]


async def test_more_chats_than_are_worked_on_at_once_are_all_answered(desk: Desk) -> None:
    chats = [replace(ANNA, chat=str(number)) for number in range(3 * turns._AT_ONCE)]
    for chat in chats:
        await desk.hears("one", "two", chat=chat)

    await desk.works()

    assert [await desk.texts(chat) for chat in chats] == [["one", "two"]] * len(chats)


# ---- where a turn breaks ----------------------------------------------------------------------------------


async def test_a_message_that_breaks_the_turn_gets_an_apology_and_the_next_one_an_answer(desk: Desk) -> None:
    await desk.hears("broken always", "больно?")

    await desk.works()

    assert await desk.texts() == [WORDING("ru", Phrase.FAILED), "больно?"]
    assert "112" in WORDING("ru", Phrase.FAILED)


async def test_an_apology_is_in_the_language_of_the_chat_and_changes_nothing_of_its_state(desk: Desk) -> None:
    (stored,) = await desk.hears("one")
    (claim,) = await desk.inbox.claim(1)
    state = ChatState(language="en", topic="price", topic_at=NOON)
    await desk.inbox.commit(claim, replace(desk.turns._done(stored, [stored.id], state, Outcome(state))))

    await desk.hears("broken always")
    await desk.works()

    assert await desk.texts() == [WORDING("en", Phrase.FAILED)]
    assert await desk.state() == state


async def test_a_danger_in_a_turn_that_the_chats_state_breaks_is_still_answered(desk: Desk) -> None:
    await desk.hears("больно?", "broken danger")

    await desk.works()

    assert await desk.texts() == ["больно?", "112"]
    assert [parcel.ahead for parcel in await desk.left()] == [False, True]
    assert (await desk.state()).care_until == CARE


async def test_a_message_that_kills_its_workers_again_and_again_is_given_up_with_an_apology(desk: Desk) -> None:
    await desk.hears("больно?")
    for _ in range(turns._TRIES):
        assert await desk.inbox.claim(1)  # by a worker that dies with it
        desk.clock.at += LEASE

    await desk.works()

    assert await desk.texts() == [WORDING("ru", Phrase.FAILED)]
    assert desk.conversation.heard == []


async def test_a_message_whose_worker_died_a_few_times_is_answered(desk: Desk) -> None:
    await desk.hears("больно?")
    for _ in range(turns._TRIES - 1):
        assert await desk.inbox.claim(1)
        desk.clock.at += LEASE

    await desk.works()

    assert await desk.texts() == ["больно?"]


# ---- danger -----------------------------------------------------------------------------------------------


async def test_a_danger_does_not_wait_for_the_slow_turn_of_its_chat(desk: Desk) -> None:
    await desk.hears("slow")

    async with desk.open():
        await desk.has_heard("slow")
        (stored,) = await desk.hears("danger", ahead=True)
        desk.turns.danger(ANNA, stored)
        await until(lambda: _says(desk, ["112"]))

    assert (await desk.texts())[0] == "112"


async def _says(desk: Desk, texts: list[str]) -> bool:
    return await desk.texts() == texts


async def test_what_waited_before_a_danger_is_answered_in_care_mode_and_at_once(desk: Desk) -> None:
    """Its turn began before the danger and is lost to it; the next try must not wait until a lease runs out."""
    await desk.hears("slow")

    async with desk.open():
        await desk.has_heard("slow")
        (stored,) = await desk.hears("danger", ahead=True)
        desk.turns.danger(ANNA, stored)
        await until(lambda: _says(desk, ["112"]))
        desk.conversation.goes_on.set()
        await asyncio.wait_for(desk.idle(), 2)

    assert await desk.texts() == ["112", "slow, in care"]


async def test_what_waited_before_a_danger_is_answered_in_care_mode_when_the_lease_has_run_out(desk: Desk) -> None:
    await desk.hears("slow")

    async with desk.open():
        await desk.has_heard("slow")
        (stored,) = await desk.hears("danger", ahead=True)
        desk.turns.danger(ANNA, stored)
        await until(lambda: _says(desk, ["112"]))
        desk.conversation.goes_on.set()
        desk.clock.at += LEASE
        await desk.idle()

    assert await desk.texts() == ["112", "slow, in care"]


async def test_a_danger_goes_ahead_in_the_outbox_too_and_no_edit_replaces_it(desk: Desk) -> None:
    (stored,) = await desk.hears("danger", ahead=True)

    desk.turns.danger(ANNA, stored)
    await soon(desk.turns.stop())

    (parcel,) = await desk.left()
    assert parcel.ahead
    assert parcel.cause == "danger-1"


async def test_a_danger_that_two_tasks_answer_is_answered_once(desk: Desk) -> None:
    (stored,) = await desk.hears("danger", ahead=True)

    desk.turns.danger(ANNA, stored)
    desk.turns.danger(ANNA, stored)
    await soon(desk.turns.stop())

    assert await desk.texts() == ["112"]
    assert desk.meters.alerts == ["emergency/breathing"]


async def test_a_danger_that_nobody_answered_is_answered_by_an_ordinary_worker(desk: Desk) -> None:
    """Whoever took it has died."""
    await desk.hears("danger", ahead=True)

    async with desk.open():
        await asyncio.sleep(0.1)
        assert await desk.left() == []
        desk.clock.at += AHEAD_WAITS
        await desk.idle()

    assert await desk.texts() == ["112"]


async def test_a_danger_that_was_told_already_is_not_said_again_but_its_care_mode_is_kept(desk: Desk) -> None:
    (stored,) = await desk.hears("danger", ahead=True, told=True)

    desk.turns.danger(ANNA, stored)
    await soon(desk.turns.stop())

    assert await desk.left() == []
    assert (await desk.state()).care_until == CARE


# ---- without storage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["read", "commit"])
async def test_a_danger_is_said_directly_where_storage_fails(desk: Desk, method: str) -> None:
    (stored,) = await desk.hears("danger", ahead=True)
    desk.inbox.fails = {method}

    desk.turns.danger(ANNA, stored)
    await soon(desk.turns.stop())

    assert desk.voice.said[:1] == [(ANNA, "112")]


@pytest.mark.parametrize("method", ["read", "commit"])
async def test_a_danger_that_fails_to_be_stored_is_said_once_by_one_task(desk: Desk, method: str) -> None:
    (stored,) = await desk.hears("danger", ahead=True)
    desk.inbox.fails = {method}

    desk.turns.danger(ANNA, stored)
    await soon(desk.turns.stop())

    assert desk.voice.said == [(ANNA, "112")]


@pytest.mark.parametrize("method", ["read", "commit"])
async def test_a_second_danger_is_said_too_while_storage_fails(desk: Desk, method: str) -> None:
    """Whoever first could not breathe and now wants to die must hear both replies."""
    first, second = await desk.hears("danger", "another danger", ahead=True)
    desk.inbox.fails = {method}

    desk.turns.danger(ANNA, first)
    await until(lambda: _was_said(desk))
    desk.turns.danger(ANNA, second)
    await soon(desk.turns.stop())

    assert desk.voice.said == [(ANNA, "112"), (ANNA, "112")]


async def test_a_danger_that_only_the_turn_itself_hears_is_said_directly_where_storage_fails(desk: Desk) -> None:
    """The second net listens in the turn, not at the door."""
    await desk.hears("danger")
    desk.inbox.fails = {"commit"}

    async with desk.open():
        await until(lambda: _was_said(desk))

    assert desk.voice.said[0] == (ANNA, "112")


async def _was_said(desk: Desk) -> bool:
    return bool(desk.voice.said)


@pytest.mark.parametrize("method", ["read", "commit"])
async def test_a_danger_alerts_staff_though_storage_fails(desk: Desk, method: str) -> None:
    (stored,) = await desk.hears("danger", ahead=True)
    desk.inbox.fails = {method}

    desk.turns.danger(ANNA, stored)
    await soon(desk.turns.stop())

    assert [(chat, alert.reason) for chat, alert in desk.alerts.raised][:1] == [(ANNA, "emergency/breathing")]


async def test_care_mode_is_kept_in_memory_until_storage_is_back(desk: Desk) -> None:
    (stored,) = await desk.hears("danger", ahead=True)
    desk.inbox.fails = {"commit"}
    desk.turns.danger(ANNA, stored)
    await until(lambda: _was_said(desk))
    desk.inbox.fails = set()

    await desk.hears("больно?")
    async with desk.open():
        await until(lambda: _says(desk, ["больно?, in care"]))

    assert (await desk.state()).care_until == CARE


async def test_care_mode_of_one_chat_is_not_anothers(desk: Desk) -> None:
    desk.inbox.fails = {"read"}
    assert await desk.turns.tell(make_incoming("danger", chat_id=ANNA))
    desk.inbox.fails = set()

    await desk.hears("больно?", chat=BORIS)
    await desk.works()

    assert await desk.texts(BORIS) == ["больно?"]


async def test_telling_says_a_danger_and_nothing_else(desk: Desk) -> None:
    assert await desk.turns.tell(make_incoming("danger", chat_id=ANNA))
    assert not await desk.turns.tell(make_incoming("больно?", chat_id=ANNA))

    assert desk.voice.said == [(ANNA, "112")]


async def test_telling_says_whether_it_was_heard(desk: Desk) -> None:
    desk.voice.fails = True

    assert not await desk.turns.tell(make_incoming("danger", chat_id=ANNA))


async def test_telling_what_breaks_the_conversation_breaks_nobody_else(desk: Desk) -> None:
    """Whoever polls Telegram calls it, and must go on."""
    assert not await desk.turns.tell(make_incoming("broken always danger", chat_id=ANNA))


async def test_an_ordinary_turn_that_can_not_be_written_is_done_again_and_says_nothing_meanwhile(desk: Desk) -> None:
    await desk.hears("больно?")
    desk.inbox.fails = {"commit"}

    async with desk.open():
        await desk.has_heard("больно?")
        await asyncio.sleep(0.1)
        assert (desk.voice.said, await desk.left()) == ([], [])
        desk.inbox.fails = set()
        desk.clock.at += LEASE
        await desk.idle()

    assert await desk.texts() == ["больно?"]


async def test_the_worker_goes_on_when_the_database_is_back(desk: Desk) -> None:
    desk.inbox.fails = {"claim"}
    await desk.hears("больно?")

    async with desk.open():
        await asyncio.sleep(0.1)
        desk.inbox.fails = set()
        await desk.idle()

    assert await desk.texts() == ["больно?"]


# ---- alerts -----------------------------------------------------------------------------------------------


class BrokenAlerts(MemoryAlerts):
    async def raise_alert(self, chat_id: ChatId, alert: Alert) -> bool:
        raise ConnectionError("no staff group")


async def test_an_alert_that_reached_somebody_is_told_after_the_danger_reply_and_ahead_like_it(
    database: Database,
) -> None:
    desk = Desk(database, MemoryAlerts(reaches=True))
    await desk.hears("danger")

    await desk.works()

    assert await desk.texts() == ["112", WORDING("ru", Phrase.CARE_ALERTED)]
    assert [parcel.ahead for parcel in await desk.left()] == [True, True]


async def test_of_an_alert_that_reached_nobody_nothing_is_said(desk: Desk) -> None:
    await desk.hears("danger")

    await desk.works()

    assert await desk.texts() == ["112"]
    assert [(chat, alert.reason) for chat, alert in desk.alerts.raised] == [(ANNA, "emergency/breathing")]
    assert desk.meters.alerts == ["emergency/breathing"]


async def test_an_alert_that_can_not_be_raised_costs_no_reply_and_no_next_turn(database: Database) -> None:
    desk = Desk(database, BrokenAlerts())
    await desk.hears("danger", "больно?")

    await desk.works()

    assert await desk.texts() == ["112", "больно?, in care"]


# ---- stopping ---------------------------------------------------------------------------------------------


async def test_a_stop_finishes_the_turn_under_way_and_leaves_the_next_to_whoever_comes(desk: Desk) -> None:
    await desk.hears("slow", "больно?")
    running = asyncio.create_task(desk.turns.run())
    await desk.has_heard("slow")

    stopping = asyncio.create_task(desk.turns.stop())
    await asyncio.sleep(0)
    desk.conversation.goes_on.set()
    await soon(stopping)
    await soon(running)

    assert await desk.texts() == ["slow"]
    (claim,) = await desk.inbox.claim(1)  # at once: the lease was given back
    assert [waiting.incoming.text for waiting in claim.waiting] == ["больно?"]


async def test_after_a_stop_no_turn_begins(desk: Desk) -> None:
    """Not even one whose chat was just being claimed."""
    await desk.hears("больно?")
    claimed, goes_on = asyncio.Event(), asyncio.Event()
    claim = desk.inbox.claim

    async def slowly(most: int) -> list[Claim]:
        found: list[Claim] = await claim(most)
        claimed.set()
        await goes_on.wait()
        return found

    desk.inbox.claim = slowly  # type: ignore[method-assign]
    running = asyncio.create_task(desk.turns.run())
    await soon(claimed.wait())

    stopping = asyncio.create_task(desk.turns.stop())
    await asyncio.sleep(0)
    goes_on.set()
    await soon(stopping)
    await soon(running)
    await asyncio.sleep(0.05)

    assert desk.conversation.heard == []
    (chat,) = await table_rows(desk.database, CHATS)
    assert chat["lease_until"] is None


# ---- what leaves, and what the report counts --------------------------------------------------------------


def test_an_answer_leaves_as_it_is() -> None:
    replies = (Reply(Kind.ANSWER, "a"), Reply(Kind.ANSWER, "b"))

    assert leaving(make_incoming("больно?"), Outcome(ChatState(), replies)) == list(replies)


def test_the_answer_to_an_edit_takes_the_place_of_the_earlier_one_part_by_part() -> None:
    replies = (Reply(Kind.ANSWER, "a", key=Key("7~1", 0)), Reply(Kind.ANSWER, "b", key=Key("7~1", 1)))

    first, second = leaving(make_incoming("больно?", message_id="7", edited=True), Outcome(ChatState(), replies))

    assert first == Edit(Key("7", 0), replies[0], Key("7~1", 0), last=False)
    assert second == Edit(Key("7", 1), replies[1], Key("7~1", 1), last=True)


@pytest.mark.parametrize("kind", [Kind.CRISIS, Kind.EMERGENCY, Kind.URGENT])
def test_a_danger_in_an_edit_is_a_new_message_which_the_phone_announces(kind: Kind) -> None:
    replies = (Reply(kind, "112"),)

    assert leaving(make_incoming("не могу дышать", edited=True), Outcome(ChatState(), replies)) == list(replies)


@pytest.mark.parametrize(
    ("incoming", "before", "by"),
    [
        (make_incoming("больно?"), ChatState(), "typed"),
        (make_incoming(press="topic:pain"), ChatState(), "pressed"),
        (make_incoming(press="topic:pain"), ChatState(offered=("pain", "price"), offered_at=NOON), "chosen"),
        (make_incoming("1"), ChatState(offered=("pain", "price"), offered_at=NOON), "chosen"),
        (make_incoming("1"), ChatState(offered=("price",), offered_at=NOON), "typed"),
        (make_incoming("1"), ChatState(offered=("pain",), offered_at=NOON - timedelta(hours=1)), "typed"),
    ],
)
def test_the_report_knows_whether_a_topic_was_typed_pressed_or_chosen(
    incoming: Incoming, before: ChatState, by: str
) -> None:
    outcome = Outcome(ChatState(), (Reply(Kind.ANSWER, "a", topics=("pain",), confidence=0.98765),))

    assert answers(incoming, before, outcome, NOON) == [Answered("answer", "pain", 0.9877, by)]


def test_the_report_has_a_line_for_every_topic_and_one_for_a_reply_that_is_about_none() -> None:
    replies = (Reply(Kind.CLARIFY, "?", topics=("pain", "price"), confidence=0.5), Reply(Kind.UNKNOWN, "-"))

    lines = answers(make_incoming("больно?"), ChatState(), Outcome(ChatState(), replies), NOON)

    assert [(line.kind, line.topic) for line in lines] == [("clarify", "pain"), ("clarify", "price"), ("unknown", "")]
