"""Text -> Alarm or none: emergencies, urgent signs and crises, by the clinicians' list alone.

The first net. It needs no model, network or database; the second (`bot.retrieval.danger`) may add an alarm, and
nothing takes one away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.messages import LANGS, Lang
from bot.retrieval.lexical import Forms
from bot.retrieval.redflags import KINDS, DangerKind, RedFlags, Sign
from bot.safety.phrases import Book, Match, Message, Phrase, parse, read
from bot.safety.spelling import CYRILLIC, key, letters, sound
from bot.safety.vocabulary import Vocabulary

# How many words before a word of danger a "not" still takes it back: «не очень трудно», "no real trouble".
_NEGATED_WITHIN = 2
# A message of more words that says nothing to us is a story: of 4,900 labelled messages in danger 0.3 % are as long, of
# reviews of medicines four in five. A sign counts there in a sentence of at most so many words, as a cry would be.
STORY_FROM = 40
CRY_TO = 7


@dataclass(frozen=True, slots=True)
class Alarm:
    """A danger that a message names; `reply` is the name of its fixed text in `red_flags.yml`."""

    kind: DangerKind
    sign: str
    reply: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What the list makes of a message: every danger it names, each with whether its phrase is sure.

    A phrase that is too often harmless (`alone`) is not. `story`: the message is long and nothing in it is said to us,
    as in a review or a page of a book.
    """

    named: tuple[tuple[Alarm, bool], ...]
    story: bool

    def alarms(self, *, alone: bool = False) -> list[Alarm]:
        """Gravest kind first, one per kind and reply.

        Args:
            alone: no second net listens, so what is not sure counts as well.
        """
        found: dict[tuple[DangerKind, str], Alarm] = {}
        for alarm, sure in self.named:
            if sure or alone:
                found.setdefault((alarm.kind, alarm.reply), alarm)
        return sorted(found.values(), key=lambda alarm: KINDS.index(alarm.kind))

    @property
    def hints(self) -> frozenset[DangerKind]:
        """The kinds of danger that are named without being sure."""
        return frozenset(alarm.kind for alarm, sure in self.named if not sure)


class Watch:
    """The whole list, ready to read messages by.

    Args:
        ordinary: words of ordinary questions with their language: no slip of the finger makes danger of them, and an
            English one is no Russian word in Latin letters.
        forms: inflections known already.

    Raises:
        ValueError: a phrase can't be read; names it.
    """

    def __init__(
        self,
        flags: RedFlags,
        ordinary: Collection[tuple[Lang, str]] = (),
        forms: Forms | None = None,
    ) -> None:
        self._vocabulary = Vocabulary(
            ordinary=frozenset(ordinary),
            forms=forms or Forms(),
            misspelt=frozenset(flags.misspelt["ru"]),
            fillers={lang: frozenset(key(word, lang) for word in flags.fillers[lang]) for lang in LANGS},
        )
        self._signs = {sign.id: sign for sign in flags.signs}
        self._kinds = {f"soft/{one.id}": set(one.kinds) for one in flags.softeners}
        rows: list[tuple[str, Phrase]] = []
        for lang in LANGS:

            def add(name: str, texts: Sequence[str]) -> None:
                for text in texts:
                    try:
                        phrase = parse(text, lang, flags.words[lang], self._vocabulary)  # noqa: B023  # used at once
                    except ValueError as error:
                        raise ValueError(f"the phrase «{text}» of {name} {error}") from error
                    rows.append((name, phrase))

            for sign in flags.signs:
                add(f"sign/{sign.id}", sign.phrases[lang])
                add(f"alone/{sign.id}", sign.alone[lang])
                add(f"unless/{sign.id}", sign.unless[lang])
            for softener in flags.softeners:
                add(f"soft/{softener.id}", softener.phrases[lang])
            add("insists", flags.insists[lang])
            add("addressed", flags.addressed[lang])
            add("idiom", flags.idioms[lang])
        # By the word itself: "ней" has the key of "не".
        self._negators = frozenset(word for lang in LANGS for word in flags.negators[lang])
        self._negator_keys = frozenset(key(word, lang) for lang in LANGS for word in flags.negators[lang])
        self._book = Book(rows)

    def expand(self) -> None:
        """Work out every misspelling now; without this, the first messages that need some of them wait for those."""
        self._vocabulary.expand()

    def alarms(self, text: str, *, alone: bool = False) -> list[Alarm]:
        """Every danger that a text names; see `Heard.alarms`."""
        return self.hear(text).alarms(alone=alone)

    def hear(self, text: str) -> Heard:
        """Read a message."""
        named: list[tuple[Alarm, bool]] = []
        story = len(text.split()) > STORY_FROM
        for message in read(text, self._vocabulary):
            signs, addressed = self._named(message)
            story &= not addressed
            named += [(Alarm(sign.kind, sign.id, sign.reply), sure) for sign, sure in signs]
        return Heard(tuple(named), story)

    def _named(self, message: Message) -> tuple[list[tuple[Sign, bool]], bool]:
        """The signs that a message names, less those that its sentence takes back; and whether it is said to us.

        With each sign, whether its phrase is sure enough to alarm where a second net listens.
        """
        signs: list[tuple[Sign, Match, bool]] = []
        besides: dict[int, set[str]] = {}
        insisting: set[int] = set()
        addressed = len(message.tokens) <= STORY_FROM
        for name, _, match in self._book.find(message):
            head, _, rest = name.partition("/")
            if head in ("sign", "alone"):
                signs.append((self._signs[rest], match, head == "sign"))
            elif head == "insists":
                insisting.add(match.sentence)
            elif head == "addressed":
                addressed = True
            else:
                besides.setdefault(match.sentence, set()).add(name)
        named = []
        for sign, match, sure in signs:
            beside = besides.get(match.sentence, set())
            soft = {name for name in beside if sign.kind in self._kinds.get(name, ())}
            if not addressed and message.sentences.count(match.sentence) > CRY_TO:
                continue
            if (
                "idiom" in beside
                or f"unless/{sign.id}" in beside
                or (soft and match.sentence not in insisting)
                or self._negated(message, match)
            ):
                continue
            named.append((sign, sure))
        return named, addressed

    def _negated(self, message: Message, match: Match) -> bool:
        """Whether a "not" that is no part of the phrase stands right before one of its words."""
        for place in match.places:
            before, seen = place - 1, 0
            while before >= 0 and seen < _NEGATED_WITHIN and message.sentences[before] == match.sentence:
                if before not in match.places and self._is_negator(message.tokens[before].text):
                    return True
                seen += not message.tokens[before].filler
                before -= 1
        return False

    def _is_negator(self, token: str) -> bool:
        """A negator as typed, in its own letters, in Latin ones, or cut out of a run of letters (as its key)."""
        return letters(token, doubled=True) in self._negators or (
            not CYRILLIC.search(token) and sound(token) in self._negator_keys
        )


def is_cry(sentence: str) -> bool:
    """Whether a sentence of a story is short enough to be a cry for help."""
    return len(sentence.split()) <= CRY_TO
