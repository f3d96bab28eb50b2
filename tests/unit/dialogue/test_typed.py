"""A typed message as a command, or as words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.typed import COMMANDS, Typed, typed


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("/start", Typed("start", "")),
        ("/start duration", Typed("start", "duration")),
        ("/Help@mimika_bot", Typed("help", "")),
        ("/topics  и что тут есть", Typed("topics", "и что тут есть")),
        ("сколько держится", Typed("", "сколько держится")),
        ("help", Typed("", "help")),
        ("/privacy", Typed("privacy", "")),
        ("/MyData", Typed("mydata", "")),
        ("/forget@mimika_bot", Typed("forget", "")),
        ("/forget всё", Typed("forget", "всё")),
        ("forget", Typed("", "forget")),
    ],
)
def test_a_command_is_one_of_ours_after_a_slash_and_the_rest_are_words(text: str, read: Typed) -> None:
    assert typed(text) == read


@pytest.mark.parametrize("text", ["/не могу дышать", "//не могу дышать"])
def test_a_slash_before_anything_else_counts_for_nothing(text: str) -> None:
    assert typed(text) == Typed("", "не могу дышать")


@pytest.mark.parametrize("text", ["/forget:yes", "/forget_yes", "/forgetme", "/privacypolicy"])
def test_what_only_begins_like_a_command_of_ours_is_none(text: str) -> None:
    """Erasing, above all, is asked for by /forget and confirmed by a button, and by nothing else."""
    assert typed(text) == Typed("", text.removeprefix("/"))


@given(st.text())
def test_whatever_is_typed_is_read_and_no_word_after_a_command_is_lost(text: str) -> None:
    read = typed(text)

    assert read.command in {"", *COMMANDS}
    assert read.words in text
