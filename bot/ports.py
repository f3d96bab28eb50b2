"""Every door to the outside, in domain words.

The stored ports (Inbox, Outbox, Publication, Lock) have no twin in memory: an SQLite file in a temporary folder is as
quick, and cannot drift from what runs in earnest.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from bot.deliveries import Arrival, Claim, Done, Parcel
from bot.messages import Alert, ChatId, ChatState, Leaving, Reply

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
    """Remembers each chat's state between turns of the terminal, which stores nothing."""

    async def load(self, chat_id: ChatId) -> tuple[ChatState, int]:
        """The state and its version; a new chat has an empty state at version 0."""

    async def save(self, chat_id: ChatId, state: ChatState, version: int) -> bool:
        """Replace the state if its version is still `version`; False (and no change) if not."""


class Inbox(Protocol):
    """Messages between their arrival and their turn; survives a crash at any instant.

    Every method raises DatabaseUnreachable where nothing could be read or written just now.
    """

    async def store(self, arrivals: Sequence[Arrival]) -> dict[int, int]:
        """Keep updates; gives the rows of those not seen before, by update. All are kept, or none."""

    async def claim(self, most: int) -> list[Claim]:
        """Lease up to `most` chats in which something may be answered, those that wait longest first."""

    async def read(self, chat_id: ChatId) -> tuple[ChatState, int]:
        """A chat's state and its version, without a lease; a new chat has an empty state at version 0."""

    async def commit(self, claim: Claim, done: Done) -> Claim | None:
        """Write what a turn came to, whole or not at all; gives what waits in the chat now, still leased.

        Raises:
            TurnLost: somebody else has done it, or has the chat now.
        """

    async def release(self, claim: Claim) -> None:
        """Give a lease back with nothing written."""

    async def wait(self, seconds: float) -> None:
        """Sleep until something may be due, or for so long."""


class Outbox(Protocol):
    """What must leave, between its turn and its sending; raises DatabaseUnreachable like the inbox."""

    async def put(self, chat_id: ChatId, leaving: Sequence[Leaving], done: Done) -> None:
        """Hand over what no commit carries: an apology for a turn that failed, the word that staff were alerted."""

    async def waiting(self, known: Collection[int], most: int) -> list[Parcel]:
        """Up to `most` parcels that are not `known` yet, in the order of sending."""

    async def sent(self, parcel: Parcel, piece: int, message_id: str, *, last: bool) -> None:
        """Note that a piece, counted from 0, has left as `message_id`; with the `last` one the parcel is done."""

    async def ended(self, parcel: Parcel, result: str) -> None:
        """Record that a parcel will not be tried again, and why: `unreachable`, `refused`, `gave_up`."""

    async def earlier(self, chat_id: ChatId, cause: str) -> dict[tuple[int, int], str]:
        """Our messages that `cause` led to, by part and piece: an edited answer takes their place."""

    async def removed(self, chat_id: ChatId, message_id: str) -> None:
        """A message of ours is no longer there."""

    def callback(self, chat_id: ChatId, payload: str) -> str:
        """The short id of a button's payload, since Telegram gives a button 64 bytes."""

    async def payload(self, chat_id: ChatId, callback: str) -> str | None:
        """What a button means, or None if this chat was never given it, or too long ago."""

    async def wait(self, seconds: float) -> None:
        """Sleep until something may wait here, or for so long."""


class Publication(Protocol):
    """Which library version every replica serves; raises DatabaseUnreachable."""

    async def current(self) -> str | None:
        """The version to serve; None before the first was published."""

    async def publish(self, version: str) -> None:
        """Every replica is to serve this version from now on."""


class Lock(Protocol):
    """Held by one process at a time, and let go of when that process dies."""

    @property
    def held(self) -> bool:
        """Whether it is ours at this moment."""

    async def acquire(self) -> None:
        """Wait until it is ours; says so once if another process has it."""

    async def release(self) -> None:
        """Let go of it, if it is ours."""


class Voice(Protocol):
    """Speaks to a patient at once, with nothing stored: for a danger that storage did not take."""

    async def say(self, chat_id: ChatId, replies: Sequence[Reply]) -> bool:
        """Whether all of it was sent."""


class Alerts(Protocol):
    """Tells staff that somebody is in danger."""

    async def raise_alert(self, chat_id: ChatId, alert: Alert) -> bool:
        """Whether the alert really reached a person's screen; the patient hears of it only then."""


class Meters(Protocol):
    """Counts what an engineer watches; ids and kinds only."""

    def turn(self, kinds: Sequence[str], language: str, seconds: float) -> None:
        """A turn was committed, so long after it was claimed."""

    def delivery(self, result: str, seconds: float) -> None:
        """A parcel was sent or given up, so long after its message was written."""

    def telegram_error(self, error: str) -> None: ...

    def alert(self, reason: str) -> None: ...

    def refused(self, reason: str) -> None:
        """A webhook call was turned away."""

    def sending(self, held: bool) -> None:
        """Whether this process is the one that sends."""
