"""How fast Telegram is spoken to, whatever is asked for and when."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.telegram import pace
from bot.adapters.telegram.pace import CHAT_PAUSE, PER_MINUTE, PER_SECOND, Pace

# What floating point may be off by.
NOTHING = 1e-6
GROUP = -1001
CHATS = st.sampled_from([1001, 1002, 1003, GROUP, -1002])
# The next message to a chat is asked for so long after the one before: at once, soon, or after a silence.
GAPS = st.one_of(st.just(0.0), st.floats(0, 0.1), st.floats(0, 3), st.floats(0, 90))
ASKED = st.lists(st.tuples(CHATS, GAPS), max_size=120)
# Many people at once: the limit of the token is reached before those of the chats.
CROWD = st.lists(st.tuples(st.integers(1, 200), st.floats(0, 0.05)), min_size=30, max_size=300)


def slots(asked: list[tuple[int, float]]) -> list[tuple[int, float, float]]:
    """The chat, when it asked, and the moment it was given; one who was told to wait asks again only after that."""
    paced, now, given_until = Pace(), 0.0, dict[int, float]()
    found = []
    for chat, gap in asked:
        now += gap
        # A chat's messages leave one after the other: the next is asked for when the one before has left.
        ready = max(now, given_until.get(chat, 0.0))
        if ready > now:
            continue
        at = paced.slot(chat, now)
        given_until[chat] = at
        found.append((chat, now, at))
    return found


def of(chat: int, found: list[tuple[int, float, float]]) -> list[float]:
    return [at for one, _, at in found if one == chat]


def most_within(seconds: float, moments: list[float]) -> int:
    """The most moments that lie within any span of this length."""
    moments = sorted(moments)
    return max((sum(start <= at < start + seconds - NOTHING for at in moments) for start in moments), default=0)


@given(ASKED)
def test_nothing_leaves_before_it_is_asked_for(asked: list[tuple[int, float]]) -> None:
    assert all(at >= now for _, now, at in slots(asked))


@given(ASKED)
def test_two_messages_of_one_chat_are_never_closer_than_the_pause(asked: list[tuple[int, float]]) -> None:
    found = slots(asked)

    for chat in {chat for chat, *_ in found}:
        assert all(later - earlier >= CHAT_PAUSE - NOTHING for earlier, later in pairwise(of(chat, found)))


@given(st.lists(st.tuples(st.just(GROUP), st.floats(0, 5)), max_size=120))
def test_a_group_never_gets_more_than_twenty_messages_within_a_minute(asked: list[tuple[int, float]]) -> None:
    assert most_within(60, of(GROUP, slots(asked))) <= PER_MINUTE


@given(CROWD)
def test_no_second_ever_carries_more_messages_than_the_token_may_send(asked: list[tuple[int, float]]) -> None:
    """One more than the number of a second fits where a span begins and ends with a message."""
    assert most_within(1, [at for *_, at in slots(asked)]) <= PER_SECOND + 1


def test_who_had_to_wait_for_a_second_message_does_not_come_on_top_of_the_next_crowd() -> None:
    paced, tick = Pace(), 1 / PER_SECOND

    moments = [paced.slot(chat, chat * tick * 2) for chat in range(12)]
    moments += [paced.slot(chat, 0.96) for chat in range(12)]  # each of them a second message, a pause later
    moments += [paced.slot(100 + chat, 1.5 + chat * tick) for chat in range(25)]  # and then a crowd

    assert most_within(1, moments) <= PER_SECOND + 1


def test_a_chat_that_waits_does_not_hold_up_another() -> None:
    paced = Pace()
    paced.slot(1001, 0.0)

    waits, other = paced.slot(1001, 0.1), paced.slot(1002, 0.1)

    assert waits == CHAT_PAUSE
    assert other < 0.2


def test_a_full_group_does_not_hold_up_a_patient() -> None:
    paced, now = Pace(), 0.0
    for _ in range(PER_MINUTE):
        now = paced.slot(GROUP, now)

    assert paced.slot(GROUP, now) >= 60
    assert paced.slot(1001, now) < now + 1


def test_a_quiet_chat_is_sent_to_at_once() -> None:
    paced = Pace()
    paced.slot(1001, 0.0)

    assert paced.slot(1001, 100.0) == 100.0


def test_one_chat_gets_one_message_a_second_and_a_crowd_as_many_as_the_token_may_send() -> None:
    """The limits are kept, and used: nobody waits longer than they ask for."""
    crowd = Pace()
    last = max(crowd.slot(chat, 0.0) for chat in range(1, 101))

    one = Pace()
    now = 0.0
    for _ in range(10):
        now = one.slot(1001, now)

    assert abs(last - 99 / PER_SECOND) < NOTHING
    assert abs(now - 9 * CHAT_PAUSE) < NOTHING


def test_a_chat_that_telegram_puts_off_waits_as_long_as_it_says_and_no_other_does() -> None:
    paced = Pace()

    paced.pause(1001, 30.0)

    assert paced.slot(1001, 0.0) == 30.0
    assert paced.slot(1002, 0.0) < 1


def test_a_chat_is_not_let_go_sooner_by_a_shorter_pause() -> None:
    paced = Pace()
    paced.pause(1001, 30.0)

    paced.pause(1001, 10.0)

    assert paced.slot(1001, 0.0) == 30.0


def test_the_memory_of_quiet_chats_does_not_grow_for_ever() -> None:
    paced = Pace()

    for number in range(3 * pace._REMEMBERED):
        paced.slot(number + 1, number * 1.0)

    assert len(paced._chats) <= pace._REMEMBERED + 1
