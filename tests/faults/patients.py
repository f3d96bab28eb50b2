"""Patients who keep talking: questions, presses, edits, fragments and now and then a danger, in two languages."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.adapters.telegram.rendering import plain
from bot.messages import Lang
from tests.examples import ROOT
from tests.faults.account import Account, Said
from tests.telegram.fake_telegram_client import Fake

# Topics of the small clinic under which nothing is sold: what is sold is answered otherwise after a danger.
QUESTIONS: Mapping[Lang, Mapping[str, str]] = {
    "ru": {
        "duration": "сколько держится эффект",
        "pain": "это больно?",
        "onset": "когда подействует",
        "red-flags": "какие признаки опасны после укола",
        "mood-evidence": "помогает ли ботокс от депрессии",
    },
    "en": {
        "duration": "how many months does botox last",
        "pain": "does it hurt?",
        "onset": "when does it start working",
        "red-flags": "which signs are dangerous after the injection",
        "mood-evidence": "does botox help with depression",
    },
}
COMMANDS = ("/start", "/help", "/topics", "/language", "/privacy")
FRAGMENTS: Mapping[Lang, Sequence[str]] = {
    "ru": ("и ещё", "скажите, пожалуйста,"),
    "en": ("and also", "please tell me,"),
}
DANGERS: Mapping[Lang, Mapping[str, str]] = {
    "ru": {"emergency": "после укола трудно глотать", "crisis": "не хочу больше жить"},
    "en": {"emergency": "I can't swallow since the injection", "crisis": "I want to kill myself"},
}
# What is shown under an answer: the title of the button and the payload it stands for.
_BUTTONS: Mapping[Lang, Mapping[str, str]] = {
    "ru": {"Подробнее": "more", "Источники": "sources"},
    "en": {"More": "more", "Sources": "sources"},
}
# Nobody types further ahead than so many unanswered messages.
_AHEAD = 3
# How often the patients look up and speak, in seconds.
_BEAT = 0.025

Acts = Sequence[tuple[float, Callable[[], Said | None]]]


class Answers:
    """Which text is the reply to what: asked of `mimika ask` once, of a patient at ease and of one in care.

    Args:
        environment: of the bot, so that it answers from the same library.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        rows = [row for lang in QUESTIONS for care in (False, True) for row in _rehearsal(lang, care=care)]
        given = "\n".join(json.dumps({**row, "id": name}) for name, row in rows) + "\n"
        done = subprocess.run(
            [sys.executable, "-m", "bot", "ask", "--jsonl"],
            input=given.encode(),
            capture_output=True,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
            cwd=folder,
            check=True,
        )
        self._names: dict[tuple[Lang, str], str] = {}
        for line in done.stdout.splitlines():
            row = json.loads(line)
            lang, name = row["id"].split(" ", 1)
            assert len(row["replies"]) == 1, row
            (text,) = plain(row["text"])
            known = self._names.setdefault((lang, text), name)
            assert known == name, f"{known} and {name} have one answer in {lang}: {text}"
        self._all = {lang: {name for (here, _), name in self._names.items() if here == lang} for lang in QUESTIONS}

    def name(self, lang: Lang, text: str) -> str | None:
        """The name of a reply as a patient sees it; None where nothing that is asked by name is answered so."""
        return self._names.get((lang, text))

    def has(self, lang: Lang, name: str) -> bool:
        return name in self._all[lang]


def _rehearsal(lang: Lang, *, care: bool) -> list[tuple[str, dict[str, str]]]:
    """What is asked of one patient, each under its name; in care after a danger."""
    row = {"chat": f"{lang} {care}", "lang": lang}
    dangers = [(f"{lang} {kind}", {**row, "text": text}) for kind, text in DANGERS[lang].items()] if care else []
    found = dangers
    for topic, text in QUESTIONS[lang].items():
        found.append((f"{lang} {topic}", {**row, "text": text}))
        found += [(f"{lang} {press}:{topic}", {**row, "press": f"{press}:{topic}"}) for press in ("more", "sources")]
        # What a question is understood as may hang on what was asked before: these must not.
        for other, after in QUESTIONS[lang].items():
            found += [(f"{lang} {other}", {**row, "text": after}), (f"{lang} {topic}", {**row, "text": text})]
    return [*found, *((f"{lang} {command}", {**row, "text": command}) for command in COMMANDS)]


