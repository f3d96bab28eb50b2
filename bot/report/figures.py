"""Rows -> what the page says of them, as pure values: counts by day, kind, topic and language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.messages import Kind
from bot.report.grouping import Group, grouped
from bot.report.rows import AnswerRow, FeedbackRow, LostRow, Rows

# A picture of more days than this is drawn by weeks: narrower columns can't be read on a phone.
MOST_DAYS = 62
_DANGERS = (Kind.CRISIS, Kind.EMERGENCY, Kind.URGENT)
# Kinds of reply that may speak of a topic the patient asked for; what was merely offered is counted apart.
_ABOUT_A_TOPIC = frozenset({Kind.ANSWER, Kind.REFUSAL, Kind.UNKNOWN})


class Fate(StrEnum):
    """What became of a question, in the order in which it is drawn."""

    ANSWERED = "answered"
    CLARIFIED = "clarified"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    DANGER = "danger"
    # A wish to book, for a human, or a kind this program does not know.
    OTHER = "other"


_FATES = {
    Kind.ANSWER: Fate.ANSWERED,
    Kind.CLARIFY: Fate.CLARIFIED,
    Kind.REFUSAL: Fate.REFUSED,
    Kind.UNKNOWN: Fate.UNANSWERED,
    **dict.fromkeys(_DANGERS, Fate.DANGER),
}


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, both included, as the clinic's clock has them."""

    first: date
    last: date
    zone: ZoneInfo

    @classmethod
    def ending(cls, now: datetime, days: int, zone: ZoneInfo) -> Period:
        """The day of `now` and the days before it, `days` in all."""
        last = now.astimezone(zone).date()
        return cls(last - timedelta(days=days - 1), last, zone)

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time(), self.zone).astimezone(UTC)

    @property
    def until(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone).astimezone(UTC)

    def day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    @property
    def columns(self) -> list[tuple[date, date]]:
        """First and last day of each column of a picture: days, or weeks counted back from the last day."""
        days = (self.last - self.first).days + 1
        step = 1 if days <= MOST_DAYS else 7
        ends = [self.last - timedelta(days=back) for back in range(0, days, step)]
        return [(max(end - timedelta(days=step - 1), self.first), end) for end in reversed(ends)]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message, or one press of a button, and what was said to it, most important kind first."""

    at: datetime
    language: str
    kinds: tuple[str, ...]
    by: str
    topics: tuple[str, ...]
    offered: tuple[str, ...]
    library: str

    @property
    def is_question(self) -> bool:
        """Words of the patient's own that were more than a greeting or a command.

        A choice among offered topics goes on with the question that they were offered for.
        """
        return self.by == "typed" and self.kinds[0] not in (Kind.CHAT, Kind.SILENT)

    @property
    def fate(self) -> Fate:
        return _FATES.get(_kind(self.kinds[0]), Fate.OTHER)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a picture by days: how many questions had which fate, and in which language."""

    first: date
    last: date
    fates: Mapping[Fate, int]
    languages: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TopicCount:
    """How often a topic was asked for in words, by language, and how often it was opened by a button."""

    topic: str
    asked: Mapping[str, int]
    pressed: int

    @property
    def total(self) -> int:
        return sum(self.asked.values())


@dataclass(frozen=True, slots=True)
class OfferCount:
    """A topic among those offered for a choice, and how often it was taken."""

    topic: str
    offered: int
    chosen: int


@dataclass(frozen=True, slots=True)
class Clarified:
    """`together` counts the sets of topics that were offered at once, most frequent first."""

    offers: int
    choices: int
    topics: tuple[OfferCount, ...]
    together: tuple[tuple[tuple[str, ...], int], ...]


@dataclass(frozen=True, slots=True)
class LanguageCount:
    language: str
    questions: int
    unanswered: int


