"""What the bot must not answer: a verdict on this person, a dose, a promise... Text -> Limit or none.

A general question with a topic is answered from its article, whose first sentence is the limit (design.md, section 2).
"""

from __future__ import annotations

from bot.messages import LANGS
from bot.retrieval.lexical import Forms
from bot.retrieval.limits import Limit, Limits
from bot.safety.phrases import Book, Phrase, parse, read
from bot.safety.vocabulary import Vocabulary


class Scope:
    """The list of limits, ready to read messages by.

    Raises:
        ValueError: a phrase can't be read; names it.
    """

    def __init__(self, limits: Limits, forms: Forms | None = None) -> None:
        self._vocabulary = Vocabulary(slips=False, forms=forms or Forms())
        self._limits = {limit.id: limit for limit in limits.limits}
        rows: list[tuple[str, Phrase]] = []
        for limit in limits.limits:
            for lang in LANGS:
                for name, texts in (("limit", limit.phrases[lang]), ("unless", limit.unless[lang])):
                    for text in texts:
                        try:
                            phrase = parse(text, lang, limits.words[lang], self._vocabulary)
                        except ValueError as error:
                            raise ValueError(f"the phrase «{text}» of {limit.id} {error}") from error
                        rows.append((f"{name}/{limit.id}", phrase))
        self._book = Book(rows)

    def limit(self, text: str) -> Limit | None:
        """The first limit of the list that a message touches."""
        for message in read(text, self._vocabulary):
            named = {(name, match.sentence) for name, _, match in self._book.find(message)}
            for limit_id, limit in self._limits.items():
                sentences = {sentence for name, sentence in named if name == f"limit/{limit_id}"}
                if sentences - {sentence for name, sentence in named if name == f"unless/{limit_id}"}:
                    return limit
        return None
