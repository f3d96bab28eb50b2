"""A typed message as a command, or as words: «/start duration», "/help@mimika_bot", «сколько держится»."""

from __future__ import annotations

from dataclasses import dataclass

COMMANDS = frozenset({"start", "help", "topics", "language", "privacy", "mydata", "forget"})


@dataclass(frozen=True, slots=True)
class Typed:
    """`command` without its slash, empty where there is none; `words` are what follows it, or the whole message."""

    command: str
    words: str


def typed(text: str) -> Typed:
    """Read a message; a slash before anything that is no command of ours counts for nothing."""
    name, _, rest = text.partition(" ")
    command = name[1:].split("@")[0].lower() if name.startswith("/") else ""
    if command in COMMANDS:
        return Typed(command, rest.strip())
    return Typed("", text.lstrip("/"))
