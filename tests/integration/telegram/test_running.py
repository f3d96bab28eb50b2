"""The life of the bot's process: start, a wrong token, Telegram out of reach, edited articles, stop."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bot.retrieval.library import Library
from tests.faults.processes import BotProcess, TelegramServer, eventually, own_data
from tests.integration.telegram.conftest import messages_in
from tests.telegram.fake_telegram_client import Fake

pytestmark = pytest.mark.slow

Start = Callable[..., BotProcess]
QUESTION = "сколько держится эффект"


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    server = TelegramServer()
    yield server
    server.stop()


@pytest.fixture
def start(small: tuple[Path, Path, Library], tmp_path: Path, server: TelegramServer) -> Iterator[Start]:
    """Starts the bot with a few topics, matched by words alone: that is quick. Other settings can be given."""
    root, built, _ = small
    data_dir = own_data(built, tmp_path / "data")
    started: list[BotProcess] = []

    def start_bot(**settings: object) -> BotProcess:
        given = {"KNOWLEDGE_DIR": root, "DATA_DIR": data_dir, "ENCODER": "none", "TELEGRAM_API": server.url, **settings}
        started.append(BotProcess(tmp_path / "bot", **given))
        return started[-1]

    yield start_bot
    for bot in started:
        bot.end()


def sentences(output: str) -> list[str]:
    """What the process said apart from its JSON log lines."""
    return [line for line in output.splitlines() if not line.startswith("{")]


# ---- stop -----------------------------------------------------------------------------------------------------


def test_asked_to_stop_it_first_finishes_the_turns_under_way(start: Start, server: TelegramServer) -> None:
    fake = server.start()
    bot = start().polling()
    fake.fault("sendMessage", latency=0.3, times=0)
    patients = [fake.user(number, language_code="ru") for number in range(1, 11)]
    for _ in range(3):
        for patient in patients:
            patient.say(QUESTION)
    eventually(lambda: bot.events("turn_done"), 20, "the first turn is done")

    began = time.monotonic()
    code = bot.stop()

    turns = len(bot.events("turn_done"))
    assert code == 0
    assert time.monotonic() - began < 10
    assert 0 < turns == sum(len(messages_in(patient)) for patient in patients)
    assert sentences(bot.output) == []
    assert bot.events("stopped")


def test_what_was_taken_before_a_stop_is_answered_once_after_the_next_start(
    start: Start, server: TelegramServer
) -> None:
    fake = server.start()
    bot = start().polling()
    fake.fault("sendMessage", latency=0.3, times=0)
    patients = [fake.user(number, language_code="ru") for number in range(1, 11)]
    for _ in range(3):
        for patient in patients:
            patient.say(QUESTION)
    eventually(lambda: fake.get("stats")["pending_updates"] == 0, 20, "all messages are taken")
    bot.stop()
    assert sum(len(messages_in(patient)) for patient in patients) < 30

    start().polling()
    eventually(lambda: all(len(messages_in(patient)) >= 3 for patient in patients), 30, "all are answered")
    patients[0].say("/help")
    eventually(lambda: len(messages_in(patients[0])) == 4, 15, "whatever comes, has come")

    assert [len(messages_in(patient)) for patient in patients[1:]] == [3] * 9


def test_asked_to_stop_while_telegram_fails_it_gives_up_within_ten_seconds(
    start: Start, server: TelegramServer
) -> None:
    fake = server.start()
    bot = start().polling()
    fake.fault("sendMessage", code=500, times=0)
    fake.user(1).say(QUESTION)
    eventually(lambda: fake.get("calls", method="sendmessage"), 10, "an attempt")

    began = time.monotonic()
    code = bot.stop()

    assert code == 0
    assert time.monotonic() - began < 10


def test_stopped_from_the_keyboard_it_leaves_nothing_to_be_answered_twice(start: Start, server: TelegramServer) -> None:
    fake = server.start()
    bot = start().polling()
    anna = fake.user(1, language_code="ru")
    # The calls that would tell Telegram that the question was taken fail; before the next one the bot is stopped.
    fake.fault("getUpdates", code=500, times=2)
    anna.say(QUESTION)
    assert anna.replies(timeout=15)
    eventually(lambda: len(bot.events("telegram_unreachable")) == 2, 10, "both calls fail")

    bot.process.send_signal(signal.SIGINT)

    assert bot.process.wait(20) == 0
    assert fake.get("stats")["pending_updates"] == 0


# ---- a wrong token --------------------------------------------------------------------------------------------


def test_a_token_telegram_does_not_know_ends_in_one_sentence(start: Start, server: TelegramServer) -> None:
    server.token = "43:OTHER"
    server.start()
    bot = start()

    assert bot.process.wait(30) == 1
    (sentence,) = sentences(bot.output)
    assert sentence == "error: BOT_TOKEN: Telegram does not know it; copy it again from @BotFather"
    assert "42:TEST" not in bot.output


def test_a_token_of_the_wrong_form_ends_in_one_sentence(start: Start) -> None:
    bot = start(BOT_TOKEN="secret words")

    assert bot.process.wait(30) == 1
    (sentence,) = sentences(bot.output)
    assert sentence.startswith("error: BOT_TOKEN: is not a bot token")
    assert "secret" not in bot.output


def test_a_token_that_was_revoked_ends_in_one_sentence(start: Start, server: TelegramServer) -> None:
    fake = server.start()
    bot = start().polling()
    fake.fault("getUpdates", code=401, description="Unauthorized")
    fake.user(1).say(QUESTION)

    assert bot.process.wait(30) == 1
    (sentence,) = sentences(bot.output)
    assert sentence == "error: BOT_TOKEN: Telegram does not accept this token any more"


# ---- Telegram out of reach ------------------------------------------------------------------------------------


class _Maintenance(BaseHTTPRequestHandler):
    """What stands in front of Telegram while Telegram is down: a web page."""

    def do_POST(self) -> None:
        page = "<html><body><h1>502 Bad Gateway: нет связи</h1></body></html>".encode("cp1251")
        self.send_response(502)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def maintenance(port: int) -> Iterator[None]:
    page = HTTPServer(("127.0.0.1", port), _Maintenance)
    thread = Thread(target=page.serve_forever)
    thread.start()
    try:
        yield
    finally:
        page.shutdown()
        thread.join()
        page.server_close()


def test_out_of_reach_it_says_so_tries_again_and_works_when_telegram_is_back(
    start: Start, server: TelegramServer
) -> None:
    bot = start()
    eventually(lambda: bot.events("telegram_unreachable"), 30, "it says that nothing answers")
    with maintenance(server.port):
        said = len(bot.events("telegram_unreachable"))
        eventually(lambda: len(bot.events("telegram_unreachable")) > said, 20, "it says that a page answers")
    fake = server.start()
    bot.polling()
    anna = fake.user(1, language_code="ru")

    anna.say(QUESTION)

    assert anna.replies(timeout=15)[0].text.startswith("В среднем")
    assert sentences(bot.output) == []


# ---- an edited article ----------------------------------------------------------------------------------------


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


def seconds_until(true: Callable[[], Any], what: str) -> float:
    began = time.monotonic()
    eventually(true, 180, what)
    return time.monotonic() - began


def busy() -> bool:
    """Whether others keep this machine's cores so busy that its times say nothing."""
    return os.getloadavg()[0] > (os.cpu_count() or 1)


