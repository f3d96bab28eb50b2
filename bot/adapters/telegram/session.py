"""The connection to Telegram; what is no Bot API answer is an error of the server, not of ours."""

from __future__ import annotations

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import ClientDecodeError, TelegramServerError
from aiogram.methods import TelegramMethod
from aiogram.methods.base import TelegramType


class Session(AiohttpSession):
    """While Telegram is down, what stands in front of it answers with a web page; callers then wait and try again."""

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109  # the signature is aiogram's
    ) -> TelegramType:
        try:
            return await super().make_request(bot, method, timeout)
        except (ClientDecodeError, UnicodeDecodeError) as error:
            raise TelegramServerError(method=method, message="this is not an answer of the Bot API") from error
