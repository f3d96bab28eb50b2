"""Keeps account of one chat: which reply belongs to which message, which came twice, which out of order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

What = Literal["question", "press", "command", "edit", "fragment", "danger"]


@dataclass(eq=False)
class Said:
    """One message of a patient. `answer` names the reply it must get; a fragment alone may get any.

    `heard` are the moments at which Telegram took a reply to it; `joined`: it was answered with the one behind it.
    """

    number: int
    what: What
    answer: str
    at: float
    update: int = 0
    message: int = 0
    heard: list[float] = field(default_factory=list)
    joined: bool = False

    @property
    def answered(self) -> bool:
        return bool(self.heard) or self.joined


@dataclass
class Account:
    """The messages of one chat and the replies to them, in the order in which they came.

    A reply belongs to the last message before it that asks for it. That is certain as long as a patient asks for the
    same reply again only when long since answered, which `may_ask` says.
    """

    said: list[Said] = field(default_factory=list)
    out_of_order: list[Said] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    _unknown: dict[str, Said] = field(default_factory=dict)

    # A reply is asked for again after so many other messages at the earliest.
    APART = 6

    def say(self, what: What, answer: str, at: float) -> Said:
        self.said.append(one := Said(len(self.said), what, answer, at))
        return one

    def may_ask(self, answer: str) -> bool:
        """Whether a reply to this would be told from every reply to what was said before."""
        return all(one.answer != answer for one in [*self.said[-self.APART :], *self.open()])

    def open(self) -> list[Said]:
        """What waits for its answer."""
        return [one for one in self.said if not one.answered]

    def hear(self, answer: str | None, text: str, at: float) -> Said | None:
        """Book a reply: `answer` is what it answers, None for one that no message asks for by name.

        Gives the message it was booked on.
        """
        found = self._asking(answer, at) if answer is not None else self._fragment(text, at)
        if found is None:
            self.strange.append(text[:80])
            return None
        if not found.heard:
            self._keep_order(found)
        found.heard.append(at)
        return found

    def _asking(self, answer: str, at: float) -> Said | None:
        return next((one for one in reversed(self.said) if one.answer == answer and one.at <= at), None)

    def _fragment(self, text: str, at: float) -> Said | None:
        waiting = [one for one in self.said if one.what == "fragment" and one.at <= at and not one.answered]
        if waiting:
            self._unknown[text] = waiting[0]
        return self._unknown.get(text)

    def _keep_order(self, found: Said) -> None:
        """A danger may overtake; nothing else may, and a fragment that is passed over went with what follows it."""
        if found.what == "danger":
            return
        for one in self.said[: found.number]:
            if one.answered or one.what == "danger":
                continue
            if one.what == "fragment":
                one.joined = True
            else:
                self.out_of_order.append(one)

    # ---- what it comes to ----------------------------------------------------------------------------------

    @property
    def lost(self) -> list[Said]:
        return self.open()

    @property
    def twice(self) -> list[Said]:
        """Messages with more than one reply."""
        return [one for one in self.said if len(one.heard) > 1]
