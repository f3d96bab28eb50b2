"""Processes die, Telegram and PostgreSQL fail, the disk is full: nothing is lost, nothing is done twice.

The long version, with hundreds of kills, is `make faults`.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import resource
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Literal

import pytest

from bot.adapters.database.vault import new_key
from bot.adapters.telegram.incoming import UPDATES
from bot.adapters.telegram.rendering import plain
from bot.retrieval.library import Library
from bot.wording import Phrase
from tests.examples import ROOT, change
from tests.faults.kills import Replicas, Setting, run, show
from tests.faults.processes import (
    SECRET,
    WEBHOOK_PATH,
    BotProcess,
    TelegramServer,
    eventually,
    free_port,
    own_data,
)
from tests.integration.telegram.conftest import messages_in
from tests.postgres import Postgres, make_postgres
from tests.telegram.fake_telegram_client import Fake, Reply, User

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("hanging")]

Person = Callable[..., User]
Small = tuple[Path, Path, Library]

QUESTIONS = {"duration": "сколько держится эффект", "pain": "это больно?", "onset": "когда подействует"}
DANGER = "после укола трудно глотать"
# aiogram gives a call up after so many seconds, unless told otherwise.
CLIENT_WAITS = 60
# A danger is answered "at once" also while the machine is busy with other tests.
AT_ONCE = 8.0
_PEOPLE = count(20_001)
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"


# ---- what is shared -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bot(small: Small, fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotProcess]:
    """The bot with a few topics, on SQLite and polling; shared by the tests that only Telegram troubles."""
    root, built, _ = small
    folder = tmp_path_factory.mktemp("shared")
    data = own_data(built, folder / "var")
    bot = BotProcess(folder, TELEGRAM_API=fake.url, DATA_DIR=data, KNOWLEDGE_DIR=root, ENCODER="none")
    try:
        yield bot.polling()
        assert bot.stop() == 0
    finally:
        bot.end()


@pytest.fixture(scope="module")
def hanging(fake: Fake, bot: BotProcess) -> User:
    """A patient whose answer Telegram neither takes nor refuses, from the start of these tests to nearly their end."""
    anna = fake.user(next(_PEOPLE), language_code="ru")
    fake.fault("sendMessage", chat_id=anna.chat_id, latency=CLIENT_WAITS + 2, code=504)
    anna.say(QUESTIONS["duration"])
    eventually(lambda: fake.get("faults") == [], 20, "the call that will hang")
    return anna


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = make_postgres()
    try:
        yield server
    finally:
        server.remove()


@dataclass(frozen=True)
class Scaled:
    """Two replicas on PostgreSQL behind a load balancer, with a Telegram of their own."""

    fake: Fake
    replicas: Replicas
    knowledge: Path

    def person(self) -> User:
        return self.fake.user(next(_PEOPLE), language_code="ru")

    def door(self, number: int) -> str:
        return f"http://127.0.0.1:{self.replicas.ports[number]}"


@pytest.fixture(scope="module")
def scaled(small: Small, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scaled]:
    root, built, _ = small
    folder = tmp_path_factory.mktemp("scaled")
    knowledge, data = shutil.copytree(root, folder / "knowledge"), shutil.copytree(built, folder / "var")
    server = TelegramServer()
    fake = server.start()
    setting = Setting("postgresql", "webhook", 2, knowledge, data, database_url=postgres.create("scaled"))
    replicas = Replicas(setting, fake, folder)
    try:
        for process in replicas.all:
            process.says("webhook_set")
        yield Scaled(fake, replicas, knowledge)
    finally:
        replicas.end()
        server.stop()


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    """A Telegram that no other bot is connected to."""
    server = TelegramServer()
    yield server
    server.stop()


Start = Callable[..., BotProcess]


@pytest.fixture
def start(small: Small, server: TelegramServer, tmp_path: Path) -> Iterator[Start]:
    """Starts bots that share a data folder."""
    root, built, _ = small
    data = own_data(built, tmp_path / "var")
    started: list[BotProcess] = []

    def start_bot(**settings: object) -> BotProcess:
        given = {"KNOWLEDGE_DIR": root, "DATA_DIR": data, "ENCODER": "none", "TELEGRAM_API": server.url, **settings}
        started.append(BotProcess(tmp_path / f"bot-{len(started)}", **given))
        return started[-1]

    yield start_bot
    for bot in started:
        bot.end()


def begins(library: Library, topic: str) -> str:
    article = library.article(topic, "ru")
    assert article is not None
    return "".join(plain(article.answer))[:60]


def topics_in(user: User, library: Library) -> list[str]:
    """What the bot's messages in a chat are about, in the order in which the patient sees them."""
    known = {begins(library, topic): topic for topic in QUESTIONS}
    known["".join(plain(library.red_flags.replies["ru"]["emergency"]))[:60]] = "danger"
    known[library.wording("ru", Phrase.LANGUAGE)[:60]] = "language"
    texts = [message["text"] for message in messages_in(user)]
    return [next((topic for begin, topic in known.items() if text.startswith(begin)), "other") for text in texts]


