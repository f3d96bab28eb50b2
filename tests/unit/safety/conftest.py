"""The clinicians' real lists, made ready once: no library is built for them."""

from __future__ import annotations

import pytest

from bot.safety.red_flags import Watch
from bot.safety.scope import Scope
from tests.examples import ordinary, whole_knowledge


@pytest.fixture(scope="session")
def watch() -> Watch:
    """The real list, with the words of ordinary questions that a library would give it."""
    return Watch(whole_knowledge().red_flags, ordinary())


@pytest.fixture(scope="session")
def scope() -> Scope:
    return Scope(whole_knowledge().limits)
