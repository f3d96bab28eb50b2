"""The values every step speaks: what arrives, what is remembered, what leaves.

All are frozen; times are aware datetimes. Nothing here knows Telegram, a database or a library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

Lang = Literal["ru", "en"]
LANGS: tuple[Lang, ...] = ("ru", "en")

# A chat's topic is forgotten after this: a question asked later is a new one (design.md, section 2).
TOPIC_LASTS = timedelta(minutes=30)
# After an alarm the chat stays in care mode so long, unless the patient says that all is well.
CARE_LASTS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ChatId:
    """One conversation. `bot` is our own name for the bot, never its token; `channel` is telegram, terminal..."""

    bot: str
    channel: str
    chat: str

    def __str__(self) -> str:
        return f"{self.bot}:{self.channel}:{self.chat}"


@dataclass(frozen=True, slots=True)
class Contact:
    """A phone number shared by button; `own` says that it is the sender's."""

    phone: str
    name: str
    own: bool


AttachmentKind = Literal["photo", "voice", "video", "sticker", "document", "audio", "location", "other"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something that is no text; its caption travels as the message's text."""

    kind: AttachmentKind
    file_id: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message, or one press of a button, as the channel delivered it.

    `press` is the button's payload, already looked up and checked for its owner; `edited` says that
    `message_id` was answered before; `album` groups parts of one album; `language_hint` is an IETF tag.
    """

    chat_id: ChatId
    sender: str
    message_id: str
    at: datetime
    text: str = ""
    press: str | None = None
    album: str | None = None
    contact: Contact | None = None
    attachment: Attachment | None = None
    reply_to: str | None = None
    edited: bool = False
    language_hint: str | None = None

    @property
    def turn(self) -> str:
        """The turn's id: the same for a repeated delivery, another one for each edit and each press."""
        return f"{self.message_id}~{self.at.timestamp():.3f}" if self.edited else self.message_id


class Kind(StrEnum):
    """What a reply is, most important first: the order decides which of several replies counts."""

    CRISIS = "crisis"
    EMERGENCY = "emergency"
    URGENT = "urgent"
    REFUSAL = "refusal"
    ANSWER = "answer"
    CLARIFY = "clarify"
    BOOKING = "booking"
    HANDOFF = "handoff"
    UNKNOWN = "unknown"
    CHAT = "chat"
    SILENT = "silent"

    @property
    def rank(self) -> int:
        return list(Kind).index(self)


class Notice(StrEnum):
    """Warnings a reply must carry, in the order in which they stand (advertising before the text)."""

    ADVERTISING = "advertising"
    UNSIGNED = "unsigned"
    CONTRAINDICATIONS = "contraindications"
    PSYCHOTHERAPY = "psychotherapy"
    WATCH = "watch"


@dataclass(frozen=True, slots=True)
class Button:
    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Key:
    """Stable name of something that leaves: the turn it belongs to and its part in it, from 0."""

    turn: str = ""
    part: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """A text for the patient, complete: its notices already stand in `text` (Markdown).

    `topics` are the catalogue ids it speaks of, `sources` the bibliography keys it rests on,
    `confidence` the probability that it answers the question (1.0 for a pressed button, 0.0 where none).
    """

    kind: Kind
    text: str
    buttons: tuple[Button, ...] = ()
    notices: tuple[Notice, ...] = ()
    topics: tuple[str, ...] = ()
    confidence: float = 0.0
    sources: tuple[str, ...] = ()
    key: Key = Key()


@dataclass(frozen=True, slots=True)
class Edit:
    """A reply that takes the place of one sent earlier, `target`; behind the `last` one earlier parts are removed."""

    target: Key
    reply: Reply
    key: Key = Key()
    last: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    name: str
    content: bytes
    caption: str = ""
    key: Key = Key()


@dataclass(frozen=True, slots=True)
class Copy:
    """Another chat's message, carried over without its author's name."""

    source: ChatId
    message_id: str
    key: Key = Key()


@dataclass(frozen=True, slots=True)
class StaffCard:
    text: str
    buttons: tuple[Button, ...] = ()
    key: Key = Key()


@dataclass(frozen=True, slots=True)
class Alert:
    """Staff must look now; `reason` is a code, never the patient's words."""

    reason: str
    key: Key = Key()


@dataclass(frozen=True, slots=True)
class ShowData:
    """The patient wants to see everything that is kept about them, as a file."""

    key: Key = Key()


@dataclass(frozen=True, slots=True)
class Erase:
    """The patient wants everything erased that need not stay."""

    key: Key = Key()


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question nobody answered, for the clinic to write an answer to; nothing in it names a person."""

    question: str
    key: Key = Key()


Leaving = Reply | Edit | Document | Copy | StaffCard | Alert
Effect = Document | Copy | StaffCard | Alert | ShowData | Erase | Unanswered

# Raised when the fields of ChatState change their meaning: older states are then read anew.
STATE_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class ChatState:
    """What one turn leaves for the next.

    `offered` are the topics last offered for a choice and `offered_question` what they were offered for;
    `events` are the dialogue's tracker events; while `owner` is a human, the bot is silent. Until `care_until`
    nothing is sold after an alarm; `care_for` is the danger reply it was given.
    """

    schema: int = STATE_SCHEMA
    language: Lang | None = None
    topic: str | None = None
    topic_at: datetime | None = None
    offered: tuple[str, ...] = ()
    offered_question: str = ""
    offered_at: datetime | None = None
    unknowns: int = 0
    events: tuple[Mapping[str, Any], ...] = ()
    owner: Literal["bot", "human"] = "bot"
    care_until: datetime | None = None
    care_for: str = ""

    def in_care(self, at: datetime) -> bool:
        """Whether the chat has had an alarm lately, and the patient has not said since that all is well."""
        return self.care_until is not None and at < self.care_until

    def live_topic(self, at: datetime) -> str | None:
        """The chat's topic, unless it is too old to read a new message by."""
        if self.topic is None or self.topic_at is None or at - self.topic_at > TOPIC_LASTS:
            return None
        return self.topic

    def live_offers(self, at: datetime) -> tuple[str, ...]:
        """The topics offered last, unless that is too long ago for a typed reply to mean one of them."""
        return self.offered if self.offered_at is not None and at - self.offered_at <= TOPIC_LASTS else ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one turn decided; nothing of it has happened yet."""

    state: ChatState
    replies: tuple[Reply, ...] = field(default=())
    effects: tuple[Effect, ...] = field(default=())
    language: Lang = "ru"
