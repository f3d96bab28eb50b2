"""One suite per port, over every adapter of it: those of the terminal and the clock; the stored ones have their own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.memory import FixedClock, MemorySessions, SystemClock
from bot.messages import ChatId, ChatState
from bot.ports import Clock, Sessions
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