def settle(user: User, library: Library) -> None:
    """Wait until all that this patient said before has been dealt with: a chat's turns come one after another."""
    user.say("/language")
    eventually(lambda: "language" in topics_in(user, library), 30, "everything before is dealt with")


def answered(user: User, number: int = 1, timeout: float = 20) -> list[Reply]:
    found = user.replies(timeout=timeout, count=number)
    assert len(found) >= number, found
    return found


# ---- kills ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("database", "mode", "replicas"),
    [("sqlite", "polling", 1), ("postgresql", "webhook", 3)],
    ids=["sqlite", "postgresql"],
)
def test_twenty_kills_lose_nothing_and_send_hardly_anything_twice(
    request: pytest.FixtureRequest,
    small: Small,
    tmp_path: Path,
    database: Literal["sqlite", "postgresql"],
    mode: Literal["polling", "webhook"],
    replicas: int,
) -> None:
    root, built, _ = small
    url = request.getfixturevalue("postgres").create("kills") if database == "postgresql" else ""
    data = own_data(built, tmp_path / "var")

    report = run(Setting(database, mode, replicas, root, data, database_url=url), 20, tmp_path)

    print(show(report))
    assert report.counted == 20
    assert report.failures == []


# ---- Telegram fails -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [{"code": 429, "retry_after": 1}, {"code": 500, "times": 2}, {"drop": "before"}],
    ids=["429", "500", "dropped before"],
)
def test_an_answer_that_telegram_did_not_take_arrives_once(person: Person, small: Small, fault: dict[str, Any]) -> None:
    anna = person()
    anna.fake.fault("sendMessage", chat_id=anna.chat_id, **fault)

    for question in QUESTIONS.values():
        anna.say(question)
    settle(anna, small[2])

    assert topics_in(anna, small[2]) == [*QUESTIONS, "language"]


def test_an_answer_whose_connection_broke_in_the_middle_is_not_lost(person: Person, small: Small) -> None:
    anna = person()
    anna.fake.fault("sendMessage", chat_id=anna.chat_id, drop="mid")

    anna.say(QUESTIONS["duration"])
    anna.say(QUESTIONS["pain"])
    settle(anna, small[2])

    # Telegram had taken it, but nobody can know that: twice is better than not at all.
    assert topics_in(anna, small[2]) == ["duration", "duration", "pain", "language"]


@pytest.mark.parametrize(("fault", "shown"), [("duplicate", ["duration", "pain"]), ("reorder", ["pain", "duration"])])
def test_updates_that_telegram_repeats_or_reorders_are_answered_once(
    person: Person, small: Small, fault: str, shown: list[str]
) -> None:
    anna = person()
    anna.fake.post("faults", updates=fault, times=2)

    anna.say(QUESTIONS["duration"])
    anna.say(QUESTIONS["pain"])
    settle(anna, small[2])

    assert topics_in(anna, small[2]) == [*shown, "language"]


