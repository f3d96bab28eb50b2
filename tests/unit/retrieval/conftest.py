"""A knowledge folder of a few real topics, copied afresh for each test that edits it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.examples import small_folder

# A pair that belongs together, one that sells, and one under which nothing may be sold.
TOPICS = ("duration", "onset", "price", "mood-evidence")


@pytest.fixture(scope="session")
def _few_topics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_folder(tmp_path_factory.mktemp("few") / "knowledge", TOPICS)


@pytest.fixture
def folder(_few_topics: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(_few_topics, tmp_path / "knowledge"))
