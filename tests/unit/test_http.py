"""The HTTP side on a real socket: whom the webhook lets in, what it makes of any body, health and metrics."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiogram.types import Update
from pydantic import ValidationError

from bot.adapters import http
from bot.adapters.database.engine import Database
from bot.adapters.database.inbox import Inbox
from bot.adapters.database.outbox import Outbox
from bot.adapters.http import MOST_BYTES, SECRET_HEADER, Refusals, Site, health, metrics, webhook
from bot.adapters.memory import FixedClock
from bot.adapters.metrics import Metrics
from bot.adapters.telegram.gateway import Gateway
from tests.examples import NOON
from tests.unit.fakes import CountingMeters, StandInBot, open_database, soon

SECRET = "a-secret_of-16-letters-or-more"
UPDATE = {
    "update_id": 7,
    "message": {
        "message_id": 1,
        "date": 1_795_424_400,
        "chat": {"id": 1001, "type": "private", "first_name": "Анна"},
        "from": {"id": 1001, "is_bot": False, "first_name": "Анна", "language_code": "ru"},
        "text": "сколько держится?",
    },
}


class Taker:
    """Takes what is an update, as the running bot does; `stores` says whether that works, unless a gateway does it."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.stores = True
        self.meters = CountingMeters()
        self.gateway: Gateway | None = None

    async def take(self, update: dict[str, Any]) -> bool:
        try:
            found = Update.model_validate(update)
        except ValidationError:
            raise ValueError("this is no update") from None
        if self.gateway is not None:
            return await self.gateway.take([found])
        if self.stores:
            self.taken.append(found.update_id)
        return self.stores


