"""The errors Mimika raises; each is one sentence that names what is wrong and what to do.

MimikaError
+-- SettingError          a setting is missing or wrong
+-- KnowledgeError        the knowledge folder can't be used; carries every problem found
+-- VersionError          a library version is missing or damaged
|    +-- EncoderMismatch  it was built with another encoder
+-- EncoderUnavailable    the encoder can't be loaded on this machine
+-- StorageError          a folder can't be written, or the database can't be used as it is
|    +-- DatabaseUnreachable  the database is down, full or locked; trying again may help
+-- TurnLost              another worker has done or taken over this turn
+-- BadLine               a line given to `ask --jsonl` is not valid
+-- TelegramError         Telegram refuses the token
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.retrieval.problems import Problem


class MimikaError(Exception):
    """Base of all errors meant for people; its text is shown as it is, without a traceback."""


class SettingError(MimikaError):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name


class KnowledgeError(MimikaError):
    """The knowledge folder has errors; `problems` lists them, one per place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more; `mimika knowledge check` lists them)" if len(problems) > 1 else ""
        place = f"{first.path}:{first.line}" if first.line else first.path
        super().__init__(f"{place}: {first.message}{more}")
        self.problems = tuple(problems)


class VersionError(MimikaError):
    pass


class EncoderMismatch(VersionError):
    def __init__(self, built_with: str, running: str) -> None:
        super().__init__(
            f"The library version was built with the encoder {built_with}, but {running} is running; "
            "run `mimika knowledge build`."
        )
        self.built_with, self.running = built_with, running


class EncoderUnavailable(MimikaError):
    pass


class StorageError(MimikaError):
    pass


class DatabaseUnreachable(StorageError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"The database can't be used now ({reason}); see that it runs and has room.")
        self.reason = reason


class TurnLost(MimikaError):
    """Nothing was written: the chat's state has changed, or the lease on it is no longer ours."""


class BadLine(MimikaError):
    pass


class TelegramError(MimikaError):
    pass
