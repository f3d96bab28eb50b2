"""Telegram limits, fails, hangs up, repeats itself; patients come all at once. Everyone is still answered, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.adapters.telegram.rendering import plain
from bot.retrieval.library import Library
from tests.faults.processes import BotProcess, eventually
from tests.integration.telegram.conftest import messages_in
from tests.telegram.fake_telegram_client import Fake, User

pytestmark = pytest.mark.slow

Person = Callable[..., User]

QUESTIONS = {"duration": "сколько держится эффект", "pain": "это больно?", "onset": "когда подействует"}
CANT_PARSE = "Bad Request: can't parse entities: Unsupported start tag"
BLOCKED = "Forbidden: bot was blocked by the user"


def beginning(library: Library, topic: str) -> str:
    article = library.article(topic, "ru")
    assert article is not None
    return "".join(plain(article.answer))[:60]


def settle(user: User) -> None:
    """Wait until all that this patient said before has been dealt with: a chat's turns come one after another."""
    user.say("/language")
    eventually(lambda: any("языке" in message["text"] for message in messages_in(user)), 30, "the queue is empty")


def answers_in(user: User, library: Library) -> list[str]:
    """The topics of the bot's messages, in the order in which the patient sees them."""
    begins = {topic: beginning(library, topic) for topic in QUESTIONS}
    return [
        next((topic for topic, begin in begins.items() if message["text"].startswith(begin)), "other")
        for message in messages_in(user)
    ]


def sent_to(user: User) -> list[dict[str, Any]]:
    """All attempts to send a message to a chat, with their time and status."""
    return list(user.fake.get("calls", method="sendmessage", chat_id=user.chat_id))


# ---- sending --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"code": 500, "times": 2},
        {"code": 502, "description": "Bad Gateway"},
        {"drop": "before"},
        {"code": 429, "retry_after": 1},
    ],
    ids=["500", "502", "dropped", "429"],
)
def test_an_answer_that_telegram_did_not_take_is_sent_again_and_arrives_once(
    person: Person, library: Library, fault: dict[str, Any]
) -> None:
    anna = person()
    anna.fake.fault("sendMessage", chat_id=anna.chat_id, **fault)

    anna.say(QUESTIONS["duration"])
    settle(anna)

    assert answers_in(anna, library) == ["duration", "other"]
    assert len(sent_to(anna)) == fault.get("times", 1) + 2


def test_the_bot_waits_as_long_as_telegram_says(person: Person) -> None:
    anna = person()
    anna.fake.fault("sendMessage", code=429, retry_after=2, chat_id=anna.chat_id)

    anna.say(QUESTIONS["duration"])
    anna.replies(timeout=15)

    refused, taken = sent_to(anna)
    assert (refused["status"], taken["status"]) == (429, 200)
    assert 2 <= taken["at"] - refused["at"] < 10


def test_one_patient_s_limit_holds_up_no_other(person: Person) -> None:
    anna, boris = person(), person()
    anna.fake.fault("sendMessage", code=429, retry_after=2, chat_id=anna.chat_id)
    anna.say(QUESTIONS["duration"])
    eventually(lambda: sent_to(anna), 10, "the first attempt")

    boris.say(QUESTIONS["pain"])

    assert boris.replies(timeout=15)
    assert anna.replies(timeout=15)
    assert sent_to(boris)[0]["at"] < sent_to(anna)[-1]["at"]


def test_answers_keep_their_order_while_telegram_fails(person: Person, library: Library) -> None:
    anna = person()
    anna.fake.fault("sendMessage", code=500, chat_id=anna.chat_id)

    for question in QUESTIONS.values():
        anna.say(question)
    settle(anna)

    assert answers_in(anna, library) == [*QUESTIONS, "other"]


def test_an_answer_whose_connection_broke_after_sending_is_never_lost(person: Person, library: Library) -> None:
    anna = person()
    anna.fake.fault("sendMessage", drop="mid", chat_id=anna.chat_id)

    anna.say(QUESTIONS["duration"])
    settle(anna)

    # Whether Telegram had taken it can't be known: twice is better than not at all.
    assert answers_in(anna, library) == ["duration", "duration", "other"]


def test_markup_that_telegram_cannot_parse_is_sent_once_as_plain_text(person: Person, library: Library) -> None:
    anna = person()
    anna.fake.fault("sendMessage", code=400, description=CANT_PARSE, chat_id=anna.chat_id)

    anna.say(QUESTIONS["duration"])
    settle(anna)

    answer, _ = messages_in(anna)
    assert answers_in(anna, library) == ["duration", "other"]
    assert "<" not in answer["text"]
    assert "entities" not in answer
    assert answer["reply_markup"]["inline_keyboard"][0][0]["text"] == "Подробнее"


