from __future__ import annotations

from pathlib import Path

import pytest

from bot.adapters.database.engine import database_url, lock_key
from bot.errors import SettingError

NOWHERE = Path("/nonexistent")


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:///a.sqlite", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:////var/a.sqlite", "sqlite+aiosqlite"),
        ("postgresql://mimika@db/mimika", "postgresql+asyncpg"),
        ("postgres://mimika@db/mimika", "postgresql+asyncpg"),
        ("postgresql+psycopg2://mimika@db/mimika", "postgresql+asyncpg"),
    ],
)
def test_an_address_is_read_with_the_driver_we_have(given: str, driver: str) -> None:
    assert database_url(given, NOWHERE).drivername == driver


def test_everything_else_of_an_address_stays() -> None:
    url = database_url("postgresql://mimika:p%40ss@db:5433/clinic?ssl=require", NOWHERE)

    assert (url.username, url.password, url.host, url.port, url.database) == ("mimika", "p@ss", "db", 5433, "clinic")
    assert dict(url.query) == {"ssl": "require"}


@pytest.mark.parametrize(
    "wrong", ["mimika.sqlite", "mysql://root:hunter2@db/x", "http://hunter2@db", "postgresql", "://hunter2"]
)
def test_what_is_no_address_of_ours_is_told_by_the_name_of_the_setting_and_not_repeated(wrong: str) -> None:
    with pytest.raises(SettingError, match=r"^DATABASE_URL: ") as raised:
        database_url(wrong, NOWHERE)

    assert raised.value.name == "DATABASE_URL"
    assert "hunter2" not in str(raised.value)


def test_a_locks_number_is_always_the_same_another_for_each_name_and_fits_into_postgresql() -> None:
    keys = {lock_key(name) for name in ("mimika sender", "mimika polling", "other sender", "migrations")}

    assert len(keys) == 4
    assert lock_key("mimika sender") in keys
    assert all(-(2**63) <= key < 2**63 for key in keys)
