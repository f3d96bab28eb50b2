"""The same conversation in the terminal, and in batch: `chat`, `ask`, `ask --jsonl`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO, TextIO

from bot.adapters.memory import MemorySessions
from bot.app import BOT_NAME, App
from bot.errors import BadLine
from bot.messages import LANGS, Button, ChatId, Incoming, Kind, Lang, Notice, Outcome, Reply


class AskedClock:
    """The clock of `ask`: stands where the line's `at` put it, else it is the machine's."""

    def __init__(self) -> None:
        self.at: datetime | None = None

    def now(self) -> datetime:
        return self.at or datetime.now(UTC)


@dataclass
class _Chat:
    """One conversation of a batch: its id, how many messages it had, and what its buttons may say."""

    chat_id: ChatId
    count: int = 0
    printed: set[str] = field(default_factory=set)


class Desk:
    """Runs turns for the terminal on the in-memory sessions: touches no staff, CRM or database."""

    def __init__(self, app: App, clock: AskedClock) -> None:
        self._app, self._clock = app, clock
        self._sessions = MemorySessions()
        self._chats: dict[str, _Chat] = {}
        self._fresh = 0

    async def turn(
        self,
        chat: str | None,
        text: str = "",
        press: str | None = None,
        lang: Lang | None = None,
        at: datetime | None = None,
    ) -> Outcome:
        """One turn; without `chat` it is a conversation of its own.

        Raises:
            BadLine: `press` was never printed in this chat.
        """
        if chat is None:
            self._fresh += 1
        here = self._chats.setdefault(chat, _Chat(self._id(chat))) if chat is not None else _Chat(self._id(None))
        if press is not None and press not in here.printed:
            raise BadLine(f"no button with the payload {press!r} was printed in this chat")
        here.count += 1
        self._clock.at = at
        incoming = Incoming(here.chat_id, "terminal", str(here.count), self._clock.now(), text=text, press=press)
        state, version = await self._sessions.load(here.chat_id)
        outcome = self._app.conversation.answer(incoming, state, lang)
        await self._sessions.save(here.chat_id, outcome.state, version)
        here.printed |= {button.payload for reply in outcome.replies for button in reply.buttons}
        return outcome

    def _id(self, chat: str | None) -> ChatId:
        return ChatId(BOT_NAME, "terminal", f"fresh-{self._fresh}" if chat is None else f"chat-{chat}")


def reply_json(reply: Reply) -> dict[str, Any]:
    return {
        "kind": str(reply.kind),
        "topics": list(reply.topics),
        "confidence": round(reply.confidence, 4),
        "text": reply.text,
        "buttons": [{"title": button.title, "payload": button.payload} for button in reply.buttons],
        "notices": [str(notice) for notice in reply.notices],
        "sources": list(reply.sources),
        "signed": (Notice.UNSIGNED not in reply.notices) if reply.kind is Kind.ANSWER else None,
    }


def outcome_json(number: object, outcome: Outcome, ms: float) -> dict[str, Any]:
    """The line `ask` prints: the most important reply's fields on top, every reply in order below."""
    silent = Reply(Kind.SILENT, "")
    first = min(outcome.replies, key=lambda reply: reply.kind.rank, default=silent)
    top = reply_json(first)
    return {
        "id": number,
        "lang": outcome.language,
        **top,
        "ms": round(ms, 2),
        "replies": [reply_json(reply) for reply in outcome.replies],
    }


def ask_lines(app: App, clock: AskedClock, lines: BinaryIO, out: TextIO) -> None:
    """Answer one JSON object per line, in order, flushed; an invalid line gives an error object and the rest go on."""
    desk = Desk(app, clock)

    async def run() -> None:
        for raw in lines:
            if raw.strip():
                out.write(json.dumps(await _ask_line(desk, raw), ensure_ascii=False) + "\n")
                out.flush()

    asyncio.run(run())


