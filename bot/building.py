"""Builds and publishes a library version, showing progress: what the child process of `reload` runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bot.adapters.e5 import load_encoder
from bot.app import encoder_or_none
from bot.dialogue.project import load_project
from bot.errors import EncoderUnavailable
from bot.retrieval import known_vectors, version
from bot.retrieval.danger import danger_passages
from bot.retrieval.folder import Knowledge
from bot.retrieval.problems import Problem
from bot.retrieval.vectors import vector_key, vectors_of
from bot.safety.check import changed, check_lists, check_nets
from bot.settings import Settings


def build_and_publish(settings: Settings, *, quiet: bool) -> str:
    """Build with all cores, publish, and return the version's name.

    Raises:
        MimikaError: the library can't be built; the version of before keeps serving.
    """
    encoder = encoder_or_none(settings, threads=os.cpu_count() or 1)
    show = _Progress(quiet=quiet or not sys.stderr.isatty())
    try:
        served = version.served_red_flags(settings.data_dir)

        def trial(knowledge: Knowledge, folder: Path) -> list[Problem]:
            # A first list has nothing to be held against, and loading a version takes half a second.
            if served is None or not changed(knowledge, served):
                return []
            return check_nets(knowledge, served, version.load_folder(folder, encoder))

        name = version.build(
            settings.knowledge_dir,
            load_project().examples,
            encoder,
            settings.data_dir,
            show,
            lambda knowledge: check_lists(knowledge, served),
            trial,
        )
    finally:
        show.close()
    version.publish(settings.data_dir, name)
    return name


def keep_vectors(settings: Settings, knowledge: Knowledge) -> Path:
    """Encode the examples of danger with all cores, keep their vectors in the knowledge folder; returns the file.

    Raises:
        EncoderUnavailable: there is nothing to encode them with.
    """
    encoder = load_encoder(settings.encoder, os.cpu_count() or 1)
    if encoder is None:
        raise EncoderUnavailable("ENCODER=none makes no vectors; unset it.")
    found = {vector_key(row): row for row in danger_passages(knowledge.danger_examples)}
    made = vectors_of(list(found.values()), encoder, settings.data_dir, lambda *_: None, settings.knowledge_dir)
    assert made is not None
    return known_vectors.write(settings.knowledge_dir, encoder.name, dict(zip(found, made, strict=True)))


class _Progress:
    """One bar per step on standard error, when someone is looking; otherwise a line per step."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._step = ""
        if not quiet:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True))
            self._bar.start()

    def __call__(self, step: str, done: int, total: int) -> None:
        if self._quiet:
            return
        if step != self._step:
            self._task = self._bar.add_task(step, total=total)
            self._step = step
        self._bar.update(self._task, completed=done, total=total)

    def close(self) -> None:
        if not self._quiet:
            self._bar.stop()
