"""The whole flow of one turn: what arrives and what was remembered give replies and what to remember next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

from bot.dialogue.followup import wants_button
from bot.dialogue.project import Project
from bot.dialogue.typed import typed
from bot.dialogue.understanding import Asked, chosen, understand
from bot.messages import (
    CARE_LASTS,
    LANGS,
    Alert,
    ChatState,
    Effect,
    Erase,
    Incoming,
    Key,
    Kind,
    Lang,
    Outcome,
    Reply,
    ShowData,
    Unanswered,
)
from bot.ports import Clock
from bot.privacy import mask
from bot.replies import Replies, Shows, care_stamp
from bot.retrieval.confidence import INTENT
from bot.retrieval.lexical import Forms
from bot.retrieval.library import Library
from bot.retrieval.limits import Limit, Limits
from bot.retrieval.redflags import KINDS, RedFlags
from bot.retrieval.writing import Reading
from bot.safety import nets
from bot.safety.notices import nothing_for_sale
from bot.safety.red_flags import Alarm, Watch
from bot.safety.scope import Scope
from bot.wording import Phrase

# A topic this probable is touched by a question even where it is not answered: its warnings are owed.
TOUCHED = 0.15
# A topic this probable is the one a refused question is about.
NAMED = 0.4

# Languages whose speakers in Russia usually read Russian better than English; decides only before the first words.
_RUSSIAN_FIRST = frozenset({"ru", "uk", "be", "kk", "ky", "uz", "tg", "hy", "az", "ka", "tt"})
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
        information_only: nothing is sold, named by brand or booked.
    """

    def __init__(
        self,
        library: Callable[[], Library],
        project: Project,
        clock: Clock,
        unsigned: Literal["mark", "hide"] = "mark",
        *,
        information_only: bool = False,
    ) -> None:
        self._library, self._project, self._clock = library, project, clock
        self._shows = Shows(unsigned, information_only=information_only)

    def alarms(self, text: str) -> list[Alarm]:
        """The dangers that a text may name, by the first net alone: quick, and needing no model."""
        return _ready(self._library())[0].alarms(text, alone=True)

    def first_net(self, text: str) -> list[Alarm]:
        """What of them the first net is sure of, where the second listens beside it."""
        library = self._library()
        return _ready(library)[0].alarms(text, alone=not library.listens)

    def answer(self, incoming: Incoming, state: ChatState, only: Lang | None = None) -> Outcome:
        """Decide one turn; nothing is sent or stored here.

        Args:
            only: the language is given from outside and not in question.
        """
        library = self._library()
        watch, scope = _ready(library)
        turn = _Turn(library, self._project, self._clock, self._shows, scope, incoming, state, only)
        outcome = turn.danger(watch)
        if outcome is None and state.owner == "human":
            return Outcome(state)
        outcome = outcome or turn.cared_for(turn.decide())
        replies = tuple(replace(reply, key=Key(incoming.turn, part)) for part, reply in enumerate(outcome.replies))
        effects = tuple(
            replace(effect, key=Key(incoming.turn, len(replies) + number))
            for number, effect in enumerate(outcome.effects)
        )
        return replace(outcome, replies=replies, effects=effects)


def prepare(library: Library) -> None:
    """Make a version's lists ready before its first message, which would wait half a second for them."""
    _ready(library)[0].expand()


def _ready(library: Library) -> tuple[Watch, Scope]:
    return _lists(library.red_flags, library.limits, library.ordinary, library.forms)


@lru_cache(maxsize=4)
def _lists(flags: RedFlags, limits: Limits, ordinary: frozenset[tuple[Lang, str]], forms: Forms) -> tuple[Watch, Scope]:
    """The clinicians' lists of a library version, made ready once; the last few versions' stay."""
    return Watch(flags, ordinary, forms), Scope(limits, forms)


