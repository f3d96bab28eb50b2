"""Whole conversations with the whole library: kind, topics and warnings of every reply.

A transcript is a list of turns. `says` is typed, `presses` the title of a button under the last replies, `waits`
minutes that pass. `gets` is one reply or a list of replies, each `kind topic, topic | notice, notice`; `in` is the
language of the replies. Where a small change of the library may turn the reply round, `one/other` kind is as good,
and with `...` for the topics only the notices named must be there. Whether an article is signed changes by itself,
so `unsigned` is left out.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.messages import Notice, Outcome, Reply
from bot.retrieval.library import Library
from tests.examples import Chat

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.yml"))


def told(reply: Reply, expected: str) -> str:
    """A reply as a transcript tells it, as exactly as `expected` asks."""
    kind, topics = str(reply.kind), ", ".join(reply.topics)
    notices = [notice for notice in reply.notices if notice is not Notice.UNSIGNED]
    kinds = expected.partition(" ")[0]
    if kind in kinds.split("/"):
        kind = kinds
    if " ..." in expected:
        topics, notices = "...", [notice for notice in notices if notice in expected]
    return f"{kind} {topics}".strip() + (f" | {', '.join(notices)}" if notices else "")


def turn(chat: Chat, row: dict[str, Any], last: Outcome | None) -> Outcome:
    if "says" in row:
        return chat.turn(row["says"])
    assert last is not None, "nothing to press yet"
    buttons = {button.title: button.payload for reply in last.replies for button in reply.buttons}
    assert row["presses"] in buttons, f"{row['presses']} is not under the last replies"
    return chat.turn(press=buttons[row["presses"]])


@pytest.mark.slow
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_conversation_goes_as_written(library: Library, path: Path) -> None:
    chat = Chat(library)
    last: Outcome | None = None
    expected: list[object] = []
    found: list[object] = []

    for row in yaml.safe_load(path.read_text(encoding="utf-8")):
        if "waits" in row:
            chat.waits(timedelta(minutes=row["waits"]))
            continue
        said = row.get("says", row.get("presses"))
        gets = [row["gets"]] if isinstance(row["gets"], str) else row["gets"]
        last = turn(chat, row, last)
        replies = [told(reply, wanted) for reply, wanted in zip_longest(last.replies, gets, fillvalue="") if reply]
        expected.append((said, gets, row.get("in")))
        found.append((said, replies, last.language if "in" in row else None))

    assert found == expected


def test_there_are_transcripts_in_both_languages() -> None:
    languages = [path.stem.partition("-")[0] for path in TRANSCRIPTS]

    assert languages.count("ru") >= 8
    assert languages.count("en") >= 4
