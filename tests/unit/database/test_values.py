from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.database.values import (
    dump_incoming,
    dump_leaving,
    dump_state,
    load_incoming,
    load_leaving,
    load_state,
)
from bot.messages import (
    STATE_SCHEMA,
    Alert,
    Attachment,
    Button,
    ChatId,
    ChatState,
    Contact,
    Copy,
    Document,
    Edit,
    Incoming,
    Key,
    Kind,
    Leaving,
    Notice,
    Reply,
    StaffCard,
)
from tests.examples import NOON

# Anything a person can type, and what no keyboard has.
WORDS = st.text(max_size=200)
MAYBE = st.none() | WORDS
TIMES = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))
CHATS = st.builds(ChatId, WORDS, WORDS, WORDS)
KEYS = st.builds(Key, WORDS, st.integers(0, 99))
BUTTONS = st.lists(st.builds(Button, WORDS, WORDS), max_size=3).map(tuple)
INCOMING = st.builds(
    Incoming, chat_id=CHATS, sender=WORDS, message_id=WORDS, at=TIMES, text=WORDS, press=MAYBE, album=MAYBE,
    contact=st.none() | st.builds(Contact, WORDS, WORDS, st.booleans()),
    attachment=st.none() | st.builds(Attachment, st.sampled_from(["photo", "voice", "other"]), WORDS),
    reply_to=MAYBE, edited=st.booleans(), language_hint=MAYBE,
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
STATES = st.builds(
    ChatState, schema=st.just(STATE_SCHEMA), language=st.sampled_from([None, "ru", "en"]), topic=MAYBE,
    topic_at=st.none() | TIMES, offered=st.lists(WORDS, max_size=3).map(tuple), offered_question=WORDS,
    offered_at=st.none() | TIMES, unknowns=st.integers(0, 99),
    events=st.lists(st.dictionaries(WORDS, JSON, max_size=4), max_size=4).map(tuple),
    owner=st.sampled_from(["bot", "human"]), care_until=st.none() | TIMES, care_for=WORDS,
)  # fmt: skip
REPLIES = st.builds(
    Reply, kind=st.sampled_from(Kind), text=WORDS, buttons=BUTTONS,
    notices=st.lists(st.sampled_from(Notice), max_size=3).map(tuple), topics=st.lists(WORDS, max_size=3).map(tuple),
    confidence=st.floats(0, 1), sources=st.lists(WORDS, max_size=3).map(tuple), key=KEYS,
)  # fmt: skip
LEAVING: st.SearchStrategy[Leaving] = st.one_of(
    REPLIES,
    st.builds(Edit, KEYS, REPLIES, KEYS, st.booleans()),
    st.builds(Document, WORDS, st.binary(max_size=300), WORDS, KEYS),
    st.builds(Copy, CHATS, WORDS, KEYS),
    st.builds(StaffCard, WORDS, BUTTONS, KEYS),
    st.builds(Alert, WORDS, KEYS),
)


@given(INCOMING)
def test_a_message_comes_back_as_it_was(incoming: Incoming) -> None:
    assert load_incoming(dump_incoming(incoming)) == incoming


@given(STATES)
def test_a_state_comes_back_as_it_was(state: ChatState) -> None:
    assert load_state(dump_state(state)) == state


@given(LEAVING)
def test_whatever_can_leave_comes_back_as_it_was(leaving: Leaving) -> None:
    found = load_leaving(dump_leaving(leaving))

    assert found == leaving
    assert type(found) is type(leaving)


def test_what_was_dumped_is_json() -> None:
    json.loads(dump_incoming(Incoming(ChatId("a", "b", "c"), "1", "2", NOON, "боль")))
    json.loads(dump_state(ChatState(topic="pain")))
    json.loads(dump_leaving(Document("a", b"\xff\0")))


def test_a_time_in_another_zone_is_the_same_moment_afterwards() -> None:
    state = ChatState(topic_at=NOON.astimezone(timezone(timedelta(hours=3))))

    found = load_state(dump_state(state))

    assert found.topic_at == NOON
    assert found.topic_at.tzinfo is not None


# ---- states of another time -------------------------------------------------------------------------------


def _changed(state: ChatState, **changes: object) -> bytes:
    return json.dumps(json.loads(dump_state(state)) | changes).encode()


CARED_FOR = ChatState(
    language="en", topic="pain", topic_at=NOON, offered=("pain",), unknowns=2, owner="human",
    care_until=NOON + timedelta(hours=3), care_for="crisis",
)  # fmt: skip
KEPT = ChatState(language="en", owner="human", care_until=NOON + timedelta(hours=3), care_for="crisis")


@pytest.mark.parametrize("schema", [0, STATE_SCHEMA + 1, None, "x"])
def test_of_another_schema_language_owner_and_care_are_kept_and_nothing_else(schema: object) -> None:
    assert load_state(_changed(CARED_FOR, schema=schema)) == KEPT


def test_of_this_schema_with_a_field_that_is_wrong_the_same_is_kept() -> None:
    assert load_state(_changed(CARED_FOR, unknowns="many")) == KEPT


def test_a_field_that_is_not_known_any_more_is_passed_over() -> None:
    assert load_state(_changed(CARED_FOR, mood="grey")) == CARED_FOR


def test_a_field_that_did_not_exist_yet_has_its_default() -> None:
    row = json.loads(dump_state(CARED_FOR))
    del row["unknowns"]

    assert load_state(json.dumps(row).encode()).unknowns == 0


@pytest.mark.parametrize(
    "wrong", [{"language": "fr"}, {"owner": "cat"}, {"care_until": "soon"}], ids=lambda wrong: next(iter(wrong))
)
def test_care_survives_whatever_else_of_an_old_state_cannot_be_read(wrong: dict[str, str]) -> None:
    found = load_state(_changed(CARED_FOR, schema=0, **wrong))

    kept = {"language": "en", "owner": "human", "care_until": KEPT.care_until, "care_for": "crisis"}
    for name, value in kept.items():
        if name not in wrong:
            assert getattr(found, name) == value, name


@pytest.mark.parametrize("row", ["{}", '{"schema": 0}', '{"schema": 0, "care_until": null}'])
def test_an_old_state_that_says_nothing_is_an_empty_one(row: str) -> None:
    assert load_state(row.encode()) == ChatState()
