"""The running Telegram bot: greets Telegram, polls, and stops without leaving a turn half done."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import BotCommand, Update, User
from pydantic import ValidationError

from bot.adapters.database.data import retire
from bot.adapters.database.depth import depths
from bot.adapters.database.inbox import Inbox
from bot.adapters.database.locks import lock
from bot.adapters.database.opening import make_database, retention
from bot.adapters.database.outbox import Outbox
from bot.adapters.database.publication import Publication
from bot.adapters.http import Site, health, metrics, webhook
from bot.adapters.memory import MemoryAlerts
from bot.adapters.metrics import Metrics
from bot.adapters.telegram.gateway import Gateway
from bot.adapters.telegram.incoming import UPDATES
from bot.adapters.telegram.sending import Sender
from bot.adapters.telegram.session import Session
from bot.app import BOT_NAME, App
from bot.errors import DatabaseUnreachable, SettingError, TelegramError
from bot.messages import LANGS
from bot.turns import Turns
from bot.wording import Phrase, Wording

log = structlog.get_logger()

# Seconds a getUpdates call waits at Telegram for something to happen.
_POLL = 20
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
# What is under way when the process is told to stop has this long to finish, in seconds; and so long may the last call
# to getUpdates take. Together they stay below the ten seconds after which containers are killed.
_GRACE, _LAST_CALL = 6.0, 2
# Seconds between two rounds of erasing what was kept long enough.
_RETIRE_EVERY = 3600.0

_COMMANDS = {
    "start": Phrase.COMMAND_START,
    "help": Phrase.COMMAND_HELP,
    "topics": Phrase.COMMAND_TOPICS,
    "language": Phrase.COMMAND_LANGUAGE,
    "privacy": Phrase.COMMAND_PRIVACY,
    "mydata": Phrase.COMMAND_MYDATA,
    "forget": Phrase.COMMAND_FORGET,
}


async def run(app: App) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        TelegramError: Telegram refuses the token.
        SettingError, StorageError: the database can't be opened as the settings say.
        VersionError: there is no library to serve.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    service = Service(app)
    work = [asyncio.create_task(part) for part in service.parts()]
    stop = asyncio.create_task(stopping.wait())
    try:
        done, _ = await asyncio.wait([*work, stop], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stop}:
            task.result()
    finally:
        stop.cancel()
        await service.stop(work)
        log.info("stopped")


class Service:
    """Every part of a running bot, joined; nothing is connected before `parts` run."""

    def __init__(self, app: App) -> None:
        token = app.settings.bot_token
        assert token is not None
        self._app, self._settings = app, app.settings
        server = TelegramAPIServer.from_base(app.settings.telegram_api)
        self._bot = Bot(token.get_secret_value(), session=Session(api=server))
        self._database = make_database(app.settings, BOT_NAME)
        self._inbox, self._outbox = Inbox(self._database, app.clock), Outbox(self._database, app.clock)
        self._metrics = Metrics()
        self._sending, self._alone = lock(self._database, "sender"), lock(self._database, "polling")
        self._sender = Sender(
            self._bot,
            self._outbox,
            self._sending,
            self._metrics,
            app.clock,
            self._wording,
            limits=app.settings.telegram_limits,
        )
        self._turns = Turns(
            app.conversation,
            self._inbox,
            self._outbox,
            self._sender,
            MemoryAlerts(),
            self._metrics,
            app.clock,
            self._wording,
            self._version,
        )
        self._gateway = Gateway(
            BOT_NAME, self._bot, app.conversation, self._inbox, self._outbox, self._turns, app.clock
        )
        self._sites: list[Site] = []
        self._ready = asyncio.Event()

    def _wording(self) -> Wording:
        return self._app.shelf.library.wording

    def _version(self) -> str:
        return self._app.shelf.library.version

    def parts(self) -> list[Coroutine[None, None, None]]:
        """What runs side by side until it is cancelled; the first that ends, ends all."""
        return [
            self._listen(),
            self._after_start(self._turns.run),
            self._after_start(self._sender.run),
            self._after_start(self._watch_library),
            self._after_start(self._retire),
            self._after_start(self._introduce),
        ]

    async def stop(self, work: Sequence[asyncio.Task[None]]) -> None:
        """Take no more, finish the turns under way and send what they came to, within the grace."""
        receiving, *others = work
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)
        for site in self._sites:
            await site.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await self._turns.stop()
                await self._sender.drained()
                await self._sender.stop()
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._gateway.close()
        await self._alone.release()
        await self._sending.release()
        await self._database.close()
        await self._bot.session.close()

    async def _after_start(self, part: Callable[[], Awaitable[None]]) -> None:
        await self._ready.wait()
        await part()

    async def _listen(self) -> None:
        """Open the doors in order: health, the database, Telegram; then take updates."""
        await self._open_sites()
        await self._open_database()
        me = await _greet(self._bot)
        if not self._database.postgresql:
            # One process per SQLite file; whoever died with leases is gone.
            await self._alone.acquire()
            await self._inbox.free_all()
        url = self._settings.webhook_url
        self._ready.set()
        log.info("started", username=me.username, library=self._version(), mode="webhook" if url else "polling")
        if url is not None:
            await self._receive(url)
            return
        await self._alone.acquire()
        await self._no_webhook()
        log.info("polling", username=me.username, library=self._version())
        await _poll(self._bot, self._gateway)

    async def _open_sites(self) -> None:
        port = self._settings.http_port or (8080 if self._settings.webhook_url else None)
        if port is not None:
            site = Site("0.0.0.0", port)  # the container's door; what may enter is decided in front of it
            health(site, self._unready, self._version)
            if self._settings.webhook_url is not None and self._settings.webhook_secret is not None:
                secret = self._settings.webhook_secret.get_secret_value()
                path = urlsplit(self._settings.webhook_url).path
                site.app.router.add_post(path, webhook(secret, self._take, self._metrics))
            self._sites.append(site)
        if self._settings.metrics_bind is not None:
            host, _, bound = self._settings.metrics_bind.rpartition(":")
            site = Site(host, int(bound))
            metrics(site, self._measured)
            self._sites.append(site)
        for site in self._sites:
            try:
                await site.start()
            except OSError as error:
                raise SettingError("HTTP_PORT or METRICS_BIND", f"can't be listened on: {error.strerror}") from error

    async def _open_database(self) -> None:
        """Open it; a PostgreSQL that is not there yet is waited for, which a container's start needs."""
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._database.open()
                return
            except DatabaseUnreachable as error:
                if not self._database.postgresql:
                    raise
                log.warning("database_unreachable", reason=error.reason, retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _take(self, update: dict[str, Any]) -> bool:
        if not self._ready.is_set():
            return False
        try:
            return await self._gateway.take([Update.model_validate(update, context={"bot": self._bot})])
        except ValidationError:
            # Its text would repeat what the update says.
            raise ValueError("this is no update") from None

    async def _receive(self, url: str) -> None:
        """Tell Telegram where to call, then leave the work to the HTTP side."""
        secret = self._settings.webhook_secret
        assert secret is not None
        while True:
            try:
                await self._bot.set_webhook(
                    url, secret_token=secret.get_secret_value(), allowed_updates=UPDATES, max_connections=40
                )
                info = await self._bot.get_webhook_info()
                break
            except TelegramBadRequest as error:
                raise SettingError("WEBHOOK_URL", f"Telegram does not take it: {error.message}") from error
            except TelegramAPIError as error:
                log.warning("telegram_unreachable", error=type(error).__name__, retry_in=_FIRST_PAUSE)
                await asyncio.sleep(_FIRST_PAUSE)
        log.info("webhook_set", pending=info.pending_update_count, last_error=info.last_error_message or "")
        await asyncio.Event().wait()

    async def _no_webhook(self) -> None:
        """Polling and a webhook exclude each other: one that was left from before is taken away."""
        with contextlib.suppress(TelegramAPIError):
            info = await self._bot.get_webhook_info()
            if info.url:
                log.warning("webhook_removed", pending=info.pending_update_count)
                await self._bot.delete_webhook(drop_pending_updates=False)

    async def _unready(self) -> str:
        """Why nothing can be answered now; empty where it can."""
        if not self._ready.is_set():
            return "starting"
        try:
            async with asyncio.timeout(_GRACE):
                await depths(self._database, self._app.clock.now())
        except (DatabaseUnreachable, TimeoutError):
            return "database"
        return ""

    async def _measured(self) -> bytes:
        with contextlib.suppress(DatabaseUnreachable):
            if self._ready.is_set():
                self._metrics.depths(**await depths(self._database, self._app.clock.now()))
        return self._metrics.text(self._version)

    async def _watch_library(self) -> None:
        publication = Publication(self._database, self._app.clock)
        await self._app.shelf.watch(publication, lambda: self._sending.held)

    async def _retire(self) -> None:
        """Erase what has been kept long enough, every hour, where we are the one that sends."""
        while True:
            if self._sending.held:
                try:
                    gone = await retire(self._database, retention(self._settings), self._app.clock.now())
                    log.info("retired", rows=gone)
                except DatabaseUnreachable as error:
                    log.warning("database_unreachable", reason=error.reason)
                await asyncio.sleep(_RETIRE_EVERY)
            else:
                await asyncio.sleep(_LONGEST_PAUSE)

    async def _introduce(self) -> None:
        await introduce(self._bot, self._wording())
        await asyncio.Event().wait()


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
            if not updates:
                continue
            if await gateway.take(updates):
                offset = updates[-1].update_id + 1
            else:
                # Not stored: they stay Telegram's, and are fetched again.
                await asyncio.sleep(_FIRST_PAUSE)
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
