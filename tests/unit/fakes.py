"""What stands around storage and delivery in unit tests: Telegram, the lock, a database in a file of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import SendMessage
from aiogram.types import BufferedInputFile, Chat, InlineKeyboardMarkup, Message
from sqlalchemy import Table, select

from bot.adapters.database.engine import Database, database_url
from bot.adapters.database.inbox import Inbox
from bot.adapters.database.outbox import Outbox
from bot.adapters.database.vault import Vault
from bot.errors import DatabaseUnreachable
from bot.messages import ChatId
from bot.ports import Clock

ANNA = ChatId("mimika", "telegram", "1001")
BORIS = ChatId("mimika", "telegram", "1002")
# Longer than anything here takes, shorter than anybody wants to wait for a test that hangs.
PATIENCE = 10.0
_KEY = "dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgISE="


async def soon(work: Awaitable[Any]) -> Any:
    """The result of something that must not hang."""
    async with asyncio.timeout(PATIENCE):
        return await work


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    """Wait for something that no event tells of, such as a row in a database."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


# ---- Telegram ---------------------------------------------------------------------------------------------

Trouble = Callable[[], Exception]
_METHOD = SendMessage(chat_id=1, text="")


def slow_down(seconds: float) -> Trouble:
    return lambda: TelegramRetryAfter(_METHOD, "Flood control exceeded", seconds)  # type: ignore[arg-type]


def refused(message: str = "Bad Request: chat not found") -> Trouble:
    return lambda: TelegramBadRequest(_METHOD, message)


def blocked() -> Exception:
    return TelegramForbiddenError(_METHOD, "Forbidden: bot was blocked by the user")


def connection_lost() -> Exception:
    return TelegramNetworkError(_METHOD, "connection lost")


def server_error() -> Exception:
    return TelegramServerError(_METHOD, "Internal Server Error")


@dataclass(slots=True)
class Call:
    """One call to Telegram: `at` on the loop's clock, in seconds; `done` once Telegram did as it was told."""

    method: str
    chat: int
    text: str = ""
    message: int = 0
    html: bool = False
    buttons: tuple[tuple[str, str], ...] = ()
    file: bytes = b""
    at: float = 0.0
    done: bool = False


@dataclass
class StandInBot:
    """Telegram: keeps what it was asked and what stands in each chat; fails or gets stuck where the test says so."""

    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._messages: dict[tuple[int, int], str] = {}
        self._numbers = count(100)
        self._troubles: list[tuple[Trouble, str, int | None, bool]] = []
        self._stuck: dict[int, asyncio.Event] = {}
        self._heard = asyncio.Event()

    # ---- what the test says and sees

    def fails(self, *troubles: Trouble, method: str = "", chat: ChatId | None = None, always: bool = False) -> None:
        """The next calls that fit fail, one for each trouble; `always`: all of them, until Telegram `works_again`."""
        number = None if chat is None else int(chat.chat)
        self._troubles += [(trouble, method, number, always) for trouble in troubles]

    def works_again(self) -> None:
        self._troubles.clear()

    def sticks(self, chat: ChatId) -> asyncio.Event:
        """Calls for this chat get no answer until the event is set."""
        return self._stuck.setdefault(int(chat.chat), asyncio.Event())

    async def has(self, seen: Callable[[], object]) -> None:
        """Wait until something is true of what was called."""
        async with asyncio.timeout(PATIENCE):
            while not seen():
                self._heard.clear()
                await self._heard.wait()

    def tried(self, chat: ChatId | None = None, method: str = "send_message") -> list[Call]:
        """The attempts, whatever came of them, in order."""
        return [call for call in self.calls if call.method == method and chat in (None, _chat(call.chat))]

    def sent(self, chat: ChatId | None = None) -> list[str]:
        """The texts of the new messages that Telegram took, in order."""
        return [call.text for call in self.tried(chat) if call.done]

    def shows(self, chat: ChatId = ANNA) -> list[str]:
        """What stands in a chat now, from the top."""
        return [text for (of, _), text in sorted(self._messages.items()) if of == int(chat.chat)]

    # ---- what the bot calls

    async def send_message(
        self, chat: int, text: str, parse_mode: str | None = None, reply_markup: InlineKeyboardMarkup | None = None
    ) -> Message:
        await self._take(Call("send_message", chat, text, html=parse_mode == "HTML", buttons=_buttons(reply_markup)))
        return self._stand(chat, text)

    async def edit_message_text(
        self,
        text: str,
        chat_id: int,
        message_id: int,
        parse_mode: str | None = None,
        reply_markup: InlineKeyboardMarkup | None = None,
    ) -> bool:
        html, buttons = parse_mode == "HTML", _buttons(reply_markup)
        await self._take(Call("edit_message_text", chat_id, text, message_id, html, buttons))
        self._messages[chat_id, message_id] = text
        return True

    async def delete_message(self, chat: int, message: int) -> bool:
        await self._take(Call("delete_message", chat, message=message))
        self._messages.pop((chat, message), None)
        return True

    async def send_document(self, chat: int, file: BufferedInputFile, caption: str | None = None) -> Message:
        await self._take(Call("send_document", chat, caption or "", file=file.data))
        return self._stand(chat, f"[{file.filename}]")

    async def send_chat_action(self, chat: int, action: str) -> bool:
        return await self._take(Call("send_chat_action", chat, action))

    async def answer_callback_query(self, query: str) -> bool:
        return await self._take(Call("answer_callback_query", 0, query))

    async def _take(self, call: Call) -> bool:
        call.at = asyncio.get_running_loop().time()
        self.calls.append(call)
        self._heard.set()
        if call.chat in self._stuck:
            await self._stuck[call.chat].wait()
        await asyncio.sleep(0)  # as over a network: the others go on meanwhile
        for found in self._troubles:
            trouble, method, chat, always = found
            if method in ("", call.method) and chat in (None, call.chat):
                if not always:
                    self._troubles.remove(found)
                raise trouble()
        call.done = True
        self._heard.set()
        return True

    def _stand(self, chat: int, text: str) -> Message:
        number = next(self._numbers)
        self._messages[chat, number] = text
        return Message(message_id=number, date=datetime.now(UTC), chat=Chat(id=chat, type="private"))


