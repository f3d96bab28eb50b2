"""Keeps the served library version the one that staff last wrote: notices edits, builds in a child process, switches.

The child carries scikit-learn and all the memory of a build; the running bot only loads the finished folder. A file
with an error leaves the old version serving.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from bot.errors import KnowledgeError, MimikaError, VersionError
from bot.ports import Encoder, Publication
from bot.retrieval import version
from bot.retrieval.folder import files
from bot.retrieval.library import Library
from bot.retrieval.problems import Problem
from bot.retrieval.version import Example

log = structlog.get_logger()

# How often the folder is looked at, in seconds. An edit must be live within 10 s and a build takes most of that.
LOOK_EVERY = 0.5
# How often a replica that does not build asks which version to serve, in seconds: it must follow within 5 s.
FOLLOW_EVERY = 1.5


class BuildFailed(MimikaError):
    """The child process gave up; its last words say why."""


class Shelf:
    """Holds the library version that is served.

    Args:
        examples: the dialogue's intents, part of every version.
        environment: settings the child process must share, over the environment of this one.
        prepare: makes a loaded version ready to answer, before it is switched to.
        quiet: don't let the child show its progress.
    """

    def __init__(
        self,
        knowledge_dir: Path,
        data_dir: Path,
        encoder: Encoder | None,
        examples: Sequence[Example],
        environment: dict[str, str],
        prepare: Callable[[Library], None] = lambda _: None,
        *,
        quiet: bool = False,
    ) -> None:
        self._root, self._data_dir, self._encoder, self._examples = knowledge_dir, data_dir, encoder, examples
        self._environment, self._prepare, self._quiet = environment, prepare, quiet
        self._library: Library | None = None

    @property
    def library(self) -> Library:
        if self._library is None:
            raise VersionError("No library version is loaded; run `mimika knowledge build`.")
        return self._library

    def open(self, warn: Callable[[str], None]) -> None:
        """Load the version of what the folder holds now, building it if need be.

        Where that can't be done but an older version is there, the older one serves and `warn` says why.

        Raises:
            MimikaError: there is no version to serve.
        """
        running = self._encoder.name if self._encoder else version.NO_ENCODER
        try:
            name = version.name_of(self._root, self._examples, running)
            try:
                self._library = version.load(self._data_dir, name, self._encoder)
            except VersionError:
                self._library = self._built(name)
            if version.current(self._data_dir) != name:
                version.publish(self._data_dir, name)
        except MimikaError as error:
            self._library = self._older(error)
            warn(f"{error} The library version of before, {self._library.version}, keeps serving.")

    def _built(self, name: str) -> Library:
        """The version, built in a child process: it was never built, or is damaged."""
        if not self._quiet:
            print(
                "Building the library; minutes the first time, seconds after an edit.",
                file=sys.stderr,
                flush=True,
            )
        self._run_child()
        return version.load(self._data_dir, name, self._encoder)

    def _older(self, reason: MimikaError) -> Library:
        name = version.current(self._data_dir)
        if name is None:
            raise reason
        try:
            return version.load(self._data_dir, name, self._encoder)
        except VersionError:
            raise reason from None

    def _run_child(self) -> None:
        """Build and publish in a child process; its progress goes to the terminal, its last words into the error."""
        done = subprocess.run(
            self._command(),
            env={**os.environ, **self._environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if self._quiet else None,
            check=False,
        )
        if done.returncode != 0:
            raise _failure(done.stdout)

    def _command(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "bot",
            "knowledge",
            "build",
            "--for-parent",
            *(["--quiet"] if self._quiet else []),
        ]

    async def watch(self, publication: Publication, builds: Callable[[], bool]) -> None:
        """Look at the folder for ever; switch to each new version that builds, keep the old one where none does.

        Args:
            builds: whether this process is the one that builds and publishes; the others serve what it published.
        """
        seen = await asyncio.to_thread(_state, self._root)
        published, followed = "", 0.0
        # The version and the files with which following was tried last: either may change and make it worth another.
        given_up: tuple[str, list[tuple[str, int, int]]] | None = None
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now = await asyncio.to_thread(_state, self._root)
            try:
                if builds():
                    if now != seen:
                        seen = now
                        await self._rebuild()
                    if published != self.library.version:
                        await publication.publish(self.library.version)
                        published = self.library.version
                    continue
                # What was edited meanwhile stays unseen: if the builder dies, the next one builds it.
                published = ""
                if time.monotonic() - followed >= FOLLOW_EVERY:
                    followed = time.monotonic()
                    wanted = await publication.current()
                    if wanted is not None and wanted != self.library.version and (wanted, now) != given_up:
                        given_up = (wanted, now)
                        await self._follow(wanted)
            except KnowledgeError as error:
                for problem in error.problems:
                    log.error("library_not_changed", problem=str(problem))
            except (MimikaError, OSError) as error:
                log.error("library_not_changed", problem=str(error))

    async def _follow(self, name: str) -> None:
        """Serve the version that was published: from a shared folder, or built here if our files say the same.

        Raises:
            VersionError: our files are of another version.
        """
        try:
            self._library = await asyncio.to_thread(self._load, name)
            log.info("library_changed", version=name)
            return
        except VersionError:
            await self._rebuild()
        if self.library.version != name:
            raise VersionError(
                f"The library version {name} is served elsewhere, but the files here make {self.library.version}; "
                "give every replica the same knowledge folder."
            )

    async def _rebuild(self) -> None:
        child = await asyncio.create_subprocess_exec(
            *self._command(),
            env={**os.environ, **self._environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            said, _ = await child.communicate()
        except asyncio.CancelledError:
            child.kill()
            raise
        if child.returncode != 0:
            raise _failure(said)
        name = said.decode().strip().rpartition("\n")[2]
        if name != self.library.version:
            self._library = await asyncio.to_thread(self._load, name)
            log.info("library_changed", version=name)

    def _load(self, name: str) -> Library:
        library = version.load(self._data_dir, name, self._encoder)
        self._prepare(library)
        return library


def _failure(said: bytes) -> MimikaError:
    """What the child said as an error: one line per problem."""
    lines = said.decode(errors="replace").strip().splitlines()
    problems = []
    for line in lines:
        place, found, message = line.partition(": error: ")
        path, _, number = place.rpartition(":")
        if found:
            problems.append(Problem(path or place, int(number) if number.isdigit() else 0, message))
    if problems:
        return KnowledgeError(problems)
    return BuildFailed(lines[-1] if lines else "The library could not be built, and the build said nothing.")


def _state(root: Path) -> list[tuple[str, int, int]]:
    """Names, times and sizes of the folder's files: cheap to read, and changed by any edit."""
    found = []
    for path in files(root):
        try:
            stat = path.stat()
        except OSError:
            continue  # an editor is replacing it right now; the next look sees it
        found.append((str(path), stat.st_mtime_ns, stat.st_size))
    return found
