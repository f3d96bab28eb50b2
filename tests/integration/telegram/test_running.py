"""The life of the bot's process: start, a wrong token, Telegram out of reach, edited articles, stop."""

from __future__ import annotations

import re
import shutil
import signal
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bot.retrieval.library import Library
from tests.integration.telegram.conftest import BotProcess, TelegramServer, eventually, messages_in
from tests.telegram.fake_telegram_client import Fake

pytestmark = pytest.mark.slow

Small = tuple[Path, Path, Library]
QUESTION = "сколько держится эффект"


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    server = TelegramServer()
    yield server
    server.stop()


def small_bot(small: Small, folder: Path, url: str, **settings: object) -> BotProcess:
    """The bot with a few topics, matched by words alone: starts quickly."""
    root, data_dir, _ = small
    given = {"KNOWLEDGE_DIR": root, "DATA_DIR": data_dir, "ENCODER": "none", "TELEGRAM_API": url, **settings}
    return BotProcess(folder, **given)


def sentences(output: str) -> list[str]:
    """What the process said apart from its JSON log lines."""
    return [line for line in output.splitlines() if not line.startswith("{")]


# ---- stop -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_asked_to_stop_it_first_finishes_what_it_has_taken(
    small: Small, tmp_path: Path, server: TelegramServer, name: str
) -> None:
    fake = server.start()
    bot = small_bot(small, tmp_path, server.url).polling()
    fake.fault("sendMessage", latency=0.3, times=0)
    patients = [fake.user(number, language_code="ru") for number in range(1, 11)]
    for _ in range(3):
        for patient in patients:
            patient.say(QUESTION)
    # The last message is taken: the bot has asked for what comes after it.
    last = 30
    eventually(lambda: int(fake.get("calls", method="getupdates")[-1]["args"].get("offset", 0)) > last, 20, "all taken")
    answered = fake.get("stats")["calls"].get("sendmessage", 0)

    began = time.monotonic()
    bot.process.send_signal(signal.Signals[name])
    code = bot.process.wait(20)

    assert answered < 30
    assert code == 0
    assert time.monotonic() - began < 10
    assert [len(messages_in(patient)) for patient in patients] == [3] * 10
    assert sentences(bot.output) == []
    assert bot.events("stopped")


def test_asked_to_stop_while_telegram_is_down_it_gives_up_within_the_grace(
    small: Small, tmp_path: Path, server: TelegramServer
) -> None:
    fake = server.start()
    bot = small_bot(small, tmp_path, server.url).polling()
    fake.fault("sendMessage", code=500, times=0)
    fake.user(1).say(QUESTION)
    eventually(lambda: fake.get("calls", method="sendmessage"), 10, "an attempt")

    began = time.monotonic()
    code = bot.stop()

    assert code == 0
    assert 5 < time.monotonic() - began < 14


# ---- a wrong token --------------------------------------------------------------------------------------------


def test_a_token_telegram_does_not_know_ends_in_one_sentence(
    small: Small, tmp_path: Path, server: TelegramServer
) -> None:
    server.token = "43:OTHER"
    server.start()
    bot = small_bot(small, tmp_path, server.url)

    assert bot.process.wait(30) == 1
    (sentence,) = sentences(bot.output)
    assert sentence == "error: BOT_TOKEN: Telegram does not know this token; copy it again from @BotFather"
    assert "42:TEST" not in bot.output


def test_a_token_of_the_wrong_form_ends_in_one_sentence(small: Small, tmp_path: Path) -> None:
    bot = small_bot(small, tmp_path, "http://127.0.0.1:9", BOT_TOKEN="secret words")

    assert bot.process.wait(30) == 1
    (sentence,) = sentences(bot.output)
    assert sentence.startswith("error: BOT_TOKEN: is not a bot token")
    assert "secret" not in bot.output


