"""The structure that newcomers rely on: layers, documented settings and ports, tested doors."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot import ports
from bot.adapters import memory
from bot.settings import Settings
from tests.examples import ROOT

MODULES = sorted([*(ROOT / "bot").rglob("*.py"), *(ROOT / "actions").rglob("*.py")])


def test_every_setting_stands_in_the_readme_table() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert f"`{name.upper()}`" in readme, f"{name.upper()} is not documented"


def test_every_setting_says_what_it_is_for() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_sessions_have_a_twin_in_memory_and_what_survives_a_crash_has_none() -> None:
    """An inbox or outbox in memory would be another one than what the tests of delivery must try."""
    assert hasattr(ports, "Sessions")
    assert hasattr(memory, "MemorySessions")
    contract = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "contract").glob("*.py"))
    for port in ("Inbox", "Outbox"):
        assert hasattr(ports, port)
        assert not hasattr(memory, f"Memory{port}")
        assert f"from bot.adapters.database.{port.lower()} import {port}" in contract


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_module_says_what_it_is(path: Path) -> None:
    if path.stat().st_size:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_no_room_gathers_strays() -> None:
    for path in MODULES:
        assert not re.search(r"utils|helpers|common|manager|misc|service", path.stem), path


def test_importing_starts_nothing_heavy() -> None:
    """`ask` must be quick, so neither aiogram nor scikit-learn nor torch may come along."""
    code = (
        "import sys, bot.terminal, bot.__main__\n"
        "heavy = {'aiogram', 'sklearn', 'torch', 'tensorflow', 'rasa_sdk', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_nothing_committed_names_an_index_or_a_path_of_a_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    wrong = re.compile(r"python[h]osted|pypi\.org/[s]imple|/[r]oot/|/[h]ome/\w+/")
    for name in listed:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".yml", ".toml", ".txt", ".sh", ""} and path.is_file():
            found = wrong.search(path.read_text(encoding="utf-8", errors="replace"))
            assert found is None, f"{name}: {found}"
