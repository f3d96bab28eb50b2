"""Masks what could name a person in a question that is kept for the clinic to answer."""

from __future__ import annotations

import re

MASK = "▒"
# In this order: an address may hold digits, a number may hold a name's letters only by accident.
_MASKED = (
    re.compile(r"\b[\w.+-]+(?:@[\w-]+(?:\.[\w-]+)*| ?@ ?[\w-]+(?:\.[\w-]+)+)"),  # e-mail
    re.compile(r"(?:https?://|www\.|t\.me/)\S+", re.IGNORECASE),
    re.compile(r"\b[\w-]+\.(?:com|ru|me|net|org|рф|su)/\S+", re.IGNORECASE),
    re.compile(r"@\w{3,}"),
    # Phones, cards, passports, dates: a run with four digits or more, however it is broken up.
    re.compile(r"\+?\d(?:[\s().,/_–—-]{0,3}\d){3,}"),
)
# A word with a capital inside a sentence may be a name; at its beginning, or written all in capitals, it tells nothing.
_NAME = re.compile(r"(?<=[^\W\d_]|,|;)(\s+)[A-ZА-ЯЁ][a-zа-яё]+(?:[-\s][A-ZА-ЯЁ][a-zа-яё]+)*")
# «меня зовут аня», "my name is ann": a name in small letters is known by what stands before it.
_INTRODUCED = re.compile(
    r"((?:меня|мене|её|ее|его|дочку|дочь|сына|маму|жену|мужа|доктора|врача)\s+зовут|зовут\s+меня|мо[её]\s+имя|фамилия"
    r"|my\s+name\s+is|i\s*['’]?\s*a?m\s+called|name\s*:|имя\s*:)\s+(?:это\s+)?[^\W\d_]+(?:\s+[^\W\d_]+)?",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """The text without addresses, numbers of four digits or more, and what may be names; each becomes one mark."""
    for pattern in _MASKED:
        text = pattern.sub(MASK, text)
    text = _INTRODUCED.sub(lambda found: f"{found[1]} {MASK}", text)
    return _NAME.sub(lambda found: f"{found[1]}{MASK}", text)
