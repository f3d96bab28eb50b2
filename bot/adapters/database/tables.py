"""The tables, in the clinic's words. Columns named `sealed_...` are encrypted; nothing else holds patients' words."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
# SQLite counts only a column of exactly this type up by itself.
_NUMBER = BigInteger().with_variant(Integer, "sqlite")


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC; SQLite forgets the zone, so it is put back.

    Raises:
        ValueError: a naive time is given.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone can't be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _whose(*, primary: bool = False) -> tuple[Column[str], Column[str], Column[str]]:
    """The chat a row belongs to: every key begins with our own name of the bot."""
    return (
        Column("bot", String(64), primary_key=primary, nullable=False),
        Column("channel", String(32), primary_key=primary, nullable=False),
        Column("chat", String(64), primary_key=primary, nullable=False),
    )


# One row per chat: its state, and who works on it until when. `fence` counts the claims, so that a worker which lost
# its lease can't commit; `due_at` is when the earliest waiting message may be taken, null where none waits.
CHATS = Table(
    "chats",
    METADATA,
    *_whose(primary=True),
    Column("sealed_state", LargeBinary),
    Column("version", Integer, nullable=False, default=0),
    Column("seen_at", UtcTime, nullable=False),
    Column("due_at", UtcTime),
    Column("lease_holder", String(64)),
    Column("lease_until", UtcTime),
    Column("fence", Integer, nullable=False, default=0),
    # Claims since the last commit: a message that kills its worker again and again is given up with an apology.
    Column("tries", Integer, nullable=False, default=0),
    Column("unreachable_since", UtcTime),
)
Index("ix_chats_due", CHATS.c.bot, CHATS.c.due_at)
Index("ix_chats_seen", CHATS.c.seen_at)

# One row per update taken from the channel; its words go when its turn is done, its id stays for repeated deliveries.
INBOX = Table(
    "inbox",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    *_whose(),
    Column("update_id", BigInteger, nullable=False),
    Column("sealed_incoming", LargeBinary),
    Column("received_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("ahead", Boolean, nullable=False, default=False),
    Column("told", Boolean, nullable=False, default=False),
    Column("fragment", Boolean, nullable=False, default=False),
    Column("done_at", UtcTime),
    UniqueConstraint("bot", "channel", "update_id"),
)
_WAITING = text("done_at IS NULL")
Index("ix_inbox_waiting", INBOX.c.bot, INBOX.c.channel, INBOX.c.chat, postgresql_where=_WAITING, sqlite_where=_WAITING)
Index("ix_inbox_done", INBOX.c.done_at)

# One row per value that must leave; the order of ids is the order of sending within a chat.
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    *_whose(),
    Column("turn", String(128), nullable=False),
    Column("part", Integer, nullable=False),
    Column("cause", String(128), nullable=False),
    Column("ahead", Boolean, nullable=False, default=False),
    Column("language", String(2), nullable=False),
    Column("sealed_leaving", LargeBinary),
    Column("asked_at", UtcTime, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    # How many of the messages a long reply is cut into have been sent.
    Column("pieces", Integer, nullable=False, default=0),
    Column("done_at", UtcTime),
    Column("result", String(32)),
)
Index("ix_outbox_waiting", OUTBOX.c.bot, OUTBOX.c.id, postgresql_where=_WAITING, sqlite_where=_WAITING)
Index("ix_outbox_done", OUTBOX.c.done_at)

# Which message of ours came of which of theirs; serves edits, quotes and relays.
MESSAGES = Table(
    "messages",
    METADATA,
    *_whose(primary=True),
    Column("message", String(64), primary_key=True),
    Column("cause", String(128), nullable=False),
    Column("turn", String(128), nullable=False),
    Column("part", Integer, nullable=False),
    Column("piece", Integer, nullable=False),
    Column("noted_at", UtcTime, nullable=False),
)
Index("ix_messages_cause", MESSAGES.c.bot, MESSAGES.c.channel, MESSAGES.c.chat, MESSAGES.c.cause)
Index("ix_messages_noted", MESSAGES.c.noted_at)

# What a button means, under the short id that Telegram carries.
CALLBACKS = Table(
    "callbacks",
    METADATA,
    *_whose(primary=True),
    Column("callback", String(32), primary_key=True),
    Column("sealed_payload", LargeBinary, nullable=False),
    Column("kept_at", UtcTime, nullable=False),
)
Index("ix_callbacks_kept", CALLBACKS.c.kept_at)

# What was answered, for the clinic's report: no chat, no words.
ANSWERS = Table(
    "answers",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("bot", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("language", String(2), nullable=False),
    Column("kind", String(16), nullable=False),
    # One row per topic; empty where the reply is about none.
    Column("topic", String(64), nullable=False, default=""),
    Column("confidence", Float, nullable=False, default=0.0),
    # How it came about: typed, pressed, or chosen among offered topics.
    Column("by", String(16), nullable=False),
    Column("library", String(64), nullable=False, default=""),
)
Index("ix_answers_at", ANSWERS.c.bot, ANSWERS.c.at)

# Questions nobody answered, with everything that could name a person masked; of no chat.
UNANSWERED = Table(
    "unanswered",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("bot", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("language", String(2), nullable=False),
    Column("sealed_question", LargeBinary, nullable=False),
)
Index("ix_unanswered_at", UNANSWERED.c.at)

# What patients thought of the bot.
FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    *_whose(),
    Column("at", UtcTime, nullable=False),
    Column("language", String(2), nullable=False),
    Column("rating", Integer),
    Column("sealed_comment", LargeBinary),
)
Index("ix_feedback_whose", FEEDBACK.c.bot, FEEDBACK.c.channel, FEEDBACK.c.chat)

# Which text a patient agreed to, and when; kept when everything else is erased.
CONSENTS = Table(
    "consents",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    *_whose(),
    Column("text_version", String(64), nullable=False),
    Column("text_hash", String(64), nullable=False),
    Column("language", String(2), nullable=False),
    Column("given_at", UtcTime, nullable=False),
    Column("withdrawn_at", UtcTime),
)
Index("ix_consents_whose", CONSENTS.c.bot, CONSENTS.c.channel, CONSENTS.c.chat)

# One row per bot: the library version every replica serves.
LIBRARY = Table(
    "library",
    METADATA,
    Column("bot", String(64), primary_key=True),
    Column("version", String(64), nullable=False),
    Column("published_at", UtcTime, nullable=False),
)

# One row: a known word under the data key, so that a wrong key is told at the start and not at the first patient.
SEAL = Table(
    "seal",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("sealed_word", LargeBinary, nullable=False),
)

# Every encrypted column, for the rotation of keys.
SEALED = tuple(
    (table, column) for table in METADATA.sorted_tables for column in table.columns if column.name.startswith("sealed_")
)
