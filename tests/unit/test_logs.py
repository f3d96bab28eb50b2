"""Logs carry ids and event names, never a patient's words."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAILS = """
import structlog
from bot.logs import set_up_logs
from bot.settings import load_settings

set_up_logs(load_settings(log_format="{format}", bot_token=None))

def turn(said):
    raise ValueError(f"the turn failed at {said}")

try:
    turn("трудно глотать после укола")
except ValueError:
    structlog.get_logger().exception("turn_failed", update=7)
"""


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_failed_turn_is_logged_with_its_places_and_without_what_was_said(log_format: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILS.replace("{format}", log_format)], capture_output=True, text=True, check=True
    )

    assert "turn_failed" in done.stderr
    assert "builtins.ValueError at" in done.stderr
    assert " turn" in done.stderr.partition("builtins.ValueError at")[2]
    assert "глотать" not in done.stderr
    assert "the turn failed" not in done.stderr
