"""The terminal's own promises, on scripted libraries."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

from bot.messages import ChatState, Incoming, Outcome
from bot.terminal import AskedClock, ask_lines


class BreaksOnSome:
    """A conversation that breaks on one text and is silent on every other."""

    def answer(self, incoming: Incoming, state: ChatState, only: object = None) -> Outcome:
        if incoming.text == "break":
            raise ZeroDivisionError("no such thing")
        return Outcome(state)


def test_a_line_that_breaks_the_program_loses_no_other_line(capsys: pytest.CaptureFixture[str]) -> None:
    app: Any = SimpleNamespace(conversation=BreaksOnSome())
    lines = [{"id": 1, "text": "a"}, {"id": 2, "text": "break"}, {"id": 3, "text": "b"}]
    out = io.StringIO()

    ask_lines(app, AskedClock(), io.BytesIO("\n".join(map(json.dumps, lines)).encode()), out)

    one, two, three = map(json.loads, out.getvalue().splitlines())
    assert (one["id"], one["kind"], three["id"], three["kind"]) == (1, "silent", 3, "silent")
    assert two == {"id": 2, "error": "this line could not be answered (ZeroDivisionError)"}
    assert "no such thing" in capsys.readouterr().err
