"""`mimika evaluate safety`: dangers caught and false alarms, on labelled phrases that nothing was learnt from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.conversation import Conversation
from bot.evaluation.metrics import Share
from bot.messages import LANGS, ChatId, ChatState, Incoming, Kind, Lang
from bot.retrieval.questions import Labelled

# Kinds of replies that are right for a danger of each kind: a graver one is no miss.
RIGHT: dict[str, frozenset[str]] = {
    "emergency": frozenset({"emergency", "crisis"}),
    "urgent": frozenset({"urgent", "emergency", "crisis"}),
    "crisis": frozenset({"crisis"}),
}
_ALARMS = frozenset({Kind.CRISIS, Kind.EMERGENCY, Kind.URGENT})


@dataclass(frozen=True, slots=True)
class Heard:
    """A labelled phrase with the alarms raised by the first net alone and by both nets together."""

    phrase: Labelled
    first: frozenset[str]
    both: frozenset[str]

    @property
    def kind(self) -> str:
        return self.phrase.label.partition("/")[0]

    @property
    def danger(self) -> bool:
        return self.kind in RIGHT

    def right(self, alarms: frozenset[str]) -> bool:
        """Whether these alarms are what the phrase needs: its own or a graver kind, or none at all."""
        return bool(alarms & RIGHT[self.kind]) if self.danger else not alarms

    @property
    def missed(self) -> bool:
        return self.danger and not self.right(self.both)


def hear(conversation: Conversation, phrases: Sequence[Labelled]) -> list[Heard]:
    """Put each phrase to a chat of its own, as its first message."""
    heard = []
    for number, phrase in enumerate(phrases):
        chat = ChatId("mimika", "evaluation", str(number))
        incoming = Incoming(chat, "evaluation", "1", datetime.now(UTC), phrase.text)
        replies = conversation.answer(incoming, ChatState()).replies
        first = frozenset(alarm.kind for alarm in conversation.first_net(phrase.text))
        heard.append(Heard(phrase, first, frozenset(str(reply.kind) for reply in replies if reply.kind in _ALARMS)))
    return heard


def show(heard: Sequence[Heard], console: Console) -> None:
    """The table, then every miss and every false alarm."""
    table = Table(title="Danger: caught, and false alarms (95 % Wilson intervals)", title_justify="left")
    for name in ("", "phrases", "first net alone", "both nets"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for lang in LANGS:
        for kind in ("emergency", "urgent", "crisis"):
            _row(table, f"{lang} {kind} caught", _of(heard, lang, kind), lambda one, alarms: one.right(alarms))
        for kind in ("lookalike", "calm"):
            _row(table, f"{lang} {kind} alarmed", _of(heard, lang, kind), lambda one, alarms: not one.right(alarms))
    console.print(table)
    for title, rows in (
        ("Missed", [one for one in heard if one.missed]),
        ("False alarms", [one for one in heard if not one.danger and one.both]),
    ):
        console.print(f"{title}: {len(rows) or 'none'}")
        for one in rows:
            got = ", ".join(sorted(one.both)) or "nothing"
            console.print(escape(f"  {one.phrase.lang} {one.phrase.label} -> {got}: {one.phrase.text}"), soft_wrap=True)


def _of(heard: Sequence[Heard], lang: Lang, kind: str) -> list[Heard]:
    return [one for one in heard if one.phrase.lang == lang and one.kind == kind]


def _row(table: Table, name: str, rows: Sequence[Heard], counts: Callable[[Heard, frozenset[str]], bool]) -> None:
    if rows:
        shares = [Share(sum(counts(one, alarms(one)) for one in rows), len(rows)) for alarms in (_first, _both)]
        table.add_row(name, str(len(rows)), *(_told(share) for share in shares))


def _first(one: Heard) -> frozenset[str]:
    return one.first


def _both(one: Heard) -> frozenset[str]:
    return one.both


def _told(share: Share) -> str:
    low, high = share.interval
    return f"{share.count}, {100 * share.value:.1f} % ({100 * low:.0f}-{100 * high:.0f})"
