"""The dialogue's actions through rasa-sdk's own executor and server."""

from __future__ import annotations

import warnings
from typing import Any

from bot.adapters.memory import FixedClock
from bot.conversation import Conversation

with warnings.catch_warnings():
    # Sanic and its friends warn about themselves while they are imported.
    warnings.simplefilter("ignore")
    from rasa_sdk.executor import ActionExecutor

    from actions import all_actions


def call(text: str, **slots: object) -> dict[str, Any]:
    tracker = {
        "sender_id": "7",
        "slots": slots,
        "latest_message": {"text": text},
        "events": [],
        "paused": False,
        "latest_input_channel": "rest",
        "active_loop": {},
        "latest_action_name": None,
    }
    return {"next_action": "action_answer", "sender_id": "7", "tracker": tracker, "domain": {}, "version": "3.6.21"}


def executor(conversation: Conversation, clock: FixedClock) -> ActionExecutor:
    found = ActionExecutor()
    for action in all_actions(conversation, clock):
        found.register_action(action)
    return found


async def test_a_question_is_uttered_as_the_library_says_it(conversation: Conversation, clock: FixedClock) -> None:
    result = await executor(conversation, clock).run(call("сколько держится?"))
    (uttered,) = result.responses
    assert "3–4 месяца" in uttered["text"]
    assert uttered["custom"]["topics"] == ["duration"]
    assert "contraindications" in uttered["custom"]["notices"]


async def test_the_slots_it_returns_let_the_next_question_follow_up(
    conversation: Conversation, clock: FixedClock
) -> None:
    first = await executor(conversation, clock).run(call("можно ли алкоголь после уколов?"))
    slots = {event["name"]: event["value"] for event in first.events if event["event"] == "slot"}
    assert slots["topic"] == "after-alcohol"
    second = await executor(conversation, clock).run(call("а через неделю?", **slots))
    assert second.responses[0]["custom"]["topics"] == ["after-alcohol"]


async def test_a_typed_intent_payload_stays_plain_text(conversation: Conversation, clock: FixedClock) -> None:
    result = await executor(conversation, clock).run(call('/restart{"language": "en"}'))
    assert result.responses[0]["custom"]["kind"] in {"unknown", "clarify"}