def test_a_token_that_was_revoked_ends_in_one_sentence(small: Small, tmp_path: Path, server: TelegramServer) -> None:
    fake = server.start()
    bot = small_bot(small, tmp_path, server.url).polling()
    fake.fault("getUpdates", code=401, description="Unauthorized")
    fake.user(1).say(QUESTION)

    assert bot.process.wait(30) == 1
    (sentence,) = sentences(bot.output)
    assert sentence == "error: BOT_TOKEN: Telegram does not accept this token any more"
    assert len(messages_in(fake.user(1))) == 1


# ---- Telegram out of reach ------------------------------------------------------------------------------------


class _Maintenance(BaseHTTPRequestHandler):
    """What stands in front of Telegram while Telegram is down: a web page."""

    def do_POST(self) -> None:  # noqa: N802  # the standard library's name
        page = "<html><body><h1>502 Bad Gateway</h1></body></html>".encode("cp1251")
        self.send_response(502)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *arguments: object) -> None:
        pass


def test_out_of_reach_it_says_so_tries_again_and_works_when_telegram_is_back(
    small: Small, tmp_path: Path, server: TelegramServer
) -> None:
    bot = small_bot(small, tmp_path, server.url)
    eventually(lambda: bot.events("telegram_unreachable"), 30, "it says that nothing answers")

    page = HTTPServer(("127.0.0.1", server.port), _Maintenance)
    thread = Thread(target=page.serve_forever)
    thread.start()
    said = len(bot.events("telegram_unreachable"))
    eventually(lambda: len(bot.events("telegram_unreachable")) > said, 20, "it says that a page answers")
    page.shutdown()
    thread.join()
    page.server_close()

    fake = server.start()
    bot.polling()
    anna = fake.user(1, language_code="ru")
    anna.say(QUESTION)

    assert anna.replies(timeout=15)[0].text.startswith("В среднем")
    assert sentences(bot.output) == []
    assert bot.stop() == 0


# ---- an edited article ----------------------------------------------------------------------------------------


@pytest.fixture
def clinic(small: Small, tmp_path: Path, server: TelegramServer) -> Iterator[tuple[Path, BotProcess, Fake]]:
    """A clinic with a knowledge folder of its own and the bot that serves it."""
    root, data_dir, _ = small
    shutil.copytree(root, tmp_path / "knowledge")
    shutil.copytree(data_dir, tmp_path / "var")
    fake = server.start()
    bot = small_bot(
        small, tmp_path / "bot", server.url, KNOWLEDGE_DIR=tmp_path / "knowledge", DATA_DIR=tmp_path / "var"
    ).polling()
    yield tmp_path / "knowledge", bot, fake
    bot.stop()


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def answer(fake: Fake, question: str) -> str:
    """The answer to a patient who is new each time."""
    patient = fake.user(time.monotonic_ns() // 1000, language_code="ru")
    patient.say(question)
    found = patient.replies(timeout=15)
    assert found
    return found[0].text


def test_an_edited_article_is_live_within_10_seconds_and_a_broken_one_keeps_the_old(
    clinic: tuple[Path, BotProcess, Fake],
) -> None:
    knowledge, bot, fake = clinic
    duration = knowledge / "articles" / "duration" / "duration.ru.md"
    assert answer(fake, QUESTION).startswith("В среднем 3–4 месяца")

    change(duration, "В среднем 3–4 месяца", "Обычно 3–4 месяца")
    eventually(lambda: answer(fake, QUESTION).startswith("Обычно 3–4 месяца"), 10, "the edit is live")

    change(duration, "sources: [", "sources: [no-such-source, ")
    change(duration, "Обычно 3–4 месяца", "Примерно 3–4 месяца")
    problem = eventually(lambda: bot.events("library_not_changed"), 10, "the problem is logged")[0]["problem"]
    line = next(
        number for number, text in enumerate(duration.read_text("utf-8").splitlines(), 1) if "no-such-source" in text
    )
    assert re.match(rf"articles/duration/duration\.ru\.md:{line}: .*no-such-source", problem)
    assert answer(fake, QUESTION).startswith("Обычно 3–4 месяца")

    change(duration, "no-such-source, ", "")
    eventually(lambda: answer(fake, QUESTION).startswith("Примерно 3–4 месяца"), 10, "the repaired file is live")
