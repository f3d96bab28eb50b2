"""Figures -> one HTML page that works from a file, on a phone and on paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from bot.messages import Lang
from bot.privacy import mask
from bot.report.figures import Fate, Figures
from bot.report.markup import Content, Markup, el
from bot.report.pictures import Bar, Part, ceiling, columns, row, swatch
from bot.report.style import STYLE
from bot.report.words import has, month, say
from bot.retrieval.writing import clean

# Longer lists are cut and say so: nobody reads more, and a phone has to open the page.
MOST_TOPICS = 40
MOST_OFFERS = 20
MOST_TOGETHER = 10
MOST_GROUPS = 100
MOST_COMMENTS = 100
MOST_LOST = 30
_LONGEST_TEXT = 400
# In the order of the style sheet's classes: more languages than these share the last.
_LANGUAGE_LOOKS = ("first", "second", "third")


@dataclass(frozen=True, slots=True)
class Setting:
    """What the page names: the clinic, titles of topics in the page's language, and how many days things are kept."""

    clinic: str
    titles: Mapping[str, str]
    made_at: datetime
    questions_kept: int
    deliveries_kept: int


def page(figures: Figures, lang: Lang, setting: Setting) -> str:
    """The whole page; everything that patients or staff wrote is escaped."""
    return _Page(figures, lang, setting).whole()


