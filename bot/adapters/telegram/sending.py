"""The outbox towards Telegram: in order per chat, patient with limits and failures, never twice on purpose."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TypeVar

import structlog
from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.adapters.telegram.rendering import plain, render, rows
from bot.messages import Button, ChatId, Edit, Leaving, Reply
from bot.ports import Callbacks, MessageMap

T = TypeVar("T")
log = structlog.get_logger()

# Telegram allows about 30 messages a second per token; staying below leaves room for answers to presses.
PER_SECOND = 25.0
# How long a message that Telegram won't take is tried again, in seconds: an answer older than this helps nobody.
TRIED_FOR = 900.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


class TelegramOutbox:
    """Sends what turns produced: one sender per chat keeps the order, one pace for all keeps Telegram's limit.

    In memory for now: what waits here is lost when the process is killed.
    """

    def __init__(self, bot: Bot, messages: MessageMap, callbacks: Callbacks) -> None:
        self._bot, self._messages, self._callbacks = bot, messages, callbacks
        # What waits by chat and by whether it goes ahead: two lines, each in order, and neither waits for the other.
        self._waiting: dict[tuple[ChatId, bool], deque[tuple[Sequence[Leaving], str]]] = {}
        self._senders: set[asyncio.Task[None]] = set()
        self._next_send = 0.0

    async def put(self, chat_id: ChatId, leaving: Sequence[Leaving], cause: str, *, ahead: bool = False) -> None:
        if not leaving:
            return
        if (chat_id, ahead) in self._waiting:
            self._waiting[chat_id, ahead].append((leaving, cause))
            return
        self._waiting[chat_id, ahead] = deque([(leaving, cause)])
        self._start(self._send_all(chat_id, ahead))

    def _start(self, sending: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(sending)
        self._senders.add(task)
        task.add_done_callback(self._senders.discard)

    async def drained(self) -> None:
        """Wait until everything handed over is sent or given up."""
        while self._senders:
            await asyncio.wait(set(self._senders))

    async def _send_all(self, chat_id: ChatId, ahead: bool) -> None:
        queue = self._waiting[chat_id, ahead]
        while queue:
            leaving, cause = queue[0]
            await self._try_to_send(chat_id, leaving, cause, ahead)
            queue.popleft()
        del self._waiting[chat_id, ahead]

    async def _try_to_send(self, chat_id: ChatId, leaving: Sequence[Leaving], cause: str, ahead: bool) -> None:
        try:
            await self._send(chat_id, leaving, cause, ahead)
        except TelegramForbiddenError:
            log.info("patient_unreachable", chat=str(chat_id))
        except TelegramAPIError as error:
            log.error("reply_not_sent", chat=str(chat_id), cause=cause, error=type(error).__name__)
        except Exception:
            log.exception("sending_failed", chat=str(chat_id), cause=cause)

    async def _send(self, chat_id: ChatId, leaving: Sequence[Leaving], cause: str, ahead: bool) -> None:
        """Send the parts of one turn. Edits take over the messages of the earlier answer, in order."""
        earlier = await self._messages.sent(chat_id, cause) if any(isinstance(one, Edit) for one in leaving) else []
        free = [message_id for _, message_id in earlier]
        for one in leaving:
            reply = one.reply if isinstance(one, Edit) else one
            if not isinstance(reply, Reply):
                log.error("cannot_leave_here", chat=str(chat_id), value=type(one).__name__)
                continue
            pairs = list(zip(render(reply.text), plain(reply.text), strict=True))
            for number, (html, text) in enumerate(pairs):
                last = number == len(pairs) - 1
                markup = await self._markup(chat_id, reply.buttons) if last else None
                over = free.pop(0) if free else None
                message_id = await self._deliver(chat_id, html, text, markup, over, ahead)
                await self._messages.note(chat_id, cause, reply.key, message_id)
        for message_id in free:
            await self._quietly(self._bot.delete_message, int(chat_id.chat), int(message_id))

    async def _deliver(
        self, chat_id: ChatId, html: str, text: str, markup: InlineKeyboardMarkup | None, over: str | None, ahead: bool
    ) -> str:
        """Send one message, or put it over an earlier one; returns its id."""
        chat = int(chat_id.chat)
        if over is not None:
            try:
                await self._with_fallback(
                    html,
                    text,
                    lambda body, mode: self._bot.edit_message_text(
                        body, chat_id=chat, message_id=int(over), parse_mode=mode, reply_markup=markup
                    ),
                    ahead,
                )
                return over
            except TelegramBadRequest as error:
                if "not modified" in error.message:
                    return over
                # Too old to be edited, or gone: the corrected answer is then a new message.
        sent = await self._with_fallback(
            html,
            text,
            lambda body, mode: self._bot.send_message(chat, body, parse_mode=mode, reply_markup=markup),
            ahead,
        )
        assert isinstance(sent, Message)
        return str(sent.message_id)

    async def _with_fallback(
        self, html: str, text: str, call: Callable[[str, str | None], Awaitable[T]], ahead: bool
    ) -> T:
        """Send as HTML; where Telegram can't parse it, once more as plain text."""
        try:
            return await self._patiently(lambda: call(html, "HTML"), ahead)
        except TelegramBadRequest as error:
            if "can't parse entities" not in error.message:
                raise
            log.error("markup_refused", length=len(html))
            return await self._patiently(lambda: call(text, None), ahead)

    async def _patiently(self, call: Callable[[], Awaitable[T]], ahead: bool) -> T:
        """Call until Telegram takes it; waits as long as it is told to, and longer each time it fails.

        A connection that broke after Telegram had acted can't be told from one that broke before: the message is
        then sent twice, which is better than not at all.
        """
        began, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            if not ahead:
                await self._pace()
            try:
                return await call()
            except TelegramRetryAfter as error:
                wait = float(error.retry_after)
            except (TelegramNetworkError, TelegramServerError):
                if time.monotonic() - began > TRIED_FOR:
                    raise
                wait, pause = pause, min(pause * 2, _LONGEST_PAUSE)
            log.warning("telegram_made_us_wait", seconds=wait)
            await asyncio.sleep(wait)

    async def _pace(self) -> None:
        now = time.monotonic()
        slot = max(now, self._next_send)
        self._next_send = slot + 1 / PER_SECOND
        await asyncio.sleep(slot - now)

    async def _quietly(self, call: Callable[..., Awaitable[object]], *arguments: int) -> None:
        try:
            await call(*arguments)
        except TelegramAPIError as error:
            log.info("bookkeeping_failed", error=type(error).__name__)

    async def _markup(self, chat_id: ChatId, buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
        if not buttons:
            return None
        return InlineKeyboardMarkup(
            inline_keyboard=[
                [
                    InlineKeyboardButton(
                        text=button.title, callback_data=await self._callbacks.keep(chat_id, button.payload)
                    )
                    for button in row
                ]
                for row in rows(buttons)
            ]
        )