def _chat(number: int) -> ChatId:
    return ChatId("mimika", "telegram", str(number))


def _buttons(markup: InlineKeyboardMarkup | None) -> tuple[tuple[str, str], ...]:
    rows = markup.inline_keyboard if markup is not None else []
    return tuple((button.text, button.callback_data or "") for row in rows for button in row)


# ---- the lock and the meters ------------------------------------------------------------------------------


class StandInLock:
    """The sender's lock: ours as soon as we ask, until the test takes it away."""

    def __init__(self, *, free: bool = True) -> None:
        self.held = False
        self._free = asyncio.Event()
        if free:
            self._free.set()

    def give(self) -> None:
        self._free.set()

    def take_away(self) -> None:
        self._free.clear()
        self.held = False

    async def acquire(self) -> None:
        await self._free.wait()
        self.held = True

    async def release(self) -> None:
        self.held = False


class CountingMeters:
    """Keeps what was counted."""

    def __init__(self) -> None:
        self.turns: list[tuple[tuple[str, ...], str]] = []
        self.deliveries: list[tuple[str, float]] = []
        self.errors: list[str] = []
        self.alerts: list[str] = []
        self.refusals: list[str] = []
        self.holds: list[bool] = []

    def turn(self, kinds: Sequence[str], language: str, seconds: float) -> None:
        self.turns.append((tuple(kinds), language))

    def delivery(self, result: str, seconds: float) -> None:
        self.deliveries.append((result, seconds))

    def telegram_error(self, error: str) -> None:
        self.errors.append(error)

    def alert(self, reason: str) -> None:
        self.alerts.append(reason)

    def refused(self, reason: str) -> None:
        self.refusals.append(reason)

    def sending(self, held: bool) -> None:
        self.holds.append(held)


# ---- the database -----------------------------------------------------------------------------------------


@asynccontextmanager
async def open_database(folder: Path) -> AsyncIterator[Database]:
    """An SQLite file in a folder of the test's own, with its schema."""
    database = Database(database_url("", folder), "mimika", Vault([_KEY]))
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def table_rows(database: Database, table: Table) -> list[dict[str, Any]]:
    """Everything in a table, in the order of its key."""
    async with database.begin() as connection:
        found = await connection.execute(select(table).order_by(*table.primary_key.columns))
        return [dict(row) for row in found.mappings()]


class _Troubled:
    """`fails` and `hangs` name the methods that can't reach the database just now."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self.fails: set[str] = set()
        self.hangs: set[str] = set()

    async def _reach(self, method: str) -> None:
        if method in self.fails:
            raise DatabaseUnreachable("gone")
        while method in self.hangs:  # noqa: ASYNC110  # the test may let it go on
            await asyncio.sleep(0.01)


class TroubledInbox(_Troubled, Inbox):
    """The real inbox, until the test says what fails."""

    async def store(self, arrivals: Any) -> Any:
        await self._reach("store")
        return await super().store(arrivals)

    async def claim(self, most: int) -> Any:
        await self._reach("claim")
        return await super().claim(most)

    async def read(self, chat_id: ChatId) -> Any:
        await self._reach("read")
        return await super().read(chat_id)

    async def commit(self, claim: Any, done: Any) -> Any:
        await self._reach("commit")
        return await super().commit(claim, done)


class TroubledOutbox(_Troubled, Outbox):
    """The real outbox, until the test says what fails."""

    async def put(self, chat_id: ChatId, leaving: Any, done: Any) -> None:
        await self._reach("put")
        await super().put(chat_id, leaving, done)

    async def waiting(self, known: Any, most: int) -> Any:
        await self._reach("waiting")
        return await super().waiting(known, most)

    async def sent(self, parcel: Any, piece: int, message_id: str, *, last: bool) -> None:
        await self._reach("sent")
        await super().sent(parcel, piece, message_id, last=last)

    async def ended(self, parcel: Any, result: str) -> None:
        await self._reach("ended")
        await super().ended(parcel, result)

    async def payload(self, chat_id: ChatId, callback: str) -> Any:
        await self._reach("payload")
        return await super().payload(chat_id, callback)