@dataclass(frozen=True, slots=True)
class VersionCount:
    """A library version, how many turns it answered, and when it did."""

    version: str
    turns: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything the page shows."""

    period: Period
    messages: int
    presses: int
    questions: int
    fates: Mapping[Fate, int]
    columns: tuple[Column, ...]
    languages: tuple[LanguageCount, ...]
    topics: tuple[TopicCount, ...]
    clarified: Clarified
    dangers: Mapping[str, int]
    unanswered: tuple[Group, ...]
    ratings: Mapping[int, int]
    comments: tuple[FeedbackRow, ...]
    delivered: Mapping[str, int]
    waiting: int
    lost: Mapping[tuple[date, str], int]
    versions: tuple[VersionCount, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing at all happened in the period."""
        return not (
            self.messages
            or self.presses
            or self.unanswered
            or self.ratings
            or self.comments
            or self.delivered
            or self.waiting
        )

    @property
    def mean_rating(self) -> float | None:
        count = sum(self.ratings.values())
        return sum(rating * times for rating, times in self.ratings.items()) / count if count else None


class Tally:
    """Counts turns as they are read, so that a year of them need not be held at once.

    Args:
        redirects: retired topics with the topics that answer instead; they are counted as those.
    """

    def __init__(self, period: Period, redirects: Mapping[str, str] | None = None) -> None:
        self.period = period
        self._redirects = redirects or {}
        # The rows of the last turn: the next page may begin with the rest of it.
        self._open: list[AnswerRow] = []
        self.ways: Counter[str] = Counter()
        self.fates: Counter[tuple[date, Fate]] = Counter()
        self.languages: Counter[tuple[date, str]] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.asked: dict[str, Counter[str]] = {}
        self.pressed: Counter[str] = Counter()
        self.offers = self.choices = 0
        self.offered: Counter[str] = Counter()
        self.chosen: Counter[str] = Counter()
        self.together: Counter[tuple[str, ...]] = Counter()
        self.dangers: Counter[str] = Counter()
        self.versions: dict[str, VersionCount] = {}

    def add(self, rows: Iterable[AnswerRow]) -> None:
        """Count the turns that end in these rows; rows come in the order of their times."""
        for row in rows:
            if self._open and _turn_of(self._open[0]) != _turn_of(row):
                self._close()
            self._open.append(row)

    def finish(self) -> None:
        """Count the last turn too: no row comes any more."""
        if self._open:
            self._close()

    def _close(self) -> None:
        turn, self._open = joined(self._open, self._redirects), []
        day = self.period.day(turn.at)
        self.ways[turn.by] += 1
        if turn.is_question:
            self.fates[day, turn.fate] += 1
            self.languages[day, turn.language] += 1
            self.unanswered[turn.language] += turn.fate is Fate.UNANSWERED
        for topic in turn.topics:
            languages = self.asked.setdefault(topic, Counter())
            if turn.by == "pressed":
                self.pressed[topic] += 1
            else:
                languages[turn.language] += 1
        if turn.offered:
            self.offers += 1
            self.offered.update(turn.offered)
            self.together[tuple(sorted(turn.offered))] += 1
        if turn.by == "chosen":
            self.choices += 1
            self.chosen.update(turn.topics)
        self.dangers.update(kind for kind in turn.kinds if kind in _DANGERS)
        known = self.versions.get(turn.library, VersionCount(turn.library, 0, day, day))
        self.versions[turn.library] = replace(
            known, turns=known.turns + 1, first=min(known.first, day), last=max(known.last, day)
        )


