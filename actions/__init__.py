"""Every action of the dialogue, built with what it needs."""

from __future__ import annotations

from rasa_sdk import Action

from actions.answer import ActionAnswer
from bot.conversation import Conversation
from bot.ports import Clock


def all_actions(conversation: Conversation, clock: Clock) -> list[Action]:
    """The actions to register with rasa-sdk's executor, which takes ready-built ones."""
    return [ActionAnswer(conversation, clock)]
