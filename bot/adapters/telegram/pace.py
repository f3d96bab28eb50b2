"""How fast Telegram may be spoken to: per token, per chat, per group."""

from __future__ import annotations

import math
from collections import deque

# Telegram allows about 30 messages a second per token; staying below leaves room for answers to presses.
PER_SECOND = 25.0
# Seconds between two messages to one patient.
CHAT_PAUSE = 1.0
# A group takes this many messages a minute.
PER_MINUTE, _MINUTE = 20, 60.0
# Chats remembered; a quiet one's memory is worth nothing after a second.
_REMEMBERED = 10_000
_ROUNDING = 1e-6


class Pace:
    """Gives each message its moment; times are seconds of a clock that never goes back.

    Source: core.telegram.org/bots/faq, "My bot is hitting limits".
    """

    def __init__(self) -> None:
        # Moments that are taken, as numbers of ticks: a chat that must wait takes a later one and holds up nobody.
        self._taken: set[int] = set()
        self._chats: dict[int, float] = {}
        self._groups: dict[int, deque[float]] = {}

    def slot(self, chat: int, now: float) -> float:
        """The moment at which the next message to this chat may leave, not before `now`; it is taken."""
        at = max(now, self._chats.get(chat, 0.0))
        if chat < 0:
            sent = self._groups.setdefault(chat, deque(maxlen=PER_MINUTE))
            if len(sent) == PER_MINUTE:
                at = max(at, sent[0] + _MINUTE)
        tick = math.ceil(at * PER_SECOND - _ROUNDING)
        while tick in self._taken:
            tick += 1
        self._taken.add(tick)
        at = max(at, tick / PER_SECOND)
        if chat < 0:
            self._groups[chat].append(at)
        self._chats[chat] = at + CHAT_PAUSE
        if len(self._chats) > _REMEMBERED:
            self._chats = {known: free for known, free in self._chats.items() if free > now}
        if len(self._taken) > _REMEMBERED:
            self._taken = {taken for taken in self._taken if taken >= now * PER_SECOND - 1}
        return at

    def pause(self, chat: int, until: float) -> None:
        """Telegram said that this chat must wait."""
        self._chats[chat] = max(self._chats.get(chat, 0.0), until)
