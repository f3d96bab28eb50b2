"""Imports aiogram without building the validator of every type and method Telegram has.

aiogram builds them all at import, which took 4.4 s and 165 MB here; a bot that uses a dozen of them takes 1 s and
60 MB when each is built on first use, and a clinic's small server has one core and 1 GB. `make bench` measures it.
"""

from __future__ import annotations

import sys
from typing import Any, Literal, Optional, Union  # the names aiogram's annotations use

from pydantic import BaseModel


def import_aiogram() -> None:
    """Import aiogram; where it was imported already, everything stays as it is."""
    if "aiogram" in sys.modules:
        return
    rebuild: Any = BaseModel.__dict__["model_rebuild"]
    BaseModel.model_rebuild = classmethod(lambda cls, **_: None)  # type: ignore[assignment, method-assign]
    try:
        import aiogram.methods.base
        import aiogram.types
    finally:
        BaseModel.model_rebuild = rebuild  # type: ignore[method-assign]
    from aiogram.client.default import Default

    # aiogram's types name each other only as texts, to be looked up among all of them.
    names = {"List": list, "Literal": Literal, "Optional": Optional, "Union": Union, "Default": Default}
    names |= {name: value for name, value in vars(aiogram.types).items() if name[0].isupper()}

    def rebuild_with_names(cls: type[BaseModel], /, *, force: bool = False, raise_errors: bool = True, **_: Any) -> Any:
        return rebuild.__func__(cls, force=force, raise_errors=raise_errors, _types_namespace=names)

    for base in (aiogram.types.TelegramObject, aiogram.methods.base.TelegramMethod, aiogram.methods.base.Response):
        base.model_rebuild = classmethod(rebuild_with_names)  # type: ignore[assignment, method-assign]
