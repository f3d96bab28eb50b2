"""Runs `python -m bot` as a process of its own, on a small clinic, matched by words alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.examples import ROOT, small_folder

SETTINGS = ("BOT_TOKEN", "TELEGRAM_API", "UNSIGNED", "LOG_LEVEL", "LOG_FORMAT")
# A build takes seconds, but the machine may have others at work.
PATIENCE = 300


@dataclass(frozen=True)
class Clinic:
    """A knowledge folder with its data folder."""

    knowledge: Path
    data: Path

    @classmethod
    def make(cls, base: Path) -> Clinic:
        base.mkdir(parents=True, exist_ok=True)
        return cls(small_folder(base / "knowledge"), base / "var")

    def copy(self, base: Path) -> Clinic:
        """The same clinic in another place, to be changed without harm to the first."""
        shutil.copytree(self.knowledge, base / "knowledge")
        shutil.copytree(self.data, base / "var")
        return Clinic(base / "knowledge", base / "var")

    @property
    def version(self) -> Path:
        return self.data / "library" / (self.data / "library" / "current").read_text(encoding="ascii")

    def article(self, name: str) -> Path:
        return next(self.knowledge.glob(f"articles/*/{name}.md"))

    def environment(self, **changes: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        paths = {"DATA_DIR": str(self.data), "KNOWLEDGE_DIR": str(self.knowledge), "PYTHONPATH": str(ROOT)}
        # One thread: many processes at once would only stand in each other's way.
        calm = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        return {**kept, **paths, **calm, "ENCODER": "none", **changes}

    def run(self, *args: str | bytes, stdin: bytes = b"", **changes: str) -> subprocess.CompletedProcess[bytes]:
        """One command, to its end; in a folder of its own, so that nobody's .env is read."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "bot", *args]
        environment = self.environment(**changes)
        return subprocess.run(
            command, input=stdin, capture_output=True, env=environment, cwd=self.data.parent, timeout=PATIENCE
        )

    def start(self, *args: str, **changes: str) -> subprocess.Popen[bytes]:
        """One command, left running with pipes."""
        return subprocess.Popen(
            [sys.executable, "-m", "bot", *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(**changes),
            cwd=self.data.parent,
        )

    def ask(self, *rows: dict[str, Any] | bytes, **changes: str) -> list[dict[str, Any]]:
        """What `ask --jsonl` prints for these lines."""
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        done = self.run("ask", "--jsonl", stdin=b"\n".join(lines) + b"\n", **changes)
        assert done.returncode == 0, done.stderr.decode()
        return [json.loads(line) for line in done.stdout.splitlines()]


def one_sentence(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one sentence a failed command says; fails where it says more, or nothing."""
    said = done.stderr.decode()
    assert done.returncode not in (0, None), said
    assert "Traceback" not in said + done.stdout.decode()
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert said.strip().endswith(line)
    return line.removeprefix("error: ")
