"""Measures a running bot under load: turns per second of one core, from message to reply, memory over many turns.

The bot is a process of its own on one core with Telegram's limits off; the local Telegram server of the tests and the
patients are on the others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bot.settings import Settings

# Patients who write at the same time, and how many of their messages are under way together.
_PATIENTS, _TOGETHER = 200, 400
# Messages a second while the time from message to reply is measured: a busy clinic's worst minute.
_CALM_RATE, _CALM_MESSAGES = 5.0, 60
QUESTIONS = ("сколько держится?", "does it hurt?", "а это больно", "how long does it last", "можно ли после спорта")


@dataclass(frozen=True, slots=True)
class Load:
    """What a bot did under load: `per_second` turns of all its processes, `cpu_ms` of their processor time a turn.

    `p50` and `p95` are milliseconds from a message's arrival at the server to its reply's, at a calm rate; memory in MB
    after the first and after the last turn.
    """

    turns: int
    per_second: float
    cpu_ms: float
    p50: float
    p95: float
    memory_before: float
    memory_after: float


def measure(settings: Settings, turns: int, *, replicas: int = 1, database: str = "", key: str = "") -> Load:
    """Start the local Telegram server and the bot, let patients write, stop both.

    Args:
        replicas: processes that share the database; more than one needs PostgreSQL.
        database: DATABASE_URL of an empty database; empty: SQLite in a temporary folder.
        key: a data key, needed with PostgreSQL.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        fake = stack.enter_context(telegram_server())
        bots = [
            stack.enter_context(_bot(settings, folder / str(number), fake.url, database, key))
            for number in range(replicas)
        ]
        numbers = count()
        # Everything that is done once is done before the first figure.
        _flood(fake, _PATIENTS, numbers)
        before, spent, began = _memory(bots), _cpu(bots), time.monotonic()
        _flood(fake, turns, numbers)
        took, used = time.monotonic() - began, _cpu(bots) - spent
        after = _memory(bots)
        times = _calm(fake, numbers)
    return Load(turns, turns / took, used / turns * 1000, median(times), quantiles(times, n=20)[-1], before, after)


@contextmanager
def telegram_server() -> Iterator[Any]:
    """The local Telegram server of the tests, and a client for it.

    Raises:
        FileNotFoundError: this is no clone of the project.
    """
    script = Path("tests/telegram/fake_telegram.py")
    if not script.exists():
        raise FileNotFoundError(f"{script} is not here; run this in a clone of the project")
    sys.path.insert(0, str(script.parent.absolute()))
    from fake_telegram_client import Fake  # a script of the tests, no package

    port = free_port()
    server = subprocess.Popen([sys.executable, str(script), "--port", str(port), "--token", "42:TEST"])
    try:
        yield Fake(f"http://127.0.0.1:{port}").ready(30)
    finally:
        server.terminate()
        server.wait(30)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _bot(settings: Settings, folder: Path, api: str, database: str, key: str) -> Iterator[int]:
    """The bot as a process on the first core, with the library that is built already; gives its process id."""
    folder.mkdir()
    (folder / "library").symlink_to((settings.data_dir / "library").absolute())
    environment = {
        **os.environ,
        "BOT_TOKEN": "42:TEST",
        "TELEGRAM_API": api,
        "TELEGRAM_LIMITS": "false",
        "DATA_DIR": str(folder),
        "KNOWLEDGE_DIR": str(settings.knowledge_dir.absolute()),
        "ENCODER": settings.encoder,
        "DATABASE_URL": database,
        "DATA_KEYS": key,
        "LOG_LEVEL": "error",
    }
    core = {min(os.sched_getaffinity(0))} if hasattr(os, "sched_getaffinity") else set()
    bot = subprocess.Popen([sys.executable, "-m", "bot", "run"], env=environment)
    if core:
        os.sched_setaffinity(bot.pid, core)
    try:
        yield bot.pid
    finally:
        bot.terminate()
        bot.wait(30)


def _flood(fake: Any, turns: int, numbers: Iterator[int]) -> None:
    """Send so many messages, never more than some under way, and wait for as many replies."""
    first, asked = _sent(fake), 0
    while True:
        answered = _sent(fake) - first
        if answered >= turns:
            return
        room = min(_TOGETHER - (asked - answered), turns - asked)
        if room > 0:
            _post(fake, [_message(next(numbers)) for _ in range(room)])
            asked += room
        else:
            time.sleep(0.02)


def _calm(fake: Any, numbers: Iterator[int]) -> list[float]:
    """Milliseconds from message to reply at a calm rate, each patient after the other."""
    times: list[float] = []
    for _ in range(_CALM_MESSAGES):
        patient = fake.user(next(numbers) + 10_000)
        began = time.perf_counter()
        patient.say(QUESTIONS[len(times) % len(QUESTIONS)])
        patient.replies(timeout=30)
        took = time.perf_counter() - began
        times.append(took * 1000)
        time.sleep(max(0.0, 1 / _CALM_RATE - took))
    return times


def _sent(fake: Any) -> int:
    return int(sum(number for name, number in fake.get("stats")["calls"].items() if name.lower() == "sendmessage"))


def _post(fake: Any, messages: Sequence[dict[str, Any]]) -> None:
    """Many messages in one call, which the server's own client does not offer."""
    head = {"Content-Type": "application/json"}
    body = json.dumps(messages).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{fake.url}/control/user_message", body, head)) as answer:
        answer.read()


def _message(number: int) -> dict[str, Any]:
    patient = 1000 + number % _PATIENTS
    text = QUESTIONS[number % len(QUESTIONS)]
    return {"chat_id": patient, "user": {"id": patient, "first_name": "Load"}, "text": text}


def _memory(bots: Sequence[int]) -> float:
    """Resident memory of all processes in MB."""
    found = 0
    for pid in bots:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        found += int(status.partition("VmRSS:")[2].split()[0])
    return found / 1024


def _cpu(bots: Sequence[int]) -> float:
    """Processor time of all processes in seconds."""
    ticks = 0
    for pid in bots:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
