"""Answers a question from the library: reads the tracker, calls the conversation, utters its replies."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from bot.conversation import Conversation
from bot.messages import LANGS, ChatId, ChatState, Incoming
from bot.ports import Clock


class ActionAnswer(Action):  # type: ignore[misc]  # rasa_sdk ships no types
    """Utters the replies to the latest message; returns the slots that a later question needs, and writes nothing."""

    def __init__(self, conversation: Conversation, clock: Clock) -> None:
        self._conversation, self._clock = conversation, clock

    def name(self) -> str:
        return "action_answer"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        now = self._clock.now()
        incoming = Incoming(
            chat_id=ChatId("mimika", "rasa", str(tracker.sender_id)),
            sender=str(tracker.sender_id),
            message_id=str(tracker.latest_message.get("message_id") or ""),
            at=now,
            text=tracker.latest_message.get("text") or "",
        )
        # One action that computes would stall every other chat of the action server.
        outcome = await asyncio.to_thread(self._conversation.answer, incoming, _state(tracker))
        for reply in outcome.replies:
            dispatcher.utter_message(
                text=reply.text,
                buttons=[{"title": button.title, "payload": button.payload} for button in reply.buttons],
                json_message={
                    "kind": str(reply.kind),
                    "topics": list(reply.topics),
                    "notices": [str(notice) for notice in reply.notices],
                },
            )
        state = outcome.state
        return [
            SlotSet("language", outcome.language),
            SlotSet("topic", state.topic),
            SlotSet("topic_at", state.topic_at.isoformat() if state.topic_at else None),
            SlotSet("offered", list(state.offered)),
            SlotSet("offered_question", state.offered_question),
            SlotSet("offered_at", state.offered_at.isoformat() if state.offered_at else None),
        ]


def _state(tracker: Tracker) -> ChatState:
    """What the slots remember of the chat."""
    language = tracker.get_slot("language")
    return ChatState(
        language=language if language in LANGS else None,
        topic=tracker.get_slot("topic"),
        topic_at=_moment(tracker, "topic_at"),
        offered=tuple(tracker.get_slot("offered") or ()),
        offered_question=tracker.get_slot("offered_question") or "",
        offered_at=_moment(tracker, "offered_at"),
    )


def _moment(tracker: Tracker, slot: str) -> datetime | None:
    value = tracker.get_slot(slot)
    moment = datetime.fromisoformat(value) if value else None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
