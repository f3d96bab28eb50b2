"""Telegram -> turns -> outbox: one turn at a time per chat, many chats at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.types import CallbackQuery, Update

from bot.adapters.telegram.incoming import CHANNEL, chat_of, from_message, from_press, text_of
from bot.conversation import Conversation
from bot.messages import Alert, ChatId, ChatState, Edit, Incoming, Key, Kind, Leaving, Outcome, Reply
from bot.ports import Alerts, Callbacks, Clock, Outbox, Sessions
from bot.wording import Phrase, Wording

log = structlog.get_logger()

# Updates remembered by id, so that one that Telegram repeats is not answered again.
_REMEMBERED = 10_000
_DANGERS = frozenset({Kind.CRISIS, Kind.EMERGENCY, Kind.URGENT})
# A turn whose state another turn changed under it is computed again, at most this often.
_ATTEMPTS = 3


class Gateway:
    """Takes updates in the order they come; `take` returns at once, the chat's own worker does the turn.

    Args:
        name: our own name for this bot, part of every key.
        wording: the words to apologise with when a turn fails.
    """

    def __init__(
        self,
        name: str,
        bot: Bot,
        conversation: Conversation,
        sessions: Sessions,
        outbox: Outbox,
        callbacks: Callbacks,
        alerts: Alerts,
        clock: Clock,
        wording: Callable[[], Wording],
    ) -> None:
        self._name, self._bot, self._conversation = name, bot, conversation
        self._sessions, self._outbox, self._alerts = sessions, outbox, alerts
        self._callbacks, self._clock, self._wording = callbacks, clock, wording
        self._waiting: dict[int, deque[Update]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._seen: dict[int, None] = {}
        # Care mode of chats whose state could not be kept; lost with the process, which is better than not there.
        self._cared_for: dict[ChatId, ChatState] = {}
        self._background: set[asyncio.Task[None]] = set()

    async def take(self, update: Update) -> None:
        """Queue an update behind the others of its chat; groups, channels and repeated updates are left alone."""
        if update.update_id in self._seen:
            return
        self._seen[update.update_id] = None
        while len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        chat = chat_of(update)
        if chat is None:
            return
        if self._conversation.alarms(text_of(update)):
            # Ahead of everything that waits for this chat.
            self._keep(asyncio.create_task(self._danger(chat, update)))
            return
        if chat in self._waiting:
            self._waiting[chat].append(update)
            return
        self._waiting[chat] = deque([update])
        self._keep(asyncio.create_task(self._work(chat)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._workers.add(task)
        task.add_done_callback(self._workers.discard)

    async def drained(self) -> None:
        """Wait until all updates taken so far have had their turn."""
        while self._workers:
            await asyncio.wait(set(self._workers))

    async def _work(self, chat: int) -> None:
        queue = self._waiting[chat]
        while queue:
            update = queue[0]
            try:
                await self._handle(update)
            except Exception:
                # The one place that catches everything: the patient hears an apology, the engineer reads the log.
                log.exception("turn_failed", update=update.update_id)
                await self._rescue(chat, update)
            queue.popleft()
        del self._waiting[chat]

    async def _danger(self, chat: int, update: Update) -> None:
        """Answer a danger at once. Where the chat's state can't be read or kept, the reply goes out all the same."""
        try:
            await self._handle(update, ahead=True)
        except Exception:
            log.exception("danger_without_storage", update=update.update_id)
            await self._rescue(chat, update)

    async def _rescue(self, chat: int, update: Update) -> None:
        """After a failed turn: a danger is answered without storage, anything else with an apology. Never raises."""
        for attempt in (self._danger_without_storage, self._apologise):
            try:
                if await attempt(chat, update):
                    return
            except Exception:
                # The chat's next messages must have their turn whatever happens.
                log.exception("rescue_failed", update=update.update_id)

    async def _danger_without_storage(self, chat: int, update: Update) -> bool:
        """Answer a danger from an empty state and keep its care mode in memory; False if there is no danger."""
        message = update.message or update.edited_message
        incoming = from_message(self._name, message, edited=False) if message else None
        if incoming is None:
            return False
        outcome = await asyncio.to_thread(self._conversation.answer, incoming, ChatState())
        if not any(reply.kind in _DANGERS for reply in outcome.replies):
            return False
        if outcome.state.care_until is not None:
            self._cared_for[incoming.chat_id] = outcome.state
        await self._outbox.put(incoming.chat_id, list(outcome.replies), incoming.message_id, ahead=True)
        await self._alert(incoming.chat_id, outcome)
        return True

    async def _handle(self, update: Update, *, ahead: bool = False) -> None:
        if update.callback_query is not None:
            incoming: Incoming | None = await self._press(update.callback_query)
        elif update.edited_message is not None:
            incoming = from_message(self._name, update.edited_message, edited=True)
        elif update.message is not None:
            incoming = from_message(self._name, update.message, edited=False)
        else:
            incoming = None
        if incoming is not None:
            await self._turn(incoming, ahead=ahead)

    async def _press(self, query: CallbackQuery) -> Incoming:
        """What a pressed button means; the sand-glass on it is taken away whether or not we still know it."""
        self._behind(self._answer_press(query.id))
        assert query.message is not None
        chat_id = ChatId(self._name, CHANNEL, str(query.message.chat.id))
        payload = await self._callbacks.find(chat_id, query.data or "")
        return from_press(self._name, query, payload or "", self._clock.now())

    async def _turn(self, incoming: Incoming, *, ahead: bool) -> None:
        if incoming.text:
            self._behind(self._typing(int(incoming.chat_id.chat)))
        for _ in range(_ATTEMPTS):
            state, version = await self._sessions.load(incoming.chat_id)
            state = self._with_care(incoming.chat_id, state)
            # Encoding takes milliseconds of pure computing: in a thread, the other chats go on meanwhile.
            outcome: Outcome = await asyncio.to_thread(self._conversation.answer, incoming, state)
            if await self._sessions.save(incoming.chat_id, outcome.state, version):
                break
        else:
            raise RuntimeError("the chat's state changed under every attempt")
        self._cared_for.pop(incoming.chat_id, None)
        await self._outbox.put(incoming.chat_id, _leaving(incoming, outcome), _cause(incoming, outcome), ahead=ahead)
        await self._alert(incoming.chat_id, outcome)
        log.info(
            "turn_done",
            turn=incoming.turn,
            kinds=[str(reply.kind) for reply in outcome.replies],
            topics=[topic for reply in outcome.replies for topic in reply.topics],
        )

    def _with_care(self, chat_id: ChatId, state: ChatState) -> ChatState:
        """The state with the care mode of an alarm that storage did not take."""
        kept = self._cared_for.get(chat_id)
        return state if kept is None else replace(state, care_until=kept.care_until, care_for=kept.care_for)

    async def _alert(self, chat_id: ChatId, outcome: Outcome) -> None:
        """Raise the alerts of a turn; the patient hears of staff only where one really was reached."""
        reached = [
            await self._alerts.raise_alert(chat_id, effect) for effect in outcome.effects if isinstance(effect, Alert)
        ]
        if any(reached):
            text = self._wording()(outcome.language, Phrase.CARE_ALERTED)
            await self._outbox.put(chat_id, [Reply(Kind.CHAT, text)], "alert", ahead=True)

    async def _apologise(self, chat: int, update: Update) -> bool:
        chat_id = ChatId(self._name, CHANNEL, str(chat))
        try:
            language = (await self._sessions.load(chat_id))[0].language
        except Exception:
            log.warning("language_unknown", update=update.update_id)
            language = None
        text = self._wording()(language or "ru", Phrase.FAILED)
        await self._outbox.put(chat_id, [Reply(Kind.UNKNOWN, text)], f"failed-{update.update_id}")
        return True

    async def _typing(self, chat: int) -> None:
        await self._bot.send_chat_action(chat, "typing")

    async def _answer_press(self, query_id: str) -> None:
        await self._bot.answer_callback_query(query_id)

    def _behind(self, work: object) -> None:
        """Do a courtesy in the background: it may fail, and nothing waits for it."""
        task = asyncio.ensure_future(_courtesy(work))  # type: ignore[arg-type]  # any coroutine
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _is_danger(outcome: Outcome) -> bool:
    return any(reply.kind in (Kind.CRISIS, Kind.EMERGENCY, Kind.URGENT) for reply in outcome.replies)


def _cause(incoming: Incoming, outcome: Outcome) -> str:
    """What a later edit of the message may replace; never the reply to a danger."""
    return f"danger-{incoming.turn}" if _is_danger(outcome) else incoming.message_id


def _leaving(incoming: Incoming, outcome: Outcome) -> list[Leaving]:
    """An edited question is answered in the place of the earlier answer, sent already or still waiting to be.

    A danger is answered by a new message, which the phone announces.
    """
    if not incoming.edited or _is_danger(outcome):
        return list(outcome.replies)
    return [Edit(Key(incoming.message_id, reply.key.part), reply, reply.key) for reply in outcome.replies]


async def _courtesy(work: asyncio.Future[None]) -> None:
    try:
        await work
    except TelegramAPIError as error:
        log.debug("courtesy_failed", error=type(error).__name__)
