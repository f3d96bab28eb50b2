"""Settings: a wrong one is named without its value, and a secret prints as stars."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.database.opening import make_database, retention
from bot.errors import SettingError, StorageError
from bot.settings import Settings, load_settings
from tests.examples import ROOT

TOKEN = "123456:abcDEF_-xyz"
SECRET = "a-secret_of-16-letters"
HOOK = {"webhook_url": "https://bot.clinic.ru/telegram", "webhook_secret": SECRET}
KEY = "dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgISE="


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def load(**given: Any) -> Settings:
    return load_settings(**given)


def test_everything_has_a_default_and_nothing_secret_has_one() -> None:
    settings = load()

    assert settings.bot_token is None
    assert settings.data_keys is None
    assert settings.webhook_secret is None
    assert settings.database_url.get_secret_value() == ""
    assert settings.telegram_limits is True


def test_the_environment_is_read_and_stands_above_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("UNSIGNED=hide\nLOG_LEVEL=debug\n", encoding="utf-8")
    monkeypatch.setenv("LOG_LEVEL", "error")

    settings = load()

    assert (settings.unsigned, settings.log_level) == ("hide", "error")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("BOT_TOKEN", "not a token"),
        ("BOT_TOKEN", "123456"),
        ("TELEGRAM_API", "localhost:8081"),
        ("UNSIGNED", "perhaps"),
        ("INFORMATION_ONLY", "perhaps"),
        ("HTTP_PORT", "0"),
        ("HTTP_PORT", "65536"),
        ("HTTP_PORT", "eighty"),
        ("METRICS_BIND", "9300"),
        ("METRICS_BIND", "localhost:port"),
        ("METRICS_BIND", "localhost:123456"),
        ("METRICS_BIND", "10.0.0.1:99999"),
        ("RETENTION_TURNS_HOURS", "0"),
        ("RETENTION_MAP_HOURS", "-1"),
        ("RETENTION_IDS_DAYS", "0"),
        ("RETENTION_UNANSWERED_DAYS", "many"),
        ("RETENTION_REPORT_DAYS", "0"),
        ("RETENTION_CONSENTS_DAYS", "1.5"),
        ("TELEGRAM_LIMITS", "perhaps"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "prose"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch, name: str, wrong: str) -> None:
    monkeypatch.setenv(name, wrong)

    with pytest.raises(SettingError) as raised:
        load()

    assert raised.value.name == name
    assert str(raised.value).startswith(f"{name}: ")
    assert wrong not in str(raised.value).removeprefix(f"{name}: ")


@pytest.mark.parametrize("url", ["a.example/hook", "https://a.example", "https://a.example/", "ftp://a.example/hook"])
def test_a_webhook_is_a_whole_address_with_a_path(url: str) -> None:
    with pytest.raises(SettingError) as raised:
        load(webhook_url=url, webhook_secret=SECRET)

    assert raised.value.name == "WEBHOOK_URL"
    assert url not in str(raised.value)


@pytest.mark.parametrize("secret", ["too-short", "with spaces in it, many", "не латинские буквы", "x" * 257])
def test_a_webhook_secret_is_long_and_of_the_letters_that_telegram_takes(secret: str) -> None:
    with pytest.raises(SettingError) as raised:
        load(webhook_url=HOOK["webhook_url"], webhook_secret=secret)

    assert raised.value.name == "WEBHOOK_SECRET"
    assert secret not in str(raised.value)


@pytest.mark.parametrize("given", HOOK)
def test_a_webhook_needs_address_and_secret(given: str) -> None:
    with pytest.raises(SettingError, match="set both") as raised:
        load(**{given: HOOK[given]})

    assert "WEBHOOK_URL" in str(raised.value)
    assert "WEBHOOK_SECRET" in str(raised.value)
    assert HOOK[given] not in str(raised.value)


def test_a_whole_webhook_is_taken() -> None:
    settings = load(**HOOK)

    assert settings.webhook_url == HOOK["webhook_url"]


@pytest.mark.parametrize(
    "name", ["bot_token", "data_keys", "webhook_url", "webhook_secret", "http_port", "metrics_bind"]
)
def test_an_empty_line_in_an_env_file_is_no_setting(name: str) -> None:
    Path(".env").write_text(f"{name.upper()}=\n", encoding="utf-8")

    assert getattr(load(), name) is None


SECRETS = {
    "bot_token": TOKEN,
    "database_url": "postgresql://mimika:hush-hush@db/mimika",
    "data_keys": KEY,
    "webhook_secret": SECRET,
}


def test_secrets_print_as_stars() -> None:
    settings = load(**HOOK, bot_token=TOKEN, database_url=SECRETS["database_url"], data_keys=KEY)

    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert not [name for name, secret in SECRETS.items() if secret in shown]
        assert "hush-hush" not in shown
        assert "**********" in shown


def test_a_secret_of_another_setting_is_not_in_the_error_of_a_wrong_one() -> None:
    with pytest.raises(SettingError) as raised:
        load(**HOOK, bot_token=TOKEN, database_url=SECRETS["database_url"], data_keys=KEY, log_level="loud")

    assert not [name for name, secret in SECRETS.items() if secret in str(raised.value)]


def test_settings_do_not_change_while_the_bot_runs() -> None:
    settings = load()

    with pytest.raises(Exception, match="frozen"):
        settings.unsigned = "hide"


def test_a_file_that_is_no_text_is_named() -> None:
    Path(".env").write_bytes("LOG_LEVEL=ошибка".encode("cp1251"))

    with pytest.raises(SettingError) as raised:
        load()

    assert raised.value.name == ".env"


# ---- the database of the settings -------------------------------------------------------------------------


def test_without_an_address_the_database_is_a_file_and_its_key_lies_outside_its_folder(tmp_path: Path) -> None:
    database = make_database(load(data_dir=tmp_path / "var"), "mimika")

    assert database.url.database == str(tmp_path / "var" / "database" / "mimika.sqlite")
    key = tmp_path / "var" / "data.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert database.vault.open(make_database(load(data_dir=tmp_path / "var"), "mimika").vault.seal(b"word")) == b"word"


@pytest.mark.parametrize("url", ["mysql://db/mimika", "db", "postgresql", "http://db"])
def test_a_database_that_is_neither_sqlite_nor_postgresql_is_named_without_its_address(url: str) -> None:
    with pytest.raises(SettingError) as raised:
        make_database(load(database_url=url, data_keys=KEY), "mimika")

    assert raised.value.name == "DATABASE_URL"
    assert url not in str(raised.value).removeprefix("DATABASE_URL: must begin with sqlite:/// or postgresql://")


@pytest.mark.parametrize("keys", ["", " , ", None])
def test_postgresql_needs_a_key_and_makes_none(keys: str | None) -> None:
    with pytest.raises(SettingError) as raised:
        make_database(load(database_url="postgresql://db/mimika", data_keys=keys), "mimika")

    assert raised.value.name == "DATA_KEYS"


def test_a_key_that_is_none_is_named_and_not_shown() -> None:
    with pytest.raises(SettingError) as raised:
        make_database(load(data_keys=f"{KEY},hush-hush"), "mimika")

    assert raised.value.name == "DATA_KEYS"
    assert "hush-hush" not in str(raised.value)
    assert KEY not in str(raised.value)


def test_a_data_folder_that_can_not_be_made_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(StorageError, match="can't be made"):
        make_database(load(data_dir=tmp_path / "file" / "var"), "mimika")


def test_the_periods_of_the_settings_are_the_ones_kept() -> None:
    kept = retention(
        load(
            retention_turns_hours=1,
            retention_map_hours=2,
            retention_ids_days=3,
            retention_unanswered_days=4,
            retention_report_days=5,
            retention_consents_days=6,
        )
    )

    hours = [kept.turns, kept.message_map, kept.ids, kept.unanswered, kept.report, kept.consents]
    assert [period.total_seconds() / 3600 for period in hours] == [1, 2, 72, 96, 120, 144]


# ---- the example ------------------------------------------------------------------------------------------

# Read by the compose files and the images beside the bot's.
NOT_THE_BOTS = {
    "KNOWLEDGE", "KNOWLEDGE_MOUNT", "MEMORY", "TLS_CERTIFICATE", "TLS_KEY", "POSTGRES_PASSWORD", "GRAFANA_PASSWORD",
}  # fmt: skip


def _example() -> dict[str, str]:
    lines = (ROOT / "docker" / "env.example").read_text(encoding="utf-8").splitlines()
    found = (re.fullmatch(r"#?([A-Z_]+)=(.*)", line) for line in lines)
    return {line[1]: line[2] for line in found if line is not None}


def test_the_example_names_settings_that_are_there() -> None:
    named = {name for name in _example() if name.lower() not in Settings.model_fields}

    assert "BOT_TOKEN" in _example()
    assert named <= NOT_THE_BOTS


@pytest.mark.parametrize("name", ["RETENTION_TURNS_HOURS", "RETENTION_MAP_HOURS", "RETENTION_IDS_DAYS", "ENCODER"])
def test_the_example_shows_the_default(name: str) -> None:
    assert _example()[name] == str(Settings.model_fields[name.lower()].default)
