"""Empties the outbox towards Telegram: in order per chat, patient with limits and failures, never twice on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
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
from aiogram.types import BufferedInputFile, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.adapters.telegram.pace import Pace
from bot.adapters.telegram.rendering import plain, render, rows
from bot.deliveries import Parcel
from bot.errors import DatabaseUnreachable
from bot.messages import Button, ChatId, Document, Edit, Kind, Reply
from bot.ports import Clock, Lock, Meters, Outbox
from bot.wording import Phrase, Wording

T = TypeVar("T")
# A chat's line: what goes ahead waits for nothing that doesn't.
Line = tuple[ChatId, bool]
log = structlog.get_logger()

# How long a message that Telegram won't take is tried again: an answer older than this helps nobody.
TRIED_FOR = timedelta(hours=24)
# An answer that comes so late begins with an apology.
LATE = timedelta(minutes=15)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
# Parcels held in memory at a time, and the least that are looked for: a danger must not wait behind a full memory.
_AT_ONCE, _LEAST = 200, 20
# Calls to Telegram under way at the same time.
_CALLS = 30
_LOOK_EVERY = 1.0
_DANGERS = frozenset({Kind.CRISIS, Kind.EMERGENCY, Kind.URGENT})


class Sender:
    """Sends what waits, as long as the lock is ours.

    What can't be made exactly-once: if the process dies between Telegram's taking a message and our noting it, or if
    a connection breaks after Telegram had acted, that one message is sent again. `make faults` measures how often.

    Args:
        limits: keep Telegram's limits; only tests and measurements do without.
    """

    def __init__(
        self,
        bot: Bot,
        outbox: Outbox,
        lock: Lock,
        meters: Meters,
        clock: Clock,
        wording: Callable[[], Wording],
        *,
        limits: bool = True,
    ) -> None:
        self._bot, self._outbox, self._lock = bot, outbox, lock
        self._meters, self._clock, self._wording = meters, clock, wording
        self._pace = Pace() if limits else None
        self._calls = asyncio.Semaphore(_CALLS)
        self._lines: dict[Line, deque[Parcel]] = {}
        self._known: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Send until `stop` is called; waits for the lock, and again when it is lost."""
        while not self._stopping.is_set():
            await self._lock.acquire()
            self._meters.sending(True)
            log.info("sending")
            try:
                await self._send_waiting()
            except asyncio.CancelledError:
                for task in self._tasks:
                    task.cancel()
                raise
            finally:
                self._meters.sending(False)
                await self._give_up_lines()
            if not self._stopping.is_set():
                log.warning("sender_lock_lost")

    async def drained(self) -> None:
        """Wait until nothing waits here or in the outbox, if we are the one that sends."""
        with contextlib.suppress(DatabaseUnreachable):
            while self._lock.held and (self._known or await self._outbox.waiting(self._known, 1)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Begin nothing new; wait for the calls under way. What still waits is sent after the next start."""
        self._stopping.set()
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        await self._lock.release()

    async def say(self, chat_id: ChatId, replies: Sequence[Reply]) -> bool:
        """Send a danger's replies at once, with nothing stored and without buttons, which would need storing."""
        for reply in replies:
            for html, text in zip(render(reply.text), plain(reply.text), strict=True):
                await self._with_fallback(
                    html,
                    text,
                    lambda body, mode: self._bot.send_message(int(chat_id.chat), body, parse_mode=mode),
                    int(chat_id.chat),
                    ahead=True,
                )
        return True

    async def _send_waiting(self) -> None:
        while self._lock.held and not self._stopping.is_set():
            try:
                room = max(_AT_ONCE - len(self._known), _LEAST)
                parcels = await self._outbox.waiting(self._known, room)
            except DatabaseUnreachable as error:
                log.warning("outbox_unreachable", reason=error.reason)
                await asyncio.sleep(_FIRST_PAUSE)
                continue
            for parcel in parcels:
                self._take(parcel)
            if len(parcels) < room or len(self._known) >= _AT_ONCE:
                await self._outbox.wait(_LOOK_EVERY)

    def _take(self, parcel: Parcel) -> None:
        line: Line = (parcel.chat_id, parcel.ahead)
        self._known.add(parcel.id)
        if line in self._lines:
            self._lines[line].append(parcel)
            return
        self._lines[line] = deque([parcel])
        task = asyncio.create_task(self._send_line(line))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _give_up_lines(self) -> None:
        """The lock is gone, and another process may send now: forget what waits here, it stays in the database."""
        for queue in self._lines.values():
            while len(queue) > 1:
                self._known.discard(queue.pop().id)
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _send_line(self, line: Line) -> None:
        queue = self._lines[line]
        try:
            while queue and not self._must_stop:
                await self._finish(queue[0])
                self._known.discard(queue.popleft().id)
        finally:
            for parcel in queue:
                self._known.discard(parcel.id)
            del self._lines[line]

    @property
    def _must_stop(self) -> bool:
        return self._stopping.is_set() or not self._lock.held

    async def _finish(self, parcel: Parcel) -> None:
        """Send one parcel, or record why not; an error of ours is recorded too, so that nothing is tried for ever."""
        try:
            result = await self._send(parcel)
        except TelegramForbiddenError:
            log.info("patient_unreachable", chat=str(parcel.chat_id))
            result = "unreachable"
        except TelegramAPIError as error:
            self._meters.telegram_error(type(error).__name__)
            log.error("reply_not_sent", chat=str(parcel.chat_id), cause=parcel.cause, error=type(error).__name__)
            gave_up = isinstance(error, TelegramNetworkError | TelegramServerError | TelegramRetryAfter)
            result = "gave_up" if gave_up else "refused"
        except (_Stopped, DatabaseUnreachable):
            return
        except Exception:
            log.exception("sending_failed", chat=str(parcel.chat_id), cause=parcel.cause)
            result = "refused"
        if result != "sent":
            with contextlib.suppress(DatabaseUnreachable):
                await self._persist(lambda: self._outbox.ended(parcel, result))
        self._meters.delivery(result, (self._clock.now() - parcel.asked_at).total_seconds())

    async def _send(self, parcel: Parcel) -> str:
        leaving = parcel.leaving
        if isinstance(leaving, Document):
            await self._send_document(parcel, leaving)
            return "sent"
        reply = leaving.reply if isinstance(leaving, Edit) else leaving
        if not isinstance(reply, Reply):
            log.error("cannot_leave_here", chat=str(parcel.chat_id), value=type(reply).__name__)
            return "refused"
        reply = self._with_apology(parcel, reply)
        earlier = await self._earlier(parcel) if isinstance(leaving, Edit) else {}
        pairs = list(zip(render(reply.text), plain(reply.text), strict=True))
        if not pairs:
            log.error("nothing_to_show", chat=str(parcel.chat_id), cause=parcel.cause)
            return "refused"
        for number in range(parcel.pieces, len(pairs)):
            last = number == len(pairs) - 1
            html, text = pairs[number]
            markup = self._markup(parcel.chat_id, reply.buttons) if last else None
            over = earlier.get((reply.key.part, number))
            message_id = await self._deliver(parcel, html, text, markup, over)
            done = last and not isinstance(leaving, Edit)
            await self._persist(lambda n=number, m=message_id, d=done: self._outbox.sent(parcel, n, m, last=d))  # type: ignore[misc]
        if isinstance(leaving, Edit):
            await self._remove_rest(parcel, leaving, earlier, len(pairs))
            await self._persist(lambda: self._outbox.ended(parcel, "sent"))
        return "sent"

    async def _send_document(self, parcel: Parcel, document: Document) -> None:
        file = BufferedInputFile(document.content, document.name)
        chat = int(parcel.chat_id.chat)
        call: Callable[[], Awaitable[Message]] = lambda: self._bot.send_document(  # noqa: E731
            chat, file, caption=document.caption or None
        )
        sent = await self._patiently(call, chat, parcel.ahead, parcel)
        await self._persist(lambda: self._outbox.sent(parcel, 0, str(sent.message_id), last=True))

    async def _earlier(self, parcel: Parcel) -> dict[tuple[int, int], str]:
        return await self._persist(lambda: self._outbox.earlier(parcel.chat_id, parcel.cause))

    async def _remove_rest(self, parcel: Parcel, edit: Edit, earlier: dict[tuple[int, int], str], pieces: int) -> None:
        """Take away what is left of an earlier answer that was longer."""
        part = edit.reply.key.part
        for (other, piece), message_id in earlier.items():
            if (other == part and piece >= pieces) or (edit.last and other > part):
                await self._take_away(parcel, int(message_id))
                await self._persist(lambda m=message_id: self._outbox.removed(parcel.chat_id, m))  # type: ignore[misc]

    def _with_apology(self, parcel: Parcel, reply: Reply) -> Reply:
        """An answer that comes late says so first; what to do in danger is never put off by a word."""
        begun = parcel.pieces > 0
        if begun or reply.kind in _DANGERS or self._clock.now() - parcel.asked_at < LATE:
            return reply
        return replace(reply, text=f"{self._wording()(parcel.language, Phrase.LATE)}\n\n{reply.text}")

    async def _deliver(
        self, parcel: Parcel, html: str, text: str, markup: InlineKeyboardMarkup | None, over: str | None
    ) -> str:
        """Send one message, or put it over an earlier one; returns its id."""
        chat = int(parcel.chat_id.chat)
        if over is not None:
            try:
                await self._with_fallback(
                    html,
                    text,
                    lambda body, mode: self._bot.edit_message_text(
                        body, chat_id=chat, message_id=int(over), parse_mode=mode, reply_markup=markup
                    ),
                    chat,
                    ahead=parcel.ahead,
                    parcel=parcel,
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
            chat,
            ahead=parcel.ahead,
            parcel=parcel,
        )
        assert isinstance(sent, Message)
        return str(sent.message_id)

    async def _with_fallback(
        self,
        html: str,
        text: str,
        call: Callable[[str, str | None], Awaitable[T]],
        chat: int,
        *,
        ahead: bool,
        parcel: Parcel | None = None,
    ) -> T:
        """Send as HTML; where Telegram can't parse it, once more as plain text."""
        try:
            return await self._patiently(lambda: call(html, "HTML"), chat, ahead, parcel)
        except TelegramBadRequest as error:
            if "can't parse entities" not in error.message:
                raise
            log.error("markup_refused", length=len(html))
            return await self._patiently(lambda: call(text, None), chat, ahead, parcel)

    async def _patiently(
        self, call: Callable[[], Awaitable[T]], chat: int, ahead: bool, parcel: Parcel | None = None
    ) -> T:
        """Call until Telegram takes it; waits as long as it is told to, and longer each time it fails.

        A connection that broke after Telegram had acted can't be told from one that broke before: the message is
        then sent twice, which is better than not at all.
        """
        began, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            if self._pace is not None and not ahead:
                await self._sleep(self._pace.slot(chat, now := time.monotonic()) - now, parcel)
            try:
                if ahead:
                    return await call()
                async with self._calls:
                    return await call()
            except TelegramRetryAfter as error:
                wait = float(error.retry_after)
            except (TelegramNetworkError, TelegramServerError) as error:
                self._meters.telegram_error(type(error).__name__)
                if time.monotonic() - began > TRIED_FOR.total_seconds():
                    raise
                wait, pause = pause, min(pause * 2, _LONGEST_PAUSE)
            if self._pace is not None:
                self._pace.pause(chat, time.monotonic() + wait)
            log.warning("telegram_made_us_wait", seconds=wait)
            await self._sleep(wait, parcel)

    async def _sleep(self, seconds: float, parcel: Parcel | None) -> None:
        """Wait, unless we must stop: what is stored is then left for the next start.

        Raises:
            _Stopped: it was stored, and is not to be sent from here any more.
        """
        if seconds > 0:
            if parcel is None:
                await asyncio.sleep(seconds)
            else:
                try:
                    async with asyncio.timeout(seconds):
                        await self._stopping.wait()
                except TimeoutError:
                    pass
        if parcel is not None and self._must_stop:
            raise _Stopped

    async def _persist(self, note: Callable[[], Awaitable[T]]) -> T:
        """Note what has happened until the database takes it: it has happened, and must not happen again."""
        while True:
            try:
                return await note()
            except DatabaseUnreachable as error:
                log.warning("outbox_unreachable", reason=error.reason)
                if self._stopping.is_set():
                    raise
                await asyncio.sleep(_FIRST_PAUSE)

    async def _take_away(self, parcel: Parcel, message_id: int) -> None:
        """Remove a message of ours; one that Telegram won't take away (too old, gone already) stays."""
        chat = int(parcel.chat_id.chat)
        try:
            await self._patiently(lambda: self._bot.delete_message(chat, message_id), chat, parcel.ahead, parcel)
        except TelegramBadRequest as error:
            log.info("not_taken_away", error=type(error).__name__)

    def _markup(self, chat_id: ChatId, buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
        if not buttons:
            return None
        return InlineKeyboardMarkup(
            inline_keyboard=[
                [
                    InlineKeyboardButton(
                        text=button.title, callback_data=self._outbox.callback(chat_id, button.payload)
                    )
                    for button in row
                ]
                for row in rows(buttons)
            ]
        )


class _Stopped(Exception):
    """The parcel stays in the outbox; nothing was sent of the piece under way."""
