"""Opens the database that the settings name, with its keys."""

from __future__ import annotations

from datetime import timedelta

from bot.adapters.database.data import Retention
from bot.adapters.database.engine import Database, database_url
from bot.adapters.database.vault import Vault, key_from_file
from bot.errors import SettingError
from bot.settings import Settings


def make_database(settings: Settings, bot: str) -> Database:
    """The database of the settings, not connected yet.

    Without DATA_KEYS an SQLite database has a key file of its own: `DATA_DIR/data.key`, outside the database's folder,
    so that a copy of that folder alone tells nothing.

    Raises:
        SettingError: DATABASE_URL or DATA_KEYS is wrong, or PostgreSQL is given no key.
        StorageError: the folder or the key file can't be made or read.
    """
    url = database_url(settings.database_url.get_secret_value(), settings.data_dir)
    given = settings.data_keys.get_secret_value() if settings.data_keys is not None else ""
    keys = [key.strip() for key in given.split(",") if key.strip()]
    if not keys:
        if url.get_backend_name() == "postgresql":
            raise SettingError("DATA_KEYS", "is needed with PostgreSQL; `mimika data key` makes one")
        keys = [key_from_file(settings.data_dir / "data.key")]
    return Database(url, bot, Vault(keys))


def retention(settings: Settings) -> Retention:
    """The periods of the settings."""
    return Retention(
        turns=timedelta(hours=settings.retention_turns_hours),
        message_map=timedelta(hours=settings.retention_map_hours),
        ids=timedelta(days=settings.retention_ids_days),
        unanswered=timedelta(days=settings.retention_unanswered_days),
        report=timedelta(days=settings.retention_report_days),
        consents=timedelta(days=settings.retention_consents_days),
    )
