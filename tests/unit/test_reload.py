"""Which library version is served: the builder builds and publishes, the followers serve what it published."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot import reload
from bot.dialogue.project import Project
from bot.errors import DatabaseUnreachable
from bot.reload import FOLLOW_EVERY, Shelf
from bot.retrieval import version
from bot.retrieval.library import Library
from tests.examples import change

# A build is a process of its own; the machine may have others at work.
PATIENCE = 120.0
Log = Sequence[MutableMapping[str, Any]]


class Published:
    """The one row that says which version is served; `down` while the database can't be reached."""

    def __init__(self, version: str | None = None) -> None:
        self.version = version
        self.history: list[str] = []
        self.asked = 0
        self.down = False

    async def current(self) -> str | None:
        self.asked += 1
        if self.down:
            raise DatabaseUnreachable("gone")
        return self.version

    async def publish(self, version: str) -> None:
        if self.down:
            raise DatabaseUnreachable("gone")
        self.version = version
        self.history.append(version)


class Replica:
    """One process: its knowledge folder, its data folder, and what it serves."""

    def __init__(self, root: Path, data: Path, project: Project) -> None:
        self.root, self.data, self._project = root, data, project
        self.prepared: list[str] = []
        environment = {"KNOWLEDGE_DIR": str(root), "DATA_DIR": str(data), "ENCODER": "none"}
        self.shelf = Shelf(root, data, None, project.examples, environment, self._prepare, quiet=True)
        self.shelf.open(lambda _: None)
        self.builds = False

    def _prepare(self, library: Library) -> None:
        self.prepared.append(library.version)

    @property
    def serves(self) -> str:
        return self.shelf.library.version

    def edits(self, words: str = "Words of a later edition.") -> str:
        """Change an article, as staff would; the name of the version that makes."""
        article = next(self.root.glob("articles/*/duration.ru.md"))
        change(article, "## Подробнее\n", f"## Подробнее\n{words}\n")
        return version.name_of(self.root, self._project.examples, version.NO_ENCODER)

    @asynccontextmanager
    async def watching(self, published: Published, *, builds: bool) -> AsyncIterator[None]:
        self.builds = builds
        watch = asyncio.create_task(self.shelf.watch(published, lambda: self.builds))
        try:
            yield
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch


async def until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  # a library and a log have no event to wait for
            await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def _time_flies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(reload, "FOLLOW_EVERY", 0.1)


@pytest.fixture
def replica(small: tuple[Path, Path, Library], project: Project, tmp_path: Path) -> Replica:
    root, data, _ = small
    shutil.copytree(root, tmp_path / "knowledge")
    shutil.copytree(data, tmp_path / "var")
    return Replica(tmp_path / "knowledge", tmp_path / "var", project)


def later_version(replica: Replica, project: Project) -> str:
    """A version of another state of the files that stands in the replica's data folder, as on a shared volume."""
    other = replica.root.parent / "other"
    shutil.copytree(replica.root, other)
    article = next(other.glob("articles/*/duration.ru.md"))
    change(article, "## Подробнее\n", "## Подробнее\nWords of a later edition.\n")
    return version.build(other, project.examples, None, replica.data)


def problems(log: Log) -> list[str]:
    return [str(line["problem"]) for line in log if line["event"] == "library_not_changed"]


def test_a_replica_follows_within_five_seconds() -> None:
    assert FOLLOW_EVERY + reload.LOOK_EVERY < 5


# ---- the one that builds ----------------------------------------------------------------------------------


async def test_the_builder_publishes_what_it_serves_once(replica: Replica) -> None:
    published = Published()

    async with replica.watching(published, builds=True):
        await until(lambda: published.version is not None)
        await asyncio.sleep(0.3)

    assert published.history == [replica.serves]
    assert published.asked == 0


async def test_whoever_becomes_the_builder_publishes_what_it_serves(replica: Replica) -> None:
    published = Published(replica.serves)

    async with replica.watching(published, builds=False):
        await until(lambda: published.asked > 0)
        assert published.history == []
        replica.builds = True
        await until(lambda: bool(published.history))

    assert published.history == [replica.serves]


async def test_a_version_that_could_not_be_published_is_published_when_the_database_is_back(replica: Replica) -> None:
    published = Published()
    published.down = True

    with capture_logs() as log:
        async with replica.watching(published, builds=True):
            await until(lambda: bool(problems(log)))
            published.down = False
            await until(lambda: bool(published.history))

    assert published.history == [replica.serves]


@pytest.mark.slow
async def test_the_builder_builds_an_edit_switches_to_it_and_publishes_it(replica: Replica) -> None:
    published, before = Published(), replica.serves

    async with replica.watching(published, builds=True):
        await until(lambda: published.version == before)
        edited = replica.edits()
        await until(lambda: published.version == edited)

    assert replica.serves == edited != before
    assert replica.prepared[-1] == edited


