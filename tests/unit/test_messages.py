from dataclasses import replace
from datetime import timedelta

from bot.messages import ChatState, Kind
from tests.examples import NOON, make_incoming


def test_a_topic_is_forgotten_after_half_an_hour() -> None:
    state = ChatState(topic="pain", topic_at=NOON)
    assert state.live_topic(NOON + timedelta(minutes=30)) == "pain"
    assert state.live_topic(NOON + timedelta(minutes=31)) is None


def test_a_repeated_delivery_is_the_same_turn_and_another_message_is_another() -> None:
    first = make_incoming("сколько держится", message_id="7")

    assert make_incoming("сколько держится", message_id="7", at=NOON + timedelta(seconds=9)).turn == first.turn
    assert make_incoming("сколько держится", message_id="8").turn != first.turn


def test_every_edit_of_a_message_is_a_turn_of_its_own_and_its_repeated_delivery_is_not() -> None:
    first = make_incoming("сколько держится", message_id="7")
    edit = make_incoming("сколько стоит", message_id="7", edited=True, at=NOON + timedelta(seconds=1))
    later = make_incoming("сколько стоит?", message_id="7", edited=True, at=NOON + timedelta(seconds=2))

    assert len({first.turn, edit.turn, later.turn}) == 3
    assert replace(edit).turn == edit.turn


def test_danger_comes_first_among_replies_and_silence_last() -> None:
    assert min(Kind, key=lambda kind: kind.rank) is Kind.CRISIS
    assert max(Kind, key=lambda kind: kind.rank) is Kind.SILENT
    assert Kind.ANSWER.rank < Kind.CLARIFY.rank < Kind.UNKNOWN.rank
