"""The running Telegram bot: greets Telegram, polls, and stops without leaving a turn half done."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import structlog
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramConflictError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import BotCommand, User

from bot.adapters.memory import MemoryAlerts, MemoryCallbacks, MemoryMessageMap, MemorySessions
from bot.adapters.telegram.gateway import Gateway
from bot.adapters.telegram.incoming import UPDATES
from bot.adapters.telegram.sending import TelegramOutbox
from bot.adapters.telegram.session import Session
from bot.app import BOT_NAME, App
from bot.errors import TelegramError
from bot.messages import LANGS
from bot.wording import Phrase, Wording

log = structlog.get_logger()

# Seconds a getUpdates call waits at Telegram for something to happen.
_POLL = 20
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
# What is under way when the process is told to stop has this long to finish, in seconds; and so long may the last call
# to getUpdates take. Together they stay below the ten seconds after which containers are killed.
_GRACE, _LAST_CALL = 6.0, 2

_COMMANDS = {
    "start": Phrase.COMMAND_START,
    "help": Phrase.COMMAND_HELP,
    "topics": Phrase.COMMAND_TOPICS,
    "language": Phrase.COMMAND_LANGUAGE,
}


async def run(app: App) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        TelegramError: Telegram refuses the token.
    """
    token = app.settings.bot_token
    assert token is not None
    server = TelegramAPIServer.from_base(app.settings.telegram_api)
    bot = Bot(token.get_secret_value(), session=Session(api=server))
    callbacks = MemoryCallbacks()
    outbox = TelegramOutbox(bot, MemoryMessageMap(), callbacks)
    gateway = Gateway(
        BOT_NAME,
        bot,
        app.conversation,
        MemorySessions(),
        outbox,
        callbacks,
        MemoryAlerts(),
        app.clock,
        lambda: app.shelf.library.wording,
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    work = [asyncio.create_task(_serve(bot, gateway, app)), asyncio.create_task(app.shelf.watch())]
    stop = asyncio.create_task(stopping.wait())
    try:
        done, _ = await asyncio.wait([*work, stop], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stop}:
            task.result()
    finally:
        for task in (*work, stop):
            task.cancel()
        await asyncio.gather(*work, stop, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await gateway.drained()
                await outbox.drained()
        await bot.session.close()
        log.info("stopped")


async def _serve(bot: Bot, gateway: Gateway, app: App) -> None:
    me = await _greet(bot)
    log.info("polling", username=me.username, library=app.shelf.library.version)
    introduction = asyncio.create_task(introduce(bot, app.shelf.library.wording))
    try:
        await _poll(bot, gateway)
    finally:
        introduction.cancel()


async def _greet(bot: Bot) -> User:
    """Ask Telegram who we are until it answers; says so while it can't be reached."""
    pause = _FIRST_PAUSE
    while True:
        try:
            return await bot.get_me()
        except (TelegramUnauthorizedError, TelegramNotFound) as error:
            raise TelegramError("BOT_TOKEN: Telegram does not know it; copy it again from @BotFather") from error
        except (TelegramNetworkError, TelegramServerError, TelegramRetryAfter) as error:
            log.warning("telegram_unreachable", error=type(error).__name__, retry_in=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


async def _poll(bot: Bot, gateway: Gateway) -> None:
    """Fetch updates for ever. The offset moves on only after the gateway has taken what came before."""
    offset, pause = 0, _FIRST_PAUSE
    try:
        while True:
            try:
                updates = await bot.get_updates(
                    offset=offset or None, timeout=_POLL, allowed_updates=UPDATES, request_timeout=_POLL + 15
                )
                pause = _FIRST_PAUSE
            except TelegramUnauthorizedError as error:
                raise TelegramError("BOT_TOKEN: Telegram does not accept this token any more") from error
            except TelegramAPIError as error:
                wait = float(error.retry_after) if isinstance(error, TelegramRetryAfter) else pause
                event = "another_poller" if isinstance(error, TelegramConflictError) else "telegram_unreachable"
                log.warning(event, error=type(error).__name__, retry_in=wait)
                await asyncio.sleep(wait)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            for update in updates:
                await gateway.take(update)
                offset = update.update_id + 1
    finally:
        # Telegram hears of the last batch only with the next call: without it, a restart would answer that batch twice.
        if offset:
            with contextlib.suppress(TelegramAPIError):
                await bot.get_updates(offset=offset, limit=1, timeout=0, request_timeout=_LAST_CALL)


async def introduce(bot: Bot, wording: Wording) -> None:
    """Set the command menu and the bot's descriptions, in both languages; Russian is also everyone else's."""
    for lang in LANGS:
        code = None if lang == "ru" else lang
        commands = [BotCommand(command=name, description=wording(lang, text)) for name, text in _COMMANDS.items()]
        try:
            await bot.set_my_commands(commands, language_code=code)
            await bot.set_my_description(wording(lang, Phrase.PROFILE_DESCRIPTION), language_code=code)
            await bot.set_my_short_description(wording(lang, Phrase.PROFILE_SHORT), language_code=code)
        except TelegramAPIError as error:
            log.warning("introduction_failed", error=type(error).__name__)
