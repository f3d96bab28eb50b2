"""What waits to be answered and what waits to be sent, as values: the two ends of a turn that must survive a crash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.messages import ChatId, ChatState, Incoming, Lang, Leaving

# How long a text that is no message alone ("и ещё") waits for the next one.
FRAGMENT_WAITS = timedelta(seconds=1.2)
# A danger is answered by whoever took it; only if that has not happened so much later, an ordinary worker does it.
AHEAD_WAITS = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An update to be stored: `update` is the channel's own number, which orders the messages of a chat.

    `ahead` goes before everything that waits in its chat; `told` says that a danger was answered already, because
    storing had failed; a `fragment` is no message alone and waits a moment for the next.
    """

    update: int
    incoming: Incoming
    at: datetime
    ahead: bool = False
    told: bool = False
    fragment: bool = False

    @property
    def due_at(self) -> datetime:
        """When an ordinary worker may take it."""
        if self.ahead:
            return self.at + AHEAD_WAITS
        return self.at + FRAGMENT_WAITS if self.fragment else self.at


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stored message that has had no turn yet; `id` is its row."""

    id: int
    incoming: Incoming
    ahead: bool = False
    told: bool = False
    fragment: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A chat taken to work on: its state at `version`, and what waits in the order of answering.

    `fence` numbers the lease: a commit under an older one is refused. None: no lease is held, which only a danger may.
    `tries` counts the claims since the chat's last commit, this one included.
    """

    chat_id: ChatId
    state: ChatState
    version: int
    waiting: tuple[Waiting, ...]
    fence: int | None = None
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Answered:
    """One line of the clinic's report: what kind of reply was given on which topic; `by`: typed, pressed or chosen."""

    kind: str
    topic: str
    confidence: float
    by: str


@dataclass(frozen=True, slots=True)
class Done:
    """What a turn came to; all of it is written in one transaction, or none.

    `rows` are the stored messages it answers, `cause` what a later edit may replace, `ahead` whether what leaves waits
    for nothing else in its chat, `unanswered` a question nobody answered, masked. `erase` and `show` are the patient's
    wishes to have everything erased, or sent as a file.
    """

    rows: tuple[int, ...]
    state: ChatState
    language: Lang
    turn: str
    cause: str
    asked_at: datetime
    leaving: tuple[Leaving, ...] = ()
    ahead: bool = False
    answers: tuple[Answered, ...] = ()
    unanswered: str = ""
    library: str = ""
    erase: bool = False
    show: bool = False


@dataclass(frozen=True, slots=True)
class Parcel:
    """A stored value that must leave; `pieces` of the messages it is cut into have left already."""

    id: int
    chat_id: ChatId
    leaving: Leaving
    cause: str
    ahead: bool
    language: Lang
    asked_at: datetime
    pieces: int = 0


def next_work(waiting: Sequence[Waiting]) -> tuple[Waiting, tuple[int, ...]]:
    """The message to answer next and the rows it answers: fragments are joined with the text that follows them.

    Raises:
        ValueError: nothing waits.
    """
    first, *rest = waiting
    words, rows = [first.incoming.text], [first.id]
    whole = first
    while whole.fragment and rest and _continues(rest[0]):
        whole, *rest = rest
        words.append(whole.incoming.text)
        rows.append(whole.id)
    if len(rows) == 1:
        return first, (first.id,)
    return replace(whole, incoming=replace(whole.incoming, text=" ".join(words))), tuple(rows)


def _continues(following: Waiting) -> bool:
    """Whether a message is plain words that may go on from the ones before."""
    incoming = following.incoming
    plain = incoming.press is None and not incoming.edited and incoming.attachment is None and incoming.contact is None
    return plain and not following.ahead and bool(incoming.text) and not incoming.text.startswith("/")
