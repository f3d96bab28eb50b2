"""Telegram -> inbox: an update is stored before Telegram hears that it was taken; a danger is answered at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Sequence

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.types import Update

from bot.adapters.telegram.incoming import CHANNEL, chat_of, from_message, from_press
from bot.conversation import Conversation
from bot.deliveries import Arrival, Waiting
from bot.dialogue.fragment import is_fragment
from bot.errors import DatabaseUnreachable
from bot.messages import ChatId, Incoming
from bot.ports import Clock, Inbox, Outbox
from bot.turns import Turns

log = structlog.get_logger()

# A danger waits no longer than this for the database, in seconds; then it is answered without.
_PATIENCE = 2.0
# Numbers of updates fit in 64 bits.
_MOST = 2**63
# Updates remembered by id while storing fails, so that a danger is told once and not at each attempt.
_REMEMBERED = 10_000


class Gateway:
    """Takes updates in the order they come.

    Args:
        name: our own name for this bot, part of every key.
    """

    def __init__(
        self,
        name: str,
        bot: Bot,
        conversation: Conversation,
        inbox: Inbox,
        outbox: Outbox,
        turns: Turns,
        clock: Clock,
    ) -> None:
        self._name, self._bot, self._conversation = name, bot, conversation
        self._inbox, self._outbox, self._turns, self._clock = inbox, outbox, turns, clock
        # By update: whether it was a danger that was told; those that were none are not read again at each attempt.
        self._told: dict[int, bool] = {}
        self._background: set[asyncio.Task[None]] = set()

    async def take(self, updates: Sequence[Update]) -> bool:
        """Store updates; False if that failed: Telegram must not hear that they were taken, and gives them again.

        Groups, channels and what we don't serve are left alone. Whatever the database does, a danger is answered.

        Raises:
            ValueError: an update's number is none that Telegram gives.
        """
        if any(not -_MOST <= update.update_id < _MOST for update in updates):
            raise ValueError("an update has a number that no database holds")
        served = [update for update in updates if chat_of(update) is not None]
        if any(abs(chat_of(update) or 0) >= _MOST for update in served):
            raise ValueError("an update has a chat that Telegram does not give")
        read = [(update.update_id, self._words(update)) for update in served]
        dangers = {number: incoming for number, incoming in read if incoming is not None and self._alarms(incoming)}
        try:
            async with asyncio.timeout(_PATIENCE if dangers else None):
                arrivals = [
                    self._arrival(update.update_id, incoming, ahead=update.update_id in dangers)
                    for update in served
                    if (incoming := await self._incoming(update)) is not None
                ]
                fresh = await self._inbox.store(arrivals)
        except (DatabaseUnreachable, TimeoutError) as error:
            log.warning("update_not_stored", updates=len(served), reason=getattr(error, "reason", "timeout"))
            await self._tell([(number, incoming) for number, incoming in read if incoming is not None], set(dangers))
            return False
        for arrival in arrivals:
            if arrival.update not in fresh:
                continue
            if arrival.ahead:
                stored = Waiting(fresh[arrival.update], arrival.incoming, ahead=True, told=arrival.told)
                self._turns.danger(arrival.incoming.chat_id, stored)
            if arrival.incoming.text:
                self._behind(self._bot.send_chat_action(int(arrival.incoming.chat_id.chat), "typing"))
        for update in served:
            if update.callback_query is not None:
                # The sand-glass on a button is taken away whether or not we still know what it means.
                self._behind(self._bot.answer_callback_query(update.callback_query.id))
        return True

    async def close(self) -> None:
        """Drop the courtesies under way."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    def _words(self, update: Update) -> Incoming | None:
        """What an update says, where that needs no database; None for a press."""
        if update.edited_message is not None:
            return from_message(self._name, update.edited_message, edited=True)
        return from_message(self._name, update.message, edited=False) if update.message is not None else None

    async def _incoming(self, update: Update) -> Incoming | None:
        query = update.callback_query
        if query is None:
            return self._words(update)
        assert query.message is not None
        chat_id = ChatId(self._name, CHANNEL, str(query.message.chat.id))
        payload = await self._outbox.payload(chat_id, query.data or "")
        return from_press(self._name, query, payload or "", self._clock.now())

    def _arrival(self, number: int, incoming: Incoming, *, ahead: bool) -> Arrival:
        told = self._told.get(number, False)
        fragment = not ahead and not incoming.edited and incoming.attachment is None and is_fragment(incoming.text)
        return Arrival(number, incoming, self._clock.now(), ahead, told, fragment)

    def _alarms(self, incoming: Incoming) -> bool:
        return bool(self._conversation.alarms(incoming.text))

    async def _tell(self, read: Sequence[tuple[int, Incoming]], alarming: Collection[int]) -> None:
        """Answer what of this is a danger with nothing stored, each once; both nets listen, the surest go first."""
        for number, incoming in sorted(read, key=lambda one: one[0] not in alarming):
            if not self._told.get(number) and (number in alarming or number not in self._told):
                self._told[number] = await self._turns.tell(incoming, alarming=number in alarming)
        while len(self._told) > _REMEMBERED:
            del self._told[next(iter(self._told))]

    def _behind(self, work: Awaitable[object]) -> None:
        """Do a courtesy in the background: it may fail, and nothing waits for it."""
        task = asyncio.ensure_future(_courtesy(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def _courtesy(work: Awaitable[object]) -> None:
    try:
        await work
    except TelegramAPIError as error:
        log.debug("courtesy_failed", error=type(error).__name__)
