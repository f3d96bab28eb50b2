from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.database.vault import Vault, new_key
from bot.errors import DatabaseUnreachable, SettingError, StorageError

OLD, NEW, OTHER = new_key(), new_key(), new_key()
VAULT = Vault([OLD])


@given(st.binary(max_size=2000))
def test_what_was_sealed_is_opened_and_cannot_be_read_before(plain: bytes) -> None:
    sealed = VAULT.seal(plain)

    assert VAULT.open(sealed) == plain
    assert len(plain) < 4 or plain not in sealed


def test_the_same_words_sealed_twice_do_not_look_the_same() -> None:
    assert VAULT.seal(b"yes") != VAULT.seal(b"yes")


def test_the_first_key_seals_and_every_key_opens() -> None:
    both = Vault([NEW, OLD])

    assert Fernet(NEW).decrypt(both.seal(b"x")) == b"x"
    assert both.open(VAULT.seal(b"x")) == b"x"


def test_what_is_sealed_anew_is_opened_by_the_first_key_alone() -> None:
    sealed = Vault([NEW, OLD]).rotated(VAULT.seal(b"x"))

    assert Vault([NEW]).open(sealed) == b"x"
    with pytest.raises(StorageError):
        VAULT.open(sealed)


@pytest.mark.parametrize("method", ["open", "rotated"])
@pytest.mark.parametrize(
    "sealed",
    [VAULT.seal(b"words"), b"", b"words", VAULT.seal(b"words")[:-4], b"\xff" * 100],
    ids=["another key's", "nothing", "never sealed", "cut off", "no text"],
)
def test_what_our_keys_do_not_open_is_told_in_one_sentence_without_a_key(method: str, sealed: bytes) -> None:
    with pytest.raises(StorageError) as raised:
        getattr(Vault([OTHER, NEW]), method)(sealed)

    said = str(raised.value)
    assert not isinstance(raised.value, DatabaseUnreachable)
    assert raised.value.__suppress_context__
    assert said.startswith("DATA_KEYS: ")
    assert "\n" not in said
    assert OTHER not in said


def test_a_seal_that_was_changed_by_a_bit_is_not_opened() -> None:
    sealed = bytearray(VAULT.seal(b"words"))
    sealed[30] ^= 1

    with pytest.raises(StorageError):
        VAULT.open(bytes(sealed))


def test_without_a_key_there_is_no_vault() -> None:
    with pytest.raises(SettingError, match="DATA_KEYS: needs at least one key"):
        Vault([])


@pytest.mark.parametrize(
    "wrong", ["", "secret", OLD[:-4], "ключ" * 11, "=" * 44], ids=["none", "short", "cut", "Cyrillic", "signs"]
)
def test_what_is_no_key_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(SettingError, match="DATA_KEYS: holds something that is no key") as raised:
        Vault([OLD, wrong])

    assert not wrong or wrong not in str(raised.value)
    assert raised.value.__suppress_context__


def test_each_new_key_is_another_and_valid() -> None:
    keys = {new_key() for _ in range(5)}

    assert len(keys) == 5
    Vault(sorted(keys))


# ---- names of buttons -------------------------------------------------------------------------------------


def test_a_name_is_16_hexadecimal_digits_and_always_the_same() -> None:
    name = VAULT.name("mimika", "telegram", "1", "topic:pain")

    assert name == Vault([OLD]).name("mimika", "telegram", "1", "topic:pain")
    assert len(name) == 16
    assert set(name) <= set("0123456789abcdef")


def test_a_name_hangs_on_every_part_and_on_where_one_ends() -> None:
    names = {VAULT.name(*parts) for parts in [("a", "b"), ("ab", ""), ("", "ab"), ("a", "c"), ("b", "a"), ("a",)]}

    assert len(names) == 6


def test_names_cannot_be_guessed_without_the_key() -> None:
    assert Vault([OTHER]).name("a") != VAULT.name("a")


def test_names_stay_while_a_new_key_is_put_before_the_old() -> None:
    assert Vault([NEW, OLD]).name("a") == VAULT.name("a")
