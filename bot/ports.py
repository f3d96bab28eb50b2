"""Every door to the outside, in domain words. `adapters/memory.py` has a twin of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from bot.messages import Alert, ChatId, ChatState, Key, Leaving

Vectors = npt.NDArray[np.float32]
TextKind = Literal["query", "passage"]


class Encoder(Protocol):
    """Turns texts into vectors that lie close when the texts mean the same."""

    @property
    def name(self) -> str:
        """Names model and version; a library version built under another name is refused."""

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        """Encode texts of one kind: float32, shape (n, d), unit rows; no texts give shape (0, d)."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The current time, aware."""


class Sessions(Protocol):
    """Remembers each chat's state between turns."""

    async def load(self, chat_id: ChatId) -> tuple[ChatState, int]:
        """The state and its version; a new chat has an empty state at version 0."""

    async def save(self, chat_id: ChatId, state: ChatState, version: int) -> bool:
        """Replace the state if its version is still `version`; False (and no change) if not."""


class Outbox(Protocol):
    """Takes what must leave; whoever sends may be slow, down or limited."""

    async def put(self, chat_id: ChatId, leaving: Sequence[Leaving], cause: str, *, ahead: bool = False) -> None:
        """Hand over, in order, what one turn produced; `cause` is the patient's message it answers.

        Args:
            ahead: it waits for nothing else that waits here: a reply to a danger.
        """


class Alerts(Protocol):
    """Tells staff that somebody is in danger."""

    async def raise_alert(self, chat_id: ChatId, alert: Alert) -> bool:
        """Whether the alert really reached a person's screen; the patient hears of it only then."""


class MessageMap(Protocol):
    """Which message of ours came of which of theirs; serves edits, quotes and relays."""

    async def note(self, chat_id: ChatId, cause: str, key: Key, message_id: str) -> None:
        """Remember that part `key`, caused by the patient's message `cause`, is our `message_id`."""

    async def sent(self, chat_id: ChatId, cause: str) -> list[tuple[Key, str]]:
        """What was sent because of `cause`, in order of sending."""


class Callbacks(Protocol):
    """Keeps what a button means under a short id, since Telegram gives a button 64 bytes."""

    async def keep(self, chat_id: ChatId, payload: str) -> str:
        """A short id for this payload in this chat; the same payload keeps its id."""

    async def find(self, chat_id: ChatId, callback: str) -> str | None:
        """The payload, or None if this chat was never given that id."""
