"""The whole flow of one turn: what arrives and what was remembered give replies and what to remember next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from bot.dialogue.followup import wants_button
from bot.dialogue.project import Project
from bot.dialogue.understanding import Asked, chosen, understand
from bot.messages import LANGS, ChatState, Incoming, Key, Kind, Lang, Outcome, Reply
from bot.ports import Clock
from bot.replies import Replies
from bot.retrieval.confidence import INTENT
from bot.retrieval.library import Library
from bot.safety.notices import nothing_for_sale
from bot.safety.red_flags import red_flag
from bot.wording import Phrase

# A topic this probable is touched by a question even where it is not answered: its warnings are owed.
TOUCHED = 0.15

# Languages whose speakers in Russia usually read Russian better than English; decides only before the first words.
_RUSSIAN_FIRST = frozenset({"ru", "uk", "be", "kk", "ky", "uz", "tg", "hy", "az", "ka", "tt"})
_COMMANDS = frozenset({"/start", "/help", "/topics", "/language"})
_ATTACHMENTS = {
    "photo": Phrase.ATTACHMENT_PHOTO,
    "voice": Phrase.ATTACHMENT_VOICE,
    "video": Phrase.ATTACHMENT_VOICE,
    "audio": Phrase.ATTACHMENT_VOICE,
    "sticker": Phrase.ATTACHMENT_STICKER,
}


class Conversation:
    """Answers one message at a time; pure but for its ports.

    Args:
        library: gives the version to use; called once a turn, so that a turn never mixes two versions.
        unsigned: `mark` shows unsigned texts with a notice, `hide` only what a clinician has signed.
    """

    def __init__(
        self,
        library: Callable[[], Library],
        project: Project,
        clock: Clock,
        unsigned: Literal["mark", "hide"] = "mark",
    ) -> None:
        self._library, self._project, self._clock, self._unsigned = library, project, clock, unsigned

    def answer(self, incoming: Incoming, state: ChatState, only: Lang | None = None) -> Outcome:
        """Decide one turn; nothing is sent or stored here.

        Args:
            only: the language is given from outside and not in question.
        """
        turn = _Turn(self._library(), self._project, self._clock, self._unsigned, incoming, state, only)
        outcome = turn.danger()
        if outcome is None and state.owner == "human":
            return Outcome(state)
        outcome = outcome or turn.decide()
        replies = tuple(replace(reply, key=Key(incoming.turn, part)) for part, reply in enumerate(outcome.replies))
        return replace(outcome, replies=replies)


class _Turn:
    """One turn under way, with its inputs at hand."""

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
        self.library, self.project, self.unsigned = library, project, unsigned
        self.incoming, self.state, self.only = incoming, state, only
        self.now = clock.now()
        hint = (incoming.language_hint or "").split("-")[0].lower()
        hinted: Lang | None = None if not hint else "ru" if hint in _RUSSIAN_FIRST else "en"
        self.habit: Lang | None = state.language or hinted
        self.lang: Lang = only or self.habit or "ru"
        live = state.live_topic(self.now)
        # An offer of mood topics is as much about mood as an answer is.
        about = [*([live] if live is not None else []), *state.live_offers(self.now)]
        self.quiet = nothing_for_sale(about, library)

    @property
    def replies(self) -> Replies:
        return Replies(self.library, self.project, self.lang, self.unsigned, self.now.date(), quiet=self.quiet)

    def danger(self) -> Outcome | None:
        """The fixed reply to a danger sign: it comes before commands, offers, and while a human holds the chat."""
        sign = red_flag(self.incoming.text, self.library.red_flags)
        if sign is None:
            return None
        self.lang = self.library.read(self.incoming.text, self.habit, self.only).lang
        return self.outcome([self.replies.danger(sign.kind)], offered=(), offered_question="", unknowns=0)

    def decide(self) -> Outcome:
        """Send the message to what it is: a press, a command, something that is no text, or a question."""
        text = self.incoming.text.strip()
        if self.incoming.press is not None:
            return self.pressed(self.incoming.press)
        if text.startswith("/"):
            name, _, rest = text.partition(" ")
            command = name.split("@")[0].lower()
            if command == "/start" and rest.strip():
                return self.topic(rest.strip())
            if command in _COMMANDS:
                return self.pressed(command.removeprefix("/"))
            text = text.lstrip("/")
        if self.incoming.contact is not None:
            return self.say(Kind.CHAT, Phrase.CONTACT)
        if self.incoming.attachment is not None and not any(letter.isalpha() for letter in text):
            return self.say(Kind.CHAT, _ATTACHMENTS.get(self.incoming.attachment.kind, Phrase.ATTACHMENT_OTHER))
        if not any(letter.isalnum() for letter in text):
            return self.say(Kind.UNKNOWN, Phrase.NOTHING_TO_READ)
        return self.asked(text)

    def asked(self, text: str) -> Outcome:
        """Answer what a text asks; a typed reply is held against the offers first."""
        offers = self.state.live_offers(self.now)
        if offers:
            self.lang = self.library.read(text, self.habit, self.only).lang
            topic = chosen(text, offers, self.library, self.lang)
            if topic is not None:
                return self.answered([self.replies.article(topic, 1.0)], topic)
        live = self.state.live_topic(self.now)
        wanted = wants_button(text) if live is not None and self.replies.exists(live) else None
        if wanted is not None:
            return self.pressed(f"{wanted}:{live}")
        understood = understand(self.library, text, self.habit, self.only, live)
        self.lang = understood.lang
        # «Я беременна. Сколько стоит?» – beside such an answer nothing is sold, in any order.
        topics = [asked.topic for asked in understood.asked if asked.topic is not None]
        self.quiet = self.quiet or nothing_for_sale(topics, self.library)
        replies = [self.reply(asked) for asked in understood.asked]
        last = replies[-1]
        if last.kind is Kind.ANSWER:
            return self.answered(replies, last.topics[0])
        if last.kind is Kind.CLARIFY:
            return self.outcome(replies, offered=last.topics, offered_question=text, offered_at=self.now, unknowns=0)
        if last.kind is not Kind.UNKNOWN:
            return self.outcome(replies, unknowns=0)
        unknowns = self.state.unknowns + 1
        near = understood.asked[-1].found.outside
        if near is not None and near in self.library.catalogue:
            # The chat is about a topic even where its article is not written: at 16, nothing is sold next either.
            return self.outcome(replies, topic=near, topic_at=self.now, unknowns=unknowns)
        return self.outcome(replies, unknowns=unknowns)

    def reply(self, asked: Asked) -> Reply:
        """What the library's decision comes to for the patient."""
        found, decision = asked.found, asked.found.decision
        if decision.kind == "answer" and decision.topics[0].startswith(INTENT):
            return self.replies.intent(decision.topics[0].removeprefix(INTENT), decision.probability)
        if decision.kind == "answer":
            return self.replies.article(decision.topics[0], decision.probability)
        if decision.kind == "clarify" and "red-flags" in decision.topics:
            # Where danger is among the likely meanings, what to do is told at once, not offered.
            return self.replies.article("red-flags", decision.probability)
        if decision.kind == "clarify":
            choice = self.replies.choice(decision.topics, decision.probability)
            if choice.topics:
                return choice
        near = [hit.label for hit in found.hits if hit.probability >= TOUCHED and not hit.label.startswith(INTENT)]
        return self.replies.unknown(found.outside, near, self.state.unknowns, decision.probability)

    def pressed(self, payload: str) -> Outcome:
        """Do what a button says; a payload that means nothing (any more) is said to be old."""
        action, _, value = payload.partition(":")
        settled = {"offered": (), "offered_question": ""}
        if action == "topic":
            return self.topic(value)
        if action in ("more", "sources"):
            shown = self.replies.more(value) if action == "more" else self.replies.sources(value)
            return self.answered([shown], value) if shown else self.say(Kind.UNKNOWN, Phrase.OLD_BUTTON)
        if action == "category" and value in self.library.catalogue.categories():
            return self.outcome([self.replies.category(value)])
        if action == "language" and value in LANGS:
            self.lang = "ru" if value == "ru" else "en"
            return self.say(Kind.CHAT, Phrase.LANGUAGE_SET)
        if payload == "none":
            reply = self.replies.unknown(None, self.state.offered, self.state.unknowns, 0.0)
            return self.outcome([reply], unknowns=self.state.unknowns + 1, **settled)
        if payload == "start":
            return self.outcome([self.replies.say(Kind.CHAT, Phrase.START)], unknowns=0, **settled)
        plain = {
            "help": lambda: self.replies.say(Kind.CHAT, Phrase.HELP),
            "topics": lambda: self.replies.categories(),
            "language": lambda: self.replies.languages(),
            "human": lambda: self.replies.human(1.0),
            "book": lambda: self.replies.booking(1.0),
        }
        return self.outcome([plain[payload]()]) if payload in plain else self.say(Kind.UNKNOWN, Phrase.OLD_BUTTON)

    def topic(self, topic: str) -> Outcome:
        """Show a topic by its id: from a button, a deep link, or as the answer to what it was offered for."""
        if not self.replies.exists(topic):
            return self.say(Kind.UNKNOWN, Phrase.UNKNOWN_TOPIC)
        return self.answered([self.replies.article(topic, 1.0)], topic)

    def say(self, kind: Kind, phrase: Phrase) -> Outcome:
        return self.outcome([self.replies.say(kind, phrase)])

    def answered(self, replies: Sequence[Reply], topic: str) -> Outcome:
        """A topic was shown: the chat is about it from now on, and open offers are settled."""
        return self.outcome(replies, topic=topic, topic_at=self.now, offered=(), offered_question="", unknowns=0)

    def outcome(self, replies: Sequence[Reply], **changes: object) -> Outcome:
        state = replace(self.state, language=self.lang, **changes)  # type: ignore[arg-type]  # fields of ChatState
        return Outcome(state, tuple(replies), language=self.lang)
