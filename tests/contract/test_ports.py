"""One suite per port, over every adapter of it; so far each has its in-memory twin only."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.memory import (
    FixedClock,
    MemoryCallbacks,
    MemoryMessageMap,
    MemoryOutbox,
    MemorySessions,
    SystemClock,
)
from bot.messages import Alert, ChatId, ChatState, Key, Kind, Reply
from bot.ports import Callbacks, Clock, MessageMap, Sessions
from tests.examples import CHAT, NOON

# The same person in another chat, channel and clinic: each of them is somebody else.
OTHERS = (replace(CHAT, chat="2"), replace(CHAT, channel="web"), replace(CHAT, bot="other"))
EVERY_OTHER = pytest.mark.parametrize("other", OTHERS, ids=["chat", "channel", "bot"])


# ---- Clock ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [SystemClock, lambda: FixedClock(NOON)], ids=["system", "fixed"])
def test_a_clock_tells_an_aware_time_that_does_not_go_back(make: Callable[[], Clock]) -> None:
    clock = make()

    first, then = clock.now(), clock.now()

    assert first.tzinfo is not None
    assert first.utcoffset() == timedelta(0)
    assert then >= first


def test_a_fixed_clock_moves_only_when_it_is_set() -> None:
    clock = FixedClock(NOON)

    assert (clock.now(), clock.now()) == (NOON, NOON)
    clock.at += timedelta(hours=1)
    assert clock.now() == NOON + timedelta(hours=1)


# ---- Sessions ---------------------------------------------------------------------------------------------


@pytest.fixture(params=[MemorySessions])
def sessions(request: pytest.FixtureRequest) -> Sessions:
    made: Sessions = request.param()
    return made


async def test_a_new_chat_has_an_empty_state_at_version_0(sessions: Sessions) -> None:
    assert await sessions.load(CHAT) == (ChatState(), 0)


async def test_a_saved_state_is_loaded_under_a_new_version(sessions: Sessions) -> None:
    state = ChatState(language="en", topic="pain", topic_at=NOON, offered=("pain", "price"))

    assert await sessions.save(CHAT, state, 0)

    loaded, version = await sessions.load(CHAT)
    assert loaded == state
    assert version != 0


async def test_a_state_is_saved_again_under_the_version_it_was_loaded_with(sessions: Sessions) -> None:
    await sessions.save(CHAT, ChatState(unknowns=1), 0)
    _, version = await sessions.load(CHAT)

    assert await sessions.save(CHAT, ChatState(unknowns=2), version)
    assert (await sessions.load(CHAT))[0] == ChatState(unknowns=2)


async def test_of_two_turns_that_began_together_only_the_first_is_saved(sessions: Sessions) -> None:
    _, one = await sessions.load(CHAT)
    _, two = await sessions.load(CHAT)

    assert await sessions.save(CHAT, ChatState(topic="pain"), one)
    after_first = await sessions.load(CHAT)

    assert not await sessions.save(CHAT, ChatState(topic="price"), two)
    assert await sessions.load(CHAT) == after_first


async def test_an_old_version_stays_refused_after_many_turns(sessions: Sessions) -> None:
    versions = []
    for count in range(4):
        _, version = await sessions.load(CHAT)
        versions.append(version)
        assert await sessions.save(CHAT, ChatState(unknowns=count), version)

    assert [await sessions.save(CHAT, ChatState(), version) for version in versions] == [False] * 4


async def test_a_version_nobody_was_given_is_refused(sessions: Sessions) -> None:
    assert not await sessions.save(CHAT, ChatState(topic="pain"), 7)
    assert await sessions.load(CHAT) == (ChatState(), 0)


@EVERY_OTHER
async def test_chats_do_not_see_each_other(sessions: Sessions, other: ChatId) -> None:
    await sessions.save(CHAT, ChatState(topic="pain"), 0)

    assert await sessions.load(other) == (ChatState(), 0)
    assert await sessions.save(other, ChatState(topic="price"), 0)
    assert (await sessions.load(CHAT))[0].topic == "pain"


# ---- Outbox -----------------------------------------------------------------------------------------------


async def test_an_outbox_keeps_the_order_in_which_turns_gave_things_to_it() -> None:
    outbox = MemoryOutbox()
    answer, alert, unknown = Reply(Kind.ANSWER, "Да."), Alert("crisis"), Reply(Kind.UNKNOWN, "Не знаю.")

    await outbox.put(CHAT, [answer, alert], "7")
    await outbox.put(OTHERS[0], [unknown], "8")
    await outbox.put(CHAT, [], "9")

    assert outbox.left == [(CHAT, answer, "7"), (CHAT, alert, "7"), (OTHERS[0], unknown, "8")]


# ---- MessageMap -------------------------------------------------------------------------------------------


@pytest.fixture(params=[MemoryMessageMap])
def sent(request: pytest.FixtureRequest) -> MessageMap:
    made: MessageMap = request.param()
    return made


async def test_nothing_was_sent_because_of_a_message_nobody_noted(sent: MessageMap) -> None:
    assert await sent.sent(CHAT, "7") == []


async def test_what_a_message_caused_comes_back_in_the_order_of_sending(sent: MessageMap) -> None:
    await sent.note(CHAT, "7", Key("7", 1), "101")
    await sent.note(CHAT, "7", Key("7", 0), "100")
    await sent.note(CHAT, "8", Key("8", 0), "102")

    assert await sent.sent(CHAT, "7") == [(Key("7", 1), "101"), (Key("7", 0), "100")]
    assert await sent.sent(CHAT, "8") == [(Key("8", 0), "102")]


async def test_a_part_sent_as_two_messages_has_both(sent: MessageMap) -> None:
    await sent.note(CHAT, "7", Key("7", 0), "100")
    await sent.note(CHAT, "7", Key("7", 0), "101")

    assert await sent.sent(CHAT, "7") == [(Key("7", 0), "100"), (Key("7", 0), "101")]


async def test_a_message_that_was_edited_keeps_its_place_under_its_new_key(sent: MessageMap) -> None:
    await sent.note(CHAT, "7", Key("7", 0), "100")
    await sent.note(CHAT, "7", Key("7", 1), "101")

    await sent.note(CHAT, "7", Key("7~edit", 0), "100")

    assert await sent.sent(CHAT, "7") == [(Key("7~edit", 0), "100"), (Key("7", 1), "101")]


async def test_the_list_one_gets_is_a_copy(sent: MessageMap) -> None:
    await sent.note(CHAT, "7", Key("7", 0), "100")

    (await sent.sent(CHAT, "7")).clear()

    assert await sent.sent(CHAT, "7") == [(Key("7", 0), "100")]


@EVERY_OTHER
async def test_the_same_message_id_in_another_chat_is_another_message(sent: MessageMap, other: ChatId) -> None:
    await sent.note(CHAT, "7", Key("7", 0), "100")

    assert await sent.sent(other, "7") == []


async def test_the_latest_messages_of_a_long_chat_are_remembered(sent: MessageMap) -> None:
    for number in range(1000):
        await sent.note(CHAT, str(number), Key(str(number)), f"a{number}")

    assert [len(await sent.sent(CHAT, str(number))) for number in range(900, 1000)] == [1] * 100


async def test_the_memory_of_a_chat_does_not_grow_for_ever() -> None:
    sent = MemoryMessageMap()
    for number in range(1000):
        await sent.note(CHAT, str(number), Key(str(number)), f"a{number}")

    remembered = [number for number in range(1000) if await sent.sent(CHAT, str(number))]
    assert remembered == list(range(800, 1000))


# ---- Callbacks --------------------------------------------------------------------------------------------


@pytest.fixture(params=[MemoryCallbacks])
def callbacks(request: pytest.FixtureRequest) -> Callbacks:
    made: Callbacks = request.param()
    return made


PAYLOAD = "topic:" + "pregnancy-breastfeeding-" * 10


async def test_a_payload_is_found_by_its_id(callbacks: Callbacks) -> None:
    callback = await callbacks.keep(CHAT, PAYLOAD)

    assert await callbacks.find(CHAT, callback) == PAYLOAD


async def test_an_id_fits_into_the_64_bytes_of_a_button(callbacks: Callbacks) -> None:
    assert 0 < len((await callbacks.keep(CHAT, PAYLOAD)).encode()) <= 64


async def test_the_same_payload_keeps_its_id(callbacks: Callbacks) -> None:
    first = await callbacks.keep(CHAT, PAYLOAD)
    await callbacks.keep(CHAT, "topics")

    assert await callbacks.keep(CHAT, PAYLOAD) == first


async def test_two_payloads_have_two_ids(callbacks: Callbacks) -> None:
    one, two = await callbacks.keep(CHAT, "topic:pain"), await callbacks.keep(CHAT, "topic:price")

    assert one != two
    assert await callbacks.find(CHAT, one) == "topic:pain"
    assert await callbacks.find(CHAT, two) == "topic:price"


@EVERY_OTHER
async def test_an_id_given_to_one_chat_means_nothing_in_another(callbacks: Callbacks, other: ChatId) -> None:
    callback = await callbacks.keep(CHAT, PAYLOAD)

    assert await callbacks.find(other, callback) is None


async def test_an_id_nobody_was_given_means_nothing(callbacks: Callbacks) -> None:
    assert await callbacks.find(CHAT, "0123456789abcdef") is None
    assert await callbacks.find(CHAT, "") is None
    assert await callbacks.find(CHAT, PAYLOAD) is None
