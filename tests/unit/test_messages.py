from datetime import timedelta

from bot.messages import ChatState, Kind
from tests.examples import NOON, make_incoming


def test_a_topic_is_forgotten_after_half_an_hour() -> None:
    state = ChatState(topic="pain", topic_at=NOON)
    assert state.live_topic(NOON + timedelta(minutes=30)) == "pain"
    assert state.live_topic(NOON + timedelta(minutes=31)) is None


def test_an_edit_and_a_press_are_turns_of_their_own_and_a_repeated_delivery_is_not() -> None:
    first = make_incoming("сколько держится")
    assert make_incoming("сколько держится").turn == first.turn
    assert make_incoming("сколько стоит", edited=True).turn != first.turn
    assert make_incoming(press="more:pain").turn != first.turn


def test_danger_comes_first_among_replies_and_silence_last() -> None:
    assert min(Kind, key=lambda kind: kind.rank) is Kind.CRISIS
    assert max(Kind, key=lambda kind: kind.rank) is Kind.SILENT
    assert Kind.ANSWER.rank < Kind.CLARIFY.rank < Kind.UNKNOWN.rank