@pytest.mark.slow
async def test_an_edit_that_does_not_pass_the_check_leaves_the_old_version_serving_and_published(
    replica: Replica,
) -> None:
    published, before = Published(), replica.serves
    article = next(replica.root.glob("articles/*/duration.ru.md"))

    with capture_logs() as log:
        async with replica.watching(published, builds=True):
            await until(lambda: published.version == before)
            change(article, "id: duration", "id: another")
            await until(lambda: bool(problems(log)))

    assert any("duration.ru.md:" in problem for problem in problems(log))
    assert (replica.serves, published.history) == (before, [before])


@pytest.mark.slow
async def test_an_edit_that_the_builder_before_did_not_live_to_build_is_built_by_the_next(replica: Replica) -> None:
    published = Published(replica.serves)

    async with replica.watching(published, builds=False):
        await until(lambda: published.asked > 0)
        edited = replica.edits()
        asked = published.asked
        await until(lambda: published.asked > asked + 1)
        replica.builds = True  # the builder died, and its lock came to us
        await until(lambda: published.version == edited, 10)

    assert replica.serves == edited


# ---- the ones that follow ---------------------------------------------------------------------------------


async def test_a_follower_serves_the_version_that_was_published_from_the_shared_folder(
    replica: Replica, project: Project
) -> None:
    published = Published(replica.serves)
    later = later_version(replica, project)

    with capture_logs() as log:
        async with replica.watching(published, builds=False):
            await until(lambda: published.asked > 0)
            published.version = later
            await until(lambda: replica.serves == later, 10)

    assert replica.prepared[-1] == later
    assert {"event": "library_changed", "version": later, "log_level": "info"} in log
    assert published.history == []


async def test_a_follower_goes_back_to_an_earlier_version_and_forward_again(replica: Replica, project: Project) -> None:
    published, earlier = Published(replica.serves), replica.serves
    later = later_version(replica, project)

    async with replica.watching(published, builds=False):
        for name in (later, earlier, later):
            published.version = name
            await until(lambda wanted=name: replica.serves == wanted, 10)  # type: ignore[misc]


async def test_a_follower_without_anything_published_serves_its_own(replica: Replica) -> None:
    published, own = Published(None), replica.serves

    async with replica.watching(published, builds=False):
        await until(lambda: published.asked > 2)

    assert replica.serves == own


async def test_a_follower_that_can_not_ask_goes_on_serving_and_asks_again(replica: Replica, project: Project) -> None:
    published, own = Published(later_version(replica, project)), replica.serves
    published.down = True

    async with replica.watching(published, builds=False):
        await until(lambda: published.asked > 2)
        assert replica.serves == own
        published.down = False
        await until(lambda: replica.serves == published.version, 10)


async def test_a_follower_does_not_build_an_edit_that_was_not_published(replica: Replica) -> None:
    published, own = Published(replica.serves), replica.serves

    async with replica.watching(published, builds=False):
        replica.edits()
        asked = published.asked
        await until(lambda: published.asked > asked + 2)

    assert replica.serves == own


@pytest.mark.slow
async def test_a_follower_with_the_same_files_and_no_shared_folder_builds_the_published_version_itself(
    replica: Replica,
) -> None:
    published = Published(replica.serves)

    async with replica.watching(published, builds=False):
        published.version = replica.edits()
        await until(lambda: replica.serves == published.version)


@pytest.mark.slow
async def test_a_follower_with_other_files_says_so_once_and_keeps_its_own(replica: Replica) -> None:
    published, own = Published("0" * 16), replica.serves

    with capture_logs() as log:
        async with replica.watching(published, builds=False):
            await until(lambda: bool(problems(log)))
            asked = published.asked
            await until(lambda: published.asked > asked + 3)

    (problem,) = problems(log)
    assert "0" * 16 in problem
    assert own in problem
    assert "give every replica the same knowledge folder" in problem
    assert replica.serves == own


@pytest.mark.slow
async def test_a_follower_whose_files_come_later_than_the_publication_serves_it_when_they_are_there(
    replica: Replica, project: Project
) -> None:
    """Where every replica has a folder of its own, one of them is the last to be given an edit."""
    elsewhere = Replica(replica.root, replica.data, project)
    shutil.copytree(replica.root, replica.root.parent / "elsewhere")
    elsewhere.root = replica.root.parent / "elsewhere"
    published = Published(elsewhere.edits())

    with capture_logs() as log:
        async with replica.watching(published, builds=False):
            await until(lambda: bool(problems(log)))
            assert replica.edits() == published.version
            await until(lambda: replica.serves == published.version, 10)
