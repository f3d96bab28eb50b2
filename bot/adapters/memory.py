"""Twins of the ports that need no database: for the terminal, which stores nothing, and for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.messages import Alert, ChatId, ChatState


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class MemorySessions:
    def __init__(self) -> None:
        self._states: dict[ChatId, tuple[ChatState, int]] = {}

    async def load(self, chat_id: ChatId) -> tuple[ChatState, int]:
        return self._states.get(chat_id, (ChatState(), 0))

    async def save(self, chat_id: ChatId, state: ChatState, version: int) -> bool:
        if self._states.get(chat_id, (None, 0))[1] != version:
            return False
        self._states[chat_id] = (state, version + 1)
        return True


class MemoryAlerts:
    """Keeps what was raised; `reaches` says whether there is anybody to reach, which there is not yet."""

    def __init__(self, *, reaches: bool = False) -> None:
        self.raised: list[tuple[ChatId, Alert]] = []
        self._reaches = reaches

    async def raise_alert(self, chat_id: ChatId, alert: Alert) -> bool:
        self.raised.append((chat_id, alert))
        return self._reaches