def test_an_edit_that_telegram_cannot_parse_is_made_as_plain_text(person: Person, library: Library) -> None:
    anna = person()
    question = anna.say(QUESTIONS["duration"])
    earlier = anna.replies(timeout=15)[0]
    anna.fake.fault("editMessageText", code=400, description=CANT_PARSE, chat_id=anna.chat_id)

    anna.say(QUESTIONS["pain"], edited=question["message"]["message_id"])
    (later,) = anna.replies(timeout=15)

    assert (later.kind, later.message_id) == ("edited", earlier.message_id)
    assert later.text.startswith(beginning(library, "pain"))
    assert "entities" not in later.raw["message"]


def test_a_patient_who_blocked_the_bot_stops_no_other(person: Person, bot: BotProcess) -> None:
    anna, boris = person(), person()
    anna.fake.fault("sendMessage", code=403, description=BLOCKED, chat_id=anna.chat_id, times=0)

    anna.say(QUESTIONS["duration"])
    eventually(lambda: sent_to(anna), 10, "the attempt")
    boris.say(QUESTIONS["duration"])

    assert boris.replies(timeout=15)
    assert len(sent_to(anna)) == 1


def test_a_patient_who_comes_back_after_blocking_is_answered(person: Person, library: Library) -> None:
    anna = person()
    anna.fake.fault("sendMessage", code=403, description=BLOCKED, chat_id=anna.chat_id)
    anna.say(QUESTIONS["duration"])
    eventually(lambda: sent_to(anna), 10, "the attempt")

    anna.say(QUESTIONS["pain"])
    settle(anna)

    assert answers_in(anna, library) == ["pain", "other"]


def test_a_refused_message_is_logged_and_the_next_one_goes_out(
    person: Person, library: Library, bot: BotProcess
) -> None:
    anna = person()
    anna.fake.fault("sendMessage", code=400, description="Bad Request: chat not found", chat_id=anna.chat_id)

    anna.say(QUESTIONS["duration"])
    anna.say(QUESTIONS["pain"])
    settle(anna)

    assert answers_in(anna, library) == ["pain", "other"]
    refused = [event["chat"] for event in bot.events("reply_not_sent")]
    assert f"mimika:telegram:{anna.chat_id}" in refused


def test_courtesies_that_fail_cost_no_answer(person: Person, library: Library) -> None:
    anna = person()
    anna.fake.fault("sendChatAction", code=500, chat_id=anna.chat_id, times=0)
    anna.fake.fault("answerCallbackQuery", code=400, description="Bad Request: query is too old", times=1)

    anna.say(QUESTIONS["duration"])
    anna.replies(timeout=15)
    anna.click("Источники")

    assert anna.replies(timeout=15)


# ---- receiving ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"code": 500},
        {"code": 429, "retry_after": 1},
        {"code": 409, "description": "Conflict: terminated by other getUpdates request"},
        {"drop": "before"},
        {"drop": "mid"},
    ],
    ids=["500", "429", "409", "dropped", "half an answer"],
)
def test_a_question_is_answered_once_though_fetching_failed(
    person: Person, library: Library, fault: dict[str, Any]
) -> None:
    anna = person()
    anna.fake.fault("getUpdates", **fault)
    # The call that waits at Telegram now still succeeds; the next ones meet the fault.
    anna.say(QUESTIONS["pain"])
    anna.replies(timeout=15)

    anna.say(QUESTIONS["duration"])
    settle(anna)

    assert answers_in(anna, library) == ["pain", "duration", "other"]
    assert anna.fake.get("faults") == []


def test_an_update_that_telegram_repeats_is_answered_once(person: Person, library: Library) -> None:
    anna = person()
    anna.fake.post("faults", updates="duplicate", times=2)

    anna.say(QUESTIONS["duration"])
    anna.say(QUESTIONS["pain"])
    settle(anna)

    assert answers_in(anna, library) == ["duration", "pain", "other"]


def test_updates_out_of_order_are_each_answered_once(person: Person, library: Library) -> None:
    anna = person()
    anna.fake.post("faults", updates="reorder", times=2)

    anna.say(QUESTIONS["duration"])
    anna.say(QUESTIONS["pain"])
    settle(anna)

    assert answers_in(anna, library) == ["pain", "duration", "other"]


# ---- many at once ---------------------------------------------------------------------------------------------


def test_200_patients_with_three_questions_each_are_all_answered_once_and_in_order(
    person: Person, library: Library, bot: BotProcess, fake: Fake
) -> None:
    patients = [person() for _ in range(200)]

    for question in QUESTIONS.values():
        for patient in patients:
            patient.say(question)
    eventually(lambda: all(len(messages_in(patient)) >= 3 for patient in patients), 300, "all are answered")
    settle(patients[0])

    assert answers_in(patients[0], library) == [*QUESTIONS, "other"]
    for patient in patients[1:]:
        assert answers_in(patient, library) == list(QUESTIONS)
    assert bot.events("turn_failed") == []


def test_many_answers_that_are_ready_at_once_leave_at_most_30_a_second(person: Person) -> None:
    patients = [person() for _ in range(75)]

    for patient in patients:
        patient.say("/help")
    eventually(lambda: all(messages_in(patient) for patient in patients), 60, "all are answered")

    times = sorted(sent_to(patient)[0]["at"] for patient in patients)
    assert (times[-1] - times[0]) >= 74 / 30
