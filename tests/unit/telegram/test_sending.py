"""What goes ahead in the outbox towards Telegram; the rest is tested with real processes (tests/integration)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import SendMessage
from aiogram.types import Chat, Message

from bot.adapters.memory import MemoryCallbacks, MemoryMessageMap
from bot.adapters.telegram.sending import TelegramOutbox
from bot.messages import ChatId, Kind, Reply

ANNA = ChatId("mimika", "telegram", "1001")


class StandInBot:
    """Telegram: keeps what arrived; one text may be stuck until it is let through, another fail at first."""

    def __init__(self, *, stuck: str = "", fails_once: str = "") -> None:
        self.arrived: list[str] = []
        self.let_through = asyncio.Event()
        self._stuck, self._fails = stuck, fails_once

    async def send_message(self, chat: int, text: str, **_: object) -> Message:
        if text == self._stuck:
            await self.let_through.wait()
        if text == self._fails:
            self._fails = ""
            raise TelegramNetworkError(SendMessage(chat_id=chat, text=text), "broken")
        self.arrived.append(text)
        return Message(message_id=len(self.arrived), date=datetime.now(UTC), chat=Chat(id=chat, type="private"))


def outbox(bot: StandInBot) -> TelegramOutbox:
    return TelegramOutbox(bot, MemoryMessageMap(), MemoryCallbacks())  # type: ignore[arg-type]


async def test_what_goes_ahead_waits_for_nothing_else_of_its_chat() -> None:
    bot = StandInBot(stuck="long answer")
    out = outbox(bot)

    await out.put(ANNA, [Reply(Kind.ANSWER, "long answer")], "1")
    await out.put(ANNA, [Reply(Kind.ANSWER, "second answer")], "2")
    await out.put(ANNA, [Reply(Kind.EMERGENCY, "112")], "3", ahead=True)
    await asyncio.sleep(0.05)

    assert bot.arrived == ["112"]
    bot.let_through.set()
    await out.drained()
    assert bot.arrived == ["112", "long answer", "second answer"]


async def test_what_goes_ahead_keeps_its_own_order_also_when_telegram_fails() -> None:
    """The sentence about an alert makes no sense before the danger reply."""
    bot = StandInBot(fails_once="112")
    out = outbox(bot)

    await out.put(ANNA, [Reply(Kind.EMERGENCY, "112")], "3", ahead=True)
    await out.put(ANNA, [Reply(Kind.CHAT, "alerted")], "alert", ahead=True)
    await out.drained()

    assert bot.arrived == ["112", "alerted"]
