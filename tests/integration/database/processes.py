"""Other processes that use a database, as replicas and commands do."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from sqlalchemy.engine import URL

from tests.contract.conftest import KEY
from tests.examples import CHAT, ROOT

# Each says `ready`, and `done` when it did what it is for; it waits for a line before the first and after the second.
_BEGIN = f"""
import asyncio, sys
from sqlalchemy.engine import make_url
from bot.adapters.database.engine import Database
from bot.adapters.database.locks import lock
from bot.adapters.database.vault import Vault

async def main():
    database = Database(make_url(sys.argv[1]), {CHAT.bot!r}, Vault([{KEY!r}]))
    print("ready", flush=True)
    sys.stdin.readline()
"""
_END = """
    print("done", flush=True)
    sys.stdin.readline()
    await database.close()

asyncio.run(main())
"""
OPENS = f"{_BEGIN}    await database.open(){_END}"
HOLDS_A_LOCK = f"{_BEGIN}    await lock(database, sys.argv[2]).acquire(){_END}"


class Process:
    """A program above, up to `ready`."""

    def __init__(self, program: str, url: URL, *arguments: str) -> None:
        address = url.render_as_string(hide_password=False)
        self._running = subprocess.Popen(
            [sys.executable, "-c", program, address, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._hears("ready")

    def go(self) -> None:
        """Let it do what it is for."""
        self._says()

    def did_it(self) -> None:
        """Wait until it did; fails with what it says where it broke."""
        self._hears("done")

    def end(self) -> str:
        """Let it end in order; what it complained of."""
        with contextlib.suppress(BrokenPipeError):
            self._says()
        _, complaints = self._running.communicate(timeout=60)
        return complaints

    def kill(self) -> None:
        """SIGKILL."""
        self._running.kill()
        self._running.communicate(timeout=60)

    def _says(self) -> None:
        assert self._running.stdin is not None
        self._running.stdin.write("\n")
        self._running.stdin.flush()

    def _hears(self, word: str) -> None:
        """Read on, past lines of the log, up to this word."""
        assert self._running.stdout is not None
        for line in self._running.stdout:
            if line.strip() == word:
                return
        raise AssertionError(self._running.communicate()[1])


@contextlib.contextmanager
def process(program: str, url: URL, *arguments: str) -> Iterator[Process]:
    """A process that is gone at the end, whatever happens."""
    made = Process(program, url, *arguments)
    try:
        yield made
    finally:
        made.kill()
