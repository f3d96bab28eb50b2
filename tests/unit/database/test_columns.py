"""What holds of every table: whose a row is, what is sealed, which times are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, DateTime, Dialect, LargeBinary, Table
from sqlalchemy.dialects import postgresql, sqlite

from bot.adapters.database.tables import METADATA, SEALED, UtcTime

_BOTH: list[Dialect] = [kind() for kind in (sqlite.dialect, postgresql.dialect)]
DIALECTS = pytest.mark.parametrize("dialect", _BOTH, ids=lambda dialect: dialect.name)
TABLES = pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda table: table.name)
COLUMNS = [column for table in METADATA.sorted_tables for column in table.columns]
# Names of columns whose text is ours or the channel's: ids, codes, versions. A new one is thought about first.
WORDLESS = {
    "bot", "channel", "chat", "lease_holder", "turn", "cause", "language", "result", "message", "callback", "kind",
    "topic", "by", "library", "text_version", "text_hash", "version",
}  # fmt: skip


@DIALECTS
@given(at=st.datetimes(timezones=st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))))
def test_a_time_is_stored_in_utc_as_the_same_moment(dialect: Dialect, at: datetime) -> None:
    try:
        expected = at.astimezone(UTC)
    except OverflowError:
        return  # before the year 1 or after 9999

    stored = UtcTime().process_bind_param(at, dialect)

    assert stored == expected
    assert stored.tzinfo is UTC


@DIALECTS
def test_a_time_without_a_zone_is_refused(dialect: Dialect) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        UtcTime().process_bind_param(datetime(2026, 11, 23), dialect)


@DIALECTS
def test_a_time_that_comes_back_without_its_zone_is_given_it(dialect: Dialect) -> None:
    found = UtcTime().process_result_value(datetime(2026, 11, 23, 9), dialect)

    assert found == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert found.tzinfo is UTC


@DIALECTS
def test_a_time_that_comes_back_in_the_servers_zone_is_given_in_utc(dialect: Dialect) -> None:
    theirs = datetime(2026, 11, 23, 12, tzinfo=timezone(timedelta(hours=3)))

    found = UtcTime().process_result_value(theirs, dialect)

    assert found == theirs
    assert found is not None
    assert found.tzinfo is UTC


@DIALECTS
def test_no_time_is_no_time(dialect: Dialect) -> None:
    assert UtcTime().process_bind_param(None, dialect) is None
    assert UtcTime().process_result_value(None, dialect) is None


def test_every_time_is_of_that_type() -> None:
    assert [column for column in COLUMNS if isinstance(column.type, DateTime)] == []
    assert any(isinstance(column.type, UtcTime) for column in COLUMNS)


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_what_is_sealed_is_bytes_and_what_is_bytes_is_sealed(column: Column[object]) -> None:
    assert isinstance(column.type, LargeBinary) == column.name.startswith("sealed_")


def test_rotation_knows_every_sealed_column() -> None:
    assert {column for _, column in SEALED} == {column for column in COLUMNS if isinstance(column.type, LargeBinary)}
    assert all(column.table is table for table, column in SEALED)


def test_text_that_is_not_sealed_holds_no_words() -> None:
    text = {column.name for column in COLUMNS if column.type.python_type is str}

    assert text == WORDLESS


@TABLES
def test_every_row_says_whose_it_is_first(table: Table) -> None:
    names = [column.name for column in table.columns if column.name != "id"]

    if table.name != "seal":
        assert names[0] == "bot"
    if "chat" in names:
        assert names[:3] == ["bot", "channel", "chat"]


@TABLES
def test_a_key_that_begins_with_the_chat_begins_with_the_bot(table: Table) -> None:
    key = [column.name for column in table.primary_key.columns]

    assert key in (["id"], ["bot"]) or key[:3] == ["bot", "channel", "chat"]