class Patient:
    """One patient: chooses what to say next, and books what comes back."""

    def __init__(self, fake: Fake, number: int, lang: Lang, answers: Answers, dice: random.Random) -> None:
        self.number, self.lang = number, lang
        self.account = Account()
        self._fake, self._answers, self._dice = fake, answers, dice
        self._profile = {"id": number, "language_code": lang, "first_name": f"Patient {number}"}
        # Buttons seen, by the name of what they lead to: the message they stand under, and their data.
        self._buttons: dict[str, tuple[int, str]] = {}
        self._edited: set[int] = set()
        self._since_danger = 0

    def speak(self) -> Said | None:
        """Say or do one thing; None where there is nothing to say that could be told apart later."""
        if len(self.account.open()) >= _AHEAD:
            return None
        acts: Acts = [
            (0.42, self._ask),
            (0.24, self._press),
            (0.10, self._edit),
            (0.10, self._begin),
            (0.10, self._command),
            (0.04, self._cry),
        ]
        (act,) = self._dice.choices([act for _, act in acts], [weight for weight, _ in acts])
        self._since_danger += 1
        return act()

    def hear(self, event: dict[str, Any]) -> None:
        text = event["text"]
        name = self._answers.name(self.lang, text)
        self.account.hear(name, text, event["at"])
        if name in QUESTIONS[self.lang]:
            for row in (event.get("reply_markup") or {}).get("inline_keyboard", []):
                for button in row:
                    if button["text"] in _BUTTONS[self.lang]:
                        there = f"{_BUTTONS[self.lang][button['text']]}:{name}"
                        self._buttons[there] = (event["message_id"], button["callback_data"])

    def _ask(self) -> Said | None:
        topic = self._dice.choice(list(QUESTIONS[self.lang]))
        return self._say("question", topic, text=QUESTIONS[self.lang][topic]) if self.account.may_ask(topic) else None

    def _command(self) -> Said | None:
        command = self._dice.choice(COMMANDS)
        return self._say("command", command, text=command) if self.account.may_ask(command) else None

    def _begin(self) -> Said | None:
        """Break off, and go on at once in a message of its own."""
        topic = self._dice.choice(list(QUESTIONS[self.lang]))
        if not self.account.may_ask(topic) or any(one.what == "fragment" for one in self.account.open()):
            return None
        self._say("fragment", "", text=self._dice.choice(FRAGMENTS[self.lang]))
        return self._say("question", topic, text=QUESTIONS[self.lang][topic])

    def _edit(self) -> Said | None:
        """Change the last question into another."""
        topic = self._dice.choice(list(QUESTIONS[self.lang]))
        last = self.account.said[-1] if self.account.said else None
        before = self.account.said[-2] if len(self.account.said) > 1 else None
        alone = before is None or before.what != "fragment"
        if last is None or last.what != "question" or not alone or not self.account.may_ask(topic):
            return None
        return self._say("edit", topic, text=QUESTIONS[self.lang][topic], edited=last.message)

    def _cry(self) -> Said | None:
        kind = self._dice.choice(list(DANGERS[self.lang]))
        if self._since_danger < 2 * Account.APART or any(one.what == "danger" for one in self.account.open()):
            return None
        self._since_danger = 0
        return self._say("danger", kind, text=DANGERS[self.lang][kind])

    def _press(self) -> Said | None:
        known = [name for name in self._buttons if self._answers.has(self.lang, name) and self.account.may_ask(name)]
        if not known:
            return None
        name = self._dice.choice(known)
        message, data = self._buttons[name]
        said = self.account.say("press", name, time.time())
        given = {"chat_id": self.number, "user": self._profile, "message_id": message, "data": data, "force": True}
        said.update = self._fake.post("click", **given)["update_id"]
        return said

    def _say(self, what: Any, answer: str, **content: Any) -> Said:
        said = self.account.say(what, answer, time.time())
        sent = self._fake.post("user_message", chat_id=self.number, user=self._profile, **content)
        said.update, said.message = sent["update_id"], sent["message"]["message_id"]
        return said


class Crowd:
    """Patients who talk in a thread of their own, until told to be quiet, and listen until told to go.

    Args:
        first: the number of the first patient; the others follow.
    """

    def __init__(self, fake: Fake, answers: Answers, size: int, seed: int, first: int = 5001) -> None:
        self._fake, self._dice = fake, random.Random(seed)
        langs: Sequence[Lang] = ("ru", "en")
        self.patients = [Patient(fake, first + place, langs[place % 2], answers, self._dice) for place in range(size)]
        self._by_number = {patient.number: patient for patient in self.patients}
        self._heard = 0
        # Held while accounts change.
        self.lock = threading.RLock()
        self.spoke, self.got = threading.Event(), threading.Event()
        self._quiet, self._gone = threading.Event(), threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._talk, daemon=True)

    def start(self) -> Crowd:
        self._thread.start()
        return self

    def be_quiet(self) -> None:
        """Say no more."""
        self._quiet.set()

    def leave(self) -> None:
        self._quiet.set()
        self._gone.set()
        self._thread.join(30)
        if self._failure is not None:
            raise self._failure

    def said(self) -> list[Said]:
        with self.lock:
            return [one for patient in self.patients for one in patient.account.said]

    def open(self) -> list[Said]:
        """What waits for its answer, once all that came until now is booked."""
        with self.lock:
            self.listen()
            return [one for patient in self.patients for one in patient.account.open()]

    def listen(self) -> int:
        """Book what came since; gives how much that was."""
        with self.lock:
            found = self._fake.get("messages", after=self._heard)
            self._heard = found["last"]
            heard = 0
            for event in found["events"]:
                patient = self._by_number.get(event["chat_id"])
                if patient is not None:
                    patient.hear(event)
                    heard += 1
        if heard:
            self.got.set()
        return heard

    def _talk(self) -> None:
        try:
            while not self._gone.is_set():
                self.listen()
                if not self._quiet.is_set():
                    with self.lock:
                        spoken = self._dice.choice(self.patients).speak()
                    if spoken is not None:
                        self.spoke.set()
                time.sleep(_BEAT)
        except BaseException as failure:
            self._failure = failure