def figures(tally: Tally, rows: Rows) -> Figures:
    """What the page shows of a tally that is finished, and of what is not counted by turns."""
    by_fate, by_language = Counter[Fate](), Counter[str]()
    for (_, fate), count in tally.fates.items():
        by_fate[fate] += count
    for (_, language), count in tally.languages.items():
        by_language[language] += count
    return Figures(
        period=tally.period,
        messages=tally.ways["typed"],
        presses=tally.ways.total() - tally.ways["typed"],
        questions=by_fate.total(),
        fates={fate: by_fate[fate] for fate in Fate},
        columns=_columns(tally),
        languages=tuple(LanguageCount(lang, count, tally.unanswered[lang]) for lang, count in _most(by_language)),
        topics=_topics(tally),
        clarified=_clarified(tally),
        dangers={str(kind): tally.dangers[kind] for kind in _DANGERS if tally.dangers[kind]},
        unanswered=grouped(rows.questions),
        ratings=_ratings(rows.feedback),
        comments=tuple(row for row in reversed(rows.feedback) if row.comment.strip()),
        delivered=dict(_most(Counter(rows.delivered))),
        waiting=rows.waiting,
        lost=_lost(rows.lost, tally.period),
        versions=tuple(
            sorted(tally.versions.values(), key=lambda one: (one.last, one.first, one.version), reverse=True)
        ),
    )


def joined(rows: Sequence[AnswerRow], redirects: Mapping[str, str]) -> Turn:
    """The turn that wrote these rows."""
    kinds = sorted({row.kind for row in rows}, key=lambda kind: (_kind(kind).rank, kind))
    ways = {row.by for row in rows}
    by = next((way for way in ("typed", "chosen") if way in ways), "pressed")
    named = [(_kind(row.kind), redirects.get(row.topic, row.topic)) for row in rows if row.topic]
    topics = dict.fromkeys(topic for kind, topic in named if kind in _ABOUT_A_TOPIC)
    offered = dict.fromkeys(topic for kind, topic in named if kind is Kind.CLARIFY)
    first = rows[0]
    return Turn(first.at, first.language, tuple(kinds), by, tuple(topics), tuple(offered), first.library)


def _turn_of(row: AnswerRow) -> tuple[datetime, str, str]:
    """What the rows of one turn have in common: they are written in one go, at one time to the microsecond."""
    return row.at, row.language, row.library


def _kind(name: str) -> Kind:
    """A kind that this program does not know counts as a handoff: neither an answer nor the lack of one."""
    return Kind(name) if name in Kind._value2member_map_ else Kind.HANDOFF


def _columns(tally: Tally) -> tuple[Column, ...]:
    columns = tally.period.columns
    place = {
        first + timedelta(days=step): number
        for number, (first, last) in enumerate(columns)
        for step in range((last - first).days + 1)
    }
    fates = [Counter[Fate]() for _ in columns]
    languages = [Counter[str]() for _ in columns]
    for (day, fate), count in tally.fates.items():
        fates[place[day]][fate] += count
    for (day, language), count in tally.languages.items():
        languages[place[day]][language] += count
    return tuple(Column(*days, fates[number], languages[number]) for number, days in enumerate(columns))


def _topics(tally: Tally) -> tuple[TopicCount, ...]:
    counted = [TopicCount(topic, languages, tally.pressed[topic]) for topic, languages in tally.asked.items()]
    return tuple(sorted(counted, key=lambda count: (-count.total, -count.pressed, count.topic)))


def _clarified(tally: Tally) -> Clarified:
    named = {*tally.offered, *tally.chosen}
    topics = [OfferCount(topic, tally.offered[topic], tally.chosen[topic]) for topic in named]
    return Clarified(
        tally.offers,
        tally.choices,
        tuple(sorted(topics, key=lambda count: (-count.offered, -count.chosen, count.topic))),
        tuple(sorted(tally.together.items(), key=lambda item: (-item[1], item[0]))),
    )


def _ratings(feedback: Sequence[FeedbackRow]) -> Mapping[int, int]:
    """Best first."""
    given = Counter(row.rating for row in feedback if row.rating is not None)
    return dict(sorted(given.items(), reverse=True))


def _lost(lost: Sequence[LostRow], period: Period) -> Mapping[tuple[date, str], int]:
    """By day and reason, the newest day first."""
    counted = Counter((period.day(row.at), row.result) for row in lost)
    return dict(sorted(counted.items(), key=lambda item: (-item[0][0].toordinal(), item[0][1])))


def _most(counted: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent first, ties by name."""
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))
