"""The database and the keys that the settings name."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.adapters.database.data import Retention
from bot.adapters.database.engine import database_url
from bot.adapters.database.opening import make_database, retention
from bot.adapters.database.vault import key_from_file
from bot.errors import SettingError, StorageError
from bot.settings import Settings, load_settings
from tests.contract.conftest import KEY, OLD_KEY, OTHER_KEY


def settings(tmp_path: Path, **given: str) -> Settings:
    return load_settings(_env_file=None, data_dir=tmp_path / "var", **given)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_without_settings_there_is_a_file_with_a_key_that_is_not_beside_it(tmp_path: Path) -> None:
    database = make_database(settings(tmp_path), "mimika")

    await database.open()
    await database.close()

    assert files(tmp_path) == ["var/data.key", "var/database/mimika.sqlite"]


async def test_the_key_file_is_the_owners_alone_and_used_again(tmp_path: Path) -> None:
    given = settings(tmp_path)
    for _ in range(2):
        database = make_database(given, "mimika")
        await database.open()
        await database.close()

    assert stat.S_IMODE((given.data_dir / "data.key").stat().st_mode) == 0o600


async def test_without_its_key_file_a_database_does_not_open(tmp_path: Path) -> None:
    given = settings(tmp_path)
    database = make_database(given, "mimika")
    await database.open()
    await database.close()
    (given.data_dir / "data.key").unlink()

    other = make_database(given, "mimika")
    with pytest.raises(StorageError, match="none of these keys opens the database"):
        await other.open()
    await other.close()


async def test_the_first_of_several_keys_seals_and_every_one_opens(tmp_path: Path) -> None:
    database = make_database(settings(tmp_path, data_keys=f" {KEY} , {OLD_KEY},"), "mimika")

    assert Fernet(KEY).decrypt(database.vault.seal(b"x")) == b"x"
    assert database.vault.open(Fernet(OLD_KEY).encrypt(b"x")) == b"x"
    assert not (tmp_path / "var" / "data.key").exists()
    await database.close()


@pytest.mark.parametrize("keys", ["", " , "], ids=["none", "commas"])
def test_postgresql_needs_keys_that_every_replica_has(tmp_path: Path, keys: str) -> None:
    given = settings(tmp_path, database_url="postgresql://localhost/mimika", data_keys=keys)

    with pytest.raises(SettingError, match="DATA_KEYS: is needed with PostgreSQL") as raised:
        make_database(given, "mimika")

    assert "mimika data key" in str(raised.value)


def test_what_is_no_key_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="DATA_KEYS: ") as raised:
        make_database(settings(tmp_path, data_keys=f"{OTHER_KEY},hunter2"), "mimika")

    assert "hunter2" not in str(raised.value)
    assert OTHER_KEY not in str(raised.value)


def test_the_periods_of_the_settings_are_kept(tmp_path: Path) -> None:
    given = settings(
        tmp_path,
        retention_turns_hours="1",
        retention_map_hours="2",
        retention_ids_days="3",
        retention_unanswered_days="4",
        retention_report_days="5",
        retention_consents_days="6",
    )

    hour, day = timedelta(hours=1), timedelta(days=1)
    assert retention(given) == Retention(hour, 2 * hour, 3 * day, 4 * day, 5 * day, 6 * day)


def test_the_periods_of_the_settings_are_by_default_those_of_the_design(tmp_path: Path) -> None:
    assert retention(settings(tmp_path)) == Retention()


# ---- the folder and the key file --------------------------------------------------------------------------


def test_without_an_address_the_folder_of_the_database_is_made(tmp_path: Path) -> None:
    url = database_url("", tmp_path / "var")

    assert (tmp_path / "var" / "database").is_dir()
    assert url.database == str(tmp_path / "var" / "database" / "mimika.sqlite")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file", encoding="utf-8")

    with pytest.raises(StorageError, match=r"var/database can't be made: .*\.$"):
        database_url("", tmp_path / "var")


def test_a_key_file_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "data.key"

    assert key_from_file(file) == key_from_file(file)
    Fernet(key_from_file(file))


def test_a_key_file_of_somebody_elses_making_is_read_with_its_newline(tmp_path: Path) -> None:
    (tmp_path / "data.key").write_text(f"{KEY}\n", encoding="ascii")

    assert key_from_file(tmp_path / "data.key") == KEY


@pytest.mark.parametrize("broken", ["a folder", "not text"])
def test_a_key_file_that_cannot_be_read_is_named(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "data.key"
    if broken == "a folder":
        file.mkdir()
    else:
        file.write_bytes(os.urandom(8) + b"\xff\xfe")

    with pytest.raises(StorageError, match=r"data\.key can't be read or written") as raised:
        key_from_file(file)

    assert "\n" not in str(raised.value)