class Hook:
    """A webhook that is listened on, and a client before it."""

    def __init__(self, taker: Taker, port: int, client: aiohttp.ClientSession) -> None:
        self.taker, self.port, self._client = taker, port, client
        self.url = f"http://127.0.0.1:{port}/telegram"

    async def post(self, body: Any, secret: str | None = SECRET, **headers: str) -> int:
        """The status of a call."""
        given = headers if secret is None else {SECRET_HEADER: secret, **headers}
        data = body if isinstance(body, bytes) or hasattr(body, "__aiter__") else json.dumps(body).encode()
        async with self._client.post(self.url, data=data, headers=given) as answer:
            return answer.status

    async def get(self, path: str) -> tuple[int, str, str]:
        async with self._client.get(f"http://127.0.0.1:{self.port}{path}") as answer:
            return answer.status, answer.content_type, await answer.text()

    async def raw(self, request: bytes) -> bytes:
        """What is answered to bytes that no client library would send."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        await writer.drain()
        status = await soon(reader.readline())
        writer.close()
        await writer.wait_closed()
        return bytes(status)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def listening(taker: Taker, *, ready: str = "", text: bytes = b"") -> AsyncIterator[Hook]:
    async def is_ready() -> str:
        return ready

    async def metrics_text() -> bytes:
        return text

    site = Site("127.0.0.1", port := _free_port())
    site.app.router.add_post("/telegram", webhook(SECRET, taker.take, taker.meters))
    health(site, is_ready, lambda: "library-1")
    metrics(site, metrics_text)
    await site.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client:
            yield Hook(taker, port, client)
    finally:
        await soon(site.stop())


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with listening(Taker()) as found:
        yield found


# ---- who is let in ----------------------------------------------------------------------------------------


async def test_an_update_with_the_right_secret_is_stored(hook: Hook) -> None:
    assert await hook.post(UPDATE) == 200

    assert hook.taker.taken == [7]
    assert hook.taker.meters.refusals == []


@pytest.mark.parametrize(
    "secret",
    [None, "", "wrong", SECRET[:-1], SECRET + "x", SECRET.upper(), "ключ", "x" * 5000],
    ids=["missing", "empty", "wrong", "too short", "too long", "other case", "not ascii", "very long"],
)
async def test_whoever_does_not_know_the_secret_is_turned_away_unread(hook: Hook, secret: str | None) -> None:
    assert await hook.post(UPDATE, secret) == 401

    assert hook.taker.taken == []
    assert hook.taker.meters.refusals == ["secret"]


@pytest.mark.parametrize(
    "secret", [b"\xff\xfe\xfd", b"\xed\xa0\x80", b"\xd0"], ids=["bytes", "surrogate", "half a letter"]
)
async def test_a_secret_that_is_no_text_at_all_is_a_wrong_one(hook: Hook, secret: bytes) -> None:
    request = b"POST /telegram HTTP/1.1\r\nHost: bot\r\nContent-Length: 2\r\n" + SECRET_HEADER.encode() + b": " + secret

    status = await hook.raw(request + b"\r\n\r\n{}")

    assert b" 401 " in status or b" 400 " in status
    assert hook.taker.taken == []


async def test_the_right_secret_in_the_body_or_the_address_counts_for_nothing(hook: Hook) -> None:
    hook.url += f"?secret={SECRET}&{SECRET_HEADER}={SECRET}"

    assert await hook.post({**UPDATE, "secret_token": SECRET}, None) == 401


async def test_whoever_guesses_too_often_is_turned_away(hook: Hook) -> None:
    statuses = [await hook.post(UPDATE, f"guess-{number}") for number in range(http._WRONG_A_MINUTE + 5)]

    assert statuses == [401] * http._WRONG_A_MINUTE + [429] * 5
    assert hook.taker.meters.refusals[-1] == "too_many"


async def test_a_guesser_behind_the_same_proxy_does_not_shut_telegram_out(hook: Hook) -> None:
    """Behind a load balancer every call comes from its address."""
    for number in range(http._WRONG_A_MINUTE + 1):
        await hook.post(UPDATE, f"guess-{number}")

    assert await hook.post(UPDATE) == 200


def test_guesses_are_counted_by_address_and_minute() -> None:
    refusals = Refusals()
    refusals.too_many("10.0.0.1", 0.0)
    for _ in range(http._WRONG_A_MINUTE):
        refusals.wrong("10.0.0.1")

    assert refusals.too_many("10.0.0.1", 59.0)
    assert not refusals.too_many("10.0.0.2", 59.0)
    assert not refusals.too_many("10.0.0.1", 61.0)


def test_addresses_without_number_do_not_fill_the_memory() -> None:
    refusals = Refusals()

    for number in range(3 * http._ADDRESSES):
        refusals.too_many(str(number), 1.0)
        refusals.wrong(str(number))

    assert len(refusals._wrong) <= http._ADDRESSES + 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_the_webhook_is_posted_to_and_nothing_else(hook: Hook, method: str) -> None:
    async with aiohttp.request(method, hook.url, headers={SECRET_HEADER: SECRET}) as answer:
        assert answer.status == 405


async def test_another_address_is_not_there(hook: Hook) -> None:
    hook.url += "/else"

    assert await hook.post(UPDATE) == 404


# ---- what a body may be -----------------------------------------------------------------------------------


async def test_a_body_that_says_it_is_too_large_is_not_read(hook: Hook) -> None:
    assert await hook.post(b" " * (MOST_BYTES + 1)) == 413

    assert hook.taker.meters.refusals == ["too_large"]


async def test_a_body_that_turns_out_too_large_is_not_read_to_its_end(hook: Hook) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MOST_BYTES // 4096 + 2):
            yield b" " * 4096

    assert await hook.post(endless()) == 413

    assert hook.taker.meters.refusals == ["too_large"]


async def test_the_largest_body_that_telegram_may_send_is_taken(hook: Hook) -> None:
    message = {**UPDATE["message"], "text": "я" * 4096}  # type: ignore[dict-item]
    body = json.dumps({**UPDATE, "message": message}).encode()
    body += b" " * (MOST_BYTES - len(body))

    assert await hook.post(body) == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe\x00",
        b'{"update_id": NaN}',
        b'{"update_id": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"[]",
        b"7",
        b'"text"',
        b"null",
        b"{}",
        b'{"update_id": "seven"}',
        b'{"message": {"text": "x"}}',
        b'{"update_id": 7, "message": "x"}',
        b'{"update_id": 7, "message": {"message_id": 1, "text": "\\ud800"}}',
    ],
    ids=[
        "empty", "half", "no JSON", "no text", "not a number", "endless number", "deep list", "deep object", "list",
        "number", "string", "null", "no update", "no number", "no id", "no message", "half a character",
    ],
)  # fmt: skip
async def test_what_is_no_update_is_refused_for_good_and_harms_nothing(hook: Hook, body: bytes) -> None:
    """Telegram would send again and again what was not taken; and no stranger's body may stop us."""
    assert await hook.post(body) == 400

    assert hook.taker.meters.refusals == ["malformed"]
    assert await hook.post(UPDATE) == 200


async def test_an_update_that_can_not_be_stored_is_asked_for_again(hook: Hook) -> None:
    hook.taker.stores = False

    assert await hook.post(UPDATE) == 503
    hook.taker.stores = True
    assert await hook.post(UPDATE) == 200


async def test_a_kind_of_update_that_is_not_known_is_taken(hook: Hook) -> None:
    """A new kind of Telegram's must not come again for ever."""
    assert await hook.post({"update_id": 8, "something_new": {"a": 1}}) == 200


async def test_a_thousand_random_bodies_are_answered_and_never_with_an_error_of_ours(tmp_path: Path) -> None:
    chance, taker = random.Random(20261123), Taker()
    async with open_database(tmp_path) as database:
        taker.gateway = gateway = _gateway(database)
        async with listening(taker) as hook:
            statuses = {await hook.post(_random_body(chance)) for _ in range(1000)}
            assert await hook.post(UPDATE) == 200
        await gateway.close()

    assert statuses <= {200, 400, 413}
    assert statuses >= {200, 400}


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
async def test_a_number_that_no_database_holds_is_refused_like_any_nonsense(tmp_path: Path, number: int) -> None:
    taker = Taker()
    async with open_database(tmp_path) as database:
        taker.gateway = gateway = _gateway(database)
        async with listening(taker) as hook:
            assert await hook.post({**UPDATE, "update_id": number}) == 400
        await gateway.close()


