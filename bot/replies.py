"""Builds what a patient reads out of the library's words, with the warnings and buttons that code decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from bot.dialogue.project import Project
from bot.messages import Button, Kind, Lang, Reply
from bot.retrieval.articles import Article
from bot.retrieval.library import Library
from bot.retrieval.questions import KINDS
from bot.retrieval.redflags import DangerKind
from bot.safety.notices import attach, nothing_for_sale, owed, without_sales
from bot.wording import REFUSALS, Phrase

_GRADES = {
    "strong": Phrase.EVIDENCE_STRONG,
    "moderate": Phrase.EVIDENCE_MODERATE,
    "weak": Phrase.EVIDENCE_WEAK,
    "expert": Phrase.EVIDENCE_EXPERT,
    "none": Phrase.EVIDENCE_NONE,
}
# What a danger reply speaks of.
_URGENT = "red-flags"
# Sources that name no publication: they are the clinic's, the program's or the profession's own word.
_UNPUBLISHED = frozenset({"practice", "mimika", "clinic-profile", "clinic-post"})


@dataclass(frozen=True, slots=True)
class Shows:
    """What may be shown: `unsigned` texts with a mark or not at all, and whether nothing may be sold or named."""

    unsigned: Literal["mark", "hide"] = "mark"
    information_only: bool = False


class Replies:
    """Every reply there is, in one language and from one library version.

    Args:
        today: the day signatures and reviews are judged by.
        quiet: nothing is sold in this turn, whatever the topic: the chat is about mood, pregnancy, an emergency...
    """

    def __init__(
        self,
        library: Library,
        project: Project,
        lang: Lang,
        shows: Shows,
        today: date,
        *,
        quiet: bool = False,
    ) -> None:
        self._library, self._project, self._lang = library, project, lang
        self._shows, self._today, self._quiet = shows, today, quiet or shows.information_only

    # ---- articles -----------------------------------------------------------------------------------------

    def exists(self, topic: str) -> bool:
        """Whether the library has this topic, signed or not."""
        return self._library.article(topic, self._lang) is not None

    def article(self, topic: str, probability: float) -> Reply:
        """A topic's first paragraph; the topic must exist."""
        article = self._shown(topic)
        if article is None:
            buttons = (self._button(Phrase.BUTTON_TOPICS, "topics"), self._button(Phrase.BUTTON_HUMAN, "human"))
            withheld = self._shows.information_only and self._library.article(topic, self._lang) is not None
            phrase = Phrase.INFORMATION_ONLY if withheld else Phrase.BEING_UPDATED
            reply = Reply(Kind.UNKNOWN, self._words(phrase), buttons, topics=(topic,))
            return self._with_notices(reply, [topic])
        first = (self._button(Phrase.BUTTON_MORE, f"more:{topic}"), self._sources_button(topic))
        return self._from_article(article, article.answer, first, probability)

    def more(self, topic: str) -> Reply | None:
        """The rest of an article; None where it may not be shown."""
        article = self._shown(topic)
        if article is None:
            return None
        return self._from_article(article, f"**{article.title}**\n\n{article.more}", [self._sources_button(topic)], 1.0)

    def sources(self, topic: str) -> Reply | None:
        """What an article rests on: its published sources, and the grade of the evidence."""
        article = self._shown(topic)
        if article is None:
            return None
        cited = [self._library.sources[key] for key in article.sources if key not in _UNPUBLISHED]
        listed = "\n".join(f"- {source.citation()}" for source in cited) or self._words(Phrase.SOURCES_NONE)
        title = self._words(Phrase.SOURCES, title=article.title)
        text = "\n\n".join([title, listed, self._words(_GRADES[article.evidence])])
        return self._from_article(article, text, [self._button(Phrase.BUTTON_MORE, f"more:{topic}")], 1.0)

    def _from_article(self, article: Article, text: str, first: Sequence[Button], probability: float) -> Reply:
        """Show a part of an article, with what its flags demand and allow around it."""
        topic, flags = article.id, self._library.flags(article.id)
        quiet = self._quiet or nothing_for_sale([topic], self._library)
        related = [name for name in article.related if self._shown(name) is not None]
        if quiet:
            related = without_sales(related, self._library)
        buttons = [*first, *map(self._topic_button, related), self._button(Phrase.BUTTON_HUMAN, "human")]
        if not quiet and "commercial" in flags:
            buttons.append(self._button(Phrase.BUTTON_BOOK, "book"))
        reply = Reply(
            Kind.ANSWER, text, tuple(buttons), topics=(topic,), confidence=probability, sources=article.sources
        )
        # A related topic brings its warnings when it is opened, but a button that leads to an offer advertises now.
        if any("commercial" in self._library.flags(name) for name in related):
            flags |= {"commercial"}
        notices = owed(flags, unsigned=not article.signed(self._today))
        return attach(reply, notices, self._library.wording, self._lang)

    def _shown(self, topic: str) -> Article | None:
        """The text a patient may see."""
        if self._shows.unsigned == "mark":
            article = self._library.article(topic, self._lang)
        else:
            article = self._library.signed_article(topic, self._lang, self._today)
        return self._neutral(article) if article is not None and self._shows.information_only else article

    def _neutral(self, article: Article) -> Article | None:
        """An article without what sells or names a brand: paragraphs go whole, since no sentence is composed."""
        brand = self._library.names_brand
        if "commercial" in self._library.flags(article.id) or brand(article.title) or brand(article.answer):
            return None
        paragraphs = [paragraph for paragraph in article.more.split("\n\n") if not brand(paragraph)]
        sources = tuple(key for key in article.sources if not brand(self._library.sources[key].citation()))
        return replace(article, more="\n\n".join(paragraphs) or article.answer, sources=sources)

    # ---- choices and menus --------------------------------------------------------------------------------

    def choice(self, topics: Sequence[str], probability: float) -> Reply:
        """Offer the likely topics; beside one under which nothing may be sold, none that sells is offered."""
        offered = self._offered(topics)
        buttons = [*map(self._topic_button, offered), self._button(Phrase.BUTTON_NONE_OF_THESE, "none")]
        text = self._words(Phrase.CLARIFY)
        reply = Reply(Kind.CLARIFY, text, tuple(buttons), topics=tuple(offered), confidence=probability)
        # The question touches them all: a topic that is not offered here leaves its warning.
        return self._with_notices(reply, topics)

    def categories(self) -> Reply:
        buttons = [
            Button(self._words(Phrase(f"categories.{name}")), f"category:{name}")
            for name in self._library.catalogue.categories()
            if self._topics_of(name)
        ]
        return Reply(Kind.CHAT, self._words(Phrase.TOPICS), tuple(buttons), confidence=1.0)

    def category(self, name: str) -> Reply:
        """The topics of a category as buttons."""
        title = self._words(Phrase(f"categories.{name}"))
        topics = self._topics_of(name)
        reply = Reply(
            Kind.CHAT,
            self._words(Phrase.CATEGORY, category=title),
            tuple(map(self._topic_button, topics)),
            topics=tuple(topics),
            confidence=1.0,
        )
        return self._with_notices(reply, topics)

    def _topics_of(self, category: str) -> list[str]:
        return self._offered(article.id for article in self._library.topics(self._lang, category))

    def _offered(self, topics: Iterable[str]) -> list[str]:
        shown = [topic for topic in topics if self._shown(topic) is not None]
        quiet = self._quiet or nothing_for_sale(shown, self._library)
        return without_sales(shown, self._library) if quiet else shown

    # ---- everything else ----------------------------------------------------------------------------------

    def say(self, kind: Kind, phrase: Phrase) -> Reply:
        """A fixed text with the way to the topics under it."""
        return Reply(kind, self._words(phrase), (self._button(Phrase.BUTTON_TOPICS, "topics"),))

    def unknown(self, outside: str | None, touched: Sequence[str], earlier: int, probability: float) -> Reply:
        """Say that there is no answer here, as helpfully as the question allows, and offer a human.

        Args:
            outside: the kind of outside question it seems to be.
            touched: topics near the question, whose warnings are owed.
            earlier: how many questions before this one found no answer either.
        """
        phrase = Phrase.UNKNOWN_AGAIN if earlier else Phrase.UNKNOWN
        if outside is not None and not touched:
            phrase = KINDS[outside]
        buttons = (self._button(Phrase.BUTTON_TOPICS, "topics"), self._button(Phrase.BUTTON_HUMAN, "human"))
        reply = Reply(Kind.UNKNOWN, self._words(phrase), buttons, confidence=probability)
        return self._with_notices(reply, touched)

    def danger(self, kind: DangerKind, name: str) -> Reply:
        """The fixed text `name` of the clinicians' list: nothing else stands in it, and nothing under it."""
        text = self._library.red_flags.replies[self._lang][name]
        return Reply(Kind(kind), text, topics=() if kind == "crisis" else (_URGENT,), confidence=1.0)

    # ---- after an alarm -----------------------------------------------------------------------------------

    def with_care(self, reply: Reply) -> Reply:
        """A reply with the patient's own way out of care mode under it."""
        return replace(reply, buttons=(*reply.buttons, self._button(Phrase.CARE_BETTER, "care:check")))

    def care_check(self, until: datetime) -> Reply:
        """Ask once, before the chat leaves the care mode that lasts `until`; the answer ends that one and no later."""
        end = f"care:end:{care_stamp(until)}"
        buttons = (self._button(Phrase.CARE_SAFE, end), self._button(Phrase.CARE_NOT_SAFE, "care:help"))
        return Reply(Kind.CHAT, self._words(Phrase.CARE_CHECK), buttons)

    def refusal(self, limit: str, topics: Sequence[str]) -> Reply:
        """What can't be done and why; under it the general article, and the way to a person."""
        text = self._words(REFUSALS[limit])
        buttons = (*map(self._topic_button, self._offered(topics)), self._button(Phrase.BUTTON_HUMAN, "human"))
        reply = Reply(Kind.REFUSAL, text, buttons, topics=tuple(topics), confidence=1.0)
        return self._with_notices(reply, topics)

    def intent(self, intent: str, probability: float) -> Reply:
        """What the dialogue says to a greeting, thanks, a wish to book..."""
        if intent == "book":
            return self.booking(probability)
        if intent == "human":
            return self.human(probability)
        text = self._project.responses[f"utter_{intent}", self._lang]
        return Reply(Kind.CHAT, text, (self._button(Phrase.BUTTON_TOPICS, "topics"),), confidence=probability)

    def booking(self, probability: float) -> Reply:
        """Say honestly that no request can be taken here yet; an invitation to the clinic carries its warnings."""
        buttons = (self._button(Phrase.BUTTON_TOPICS, "topics"), self._button(Phrase.BUTTON_HUMAN, "human"))
        text = self._words(Phrase.INFORMATION_ONLY if self._shows.information_only else Phrase.BOOK)
        reply = Reply(Kind.BOOKING, text, buttons, topics=("how-to-book",), confidence=probability)
        return self._with_notices(reply, reply.topics)

    def human(self, probability: float) -> Reply:
        """Say honestly that no consultant reads this chat yet."""
        buttons = (self._button(Phrase.BUTTON_TOPICS, "topics"),)
        return Reply(Kind.HANDOFF, self._words(Phrase.HUMAN), buttons, confidence=probability)

    def languages(self) -> Reply:
        buttons = (Button("Русский", "language:ru"), Button("English", "language:en"))
        return Reply(Kind.CHAT, self._words(Phrase.LANGUAGE), buttons)

    def privacy(self) -> Reply:
        """What is kept, why and how long, with the ways to see and erase it."""
        buttons = (self._button(Phrase.BUTTON_MYDATA, "mydata"),)
        return Reply(Kind.CHAT, self._words(Phrase.PRIVACY), buttons)

    def forget(self) -> Reply:
        """The one question before everything is erased."""
        buttons = (self._button(Phrase.BUTTON_FORGET, "forget:yes"), self._button(Phrase.BUTTON_KEEP, "forget:no"))
        return Reply(Kind.CHAT, self._words(Phrase.FORGET), buttons)

    def forgotten(self, *, in_care: bool) -> Reply:
        """What was erased, what had to stay, and why."""
        stays = f"\n\n{self._words(Phrase.FORGOTTEN_IN_CARE)}" if in_care else ""
        return Reply(Kind.CHAT, self._words(Phrase.FORGOTTEN).rstrip() + stays)

    def _with_notices(self, reply: Reply, topics: Iterable[str]) -> Reply:
        flags = {flag for topic in topics for flag in self._library.flags(topic)}
        if "urgent" in flags:
            # The article itself begins with what to do; a reply that only touches it must not leave that out.
            flags.add("watch")
        return attach(reply, owed(flags, unsigned=False), self._library.wording, self._lang)

    def _words(self, phrase: Phrase, **more: str) -> str:
        return self._library.wording(self._lang, phrase, **more)

    def _button(self, phrase: Phrase, payload: str) -> Button:
        return Button(self._words(phrase), payload)

    def _sources_button(self, topic: str) -> Button:
        return self._button(Phrase.BUTTON_SOURCES, f"sources:{topic}")

    def _topic_button(self, topic: str) -> Button:
        article = self._shown(topic)
        assert article is not None
        return Button(article.title, f"topic:{topic}")


def care_stamp(until: datetime) -> str:
    """Which care mode a button belongs to."""
    return str(int(until.timestamp()))
