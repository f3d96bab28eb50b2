"""The local Telegram server, the real bot and a load balancer, each as it would stand in earnest."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, web

from tests.examples import ROOT
from tests.telegram.fake_telegram_client import Fake

TOKEN = "42:TEST"
SECRET = "a-secret-of-the-tests-0123456789"
WEBHOOK_PATH = "/telegram"
_SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"


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
        # One thread: several processes at once would only stand in each other's way.
        calm = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", "run"],
                cwd=folder,
                env={**kept, **calm, "PYTHONPATH": str(ROOT), **given},
                stdout=log,
                stderr=log,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def logged(self) -> list[dict[str, Any]]:
        """Every log line so far."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{") and line.endswith("}")]

    def events(self, name: str) -> list[dict[str, Any]]:
        """What was logged under this event name so far."""
        return [row for row in self.logged() if row["event"] == name]

    def polling(self) -> BotProcess:
        """Wait until it fetches updates."""
        return self.says("polling")

    def says(self, event: str, seconds: float = 60) -> BotProcess:
        """Wait until this event is in its log."""
        eventually(lambda: self._said(event), seconds, f"the bot says {event!r}; it said:\n{self.output}")
        return self

    def _said(self, event: str) -> bool:
        assert self.process.poll() is None, f"the bot ended with {self.process.returncode}:\n{self.output}"
        return bool(self.events(event))

    @property
    def sends(self) -> bool:
        """Whether it holds the sender's lock, as far as its log tells."""
        last = [row["event"] for row in self.logged() if row["event"] in ("sending", "sender_lock_lost")]
        return bool(last) and last[-1] == "sending"

    def stop(self) -> int:
        """Ask it to stop as a container runtime does; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait(20)

    def end(self) -> None:
        """Make sure that it is gone, also after a test that failed."""
        self.kill()


class RoundRobin:
    """A load balancer on a port of its own: calls to the webhook go to one replica after the other.

    As nginx does by default, it goes on to the next replica where nobody listens, and not where a call broke off:
    that one may have been taken. `handed` is, by update, which replica it went to last, and when.
    """

    def __init__(self, ports: list[int]) -> None:
        self._ports, self._turn = ports, itertools.count()
        self.port = free_port()
        self.handed: dict[int, tuple[int, float]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._stopped = asyncio.Event()
        self._listening = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{WEBHOOK_PATH}"

    def start(self) -> RoundRobin:
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run())
        self._loop.close()

    async def _run(self) -> None:
        app = web.Application()
        app.router.add_post(WEBHOOK_PATH, self._pass_on)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        async with ClientSession(timeout=ClientTimeout(total=20)) as self._session:
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
            self._listening.set()
            await self._stopped.wait()
            await runner.cleanup()

    async def _pass_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {"Content-Type": "application/json", _SECRET_HEADER: request.headers.get(_SECRET_HEADER, "")}
        for _ in self._ports:
            replica = next(self._turn) % len(self._ports)
            address = f"http://127.0.0.1:{self._ports[replica]}{WEBHOOK_PATH}"
            self.handed[int(json.loads(body)["update_id"])] = (replica, time.time())
            try:
                async with self._session.post(address, data=body, headers=headers) as answer:
                    return web.Response(status=answer.status, text=await answer.text())
            except ClientConnectorError:
                continue
            except (ClientError, TimeoutError):
                break
        return web.Response(status=502)


def own_data(of: Path, folder: Path) -> Path:
    """A data folder with the library of another one, and room for a database of its own."""
    folder.mkdir(parents=True)
    (folder / "library").symlink_to((of / "library").absolute())
    return folder
