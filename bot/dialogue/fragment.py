"""Text that is no message alone: «и ещё», "and", a thought cut off at a comma."""

from __future__ import annotations

import re

# Words that only lead over to what follows. A question may consist of two words («а больно?»), so a message counts as
# a fragment only if it has no other word at all, or breaks off at a comma or a dash.
_LEADING = frozenset(
    """
    а и но да ну вот ещё еще также тоже или либо кстати слушайте скажите подскажите пожалуйста так значит в общем это
    здравствуйте добрый день вечер утро доброе привет у меня вопрос такой хочу спросить хотела хотел узнать
    and but or so also well please tell me say hi hello hey um er the a question i have wanted to ask another one
    """.split()  # noqa: SIM905  # words, not a list of quotes
)
# Greetings alone are messages: they are answered at once.
_WHOLE = frozenset(
    ["здравствуйте", "добрый день", "добрый вечер", "доброе утро", "привет", "hi", "hello", "hey", "да", "yes", "ну да"]
)
_LONGEST = 60
_WORDS = re.compile(r"\w+")
_BROKEN_OFF = re.compile(r"[\w)»\"'][ ]*[,:–—-][ ]*$")


def is_fragment(text: str) -> bool:
    """Whether the rest of a thought is probably being typed: such a text waits a moment for the next message."""
    text = text.strip().lower()
    if not text or len(text) > _LONGEST or text.startswith("/") or text.endswith(("?", "!", ".")):
        return False
    words = _WORDS.findall(text)
    if not words or " ".join(words) in _WHOLE:
        return False
    return bool(_BROKEN_OFF.search(text)) or all(word in _LEADING for word in words)
