"""An in-memory twin of each port, for tests and for the terminal."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.messages import Alert, ChatId, ChatState, Key, Leaving


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


class MemoryOutbox:
    """Keeps what was handed over, as (chat, value, cause), in order."""

    def __init__(self) -> None:
        self.left: list[tuple[ChatId, Leaving, str]] = []

    async def put(self, chat_id: ChatId, leaving: Sequence[Leaving], cause: str, *, ahead: bool = False) -> None:
        found = [(chat_id, value, cause) for value in leaving]
        self.left = [*found, *self.left] if ahead else [*self.left, *found]


class MemoryAlerts:
    """Keeps what was raised; `reaches` says whether there is anybody to reach, which there is not yet."""

    def __init__(self, *, reaches: bool = False) -> None:
        self.raised: list[tuple[ChatId, Alert]] = []
        self._reaches = reaches

    async def raise_alert(self, chat_id: ChatId, alert: Alert) -> bool:
        self.raised.append((chat_id, alert))
        return self._reaches


class MemoryMessageMap:
    # A chat's oldest entries go first: an edit of a message this far back is answered as a new one.
    _KEPT = 200

    def __init__(self) -> None:
        self._sent: dict[ChatId, dict[str, list[tuple[Key, str]]]] = defaultdict(dict)

    async def note(self, chat_id: ChatId, cause: str, key: Key, message_id: str) -> None:
        chat = self._sent[chat_id]
        # A message that was edited keeps its place, so that the next edit finds the messages in the order they stand.
        rows = {known: noted for noted, known in chat.get(cause, [])}
        rows[message_id] = key
        chat[cause] = [(noted, known) for known, noted in rows.items()]
        while len(chat) > self._KEPT:
            del chat[next(iter(chat))]

    async def sent(self, chat_id: ChatId, cause: str) -> list[tuple[Key, str]]:
        return list(self._sent.get(chat_id, {}).get(cause, []))


class MemoryCallbacks:
    def __init__(self) -> None:
        self._payloads: dict[tuple[ChatId, str], str] = {}

    async def keep(self, chat_id: ChatId, payload: str) -> str:
        callback = hashlib.sha256(payload.encode()).hexdigest()[:16]
        self._payloads[chat_id, callback] = payload
        return callback

    async def find(self, chat_id: ChatId, callback: str) -> str | None:
        return self._payloads.get((chat_id, callback))
