"""Measures what a clinic's small server would feel: start, replies, memory, build; everything on one core."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

from bot.adapters.memory import SystemClock
from bot.app import App, build_app, encoder_or_none
from bot.load import QUESTIONS, Load, measure, telegram_server
from bot.messages import ChatId, ChatState, Incoming
from bot.ports import Encoder, TextKind, Vectors
from bot.settings import Settings, load_settings

# Enough replies for a stable 95th percentile; a warm-up of this many is not counted.
_REPLIES, _WARM_UP = 400, 20
_STARTS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `budget` is from the design, None where it sets none."""

    name: str
    value: float
    unit: str
    budget: float | None = None


class _TimedEncoder:
    """An encoder that adds up the time spent inside it."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self.name, self.spent = encoder, encoder.name, 0.0

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        began = time.perf_counter()
        try:
            return self._encoder.encode(texts, kind)
        finally:
            self.spent += time.perf_counter() - began


def bench(settings: Settings, out: Path | None, *, cold: bool = True) -> None:
    """Measure, print a table, and write the figures as JSON to `out`.

    Args:
        cold: also build the whole library with no vector known, which takes minutes on one core.
    """
    from rich.console import Console
    from rich.table import Table

    say = Console(stderr=True)
    figures: list[Figure] = []
    with _one_core():
        say.print("opening the library ...")
        app = build_app(settings)
        say.print("starting `ask` ...")
        figures += _start(settings)
        say.print("replies ...")
        figures += _replies(app)
        say.print("running the Telegram bot ...")
        figures += _telegram(settings)
        say.print("building ...")
        figures += _builds(settings, cold=cold)
    table = Table("what", "measured", "budget", title="one core")
    for figure in figures:
        budget = "" if figure.budget is None else f"{figure.budget:g} {figure.unit}"
        table.add_row(figure.name, f"{figure.value:.3g} {figure.unit}", budget)
    Console().print(table)
    if out is not None:
        out.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n", encoding="utf-8")
        say.print(f"written to {out}")


def bench_load(settings: Settings, turns: int, *, postgresql: str = "", key: str = "", replicas: int = 3) -> None:
    """Measure the running bot under load, beside the encoder alone, and print a table.

    Args:
        postgresql: address of an empty PostgreSQL database, measured beside SQLite with one process and with several.
        key: a data key, needed with it.
    """
    from rich.console import Console
    from rich.table import Table

    say, console = Console(stderr=True), Console()
    with _one_core():
        alone = encoder_alone(settings)
    table = Table(
        "what", "turns/s", "CPU ms a turn", "p50 ms", "p95 ms", "MB before", "MB after", title=f"{turns} turns"
    )
    table.add_row("the encoder alone, one core", f"{1000 / alone:.0f}" if alone else "", f"{alone:.1f}", *[""] * 4)
    runs: list[tuple[str, int, str]] = [("SQLite, 1 process", 1, "")]
    if postgresql:
        runs += [("PostgreSQL, 1 process", 1, postgresql), (f"PostgreSQL, {replicas} processes", replicas, postgresql)]
    for name, processes, address in runs:
        say.print(f"{name} ...")
        found: Load = measure(settings, turns, replicas=processes, database=address, key=key)
        table.add_row(
            name,
            f"{found.per_second:.0f}",
            f"{found.cpu_ms:.1f}",
            f"{found.p50:.0f}",
            f"{found.p95:.0f}",
            f"{found.memory_before:.0f}",
            f"{found.memory_after:.0f}",
        )
    console.print(table)


def encoder_alone(settings: Settings) -> float:
    """Milliseconds the encoder takes for one of the questions of the load, the median; 0 without an encoder."""
    encoder = encoder_or_none(settings)
    if encoder is None:
        return 0.0
    times = []
    for number in range(_REPLIES):
        began = time.perf_counter()
        encoder.encode([QUESTIONS[number % len(QUESTIONS)]], "query")
        times.append((time.perf_counter() - began) * 1000)
    return median(times[_WARM_UP:])


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process and its children on the first core they may use, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _environment(settings: Settings, **more: str) -> dict[str, str]:
    given = {
        "DATA_DIR": str(settings.data_dir.absolute()),
        "KNOWLEDGE_DIR": str(settings.knowledge_dir.absolute()),
        "ENCODER": settings.encoder,
    }
    return {**os.environ, **given, **more}


def _start(settings: Settings) -> list[Figure]:
    """From starting the process to the printed answer; the median of a few, after one to warm the disk cache."""
    times = []
    for _ in range(_STARTS + 1):
        began = time.perf_counter()
        command = [sys.executable, "-m", "bot", "ask", "сколько держится?"]
        subprocess.run(command, env=_environment(settings), check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [Figure("`ask`, start to answer", median(times[1:]), "s", 1.0), Figure("`ask`, memory", memory, "MB")]


def _replies(app: App) -> list[Figure]:
    """Whole turns on the library's own questions, with the encoder's share told apart."""
    library = app.shelf.library
    titles = [article for lang in ("ru", "en") for article in library.topics(lang)]
    questions = [question for row in zip(*(article.questions for article in titles), strict=False) for question in row]
    timed = _TimedEncoder(library.encoder) if library.encoder else None
    library.encoder = timed
    whole, rest = [], []
    for number, question in enumerate(questions[: _REPLIES + _WARM_UP]):
        chat = ChatId("bench", "bench", str(number))
        spent = timed.spent if timed else 0.0
        began = time.perf_counter()
        app.conversation.answer(Incoming(chat, "bench", "1", SystemClock().now(), text=question), ChatState(), None)
        took = time.perf_counter() - began
        if number >= _WARM_UP:
            whole.append(took * 1000)
            rest.append((took - ((timed.spent if timed else 0.0) - spent)) * 1000)
    if timed:
        library.encoder = timed._encoder
    encoding = [all_of - without for all_of, without in zip(whole, rest, strict=True)]
    return [
        Figure("reply with the encoder, p50", median(whole), "ms"),
        Figure("reply with the encoder, p95", _p95(whole), "ms"),
        Figure("reply without the encoder's time, p50", median(rest), "ms", round(median(encoding) / 4, 2)),
        Figure("reply without the encoder's time, p95", _p95(rest), "ms"),
        Figure("the encoder alone, p50", median(encoding), "ms"),
    ]


def _telegram(settings: Settings) -> list[Figure]:
    """The real bot process against the local Telegram server of the tests, if it is there."""
    if not Path("tests/telegram/fake_telegram.py").exists():
        return []
    bot = None
    with telegram_server() as fake, tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "library").symlink_to((settings.data_dir / "library").absolute())
        environment = _environment(
            settings, BOT_TOKEN="42:TEST", TELEGRAM_API=fake.url, LOG_LEVEL="error", DATA_DIR=folder
        )
        try:
            began = time.perf_counter()
            bot = subprocess.Popen([sys.executable, "-m", "bot", "run"], env=environment)
            # A call that waits is listed when it ends; the menu is set as soon as polling begins.
            _until(lambda: any(call["method"].lower() == "setmycommands" for call in fake.get("calls")))
            started = time.perf_counter() - began
            people = [fake.user(5000 + number, first_name="Bench") for number in range(200)]
            times = []
            for number, person in enumerate(people):
                began = time.perf_counter()
                person.say("сколько держится?" if number % 2 else "does it hurt?")
                person.replies(timeout=30)
                times.append((time.perf_counter() - began) * 1000)
            memory = _memory(bot.pid)
        finally:
            if bot is not None:
                bot.terminate()
                bot.wait(30)
    return [
        Figure("`run`, start to polling", started, "s", 5.0),
        Figure("`run`, message to reply through Telegram's API, p50", median(times), "ms"),
        Figure("`run`, message to reply through Telegram's API, p95", _p95(times), "ms"),
        Figure("`run`, memory", memory, "MB", 400.0),
    ]


def _builds(settings: Settings, *, cold: bool) -> list[Figure]:
    """An edit of one article with all other vectors known, and a build with none known."""
    figures = []
    with tempfile.TemporaryDirectory() as made:
        root, data = Path(made) / "knowledge", Path(made) / "var"
        shutil.copytree(settings.knowledge_dir, root)
        for known in ("vectors", "fits"):
            if (settings.data_dir / known).is_dir():
                shutil.copytree(settings.data_dir / known, data / known)
        article = sorted(root.glob("articles/*/*.ru.md"))[0]
        article.write_text(article.read_text(encoding="utf-8").rstrip() + " Ещё одно слово.\n", encoding="utf-8")
        own = load_settings(data_dir=data, knowledge_dir=root, encoder=settings.encoder, bot_token=None)
        figures.append(Figure("build after an edit", _build(own), "s", 10.0))
        if cold:
            shutil.rmtree(data)
            figures.append(Figure("build with nothing known", _build(own), "s", 300.0))
    return figures


def _build(settings: Settings) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "bot", "knowledge", "build", "--quiet"]
    subprocess.run(command, env=_environment(settings), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1]


def _memory(pid: int) -> float:
    """Resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _until(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError("the bot did not start polling")
        time.sleep(0.02)