# ---- buttons that are not what they seem ----------------------------------------------------------------------


def press(user: User, message: int, data: str) -> Reply:
    user.fake.post("click", chat_id=user.chat_id, user=user.profile, message_id=message, data=data, force=True)
    return answered(user)[0]


def asked_for_duration(user: User) -> tuple[int, str]:
    """A message with buttons and the data of its first one."""
    user.say(QUESTIONS["duration"])
    reply = answered(user)[0]
    return reply.message_id, reply.raw["reply_markup"]["inline_keyboard"][0][0]["callback_data"]


def test_a_forged_button_is_refused_kindly(person: Person, small: Small) -> None:
    anna = person()
    message, data = asked_for_duration(anna)

    for forged in ("forget:yes", "topic:price", data[:-1] + "0g", "0" * 16, "\x00", "ы" * 32):
        assert press(anna, message, forged).text == small[2].wording("ru", Phrase.OLD_BUTTON).strip()


def test_another_patient_s_button_is_refused_kindly(person: Person, small: Small) -> None:
    anna, boris = person(), person()
    _, of_anna = asked_for_duration(anna)
    boris.say("/help")
    mine = answered(boris)[0]

    assert press(boris, mine.message_id, of_anna).text == small[2].wording("ru", Phrase.OLD_BUTTON).strip()


def test_a_button_from_before_everything_was_erased_is_refused_kindly(person: Person, small: Small) -> None:
    anna = person()
    message, data = asked_for_duration(anna)
    anna.say("/forget")
    anna.click(answered(anna)[0].buttons[0])
    answered(anna)

    assert press(anna, message, data).text == small[2].wording("ru", Phrase.OLD_BUTTON).strip()


def test_a_press_that_telegram_repeats_is_answered_once(person: Person, small: Small) -> None:
    anna = person()
    message, data = asked_for_duration(anna)
    anna.fake.post("faults", updates="duplicate", times=1)

    press(anna, message, data)
    settle(anna, small[2])

    assert topics_in(anna, small[2]) == ["duration", "other", "language"]


# ---- one SQLite file ------------------------------------------------------------------------------------------


def test_a_full_disk_silences_no_danger_and_loses_nothing(start: Start, server: TelegramServer, small: Small) -> None:
    fake = server.start()
    bot = start().polling()
    anna, boris = (fake.user(number, language_code="ru") for number in (1, 2))
    anna.say(QUESTIONS["pain"])
    answered(anna)

    _, most = resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE)
    # No file may grow beyond this: the database can write nothing more, the log still can.
    log = 64 * 1024
    resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE, (log, most))
    anna.say(QUESTIONS["duration"])
    eventually(lambda: bot.events("update_not_stored"), 10, "the disk is full")
    boris.say(DANGER)
    (danger,) = answered(boris, timeout=AT_ONCE)
    resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE, (most, most))

    assert danger.text == "".join(plain(small[2].red_flags.replies["ru"]["emergency"]))
    settle(anna, small[2])
    settle(boris, small[2])
    assert topics_in(anna, small[2]) == ["pain", "duration", "language"]
    assert topics_in(boris, small[2]) == ["danger", "language"]


def test_a_second_process_waits_for_the_first_and_takes_over_when_it_dies(
    start: Start, server: TelegramServer, small: Small
) -> None:
    fake = server.start()
    anna = fake.user(1, language_code="ru")
    first = start().polling()
    second = start().says("lock_held_elsewhere")
    anna.say(QUESTIONS["pain"])
    answered(anna)

    first.kill()
    anna.say(QUESTIONS["duration"])
    eventually(lambda: topics_in(anna, small[2])[-1] == "duration", 20, "the second one answers")

    assert second.events("polling")


