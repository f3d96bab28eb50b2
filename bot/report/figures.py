"""Rows -> what the page says of them, as pure values: counts by day, kind, topic and language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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


def figures(rows: Rows, period: Period, redirects: Mapping[str, str] | None = None) -> Figures:
    """Count everything.

    Args:
        redirects: retired topics with the topics that answer instead; they are counted as those.
    """
    found = turns(rows.answers, redirects or {})
    questions = [turn for turn in found if turn.is_question]
    fates = Counter(turn.fate for turn in questions)
    unanswered = Counter(turn.language for turn in questions if turn.fate is Fate.UNANSWERED)
    asked = Counter(turn.language for turn in questions)
    return Figures(
        period=period,
        messages=sum(turn.by == "typed" for turn in found),
        presses=sum(turn.by != "typed" for turn in found),
        questions=len(questions),
        fates={fate: fates[fate] for fate in Fate},
        columns=_columns(questions, period),
        languages=tuple(LanguageCount(lang, count, unanswered[lang]) for lang, count in _most(asked)),
        topics=_topics(found),
        clarified=_clarified(found),
        dangers={str(kind): count for kind in _DANGERS if (count := sum(kind in turn.kinds for turn in found))},
        unanswered=grouped(rows.questions),
        ratings=_ratings(rows.feedback),
        comments=tuple(row for row in reversed(rows.feedback) if row.comment.strip()),
        delivered=dict(_most(Counter(rows.delivered))),
        waiting=rows.waiting,
        lost=_lost(rows.lost, period),
        versions=_versions(found, period),
    )


def turns(rows: Iterable[AnswerRow], redirects: Mapping[str, str]) -> list[Turn]:
    """Put the rows of each turn together again: they are written in one go, at one time to the microsecond."""
    together: dict[tuple[datetime, str, str], list[AnswerRow]] = {}
    for row in rows:
        together.setdefault((row.at, row.language, row.library), []).append(row)
    found = []
    for (at, language, library), parts in together.items():
        kinds = sorted({row.kind for row in parts}, key=lambda kind: (_kind(kind).rank, kind))
        ways = {row.by for row in parts}
        by = next((way for way in ("typed", "chosen") if way in ways), "pressed")
        named = [(_kind(row.kind), redirects.get(row.topic, row.topic)) for row in parts if row.topic]
        topics = dict.fromkeys(topic for kind, topic in named if kind in _ABOUT_A_TOPIC)
        offered = dict.fromkeys(topic for kind, topic in named if kind is Kind.CLARIFY)
        found.append(Turn(at, language, tuple(kinds), by, tuple(topics), tuple(offered), library))
    return found


def _kind(name: str) -> Kind:
    """A kind that this program does not know counts as a handoff: neither an answer nor the lack of one."""
    return Kind(name) if name in Kind._value2member_map_ else Kind.HANDOFF


def _columns(questions: Sequence[Turn], period: Period) -> tuple[Column, ...]:
    days: dict[date, list[Turn]] = {}
    for turn in questions:
        days.setdefault(period.day(turn.at), []).append(turn)
    found = []
    for first, last in period.columns:
        span = [turn for back in range((last - first).days + 1) for turn in days.get(first + timedelta(days=back), ())]
        found.append(Column(first, last, Counter(turn.fate for turn in span), Counter(turn.language for turn in span)))
    return tuple(found)


def _topics(found: Sequence[Turn]) -> tuple[TopicCount, ...]:
    asked: dict[str, Counter[str]] = {}
    pressed: Counter[str] = Counter()
    for turn in found:
        for topic in turn.topics:
            languages = asked.setdefault(topic, Counter())
            if turn.by == "pressed":
                pressed[topic] += 1
            else:
                languages[turn.language] += 1
    counted = [TopicCount(topic, languages, pressed[topic]) for topic, languages in asked.items()]
    return tuple(sorted(counted, key=lambda count: (-count.total, -count.pressed, count.topic)))


def _clarified(found: Sequence[Turn]) -> Clarified:
    offers = [turn for turn in found if turn.offered]
    choices = [turn for turn in found if turn.by == "chosen"]
    offered = Counter(topic for turn in offers for topic in turn.offered)
    chosen = Counter(topic for turn in choices for topic in turn.topics)
    topics = [OfferCount(topic, offered[topic], chosen[topic]) for topic in {*offered, *chosen}]
    together = Counter(tuple(sorted(turn.offered)) for turn in offers)
    return Clarified(
        len(offers),
        len(choices),
        tuple(sorted(topics, key=lambda count: (-count.offered, -count.chosen, count.topic))),
        tuple(sorted(together.items(), key=lambda item: (-item[1], item[0]))),
    )


def _ratings(feedback: Sequence[FeedbackRow]) -> Mapping[int, int]:
    """Best first."""
    given = Counter(row.rating for row in feedback if row.rating is not None)
    return dict(sorted(given.items(), reverse=True))


def _lost(lost: Sequence[LostRow], period: Period) -> Mapping[tuple[date, str], int]:
    """By day and reason, the newest day first."""
    counted = Counter((period.day(row.at), row.result) for row in lost)
    return dict(sorted(counted.items(), key=lambda item: (-item[0][0].toordinal(), item[0][1])))


def _versions(found: Sequence[Turn], period: Period) -> tuple[VersionCount, ...]:
    """The newest first."""
    days: dict[str, list[date]] = {}
    for turn in found:
        days.setdefault(turn.library, []).append(period.day(turn.at))
    counted = [VersionCount(version, len(on), min(on), max(on)) for version, on in days.items()]
    return tuple(sorted(counted, key=lambda count: (count.last, count.first, count.version), reverse=True))


def _most(counted: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent first, ties by name."""
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))
