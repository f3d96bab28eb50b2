"""The local Telegram server and the real bot, each a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from bot.messages import Lang
from bot.retrieval.library import Library
from tests.conftest import DATA_DIR
from tests.examples import KNOWLEDGE
from tests.faults.processes import BotProcess, TelegramServer, own_data
from tests.telegram.fake_telegram_client import Fake, User

# A new person for each conversation: what the bot remembers of one must not reach another.
_PEOPLE = count(1001)


@pytest.fixture(scope="module")
def fake() -> Iterator[Fake]:
    server = TelegramServer()
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def bot(library: Library, fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotProcess]:
    """The bot with the whole library and the real encoder, shared by a module's tests."""
    assert library.version
    folder = tmp_path_factory.mktemp("bot")
    data = own_data(DATA_DIR, folder / "var")
    bot = BotProcess(folder, TELEGRAM_API=fake.url, DATA_DIR=data, KNOWLEDGE_DIR=KNOWLEDGE)
    try:
        yield bot.polling()
        bot.stop()
    finally:
        bot.end()


@pytest.fixture
def person(fake: Fake, bot: BotProcess) -> Iterator[Callable[..., User]]:
    """Makes patients whom the bot has not met; clears the faults that a test has set."""

    def make(lang: Lang = "ru", **profile: Any) -> User:
        return fake.user(next(_PEOPLE), language_code=lang, **profile)

    yield make
    fake.post("faults", clear=True)


def messages_in(user: User) -> list[dict[str, Any]]:
    """The bot's messages in a chat as its members see them now."""
    shown = user.fake.get("chat", chat_id=user.chat_id, limit=500)["messages"]
    return [message for message in shown if message["from"]["is_bot"]]
