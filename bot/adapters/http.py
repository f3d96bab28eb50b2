"""The HTTP side: Telegram's webhook, health for whoever watches the container, and metrics."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from bot.ports import Meters

log = structlog.get_logger()

# Telegram's updates are a few kilobytes; albums and long captions stay far below this.
MOST_BYTES = 512 * 1024
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
# Wrong secrets from one address within a minute before it hears only that it asks too often.
_WRONG_A_MINUTE = 30
_ADDRESSES = 10_000


class Refusals:
    """Counts wrong secrets per address, so that nobody tries them at leisure."""

    def __init__(self) -> None:
        self._minute = 0
        self._wrong: dict[str, int] = {}

    def too_many(self, address: str, now: float) -> bool:
        """Whether this address has been wrong too often within this minute; `now` in seconds."""
        if int(now // 60) != self._minute or len(self._wrong) > _ADDRESSES:
            self._minute, self._wrong = int(now // 60), {}
        return self._wrong.get(address, 0) >= _WRONG_A_MINUTE

    def wrong(self, address: str) -> None:
        self._wrong[address] = self._wrong.get(address, 0) + 1


def webhook(secret: str, take: Callable[[dict[str, Any]], Awaitable[bool]], meters: Meters) -> Any:
    """A handler for Telegram's calls: 200 once the update is stored, 503 where it could not be, and comes again.

    Args:
        take: stores one update; False if it could not be stored; ValueError if it is none.
    """
    refusals = Refusals()

    def refuse(status: type[web.HTTPException], reason: str) -> web.Response:
        meters.refused(reason)
        return web.Response(status=status.status_code, text=reason)

    async def handle(request: web.Request) -> web.Response:
        address = request.remote or ""
        # In constant time: how long a wrong secret takes must not tell how much of it is right. Whoever has the right
        # one is never turned away for the wrong ones of others: behind a proxy all callers have one address.
        if not hmac.compare_digest(_secret_of(request), secret.encode()):
            if refusals.too_many(address, time.monotonic()):
                return refuse(web.HTTPTooManyRequests, "too_many")
            refusals.wrong(address)
            return refuse(web.HTTPUnauthorized, "secret")
        if request.content_length is not None and request.content_length > MOST_BYTES:
            return refuse(web.HTTPRequestEntityTooLarge, "too_large")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return refuse(web.HTTPRequestEntityTooLarge, "too_large")
        try:
            update = json.loads(body)
            if not isinstance(update, dict):
                raise ValueError("an update is a JSON object")
            stored = await take(update)
        except (ValueError, RecursionError):
            # Telegram would send it again and again; what is no update is refused for good.
            return refuse(web.HTTPBadRequest, "malformed")
        return web.Response() if stored else web.Response(status=503, text="not stored")

    return handle


def _secret_of(request: web.Request) -> bytes:
    """Whatever bytes were sent as the secret; they need be no text."""
    return request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")


class Site:
    """One address that is listened on, with its routes."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.app = web.Application(client_max_size=MOST_BYTES)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        self._runner = web.AppRunner(self.app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, reuse_address=True).start()
        log.info("listening", host=self._host, port=self._port)

    async def stop(self) -> None:
        """Finish the calls under way, take no new ones."""
        if self._runner is not None:
            await self._runner.cleanup()


def health(site: Site, ready: Callable[[], Awaitable[str]], version: Callable[[], str]) -> None:
    """Add /healthz (the process lives) and /readyz (it can answer; else 503 with the reason)."""

    async def alive(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "library": version()})

    async def is_ready(_: web.Request) -> web.Response:
        reason = await ready()
        return web.json_response({"status": reason or "ok", "library": version()}, status=503 if reason else 200)

    site.app.router.add_get("/healthz", alive)
    site.app.router.add_get("/readyz", is_ready)


def metrics(site: Site, text: Callable[[], Awaitable[bytes]]) -> None:
    """Add /metrics."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=await text(), content_type="text/plain", charset="utf-8")

    site.app.router.add_get("/metrics", show)