def _gateway(database: Database) -> Gateway:
    """The real door and inbox; nobody is in danger, and nobody answers."""
    clock, conversation = FixedClock(NOON), SimpleNamespace(alarms=lambda _: [])
    inbox, outbox = Inbox(database, clock), Outbox(database, clock)
    return Gateway("mimika", StandInBot(), conversation, inbox, outbox, SimpleNamespace(), clock)  # type: ignore[arg-type]


def _random_body(chance: random.Random) -> bytes:
    """Noise, an update with bytes changed, or one whose values are something else."""
    whole = json.dumps(UPDATE, ensure_ascii=chance.random() < 0.5).encode()
    kind = chance.randrange(4)
    if kind == 0:
        return chance.randbytes(chance.randrange(2000))
    if kind == 1:
        changed = bytearray(whole)
        for _ in range(chance.randrange(1, 20)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    if kind == 2:
        return whole[: chance.randrange(len(whole))] + chance.randbytes(chance.randrange(20))
    return json.dumps(_shaken(UPDATE, chance)).encode()


STRANGE = (None, True, -1, 0, 2**31, 2**63, 10**30, 1e308, "", "\0", "\ud800", "я" * 5000, [], {}, [[]], {"": {}})


def _shaken(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.15:
        strange = [
            None,
            True,
            -1,
            0,
            2**31,
            2**63,
            10**30,
            1e308,
            "",
            "\0",
            "\ud800",
            "я" * 5000,
            [],
            {},
            [[]],
            {"": {}},
        ]
        return chance.choice(strange)
    if isinstance(value, dict):
        return {key if chance.random() < 0.95 else key[::-1]: _shaken(inner, chance) for key, inner in value.items()}
    return value


# ---- health and metrics -----------------------------------------------------------------------------------


async def test_a_process_that_lives_says_so_with_the_library_it_serves(hook: Hook) -> None:
    status, kind, text = await hook.get("/healthz")

    assert (status, kind) == (200, "application/json")
    assert json.loads(text) == {"status": "ok", "library": "library-1"}


async def test_a_process_that_can_answer_is_ready(hook: Hook) -> None:
    status, _, text = await hook.get("/readyz")

    assert status == 200
    assert json.loads(text) == {"status": "ok", "library": "library-1"}


async def test_a_process_that_can_not_answer_lives_but_is_not_ready_and_says_why() -> None:
    async with listening(Taker(), ready="database") as hook:
        ready, _, text = await hook.get("/readyz")
        alive, *_ = await hook.get("/healthz")

    assert (ready, alive) == (503, 200)
    assert json.loads(text) == {"status": "database", "library": "library-1"}


async def test_metrics_are_plain_text() -> None:
    found = Metrics()
    found.turn(["answer"], "ru", 0.1)

    async with listening(Taker(), text=found.text(lambda: "library-1")) as hook:
        status, kind, text = await hook.get("/metrics")

    assert (status, kind) == (200, "text/plain")
    assert 'mimika_turns_total{kind="answer",lang="ru"} 1.0' in text


# ---- the site ---------------------------------------------------------------------------------------------


async def test_a_port_that_is_taken_is_an_error_that_says_so() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        site = Site("127.0.0.1", other.getsockname()[1])
        with pytest.raises(OSError, match="address already in use"):
            await site.start()
        await site.stop()


async def test_a_site_that_stops_finishes_the_call_under_way_and_takes_no_other() -> None:
    taker, goes_on, called = Taker(), asyncio.Event(), asyncio.Event()
    take = taker.take

    async def slowly(update: dict[str, Any]) -> bool:
        called.set()
        await goes_on.wait()
        return await take(update)

    taker.take = slowly  # type: ignore[method-assign]
    site = Site("127.0.0.1", port := _free_port())
    site.app.router.add_post("/telegram", webhook(SECRET, taker.take, taker.meters))
    await site.start()
    async with aiohttp.ClientSession() as client:
        hook = Hook(taker, port, client)
        under_way = asyncio.create_task(hook.post(UPDATE))
        await soon(called.wait())

        stopping = asyncio.create_task(site.stop())
        await asyncio.sleep(0.05)
        with pytest.raises(aiohttp.ClientConnectorError):
            await hook.post(UPDATE)
        goes_on.set()

        assert await soon(under_way) == 200
        await soon(stopping)


async def test_a_site_that_never_started_can_be_stopped() -> None:
    await Site("127.0.0.1", 1).stop()
