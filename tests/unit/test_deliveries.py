"""What waits, as values: when it may be answered, and which messages are answered together."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.deliveries import AHEAD_WAITS, FRAGMENT_WAITS, Arrival, Waiting, next_work
from bot.messages import Attachment, Contact
from tests.examples import NOON, make_incoming

ROWS = count(1)


def waiting(text: str = "", *, fragment: bool = False, ahead: bool = False, **fields: Any) -> Waiting:
    row = next(ROWS)
    return Waiting(row, make_incoming(text, message_id=str(row), **fields), ahead=ahead, fragment=fragment)


# ---- when -------------------------------------------------------------------------------------------------


def test_a_message_may_be_answered_as_soon_as_it_is_there() -> None:
    assert Arrival(1, make_incoming("больно?"), NOON).due_at == NOON


def test_a_fragment_waits_a_moment_for_what_follows_it() -> None:
    arrival = Arrival(1, make_incoming("а ещё"), NOON, fragment=True)

    assert arrival.due_at == NOON + FRAGMENT_WAITS
    assert timedelta(0) < FRAGMENT_WAITS <= timedelta(seconds=1.2)


def test_a_danger_is_left_to_whoever_took_it_before_an_ordinary_worker_may() -> None:
    arrival = Arrival(1, make_incoming("не могу дышать"), NOON, ahead=True)

    assert arrival.due_at == NOON + AHEAD_WAITS


# ---- what together ----------------------------------------------------------------------------------------


def test_whole_messages_are_answered_one_by_one() -> None:
    first, second = waiting("больно?"), waiting("сколько держится?")

    assert next_work([first, second]) == (first, (first.id,))


def test_a_fragment_is_answered_together_with_the_text_that_follows_it() -> None:
    first, second = waiting("а ещё", fragment=True), waiting("сколько держится?")

    work, rows = next_work([first, second])

    assert work.incoming.text == "а ещё сколько держится?"
    assert rows == (first.id, second.id)


def test_several_fragments_are_one_message_with_the_text_that_ends_them_and_what_follows_is_another() -> None:
    parts = [waiting("а", fragment=True), waiting("ещё,", fragment=True), waiting("это больно?")]

    work, rows = next_work([*parts, waiting("сколько держится?")])

    assert work.incoming.text == "а ещё, это больно?"
    assert rows == tuple(part.id for part in parts)


def test_the_answer_to_joined_messages_belongs_to_the_last_of_them() -> None:
    """So its edit changes that answer, and the answer is late only if that one waited."""
    first = waiting("а ещё", fragment=True)
    second = waiting("сколько держится?", at=NOON + timedelta(seconds=1), reply_to="3")

    work, _ = next_work([first, second])

    assert work.incoming.message_id == second.incoming.message_id
    assert work.incoming.at == second.incoming.at
    assert work.incoming.reply_to == "3"


def test_a_fragment_that_nothing_followed_is_answered_alone() -> None:
    alone = waiting("а ещё", fragment=True)

    assert next_work([alone]) == (alone, (alone.id,))


def test_fragments_that_nothing_ended_are_answered_together() -> None:
    first, second = waiting("а", fragment=True), waiting("ещё", fragment=True)

    work, rows = next_work([first, second])

    assert work.incoming.text == "а ещё"
    assert rows == (first.id, second.id)


@pytest.mark.parametrize(
    "following",
    [
        waiting("не могу дышать", ahead=True),
        waiting("/start"),
        waiting(press="topics"),
        waiting("сколько держится?", edited=True),
        waiting("что это?", attachment=Attachment("photo")),
        waiting("вот", contact=Contact("+7", "Анна", True)),
        waiting(""),
    ],
    ids=["danger", "command", "button", "edit", "caption", "contact", "nothing"],
)
def test_a_fragment_is_joined_with_nothing_but_plain_words(following: Waiting) -> None:
    fragment = waiting("а ещё", fragment=True)

    assert next_work([fragment, following]) == (fragment, (fragment.id,))


def test_where_nothing_waits_there_is_no_work() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        next_work([])


@given(st.lists(st.tuples(st.sampled_from(["а", "больно?", "/help", ""]), st.booleans(), st.booleans())))
def test_every_message_is_answered_exactly_once_and_in_order(given: list[tuple[str, bool, bool]]) -> None:
    queue = [waiting(text, fragment=fragment, ahead=ahead) for text, fragment, ahead in given]
    rest, answered = list(queue), []

    while rest:
        work, rows = next_work(rest)
        assert work.id == rows[-1]
        answered += rows
        rest = rest[len(rows) :]

    assert answered == [one.id for one in queue]
