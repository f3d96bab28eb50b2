"""Logging: event names and fields, never patients' words."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

import structlog

from bot.settings import Settings

# Of an error, how many of its causes and how many of the innermost places of each are told.
_CAUSES, _FRAMES = 4, 12


def set_up_logs(settings: Settings) -> None:
    """Log to standard error as the settings say; libraries' own loggers only from warnings on."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_places),
    ]
    if settings.log_format == "json":
        final: list[structlog.typing.Processor] = [
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        final = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def _places(exc_info: structlog.typing.ExcInfo) -> str:
    """Where an error arose and of what kind it is, and those it came of; its message may hold a patient's words."""
    told: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None and len(told) < _CAUSES:
        frames = traceback.extract_tb(error.__traceback__)
        places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-_FRAMES:])
        told.append(f"{type(error).__module__}.{type(error).__qualname__} at {places or 'no place'}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "; because of ".join(told)
