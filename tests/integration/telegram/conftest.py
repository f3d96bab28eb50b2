"""The local Telegram server and the real bot, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bot.messages import Lang
from bot.retrieval.library import Library
from tests.conftest import DATA_DIR
from tests.examples import KNOWLEDGE, ROOT
from tests.telegram.fake_telegram_client import Fake, User

TOKEN = "42:TEST"
# A new person for each conversation: what the bot remembers of one must not reach another.
_PEOPLE = count(1001)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of `true`; fails with `what` after `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


@dataclass
class TelegramServer:
    """The local Telegram server on a port of its own."""

    port: int = field(default_factory=free_port)
    token: str = TOKEN
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Fake:
        script = ROOT / "tests" / "telegram" / "fake_telegram.py"
        self._process = subprocess.Popen(
            [sys.executable, str(script), "--port", str(self.port), "--token", self.token], cwd=script.parent
        )
        return Fake(self.url).ready(30)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)


class BotProcess:
    """`python -m bot run` with the given settings and nothing else of this machine's environment.

    Args:
        folder: where it runs and leaves its log; no `.env` is there.
    """

    def __init__(self, folder: Path, **settings: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / f"bot-{time.monotonic_ns()}.log"
        given = {"BOT_TOKEN": TOKEN, "LOG_FORMAT": "json", **{name: str(value) for name, value in settings.items()}}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", "run"],
                cwd=folder,
                env={**kept, "PYTHONPATH": str(ROOT), **given},
                stdout=log,
                stderr=log,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """What was logged under this event name so far."""
        rows = [json.loads(line) for line in self.output.splitlines() if line.startswith("{") and line.endswith("}")]
        return [row for row in rows if row["event"] == name]

    def polling(self) -> BotProcess:
        """Wait until it fetches updates."""
        eventually(self._polls, 60, f"the bot polls; it said:\n{self.output}")
        return self

    def _polls(self) -> bool:
        assert self.process.poll() is None, f"the bot ended with {self.process.returncode}:\n{self.output}"
        return bool(self.events("polling"))

    def stop(self) -> int:
        """Ask it to stop as a container runtime does; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def end(self) -> None:
        """Make sure that it is gone, also after a test that failed."""
        self.process.kill()
        self.process.wait(20)


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
    bot = BotProcess(tmp_path_factory.mktemp("bot"), TELEGRAM_API=fake.url, DATA_DIR=DATA_DIR, KNOWLEDGE_DIR=KNOWLEDGE)
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
