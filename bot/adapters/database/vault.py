"""Encrypts what holds patients' words: Fernet (AES-128-CBC with HMAC-SHA256), the first key seals, every key opens.

It protects copies of the database, not a stolen server: the keys lie on the same machine.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bot.errors import SettingError, StorageError


class Vault:
    """Seals and opens bytes.

    Args:
        keys: Fernet keys (32 bytes in URL-safe base64), newest first.

    Raises:
        SettingError: there is no key, or one is not valid.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise SettingError("DATA_KEYS", "needs at least one key; `mimika data key` makes one")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise SettingError("DATA_KEYS", "holds something that is no key; `mimika data key` makes one") from None
        # The names of buttons must outlive a rotation, so they hang on the oldest key.
        self._naming = hashlib.sha256(b"names of buttons " + keys[-1].encode()).digest()

    def seal(self, plain: bytes) -> bytes:
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        """The bytes that were sealed.

        Raises:
            StorageError: none of the keys opens it.
        """
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise StorageError(
                "DATA_KEYS: none of these keys opens the database; give the key it was made with."
            ) from None

    def rotated(self, sealed: bytes) -> bytes:
        """The same, sealed anew with the first key.

        Raises:
            StorageError: none of the keys opens it.
        """
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken:
            raise StorageError(
                "DATA_KEYS: none of these keys opens the database; give the key it was made with."
            ) from None

    def name(self, *parts: str) -> str:
        """A short name for these parts that says nothing of them: 16 hexadecimal digits, always the same."""
        return hmac.new(self._naming, "\0".join(parts).encode(), hashlib.sha256).hexdigest()[:16]


def new_key() -> str:
    return Fernet.generate_key().decode("ascii")


def key_from_file(path: Path) -> str:
    """The key kept in a file, made with mode 0600 where there is none yet.

    Raises:
        StorageError: the file can't be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text(encoding="ascii").strip()
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key := new_key())
            file.flush()
            os.fsync(file.fileno())
        return key
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"The data key {path} can't be read or written: {error}.") from error