def test_of_two_processes_on_postgresql_one_polls_and_the_other_takes_over(
    start: Start, server: TelegramServer, postgres: Postgres, small: Small
) -> None:
    fake = server.start()
    anna = fake.user(1, language_code="ru")
    settings = {"DATABASE_URL": postgres.create("pollers"), "DATA_KEYS": new_key()}
    first = start(**settings).polling()
    second = start(**settings).says("started").says("lock_held_elsewhere")
    anna.say(QUESTIONS["pain"])
    answered(anna)
    waited_for = {row["lock"] for row in eventually(lambda: _two(second), 10, "it waits for both locks")}
    polled = bool(second.events("polling"))

    first.kill()
    anna.say(QUESTIONS["duration"])
    eventually(lambda: topics_in(anna, small[2])[-1] == "duration", 20, "the second one answers")

    assert (waited_for, polled) == ({"polling", "sender"}, False)
    assert second.events("polling")


def _two(bot: BotProcess) -> list[dict[str, Any]]:
    found = bot.events("lock_held_elsewhere")
    return found if len(found) >= 2 else []


# ---- webhooks and several replicas ----------------------------------------------------------------------------


def post(door: str, body: bytes, secret: str | None) -> int:
    """Call the webhook as a stranger, or as somebody who knows the secret; the answer's status."""
    headers = {"Content-Type": "application/json"} | ({} if secret is None else {SECRET_HEADER: secret})
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{door}{WEBHOOK_PATH}", body, headers), timeout=20
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def get(door: str, path: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(f"{door}{path}", timeout=20) as answer:
            return int(answer.status), json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def update(user: User, number: int, text: str) -> dict[str, Any]:
    """A message as Telegram would deliver it."""
    chat = {"id": user.chat_id, "type": "private", "first_name": "Anna"}
    sender = {"is_bot": False, "first_name": "Anna", **user.profile}
    return {
        "update_id": number,
        "message": {"message_id": number, "date": int(time.time()), "chat": chat, "from": sender, "text": text},
    }


def test_telegram_is_told_where_to_call_and_with_which_secret(scaled: Scaled) -> None:
    (call, *_) = [call for call in scaled.fake.get("calls", method="setwebhook") if call["status"] == 200]

    assert scaled.replicas.balancer is not None
    assert call["args"]["url"] == scaled.replicas.balancer.url
    assert call["args"]["secret_token"] == SECRET
    assert json.loads(call["args"]["allowed_updates"]) == UPDATES


def test_a_patient_talks_through_the_webhook(scaled: Scaled, small: Small) -> None:
    anna = scaled.person()

    for question in QUESTIONS.values():
        anna.say(question)
    settle(anna, small[2])

    assert topics_in(anna, small[2]) == [*QUESTIONS, "language"]
    assert all(get(scaled.door(number), "/readyz")[0] == 200 for number in range(2))


@pytest.mark.parametrize("secret", [None, "", SECRET[:-1], SECRET + "x", "ы".encode().decode("latin-1")])
def test_a_call_that_does_not_prove_to_be_telegram_s_is_refused(scaled: Scaled, secret: str | None) -> None:
    anna = scaled.person()

    status = post(scaled.door(0), json.dumps(update(anna, 900_001, "/help")).encode(), secret)

    assert status == 401
    assert scaled.fake.get("calls", chat_id=anna.chat_id) == []


def test_strangers_who_try_secrets_do_not_keep_telegram_out(start: Start, server: TelegramServer) -> None:
    """Behind a proxy all calls come from one address: whoever is turned away there, Telegram must not be."""
    fake = server.start()
    port = free_port()
    hook = {"WEBHOOK_URL": f"http://127.0.0.1:{port}{WEBHOOK_PATH}", "WEBHOOK_SECRET": SECRET, "HTTP_PORT": port}
    start(**hook).says("webhook_set")
    anna = fake.user(1, language_code="ru")

    refused = {post(f"http://127.0.0.1:{port}", b"{}", f"wrong-{number}") for number in range(60)}
    anna.say(QUESTIONS["pain"])

    assert refused == {401, 429}
    assert anna.replies(timeout=10)


def malformed(dice: random.Random, user: User) -> bytes:
    """No update, in one of many ways."""
    whole = update(user, dice.randrange(10**6, 10**7), "сколько держится")
    text = json.dumps(whole).encode()
    message = whole["message"]
    far = {"id": 10**100, "type": "private"}
    ways: list[Callable[[], bytes]] = [
        lambda: dice.randbytes(dice.randrange(400)),
        lambda: text[: dice.randrange(len(text))],
        lambda: b"[" * dice.randrange(1, 60_000),
        lambda: b'{"update_id":' * dice.randrange(1, 20_000) + b"1",
        lambda: json.dumps(dice.choice([None, 1, "text", [], [whole], {}, {"update_id": None}])).encode(),
        lambda: json.dumps(whole | {"update_id": dice.choice(["x", -1.5, 10**40, -(10**40), None])}).encode(),
        lambda: json.dumps(whole | {"message": dice.choice([1, "x", [], {}, {"chat": 1}])}).encode(),
        lambda: json.dumps({**whole, "message": {**message, "chat": dice.choice([{}, {"id": "x"}, 5, far])}}).encode(),
        lambda: json.dumps({**whole, "message": {**message, "date": dice.choice([10**18, -(10**18), "x"])}}).encode(),
        lambda: json.dumps({**whole, "message": {**message, "text": dice.choice([5, ["x"], {"a": 1}])}}).encode(),
        lambda: json.dumps({**whole, "message": {**message, "text": "\ud800 сколько"}}).encode(),
        lambda: json.dumps({**whole, "message": {**message, "message_id": dice.choice(["x", 0.5, None])}}).encode(),
        lambda: text.replace(b'"text"', b'"text": NaN, "x"'),
        lambda: json.dumps(whole, ensure_ascii=False).encode("cp1251"),
    ]
    return dice.choice(ways)()


def test_a_thousand_malformed_bodies_do_no_harm(scaled: Scaled, small: Small) -> None:
    dice, stranger = random.Random(7), scaled.person()
    stranger.say("/help")
    connection = http.client.HTTPConnection("127.0.0.1", scaled.replicas.ports[0], timeout=20)
    headers = {"Content-Type": "application/json", SECRET_HEADER: SECRET}
    statuses: dict[int, bytes] = {}

    for _ in range(1000):
        body = malformed(dice, stranger)
        connection.request("POST", WEBHOOK_PATH, body, headers)
        answer = connection.getresponse()
        answer.read()
        statuses.setdefault(answer.status, body[:200])
    connection.close()

    # Half a letter is no text either, but it can be answered.
    assert set(statuses) <= {200, 400}, statuses
    anna = scaled.person()
    anna.say(QUESTIONS["pain"])
    settle(anna, small[2])
    assert topics_in(anna, small[2]) == ["pain", "language"]
    assert [row for row in scaled.replicas.all[0].logged() if row["level"] == "error"] == []


def test_a_body_that_is_too_large_is_refused(scaled: Scaled) -> None:
    assert post(scaled.door(0), b'{"update_id": 1, "x": "' + b"x" * 600_000 + b'"}', SECRET) == 413


def test_asked_to_stop_in_the_middle_of_work_a_replica_ends_in_order_and_nothing_is_lost(
    scaled: Scaled, small: Small
) -> None:
    patients = [scaled.person() for _ in range(10)]
    for question in QUESTIONS.values():
        for patient in patients:
            patient.say(question)

    began = time.monotonic()
    code = scaled.replicas.all[1].stop()
    took = time.monotonic() - began
    scaled.replicas.restart(1)

    assert (code, took < 10) == (0, True)
    for patient in patients:
        settle(patient, small[2])
        assert topics_in(patient, small[2]) == [*QUESTIONS, "language"]
    scaled.replicas.all[1].says("webhook_set")


def test_an_edited_library_is_served_by_every_replica_within_5_seconds_of_its_publication(
    scaled: Scaled, small: Small
) -> None:
    before = {get(scaled.door(number), "/healthz")[1]["library"] for number in range(2)}
    (article,) = scaled.knowledge.glob("articles/*/duration.ru.md")

    change(article, "В среднем 3–4 месяца", "Обычно 3–4 месяца")
    first, second = (
        eventually(lambda p=process: p.events("library_changed"), 60, "the edit is served")[-1]
        for process in scaled.replicas.all
    )

    apart = datetime.fromisoformat(first["timestamp"]) - datetime.fromisoformat(second["timestamp"])
    after = {get(scaled.door(number), "/healthz")[1]["library"] for number in range(2)}
    assert abs(apart.total_seconds()) < 5
    assert (len(before), len(after), after & before) == (1, 1, set())
    anna = scaled.person()
    anna.say(QUESTIONS["duration"])
    assert answered(anna)[0].text.startswith("Обычно 3–4 месяца")


def test_while_postgresql_is_down_a_danger_is_answered_at_once_and_the_rest_afterwards(
    scaled: Scaled, postgres: Postgres, small: Small
) -> None:
    """Last of those that share the replicas: Telegram calls less and less often while it is refused."""
    patients, boris = [scaled.person() for _ in range(10)], scaled.person()
    for patient in patients:
        patient.say(QUESTIONS["pain"])

    postgres.stop()
    for patient in patients:
        patient.say(QUESTIONS["onset"])
    boris.say(DANGER)
    danger = answered(boris, timeout=AT_ONCE)[0]
    unready = get(scaled.door(0), "/readyz")
    postgres.start()

    assert danger.text == "".join(plain(small[2].red_flags.replies["ru"]["emergency"]))
    assert unready == (503, {"status": "database", "library": unready[1]["library"]})
    twice = 0
    for patient in patients:
        settle(patient, small[2])
        topics = topics_in(patient, small[2])
        assert [topic for topic, _ in itertools.groupby(topics)] == ["pain", "onset", "language"]
        twice += len(topics) - 3
    # What Telegram had taken in the very moment the database went could not be noted any more: the stated window.
    assert twice <= 2
    settle(boris, small[2])
    # Each replica may have heard of it once before the database took it.
    assert topics_in(boris, small[2]) in (["danger", "language"], ["danger", "danger", "language"])


# ---- nobody's words anywhere ----------------------------------------------------------------------------------

# Sentences with words that stand nowhere in the library.
SECRETS = {
    "name": "Аграфена Кукушкина",
    "phone": "921 555-01-42",
    "health": "красная волчанка и метотрексат",
    "rude": "мудозвоны",
    "crisis": "не хочу больше жить, прощай, Глафира",
    "unread": "эхинококк в саркофаге",
    "failing": "сломайся на слове гиппопотам",
    "malformed": "шарманка без ручки",
}
_BREAKS = '''
from bot.conversation import Conversation

answer = Conversation.answer


def breaks(self, incoming, state, only=None):
    """An error of ours whose text repeats what the patient wrote, as errors do."""
    if "гиппопотам" in incoming.text:
        raise ValueError(f"can't make sense of {incoming.text!r}")
    return answer(self, incoming, state, only)


Conversation.answer = breaks
'''


def leaks(name: str, found: bytes) -> list[str]:
    """Which secrets can be read in this, as text or as JSON writes it."""
    lowered = found.lower()
    seen = []
    for kind, secret in SECRETS.items():
        for words in {secret, *secret.split(", ")}:
            shapes = (words.lower().encode(), json.dumps(words)[1:-1].lower().encode(), words.encode("utf-16-le"))
            if any(shape in lowered or shape in found for shape in shapes):
                seen.append(f"{kind} in {name}")
    return seen


def test_no_patient_s_words_are_in_any_log_metric_or_file(start: Start, server: TelegramServer, tmp_path: Path) -> None:
    fake = server.start()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(_BREAKS, encoding="utf-8")
    port, measured = free_port(), free_port()
    bot = start(
        LOG_LEVEL="debug",
        HTTP_PORT=port,
        METRICS_BIND=f"127.0.0.1:{measured}",
        WEBHOOK_URL=f"http://127.0.0.1:{port}{WEBHOOK_PATH}",
        WEBHOOK_SECRET=SECRET,
        PYTHONPATH=f"{tmp_path / 'site'}:{ROOT}",
    ).says("webhook_set")
    anna = fake.user(1, language_code="ru", first_name="Аграфена", last_name="Кукушкина")
    boris = fake.user(2, language_code="ru", first_name="Аграфена Кукушкина")

    anna.say(f"меня зовут {SECRETS['name']}, мой телефон +7 {SECRETS['phone']}")
    asked = anna.say(f"у меня {SECRETS['health']}, можно ли мне?")
    anna.say(f"у меня {SECRETS['health']}, это больно?", edited=asked["message"]["message_id"])
    anna.say(f"да вы там все {SECRETS['rude']}")
    anna.say(contact={"phone_number": f"+7 {SECRETS['phone']}", "first_name": SECRETS["name"]})
    anna.say(f"почему {SECRETS['unread']}?")
    anna.say(SECRETS["failing"])
    anna.say(f"{QUESTIONS['pain']}")
    anna.say(SECRETS["crisis"])
    eventually(lambda: len(messages_in(anna)) >= 8, 30, "all is answered")
    for body in (
        json.dumps({"update_id": 1, "message": {"text": SECRETS["malformed"]}}, ensure_ascii=False),
        json.dumps({"update_id": SECRETS["malformed"]}, ensure_ascii=False),
        json.dumps({**update(anna, 10**40, SECRETS["malformed"])}, ensure_ascii=False),
        f'{{"update_id": 2, "message": "{SECRETS["malformed"]}',
    ):
        post(f"http://127.0.0.1:{port}", body.encode(), SECRET)
    # Some of it is still on its way out, and some has not been read, when the process dies.
    fake.fault("sendMessage", code=500, times=0)
    boris.say(f"{SECRETS['unread']}, {SECRETS['name']}")
    boris.say("/mydata")
    boris.say(SECRETS["crisis"])
    eventually(lambda: fake.get("calls", method="sendmessage", chat_id=2), 10, "an attempt")
    with urllib.request.urlopen(f"http://127.0.0.1:{measured}/metrics", timeout=10) as answer:
        metrics = answer.read()
    health = json.dumps([get(f"http://127.0.0.1:{port}", path) for path in ("/healthz", "/readyz")]).encode()
    bot.kill()

    assert bot.events("turn_failed")
    assert b"mimika_turns" in metrics
    found = {"the log": bot.output.encode(), "/metrics": metrics, "/healthz": health}
    files = [path for path in (tmp_path / "var").glob("**/*") if path.is_file()]
    assert any(path.name.endswith("-wal") for path in files)
    found |= {path.name: path.read_bytes() for path in files}
    assert [leak for name, content in found.items() for leak in leaks(name, content)] == []
    assert SECRET.encode() not in b"".join(found.values())


# ---- Telegram hangs: begun first, over last -------------------------------------------------------------------


def test_an_answer_that_telegram_neither_took_nor_refused_arrives_once(hanging: User, small: Small) -> None:
    eventually(lambda: messages_in(hanging), CLIENT_WAITS + 30, "the answer is sent again")
    settle(hanging, small[2])

    assert topics_in(hanging, small[2]) == ["duration", "language"]