class _Page:
    def __init__(self, figures: Figures, lang: Lang, setting: Setting) -> None:
        self.figures, self.lang, self.setting = figures, lang, setting

    # ---- words and numbers --------------------------------------------------------------------------------

    def say(self, name: str, **more: object) -> str:
        return say(self.lang, name, **more)

    def known(self, name: str) -> str:
        """Words for a code out of the database; an unknown code is its own name."""
        return self.say(name) if has(name) else name

    def number(self, count: int) -> str:
        separator = "\u202f" if self.lang == "ru" else ","
        return f"{count:,}".replace(",", separator)

    def share(self, count: int, of: int) -> str:
        percent = f"{round(100 * count / of) if of else 0}"
        return f"{percent}\u00a0%" if self.lang == "ru" else f"{percent}%"

    def of(self, count: int, of: int) -> str:
        return self.say("of", count=self.number(count), of=self.number(of), share=self.share(count, of))

    def day(self, day: date, *, year: bool = False) -> str:
        return f"{day.day}\u00a0{month(self.lang, day.month)}" + (f"\u00a0{day.year}" if year else "")

    def days(self, first: date, last: date) -> str:
        return self.day(first) if first == last else f"{self.day(first)} – {self.day(last)}"

    def title(self, topic: str) -> str:
        return self.setting.titles.get(topic, topic)

    def text(self, written: str) -> str:
        """What a patient wrote: masked (once more, for questions), without what can't be seen, cut where endless."""
        shown = " ".join(mask(clean(written)).split())
        return shown if len(shown) <= _LONGEST_TEXT else f"{shown[:_LONGEST_TEXT].rstrip()}…"

    # ---- the frame ----------------------------------------------------------------------------------------

    def whole(self) -> str:
        name = f"{self.say('title')} · {self.setting.clinic}" if self.setting.clinic else self.say("title")
        head = el(
            "head",
            el("meta", charset="utf-8"),
            el("meta", name="viewport", content="width=device-width, initial-scale=1"),
            # Nothing is fetched and nothing runs, whatever a patient may have written.
            el("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
            el("meta", name="referrer", content="no-referrer"),
            el("meta", name="robots", content="noindex"),
            el("title", name),
            el("style", Markup(STYLE)),
        )
        period = self.figures.period
        first, last = self.day(period.first, year=True), self.day(period.last, year=True)
        at = self.setting.made_at.astimezone(period.zone)
        made = self.say("made", at=f"{self.day(at.date(), year=True)}, {at:%H:%M}")
        header = el(
            "header",
            el("h1", name),
            el("p", self.say("period", first=first, last=last, zone=period.zone.key)),
            el("p", made, class_="soft"),
        )
        content = [el("p", self.say("empty"))] if self.figures.is_empty else self.sections()
        body = el("body", header, el("main", content))
        return f"<!DOCTYPE html>\n{el('html', head, body, lang=self.lang)}\n"

    def sections(self) -> list[Markup]:
        return [
            self.totals(),
            self.by_day(),
            self.topics(),
            self.clarified(),
            self.dangers(),
            self.unanswered(),
            self.feedback(),
            self.deliveries(),
            self.versions(),
        ]

    def section(self, name: str, *content: Content) -> Markup:
        return el("section", el("h2", self.say(name)), content)

    def none(self) -> Markup:
        return el("p", self.say("none"), class_="soft")

    def table(self, heads: Sequence[str], lines: Iterable[Sequence[str]], numbers: int) -> Markup:
        """A table whose last `numbers` columns are numbers."""

        def cells(kind: str, texts: Sequence[str]) -> list[Markup]:
            edge = len(texts) - numbers
            return [el(kind, text, class_="number" if place >= edge else None) for place, text in enumerate(texts)]

        head = el("thead", el("tr", cells("th", heads)))
        return el("div", el("table", head, el("tbody", [el("tr", cells("td", line)) for line in lines])), class_="wide")

    def legend(self, parts: Iterable[tuple[str, str]]) -> Markup:
        return el("ul", [el("li", swatch(look), words) for look, words in parts], class_="legend")

    def bars(self, lines: Sequence[tuple[str, str, tuple[Part, ...]]]) -> Markup:
        """A name, a number and a bar below them, line after line."""
        most = max((sum(part.count for part in parts) for _, _, parts in lines), default=0)
        top = max(most, 1)
        return el(
            "ul",
            [
                el("li", el("span", name, class_="said"), el("span", number), row(Bar(f"{name}: {number}", parts), top))
                for name, number, parts in lines
            ],
            class_="bars",
        )

    # ---- the sections -------------------------------------------------------------------------------------

    def totals(self) -> Markup:
        found = self.figures
        tiles = [
            (self.number(found.questions), "questions"),
            (self.share(found.fates[Fate.UNANSWERED], found.questions), "unanswered_share"),
            (self.number(found.fates[Fate.DANGER]), "dangers_total"),
            (self.number(found.messages), "messages"),
            (self.number(found.presses), "presses"),
        ]
        if found.mean_rating is not None:
            mean = f"{found.mean_rating:.1f}"
            tiles.append((mean.replace(".", ",") if self.lang == "ru" else mean, "rating"))
        shown = [el("div", el("b", value), el("span", self.say(name)), class_="tile") for value, name in tiles]
        return self.section(
            "totals",
            el("div", shown, class_="tiles"),
            el("p", self.say("what_is_a_question"), class_="note"),
            el("p", self.say("private"), class_="note"),
        )

    def by_day(self) -> Markup:
        found = self.figures
        weekly = any(column.first != column.last for column in found.columns)
        name = "weeks" if weekly else "days"
        if not found.questions:
            return self.section(name, self.none())
        fates = {str(fate): self.say(str(fate)) for fate in Fate if found.fates[fate]}
        looks = self.looks(count.language for count in found.languages)
        languages: dict[str, str] = {}
        for lang, look in looks.items():
            languages[look] = ", ".join(filter(None, (languages.get(look), self.known(lang))))
        fate_stacks = [[Part(str(fate), column.fates.get(fate, 0)) for fate in Fate] for column in found.columns]
        stacks = [
            [Part(look, column.languages.get(lang, 0)) for lang, look in looks.items()] for column in found.columns
        ]
        totals = [
            [self.known(count.language), self.number(count.questions), self.of(count.unanswered, count.questions)]
            for count in found.languages
        ]
        return self.section(
            name,
            self.chart("by_fate", fates, fate_stacks),
            self.numbers("week" if weekly else "day"),
            self.chart("by_language", languages, stacks),
            self.table([self.say("language"), self.say("questions"), self.say("unanswered")], totals, numbers=2),
        )

    def looks(self, languages: Iterable[str]) -> dict[str, str]:
        """A colour for each language, in every picture the same: the most spoken one has the first."""
        order = [count.language for count in self.figures.languages]
        known = sorted(set(languages), key=lambda lang: (order.index(lang) if lang in order else len(order), lang))
        return {lang: _LANGUAGE_LOOKS[min(place, len(_LANGUAGE_LOOKS) - 1)] for place, lang in enumerate(known)}

    def chart(self, name: str, words: Mapping[str, str], stacks: Sequence[Sequence[Part]]) -> Markup:
        """Columns with legend, scale and days around them, whose letters stay as large as the page's.

        Args:
            words: what each look in the stacks means.
            stacks: the parts of each column of the figures.
        """
        bars = []
        for column, parts in zip(self.figures.columns, stacks, strict=True):
            told = ", ".join(f"{words[part.look]} {self.number(part.count)}" for part in parts if part.count)
            bars.append(Bar(f"{self.days(column.first, column.last)}: {told or '0'}", tuple(parts)))
        top = ceiling(max((bar.total for bar in bars), default=0))
        scale = el("div", [el("span", self.number(value)) for value in (top, top // 2, 0)], class_="scale")
        marks = [self.figures.columns[place] for place in sorted({0, len(bars) // 2, len(bars) - 1})]
        days = el("div", [el("span", self.day(column.last)) for column in marks], class_="days")
        counts = Counter[str]()
        for part in (part for parts in stacks for part in parts):
            counts[part.look] += part.count
        legend = self.legend((look, f"{meaning}: {self.number(counts[look])}") for look, meaning in words.items())
        drawn = el("div", scale, columns(bars, top, self.say(name)), days, class_="chart")
        return el("figure", el("h3", self.say(name)), legend, drawn)

    def numbers(self, step: str) -> Markup:
        """What the picture by days shows, for those who want to know exactly."""
        fates = list(Fate)
        heads = [self.say(step), *(self.say(str(fate)) for fate in fates), self.say("total")]
        lines = [
            [
                self.days(column.first, column.last),
                *(self.number(column.fates.get(fate, 0)) for fate in fates),
                self.number(sum(column.fates.values())),
            ]
            for column in self.figures.columns
            if column.fates
        ]
        return el("details", el("summary", self.say("numbers")), self.table(heads, lines, numbers=len(heads) - 1))

    def topics(self) -> Markup:
        found = self.figures
        looks = self.looks(lang for count in found.topics for lang in count.asked)
        lines = []
        for count in found.topics[:MOST_TOPICS]:
            number = self.number(count.total) + (f"\u00a0+\u00a0{self.number(count.pressed)}" if count.pressed else "")
            parts = tuple(Part(look, count.asked.get(lang, 0)) for lang, look in looks.items())
            lines.append((self.title(count.topic), number, parts))
        if not lines:
            return self.section("topics", self.none())
        return self.section(
            "topics",
            el("p", self.say("topics_note"), class_="note"),
            self.legend((look, self.known(lang)) for lang, look in looks.items()),
            self.bars(lines),
            self.rest(len(found.topics) - MOST_TOPICS),
        )

    def rest(self, count: int) -> list[Markup]:
        return [el("p", self.say("more", count=self.number(count)), class_="soft")] if count > 0 else []

    def clarified(self) -> Markup:
        found = self.figures.clarified
        if not found.offers and not found.choices:
            return self.section("clarify", self.none())
        lines = []
        for count in found.topics[:MOST_OFFERS]:
            number = f"{self.number(count.chosen)} / {self.number(count.offered)}"
            # A choice made just after midnight of the first day has its offer outside the period.
            left = max(count.offered - count.chosen, 0)
            lines.append((self.title(count.topic), number, (Part("first", count.chosen), Part("third", left))))
        together = [
            [" · ".join(self.title(topic) for topic in topics), self.number(times)]
            for topics, times in found.together[:MOST_TOGETHER]
        ]
        return self.section(
            "clarify",
            el("p", self.say("offers"), ": ", el("b", self.number(found.offers))),
            el("p", self.say("choices"), ": ", el("b", self.of(found.choices, max(found.offers, found.choices)))),
            el("p", self.say("clarify_note"), class_="note"),
            self.legend((("first", self.say("choices")), ("third", self.say("not_chosen")))),
            self.bars(lines),
            self.rest(len(found.topics) - MOST_OFFERS),
            el("h3", self.say("offered_together")),
            self.table([self.say("topic_names"), self.say("times")], together, numbers=1),
            self.rest(len(found.together) - MOST_TOGETHER),
        )

    def dangers(self) -> Markup:
        found = self.figures.dangers
        if not found:
            return self.section("dangers", self.none())
        lines = [(self.known(kind), self.number(count), (Part("danger", count),)) for kind, count in found.items()]
        return self.section("dangers", self.bars(lines), el("p", self.say("dangers_note"), class_="note"))

    def unanswered(self) -> Markup:
        found = self.figures.unanswered
        note = el("p", self.say("open_note", days=self.setting.questions_kept), class_="note")
        if not found:
            return self.section("open_questions", self.none(), note)
        items = []
        for group in found[:MOST_GROUPS]:
            last = self.say("last", day=self.day(self.figures.period.day(group.last)))
            about = f"{last} · {self.known(group.language)}"
            others = " ".join(f"«{self.text(other)}»" for other in group.others)
            more = [el("div", f"{self.say('also')} {others}", class_="note said", dir="auto")] if others else []
            text = el("div", self.text(group.text), class_="said", dir="auto")
            items.append(
                el("li", el("b", self.number(group.count)), el("div", text, more, el("div", about, class_="note")))
            )
        left = found[MOST_GROUPS:]
        rest = self.say(
            "more_groups",
            shown=MOST_GROUPS,
            groups=self.number(len(left)),
            count=self.number(sum(group.count for group in left)),
        )
        return self.section(
            "open_questions",
            note,
            el("ol", items, class_="questions"),
            [el("p", rest, class_="soft")] if left else [],
        )

    def feedback(self) -> Markup:
        found = self.figures
        if not found.ratings and not found.comments:
            return self.section("feedback", self.none())
        lines = [(f"{rating}", self.number(count), (Part("first", count),)) for rating, count in found.ratings.items()]
        comments = [
            [
                self.day(found.period.day(row.at)),
                self.text(row.comment),
                "" if row.rating is None else f"{row.rating}",
            ]
            for row in found.comments[:MOST_COMMENTS]
        ]
        heads = [self.say("day"), self.say("comments"), self.say("rated")]
        return self.section(
            "feedback",
            [el("h3", self.say("ratings")), self.bars(lines)] if lines else [],
            [el("h3", self.say("comments")), self.table(heads, comments, numbers=1)] if comments else [],
            self.rest(len(found.comments) - MOST_COMMENTS),
        )

    def deliveries(self) -> Markup:
        found = self.figures
        note = el("p", self.say("deliveries_note", days=self.setting.deliveries_kept), class_="note")
        all_sent = sum(found.delivered.values())
        lines = [
            (
                self.result(result),
                self.of(count, all_sent),
                (Part("first" if result == "sent" else "danger", count),),
            )
            for result, count in found.delivered.items()
        ]
        waiting = el("p", f"{self.say('waiting')}: ", el("b", self.number(found.waiting)))
        lost = [[self.day(day), self.result(result), self.number(count)] for (day, result), count in found.lost.items()]
        heads = [self.say("day"), self.say("result"), self.say("times")]
        return self.section(
            "deliveries",
            self.bars(lines) if lines else self.none(),
            [waiting] if found.waiting else [],
            el("h3", self.say("lost")),
            self.table(heads, lost[:MOST_LOST], numbers=1) if lost else el("p", self.say("lost_none"), class_="soft"),
            self.rest(len(lost) - MOST_LOST),
            note,
        )

    def result(self, result: str) -> str:
        return self.say("refused_result") if result == "refused" else self.known(result)

    def versions(self) -> Markup:
        found = self.figures.versions
        if not found:
            return self.section("versions", self.none())
        lines = [
            [count.version or self.say("unnamed"), self.days(count.first, count.last), self.number(count.turns)]
            for count in found
        ]
        return self.section(
            "versions",
            self.table([self.say("version"), self.say("used"), self.say("turns")], lines, numbers=1),
        )
