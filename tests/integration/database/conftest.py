"""The databases of the contract suites, and a PostgreSQL that a test may stop."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from bot.adapters.database.engine import database_url
from bot.adapters.memory import FixedClock
from tests.contract.conftest import (  # noqa: F401  # fixtures
    Storage,
    new_postgresql,
    new_sqlite,
    new_url,
    opened,
    postgresql,
    server,
    sqlite,
    storage,
)
from tests.examples import ROOT
from tests.postgres import Postgres, make_postgres


@pytest.fixture(scope="session")
def frail_server() -> Iterator[Postgres]:
    """Another server, of those tests alone that stop it; each starts it again."""
    made = make_postgres()
    yield made
    made.remove()


@dataclass
class Frail:
    """A database on a server that the test may stop."""

    storage: Storage
    server: Postgres


@pytest.fixture
async def frail(frail_server: Postgres, clock: FixedClock) -> AsyncIterator[Frail]:
    # The helper of the server runs a loop of its own, so it must be called from another thread.
    url = await asyncio.to_thread(frail_server.create, f"test_{uuid.uuid4().hex}")
    async with opened(database_url(url, ROOT), clock) as made:
        yield Frail(made, frail_server)
