"""The one place that chooses adapters and joins every part."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from bot.adapters.e5 import load_encoder
from bot.adapters.memory import SystemClock
from bot.conversation import Conversation, prepare
from bot.dialogue.project import Project, load_project
from bot.errors import EncoderUnavailable
from bot.ports import Clock, Encoder
from bot.reload import Shelf
from bot.settings import Settings

# Our own name for the bot, part of every key; the token never is.
BOT_NAME = "mimika"


@dataclass(frozen=True)
class App:
    """Every part, joined; `shelf` must be opened before the first turn."""

    settings: Settings
    project: Project
    shelf: Shelf
    conversation: Conversation
    clock: Clock


def build_app(settings: Settings, clock: Clock | None = None, *, quiet: bool = False, serving: bool = False) -> App:
    """Join the parts for one process and open the library.

    Args:
        quiet: show no progress while a library version is built.
        serving: many will write: work out now what otherwise the first messages would wait for.

    Raises:
        MimikaError: something needed is missing or wrong; one sentence says what.
    """
    # A question's vectors are too small to share: more threads only wait for each other.
    threadpool_limits(limits=1)
    project = load_project()
    encoder = encoder_or_none(settings)
    environment = {
        "DATA_DIR": str(settings.data_dir.absolute()),
        "KNOWLEDGE_DIR": str(settings.knowledge_dir.absolute()),
        # Where the encoder did not load, the child need not try again.
        "ENCODER": settings.encoder if encoder is not None else "none",
    }
    shelf = Shelf(
        settings.knowledge_dir, settings.data_dir, encoder, project.examples, environment, prepare, quiet=quiet
    )
    # What is loaded stays: looking through a million objects for garbage, again and again, takes a third of the start.
    gc.disable()
    try:
        shelf.open(warn)
        if serving:
            prepare(shelf.library)
    finally:
        gc.enable()
    gc.freeze()
    clock = clock or SystemClock()
    conversation = Conversation(
        lambda: shelf.library, project, clock, settings.unsigned, information_only=settings.information_only
    )
    return App(settings, project, shelf, conversation, clock)


def encoder_or_none(settings: Settings, threads: int = 1) -> Encoder | None:
    """The encoder of the settings; where it can't load, none, and one sentence on standard error."""
    try:
        return load_encoder(settings.encoder, threads)
    except EncoderUnavailable as error:
        warn(str(error))
        return None


def warn(sentence: str) -> None:
    print(f"warning: {sentence}", file=sys.stderr, flush=True)