class _Turn:
    """One turn under way, with its inputs at hand."""

    def __init__(
        self,
        library: Library,
        project: Project,
        clock: Clock,
        shows: Shows,
        scope: Scope,
        incoming: Incoming,
        state: ChatState,
        only: Lang | None,
    ) -> None:
        self.library, self.project, self.shows, self.scope = library, project, shows, scope
        self.incoming, self.state, self.only = incoming, state, only
        self.typed = typed(incoming.text.strip())
        self.now = clock.now()
        hint = (incoming.language_hint or "").split("-")[0].lower()
        hinted: Lang | None = None if not hint else "ru" if hint in _RUSSIAN_FIRST else "en"
        self.habit: Lang | None = state.language or hinted
        self.lang: Lang = only or self.habit or "ru"
        live = state.live_topic(self.now)
        # An offer of mood topics is as much about mood as an answer is.
        about = [*([live] if live is not None else []), *state.live_offers(self.now)]
        self.caring = state.in_care(self.now)
        self.quiet = self.caring or nothing_for_sale(about, library)

    @property
    def replies(self) -> Replies:
        return Replies(self.library, self.project, self.lang, self.shows, self.now.date(), quiet=self.quiet)

    def danger(self, watch: Watch) -> Outcome | None:
        """The fixed reply to a danger: it comes before commands, offers, and while a human holds the chat."""
        text = self.incoming.text
        if not any(letter.isalnum() for letter in text):
            return None
        # The topic of a deep link is none of the patient's own words.
        linked = self.typed.command and self.library.current_id(self.typed.words) in self.library.catalogue
        words = "" if linked else self.typed.words
        alarms = nets.alarms(watch, self.library, text, words, self.read, closely=self.caring)
        if not alarms:
            return None
        self.lang = self.read(text).lang
        replies = [self.replies.danger(alarm.kind, alarm.reply) for alarm in alarms]
        settled: dict[str, Any] = {"offered": (), "offered_question": "", "unknowns": 0}
        grave = [alarm for alarm in alarms if alarm.kind != "urgent"]
        if not grave:
            return self.outcome(replies, topic=replies[0].topics[0], topic_at=self.now, **settled)
        alerts = [Alert(f"{alarm.kind}/{alarm.sign}") for alarm in grave]
        care_for = f"{grave[0].kind}:{grave[0].reply}"
        return self.outcome(replies, effects=alerts, care_until=self.now + CARE_LASTS, care_for=care_for, **settled)

    def read(self, text: str) -> Reading:
        """Clean a text and decide its language, as this chat would have it."""
        return self.library.read(text, self.habit, self.only)

    def cared_for(self, outcome: Outcome) -> Outcome:
        """After an alarm each reply carries the patient's own way back to ordinary talk."""
        if not outcome.state.in_care(self.now) or not outcome.replies:
            return outcome
        *before, last = outcome.replies
        if any(button.payload.startswith("care:") for button in last.buttons):
            return outcome
        return replace(outcome, replies=(*before, self.replies.with_care(last)))

    def decide(self) -> Outcome:
        """Send the message to what it is: a press, a command, something that is no text, or a question."""
        if self.incoming.press is not None:
            return self.pressed(self.incoming.press)
        command, text = self.typed.command, self.typed.words
        if command == "start" and text:
            return self.topic(text)
        if command:
            return self.pressed(command)
        if self.incoming.contact is not None:
            return self.say(Kind.CHAT, Phrase.CONTACT)
        if self.incoming.attachment is not None and not any(letter.isalpha() for letter in text):
            return self.say(Kind.CHAT, _ATTACHMENTS.get(self.incoming.attachment.kind, Phrase.ATTACHMENT_OTHER))
        if not any(letter.isalnum() for letter in text):
            return self.say(Kind.UNKNOWN, Phrase.NOTHING_TO_READ)
        return self.asked(text)

    def asked(self, text: str) -> Outcome:
        """Refuse or answer what a text asks; a typed reply is held against the offers first."""
        limit = self.scope.limit(text)
        if limit is not None:
            return self.refused(limit, text)
        offers = self.state.live_offers(self.now)
        if offers:
            self.lang = self.read(text).lang
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
        return self.outcome(replies, effects=[Unanswered(mask(text))], unknowns=self.state.unknowns + 1)

    def refused(self, limit: Limit, text: str) -> Outcome:
        """Say what can't be done and why, and name the general article where there is one."""
        reading = self.read(text)
        self.lang, topic = reading.lang, limit.topic
        if limit.search:
            near = [hit.label for hit in self.library.search(reading) if hit.probability >= NAMED]
            topic = next((label for label in near if label in self.library.catalogue), topic)
        topics = [topic] if topic is not None and self.replies.exists(topic) else []
        self.quiet = self.quiet or nothing_for_sale(topics, self.library)
        reply = self.replies.refusal(limit.id, topics)
        about: dict[str, Any] = {"topic": topics[0], "topic_at": self.now} if topics else {}
        return self.outcome([reply], offered=(), offered_question="", unknowns=0, **about)

    def reply(self, asked: Asked) -> Reply:
        """What the library's decision comes to for the patient."""
        found, decision = asked.found, asked.found.decision
        if self.caring and decision.kind == "answer" and self.sells(decision.topics[0]):
            return self.replies.say(Kind.CHAT, Phrase.CARE_NOT_NOW)
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
            if self.shows.information_only and self.replies.exists(decision.topics[0]):
                # Nothing is left to choose from here; where else to ask is told.
                return self.replies.article(decision.topics[0], decision.probability)
        near = [hit.label for hit in found.hits if hit.probability >= TOUCHED and not hit.label.startswith(INTENT)]
        return self.replies.unknown(found.outside, near, self.state.unknowns, decision.probability)

    def sells(self, label: str) -> bool:
        """Whether answering this label speaks of a price, an offer or a booking."""
        return label == f"{INTENT}book" or (label in self.library.catalogue and self.library.catalogue[label].sells)

    def pressed(self, payload: str) -> Outcome:
        """Do what a button says; a payload that means nothing (any more) is said to be old."""
        action, _, value = payload.partition(":")
        if action in ("topic", "more", "sources"):
            value = self.library.current_id(value)
        if action == "care":
            return self.care(value)
        if self.caring and (payload == "book" or (action in ("topic", "more", "sources") and self.sells(value))):
            return self.say(Kind.CHAT, Phrase.CARE_NOT_NOW)
        settled: dict[str, Any] = {"offered": (), "offered_question": ""}
        if action == "topic":
            return self.topic(value)
        if action in ("more", "sources"):
            shown = self.replies.more(value) if action == "more" else self.replies.sources(value)
            if shown is None and self.shows.information_only and self.replies.exists(value):
                return self.outcome([self.replies.article(value, 1.0)])
            return self.answered([shown], value) if shown else self.say(Kind.UNKNOWN, Phrase.OLD_BUTTON)
        if action == "category" and value in self.library.catalogue.categories():
            return self.outcome([self.replies.category(value)])
        if action == "language" and value in LANGS:
            self.lang = "ru" if value == "ru" else "en"
            return self.say(Kind.CHAT, Phrase.LANGUAGE_SET)
        if payload == "none":
            reply = self.replies.unknown(None, self.state.offered, self.state.unknowns, 0.0)
            asked = self.state.offered_question
            effects = [Unanswered(mask(asked))] if asked else []
            return self.outcome([reply], effects=effects, unknowns=self.state.unknowns + 1, **settled)
        if payload == "start":
            return self.outcome([self.replies.say(Kind.CHAT, Phrase.START)], unknowns=0, **settled)
        if payload == "forget:yes":
            return self.forgotten()
        plain = {
            "privacy": lambda: self.replies.privacy(),
            "forget": lambda: self.replies.forget(),
            "forget:no": lambda: self.replies.privacy(),
            "help": lambda: self.replies.say(Kind.CHAT, Phrase.HELP),
            "topics": lambda: self.replies.categories(),
            "language": lambda: self.replies.languages(),
            "human": lambda: self.replies.human(1.0),
            "book": lambda: self.replies.booking(1.0),
        }
        if payload == "mydata":
            return self.outcome([self.replies.say(Kind.CHAT, Phrase.MYDATA)], effects=[ShowData()])
        return self.outcome([plain[payload]()]) if payload in plain else self.say(Kind.UNKNOWN, Phrase.OLD_BUTTON)

    def forgotten(self) -> Outcome:
        """Everything goes but the language of this reply, and the care that a recent danger still asks for."""
        kept = self.state if self.caring else ChatState()
        state = ChatState(
            language=self.lang, care_until=kept.care_until, care_for=kept.care_for, owner=self.state.owner
        )
        reply = self.replies.forgotten(in_care=self.caring)
        return Outcome(state, (reply,), (Erase(),), language=self.lang)

    def care(self, step: str) -> Outcome:
        """One check, then the patient's own word ends care mode; "not safe" gives the danger reply again."""
        kind, _, name = self.state.care_for.partition(":")
        until = self.state.care_until
        if not self.caring or until is None:
            return self.say(Kind.CHAT, Phrase.CARE_ENDED)
        if step == f"end:{care_stamp(until)}":
            return self.outcome([self.replies.say(Kind.CHAT, Phrase.CARE_ENDED)], care_until=None, care_for="")
        if step == "help" and kind in KINDS and name in self.library.red_flags.replies[self.lang]:
            alert = Alert(f"{kind}/again")
            return self.outcome([self.replies.danger(kind, name)], effects=[alert], care_until=self.now + CARE_LASTS)
        return self.outcome([self.replies.care_check(until)])

    def topic(self, topic: str) -> Outcome:
        """Show a topic by its id: from a button, a deep link, or as the answer to what it was offered for."""
        topic = self.library.current_id(topic)
        if not self.replies.exists(topic):
            return self.say(Kind.UNKNOWN, Phrase.UNKNOWN_TOPIC)
        if self.caring and self.sells(topic):
            return self.say(Kind.CHAT, Phrase.CARE_NOT_NOW)
        return self.answered([self.replies.article(topic, 1.0)], topic)

    def say(self, kind: Kind, phrase: Phrase) -> Outcome:
        return self.outcome([self.replies.say(kind, phrase)])

    def answered(self, replies: Sequence[Reply], topic: str) -> Outcome:
        """A topic was shown: the chat is about it from now on, and open offers are settled."""
        return self.outcome(replies, topic=topic, topic_at=self.now, offered=(), offered_question="", unknowns=0)

    def outcome(self, replies: Sequence[Reply], *, effects: Sequence[Effect] = (), **changes: Any) -> Outcome:
        state = replace(self.state, language=self.lang, **changes)
        return Outcome(state, tuple(replies), tuple(effects), language=self.lang)
