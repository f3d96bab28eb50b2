"""The whole flow of one turn: what arrives and what was remembered give replies and what to remember next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from bot.dialogue.project import Project
from bot.dialogue.understanding import Asked, chosen, understand
from bot.messages import LANGS, Button, ChatState, Incoming, Key, Kind, Lang, Notice, Outcome, Reply
from bot.ports import Clock
from bot.retrieval.articles import Article
from bot.retrieval.library import Library
from bot.retrieval.questions import KINDS
from bot.safety.notices import attach, nothing_for_sale, owed, without_sales
from bot.wording import Phrase

# A topic this probable is touched by a question even where it is not answered: its warnings are owed.
TOUCHED = 0.15
# Languages whose speakers in Russia usually read Russian better than English; decides only before the first words.
_RUSSIAN_FIRST = frozenset({"ru", "uk", "be", "kk", "ky", "uz", "tg", "hy", "az", "ka", "tt"})
# Telegram's own commands, and what the same button says.
_COMMANDS = {"/start": "start", "/help": "help", "/topics": "topics", "/language": "language"}
_ATTACHMENTS = {
    "photo": Phrase.ATTACHMENT_PHOTO,
    "voice": Phrase.ATTACHMENT_VOICE,
    "video": Phrase.ATTACHMENT_VOICE,
    "audio": Phrase.ATTACHMENT_VOICE,
    "sticker": Phrase.ATTACHMENT_STICKER,
}
_GRADES = {
    "strong": Phrase.EVIDENCE_STRONG,
    "moderate": Phrase.EVIDENCE_MODERATE,
    "weak": Phrase.EVIDENCE_WEAK,
    "expert": Phrase.EVIDENCE_EXPERT,
    "none": Phrase.EVIDENCE_NONE,
}
# Sources that name no publication: they are the clinic's, the program's or the profession's own word.
_UNPUBLISHED = frozenset({"practice", "mimika", "clinic-profile", "clinic-post"})


class Conversation:
    """Answers one message at a time; pure but for its ports.

    Args:
        library: gives the version to use; called once a turn, so that a turn never mixes two versions.
        unsigned: `mark` shows unsigned texts with a notice, `hide` shows only what a clinician has signed.
    """

    def __init__(
        self,
        library: Callable[[], Library],
        project: Project,
        clock: Clock,
        unsigned: Literal["mark", "hide"] = "mark",
    ) -> None:
        self._library = library
        self._project = project
        self._clock = clock
        self._unsigned = unsigned

    def answer(self, incoming: Incoming, state: ChatState, only: Lang | None = None) -> Outcome:
        """Decide one turn; nothing is sent or stored here.

        Args:
            only: the language is given from outside and not in question.
        """
        if state.owner == "human":
            return Outcome(state)
        turn = _Turn(self._library(), self._project, self._clock, self._unsigned, incoming, state, only)
        outcome = turn.decide()
        replies = tuple(replace(r, key=Key(incoming.turn, part)) for part, r in enumerate(outcome.replies))
        return replace(outcome, replies=replies)


class _Turn:
    """One turn under way: the inputs at hand, so that each step needs to be told only what is its own."""

    def __init__(
        self,
        library: Library,
        project: Project,
        clock: Clock,
        unsigned: Literal["mark", "hide"],
        incoming: Incoming,
        state: ChatState,
        only: Lang | None,
    ) -> None:
        self.library, self.project, self.clock, self.unsigned = library, project, clock, unsigned
        self.incoming, self.state, self.only = incoming, state, only
        hint = (incoming.language_hint or "").split("-")[0].lower()
        hinted: Lang | None = None if not hint else "ru" if hint in _RUSSIAN_FIRST else "en"
        self.lang: Lang = only or state.language or hinted or "ru"
        self.habit: Lang | None = state.language or hinted

    def decide(self) -> Outcome:
        text = self.incoming.text.strip()
        if self.incoming.press is not None:
            return self.pressed(self.incoming.press)
        if text.startswith("/"):
            name, _, rest = text.partition(" ")
            command = _COMMANDS.get(name.split("@")[0].lower())
            if command == "start" and rest.strip():
                return self.topic(rest.strip())
            if command is not None:
                return self.pressed(command)
            text = text.lstrip("/")
        if self.incoming.contact is not None:
            return self.say(Kind.CHAT, Phrase.CONTACT)
        if self.incoming.attachment is not None and not any(letter.isalpha() for letter in text):
            return self.say(Kind.CHAT, _ATTACHMENTS.get(self.incoming.attachment.kind, Phrase.ATTACHMENT_OTHER))
        if not any(letter.isalnum() for letter in text):
            return self.say(Kind.UNKNOWN, Phrase.NOTHING_TO_READ)
        return self.asked(text)

    # ---- what a patient types -----------------------------------------------------------------------------

    def asked(self, text: str) -> Outcome:
        """Answer what a text asks; a typed reply is held against the offers first."""
        now = self.clock.now()
        if self.state.offered:
            self.lang = self.library.read(text, self.habit, self.only).lang
            topic = chosen(text, self.state.offered, self.library, self.lang)
            if topic is not None:
                return self.answered([self.article_reply(topic, 1.0)], topic)
        understood = understand(self.library, text, self.habit, self.only, self.state.live_topic(now))
        self.lang = understood.lang
        replies = [self.reply(one) for one in understood.asked]
        last = understood.asked[-1].found.decision
        if last.kind == "answer" and not last.topics[0].startswith("intent/"):
            return self.answered(replies, last.topics[0])
        if last.kind == "clarify":
            offers = tuple(button.payload.removeprefix("topic:") for button in replies[-1].buttons if _is_topic(button))
            return self.outcome(replies, offered=offers, offered_question=text, unknowns=0)
        unknown = replies[-1].kind is Kind.UNKNOWN
        return self.outcome(replies, unknowns=self.state.unknowns + 1 if unknown else 0)

    def reply(self, asked: Asked) -> Reply:
        decision = asked.found.decision
        if decision.kind == "answer" and decision.topics[0].startswith("intent/"):
            return self.intent_reply(decision.topics[0].removeprefix("intent/"), decision.probability)
        if decision.kind == "answer":
            return self.article_reply(decision.topics[0], decision.probability)
        touched = [hit.label for hit in asked.found.hits if hit.probability >= TOUCHED and not _is_intent(hit.label)]
        if decision.kind == "clarify":
            return self.choice([topic for topic in decision.topics if not _is_intent(topic)], decision.probability)
        return self.unknown(asked, touched)

    def choice(self, topics: Sequence[str], probability: float) -> Reply:
        """Offer the likely topics; beside one under which nothing may be sold, none that sells is offered."""
        if nothing_for_sale(topics, self.library):
            topics = without_sales(topics, self.library)
        shown = [article for topic in topics if (article := self.shown(topic)) is not None]
        buttons = [Button(article.title, f"topic:{article.id}") for article in shown]
        buttons.append(Button(self.words(Phrase.BUTTON_NONE_OF_THESE), "none"))
        reply = Reply(
            Kind.CLARIFY,
            self.words(Phrase.CLARIFY),
            tuple(buttons),
            topics=tuple(article.id for article in shown),
            confidence=probability,
        )
        return attach(reply, self.owed([article.id for article in shown], unsigned=False), self.library.wording, self.lang)

    def unknown(self, asked: Asked, touched: Sequence[str]) -> Reply:
        """Say that there is no answer here, as helpfully as the question allows, and offer a human."""
        if asked.found.outside is not None and not touched:
            phrase = KINDS[asked.found.outside]
        else:
            phrase = Phrase.UNKNOWN_AGAIN if self.state.unknowns else Phrase.UNKNOWN
        buttons = [self.button(Phrase.BUTTON_TOPICS, "topics"), self.button(Phrase.BUTTON_HUMAN, "human")]
        top = asked.found.hits[0].probability if asked.found.hits else 0.0
        reply = Reply(Kind.UNKNOWN, self.words(phrase), tuple(buttons), confidence=top)
        return attach(reply, self.owed(touched, unsigned=False), self.library.wording, self.lang)

    def intent_reply(self, intent: str, probability: float) -> Reply:
        if intent == "book":
            return self.booking(probability)
        if intent == "human":
            return self.human(probability)
        text = self.project.responses[f"utter_{intent}", self.lang]
        return Reply(Kind.CHAT, text, (self.button(Phrase.BUTTON_TOPICS, "topics"),), confidence=probability)

    def booking(self, probability: float) -> Reply:
        """Say honestly that no request can be taken here yet; it is the clinic's word, so it carries its warnings."""
        topics = ("how-to-book",)
        reply = Reply(
            Kind.BOOKING,
            self.words(Phrase.BOOK),
            (self.button(Phrase.BUTTON_TOPICS, "topics"), self.button(Phrase.BUTTON_HUMAN, "human")),
            topics=topics,
            confidence=probability,
        )
        return attach(reply, self.owed(topics, unsigned=False), self.library.wording, self.lang)

    def human(self, probability: float) -> Reply:
        buttons = (self.button(Phrase.BUTTON_TOPICS, "topics"),)
        return Reply(Kind.HANDOFF, self.words(Phrase.HUMAN), buttons, confidence=probability)

    # ---- what a patient presses ---------------------------------------------------------------------------

    def pressed(self, payload: str) -> Outcome:
        """Do what a button says; a payload that means nothing (any more) is said to be old."""
        action, _, value = payload.partition(":")
        if action == "topic":
            return self.topic(value)
        if action == "more" and (article := self.shown(value)) is not None:
            return self.answered([self.more(article)], value)
        if action == "sources" and (article := self.shown(value)) is not None:
            return self.answered([self.sources(article)], value)
        if action == "category" and value in self.library.catalogue.categories():
            return self.outcome([self.category(value)])
        if action == "language" and value in LANGS:
            self.lang = "ru" if value == "ru" else "en"
            return self.say(Kind.CHAT, Phrase.LANGUAGE_SET)
        if payload == "language":
            buttons = (Button("Русский", "language:ru"), Button("English", "language:en"))
            return self.outcome([Reply(Kind.CHAT, self.words(Phrase.LANGUAGE), buttons)])
        if payload == "start":
            return self.outcome([self.greeting()], offered=(), offered_question="", unknowns=0)
        if payload == "help":
            return self.say(Kind.CHAT, Phrase.HELP)
        if payload == "topics":
            return self.outcome([self.categories()])
        if payload == "none":
            return self.outcome([self.nothing_fits()], offered=(), offered_question="", unknowns=self.state.unknowns + 1)
        if payload == "human":
            return self.outcome([self.human(1.0)])
        if payload == "book":
            return self.outcome([self.booking(1.0)])
        return self.say(Kind.UNKNOWN, Phrase.OLD_BUTTON)

    def topic(self, topic: str) -> Outcome:
        """Show a topic by its id: from a button, a deep link, or as the answer to the question it was offered for."""
        if self.library.article(topic, self.lang) is None:
            return self.say(Kind.UNKNOWN, Phrase.UNKNOWN_TOPIC)
        return self.answered([self.article_reply(topic, 1.0)], topic)

    def greeting(self) -> Reply:
        return Reply(Kind.CHAT, self.words(Phrase.START), (self.button(Phrase.BUTTON_TOPICS, "topics"),), confidence=1.0)

    def categories(self) -> Reply:
        buttons = tuple(
            Button(self.words(Phrase(f"categories.{name}")), f"category:{name}")
            for name in self.library.catalogue.categories()
            if self.library.topics(self.lang, name)
        )
        return Reply(Kind.CHAT, self.words(Phrase.TOPICS), buttons, confidence=1.0)

    def category(self, name: str) -> Reply:
        title = self.words(Phrase(f"categories.{name}"))
        topics = [article.id for article in self.library.topics(self.lang, name) if self.shown(article.id) is not None]
        if nothing_for_sale(topics, self.library):
            topics = without_sales(topics, self.library)
        buttons = tuple(self.topic_button(topic) for topic in topics)
        reply = Reply(
            Kind.CHAT, self.words(Phrase.CATEGORY, category=title), buttons, topics=tuple(topics), confidence=1.0
        )
        return attach(reply, self.owed(topics, unsigned=False), self.library.wording, self.lang)

    def nothing_fits(self) -> Reply:
        """None of the offers was meant: the warnings of what was offered are still owed."""
        phrase = Phrase.UNKNOWN_AGAIN if self.state.unknowns else Phrase.UNKNOWN
        buttons = (self.button(Phrase.BUTTON_TOPICS, "topics"), self.button(Phrase.BUTTON_HUMAN, "human"))
        reply = Reply(Kind.UNKNOWN, self.words(phrase), buttons)
        return attach(reply, self.owed(self.state.offered, unsigned=False), self.library.wording, self.lang)

    # ---- articles -----------------------------------------------------------------------------------------

    def shown(self, topic: str) -> Article | None:
        """The text a patient may see: any, or with UNSIGNED=hide only one that a clinician stands for."""
        article = self.library.article(topic, self.lang)
        if article is None or self.unsigned == "mark":
            return article
        return self.library.signed_article(topic, self.lang, self.clock.now().date())

    def article_reply(self, topic: str, probability: float) -> Reply:
        article = self.shown(topic)
        if article is None:
            buttons = (self.button(Phrase.BUTTON_TOPICS, "topics"), self.button(Phrase.BUTTON_HUMAN, "human"))
            reply = Reply(Kind.UNKNOWN, self.words(Phrase.BEING_UPDATED), buttons, topics=(topic,))
            return attach(reply, self.owed([topic], unsigned=False), self.library.wording, self.lang)
        first = [self.button(Phrase.BUTTON_MORE, f"more:{topic}"), self.button(Phrase.BUTTON_SOURCES, f"sources:{topic}")]
        return self.from_article(article, article.answer, first, probability)

    def more(self, article: Article) -> Reply:
        text = f"**{article.title}**\n\n{article.more}"
        return self.from_article(article, text, [self.button(Phrase.BUTTON_SOURCES, f"sources:{article.id}")], 1.0)

    def sources(self, article: Article) -> Reply:
        """List what the article rests on, published sources only, with the grade of the evidence."""
        cited = [self.library.sources[key] for key in article.sources if key not in _UNPUBLISHED]
        lines = [f"- {source.citation()}" for source in cited] or [self.words(Phrase.SOURCES_NONE)]
        title = self.words(Phrase.SOURCES, title=article.title)
        text = "\n\n".join([title, "\n".join(lines), self.words(_GRADES[article.evidence])])
        return self.from_article(article, text, [self.button(Phrase.BUTTON_MORE, f"more:{article.id}")], 1.0)

    def from_article(self, article: Article, text: str, first: Sequence[Button], probability: float) -> Reply:
        """A reply that shows a part of an article, with what its flags demand and allow around it."""
        topic = article.id
        related = [name for name in article.related if self.shown(name) is not None]
        quiet = nothing_for_sale([topic], self.library)
        if quiet:
            related = without_sales(related, self.library)
        buttons = [*first, *(self.topic_button(name) for name in related)]
        buttons.append(self.button(Phrase.BUTTON_HUMAN, "human"))
        if not quiet and "commercial" in self.library.flags(topic):
            buttons.append(self.button(Phrase.BUTTON_BOOK, "book"))
        reply = Reply(
            Kind.ANSWER, text, tuple(buttons), topics=(topic,), confidence=probability, sources=article.sources
        )
        unsigned = not article.signed(self.clock.now().date())
        # A related topic brings its warnings when it is opened, but a button that leads to an offer advertises now.
        offers = {"commercial"} if any("commercial" in self.library.flags(name) for name in related) else set()
        notices = owed(self.library.flags(topic) | offers, unsigned=unsigned)
        return attach(reply, notices, self.library.wording, self.lang)

    def owed(self, topics: Sequence[str], *, unsigned: bool) -> tuple[Notice, ...]:
        return owed({flag for topic in topics for flag in self.library.flags(topic)}, unsigned=unsigned)

    # ---- saying things ------------------------------------------------------------------------------------

    def words(self, phrase: Phrase, **more: str) -> str:
        return self.library.wording(self.lang, phrase, **more)

    def button(self, phrase: Phrase, payload: str) -> Button:
        return Button(self.words(phrase), payload)

    def topic_button(self, topic: str) -> Button:
        article = self.library.article(topic, self.lang)
        assert article is not None
        return Button(article.title, f"topic:{topic}")

    def say(self, kind: Kind, phrase: Phrase) -> Outcome:
        return self.outcome([Reply(kind, self.words(phrase), (self.button(Phrase.BUTTON_TOPICS, "topics"),))])

    def answered(self, replies: Sequence[Reply], topic: str) -> Outcome:
        """A topic was shown: the chat is about it from now on, and open offers are settled."""
        now = self.clock.now()
        return self.outcome(replies, topic=topic, topic_at=now, offered=(), offered_question="", unknowns=0)

    def outcome(self, replies: Sequence[Reply], **changes: object) -> Outcome:
        state = replace(self.state, language=self.lang, **changes)  # type: ignore[arg-type]  # fields of ChatState
        return Outcome(state, tuple(replies), language=self.lang)


def _is_intent(label: str) -> bool:
    return label.startswith("intent/")


def _is_topic(button: Button) -> bool:
    return button.payload.startswith("topic:")