def test_an_edited_article_is_live_within_10_seconds_and_a_broken_one_keeps_the_old(
    start: Start, server: TelegramServer, small: tuple[Path, Path, Library], tmp_path: Path
) -> None:
    root, data_dir, _ = small
    knowledge = shutil.copytree(root, tmp_path / "knowledge")
    fake = server.start()
    bot = start(KNOWLEDGE_DIR=knowledge, DATA_DIR=shutil.copytree(data_dir, tmp_path / "var")).polling()
    duration = knowledge / "articles" / "duration" / "duration.ru.md"
    assert answer(fake, QUESTION).startswith("В среднем 3–4 месяца")

    change(duration, "В среднем 3–4 месяца", "Обычно 3–4 месяца")
    took = seconds_until(lambda: len(bot.events("library_changed")) == 1, "the edit is live")
    assert took < 10 or busy()
    assert answer(fake, QUESTION).startswith("Обычно 3–4 месяца")

    text = duration.read_text(encoding="utf-8")
    broken = text.replace("sources: [", "sources: [no-such-source, ").replace("Обычно", "Примерно", 1)
    line = next(number for number, found in enumerate(broken.splitlines(), 1) if "no-such-source" in found)
    duration.write_text(broken, encoding="utf-8")
    (event, *_) = eventually(lambda: bot.events("library_not_changed"), 180, "the problem is logged")
    assert event["problem"].startswith(f"articles/duration/duration.ru.md:{line}: ")
    assert "no-such-source" in event["problem"]
    assert answer(fake, QUESTION).startswith("Обычно 3–4 месяца")

    change(duration, "no-such-source, ", "")
    eventually(lambda: len(bot.events("library_changed")) == 2, 180, "the repaired file is live")
    assert answer(fake, QUESTION).startswith("Примерно 3–4 месяца")
