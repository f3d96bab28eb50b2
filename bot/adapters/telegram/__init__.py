"""Telegram, by aiogram. Importing this package imports aiogram with its 700 models built on first use."""

from bot.adapters.telegram.lean import import_aiogram

import_aiogram()