async def _ask_line(desk: Desk, raw: bytes) -> dict[str, Any]:
    number: object = None
    try:
        row = _parse(raw)
        number = _id(row)
        if ("text" in row) == ("press" in row):
            raise BadLine("give either `text` or `press`")
        began = time.perf_counter()
        outcome = await desk.turn(
            _text(row, "chat"), _text(row, "text") or "", _text(row, "press"), _lang(row), _moment(row)
        )
        return outcome_json(number, outcome, (time.perf_counter() - began) * 1000)
    except BadLine as error:
        return {"id": number, "error": str(error)}
    except Exception as error:  # one line that breaks us must not lose the lines behind it
        print(f"error: line {number!r} could not be answered: {error!r}", file=sys.stderr)
        return {"id": number, "error": f"this line could not be answered ({type(error).__name__})"}


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        row = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadLine("the line is not UTF-8") from None
    except (ValueError, RecursionError):
        raise BadLine("the line is not a JSON object") from None
    if not isinstance(row, dict):
        raise BadLine("the line is not a JSON object")
    return row


def _id(row: dict[str, Any]) -> object:
    """The line's id, printed as it came; NaN and half a surrogate pair can be read but are no JSON in UTF-8."""
    value = row.get("id")
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise BadLine("`id` can't be printed as JSON") from None
    return value


def _text(row: dict[str, Any], key: str) -> str | None:
    value = row.get(key)
    if value is None and key == "text" and "text" in row:
        raise BadLine("`text` must be a text")
    if key == "chat" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise BadLine(f"`{key}` must be a text")
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _lang(row: dict[str, Any]) -> Lang | None:
    value = row.get("lang")
    if value is not None and value not in LANGS:
        raise BadLine(f"`lang` must be one of {', '.join(LANGS)}")
    return value


def _moment(row: dict[str, Any]) -> datetime | None:
    value = _text(row, "at")
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise BadLine("`at` must be a time such as 2026-11-22T10:00:00+03:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def ask(app: App, clock: AskedClock, text: str, lang: Lang | None, as_json: bool, out: TextIO) -> None:
    """Answer one question."""
    began = time.perf_counter()
    outcome = asyncio.run(Desk(app, clock).turn(None, text, lang=lang))
    if as_json:
        line = outcome_json(None, outcome, (time.perf_counter() - began) * 1000)
        out.write(json.dumps(line, ensure_ascii=False) + "\n")
    else:
        out.write("\n\n".join(map(_with_offers, outcome.replies)) + "\n")
    out.flush()


def _with_offers(reply: Reply) -> str:
    """A reply's text; what it offers to choose from is part of it."""
    offers = [f"- {button.title}" for button in reply.buttons] if reply.kind is Kind.CLARIFY else []
    return "\n".join([shown(reply.text), *offers])


def chat(app: App, clock: AskedClock, lang: Lang | None) -> None:
    """Talk in the terminal: buttons are numbers; standard input that is no terminal is read a message per line."""
    desk = Desk(app, clock)
    asyncio.run(_chat(desk, lang))


async def _chat(desk: Desk, lang: Lang | None) -> None:
    interactive = sys.stdin.isatty()
    buttons: list[Button] = []
    outcome = await desk.turn("terminal", "/start", lang=lang)
    if interactive:
        buttons = list(_print(outcome.replies))
    for line in _typed(interactive):
        text = line.strip()
        if not text:
            continue
        if text in ("/quit", "/exit"):
            break
        if not interactive:
            print(f"> {text}")
        if text.isdigit() and 1 <= int(text) <= len(buttons):
            outcome = await desk.turn("terminal", press=buttons[int(text) - 1].payload, lang=lang)
        else:
            outcome = await desk.turn("terminal", line.rstrip("\n"), lang=lang)
        buttons = list(_print(outcome.replies))


def _typed(interactive: bool) -> Iterator[str]:
    if not interactive:
        for raw in sys.stdin.buffer:
            yield raw.decode("utf-8", "replace")
        return
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  # gives input() a history and editing keys
    print("\n(/help, /topics, /language; /quit or Ctrl-D to leave)")
    while True:
        try:
            yield input("\n> ")
        except EOFError:
            print()
            return


def _print(replies: Iterable[Reply]) -> Iterator[Button]:
    number = 0
    for reply in replies:
        print(f"\n{shown(reply.text)}", flush=True)
        for button in reply.buttons:
            number += 1
            print(f"  [{number}] {button.title}", flush=True)
            yield button


def shown(markdown: str) -> str:
    """Markdown as plain terminal text."""
    return markdown.replace("**", "").replace("*", "")
