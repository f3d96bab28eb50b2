"""What a thief of the database's files reads: ids and times, never a patient's words."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as dialect

from bot.adapters.database.data import rotate
from bot.adapters.database.tables import CONSENTS, FEEDBACK, METADATA
from bot.deliveries import Answered
from bot.messages import (
    Attachment,
    Button,
    ChatId,
    ChatState,
    Contact,
    Copy,
    Document,
    Edit,
    Key,
    Kind,
    Reply,
    StaffCard,
)
from tests.contract.conftest import KEY, OTHER_KEY, Storage, arrival, chat, done
from tests.examples import CHAT, NOON
from tests.integration.database.conftest import Frail

# Long enough that none of them stands in a file by chance.
NAME = "Аполлинария Заболотная"
PHONE = "+7 921 555-43-21"
HEALTH = "у меня миастения и депрессия"
ENGLISH = "I am pregnant and suicidal"
PAYLOAD = "visit:zabolotnaya-botox"
FILE = "AgACAgIAAxkBAAPhoto"
COMMENT = "врач был груб со мной"
SECRETS = (NAME, PHONE, HEALTH, ENGLISH, PAYLOAD, FILE, COMMENT)
# Not a secret, and written beside each of them: a search that does not find it searches in the wrong place.
SEEN = "seen-by-everybody"
PATIENT = ChatId(CHAT.bot, SEEN, "1")


def spellings(secret: str) -> Iterable[bytes]:
    """A secret as it may stand in a file: as it is, in JSON, in another encoding, in base64 at any place, in hex."""
    plain = secret.encode()
    yield plain
    yield json.dumps(secret)[1:-1].encode()
    yield secret.encode("utf-16-le")
    yield plain.hex().encode()
    for before in range(3):
        # What stands at the edges of base64 depends on its neighbours.
        yield base64.b64encode(b"-" * before + plain)[4 : -4 or None]


def found_in(pages: bytes) -> list[str]:
    return [secret for secret in SECRETS if any(spelling in pages for spelling in spellings(secret))]


async def confide(storage: Storage, turns: int = 12) -> None:
    """Turns full of secrets: answered and sent, answered and waiting, waiting, claimed, lost, undone."""
    inbox, outbox = storage.inbox(), storage.outbox()
    contact, photo = Contact(PHONE, NAME, own=True), Attachment("photo", FILE)
    for number in range(turns):
        await inbox.store(
            [
                arrival(3 * number, f"{HEALTH}. {ENGLISH}", of=PATIENT),
                arrival(3 * number + 1, NAME, of=PATIENT, contact=contact),
                arrival(3 * number + 2, PHONE, of=PATIENT, attachment=photo, press=PAYLOAD),
            ]
        )
        (claim,) = await inbox.claim(1)
        replies = (
            Reply(Kind.ANSWER, f"{NAME}, {HEALTH}", (Button(NAME, PAYLOAD),), key=Key(SEEN)),
            Edit(Key("1"), Reply(Kind.CHAT, HEALTH, (Button(ENGLISH, f"{PAYLOAD}-{number}"),))),
            Document(NAME, HEALTH.encode(), PHONE),
            Copy(chat(2), "1"),
            StaffCard(f"{NAME} {PHONE}", (Button(NAME, PAYLOAD),)),
        )
        state = ChatState(
            language="ru", topic="pain", offered_question=HEALTH,
            events=tuple({"event": "slot", "name": "any", "value": value} for value in (PHONE, NAME, HEALTH)),
        )  # fmt: skip
        answers = (Answered("answer", "pain", 0.9, "typed"),)
        following = await inbox.commit(
            claim, done(claim, *replies, state=state, answers=answers, unanswered=f"{HEALTH} {ENGLISH}")
        )
        assert following is not None
        if number % 3 == 0:
            await inbox.commit(following, done(following, *replies, state=state, show=True))
        elif number % 3 == 1:
            await inbox.release(following)
        for parcel in (await outbox.waiting((), 100))[:3]:
            await outbox.sent(parcel, 0, str(parcel.id), last=True)
        storage.clock.at += timedelta(minutes=1)
    whose = {"bot": PATIENT.bot, "channel": PATIENT.channel, "chat": PATIENT.chat}
    comment = storage.database.vault.seal(COMMENT.encode())
    async with storage.database.begin() as connection:
        await connection.execute(
            sa.insert(FEEDBACK).values(**whose, at=NOON, language="ru", rating=1, sealed_comment=comment)
        )
        await connection.execute(
            sa.insert(CONSENTS).values(**whose, text_version="1", text_hash="x", language="ru", given_at=NOON)
        )


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


# ---- the search itself ------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", SECRETS)
def test_the_search_finds_a_secret_however_it_is_written(secret: str) -> None:
    for page in (
        secret.encode(),
        json.dumps({"text": secret}).encode(),
        base64.b64encode(f"a{secret}bc".encode()),
        secret.encode("utf-16-le"),
        f"\\x{secret.encode().hex()}".encode(),
    ):
        assert found_in(b"\0" + page + b"\xff") == [secret]


# ---- SQLite -----------------------------------------------------------------------------------------------


async def test_no_secret_stands_in_the_files_of_sqlite(sqlite: Storage, tmp_path: Path) -> None:
    await confide(sqlite)

    log = tmp_path / "mimika.sqlite-wal"
    assert log.stat().st_size > 0, "the log was expected beside the database"
    assert SEEN.encode() in log.read_bytes()
    assert found_in(files(tmp_path)) == []

    await rotate(sqlite.process(keys=[OTHER_KEY, KEY]))
    await sqlite.close()
    assert SEEN.encode() in (tmp_path / "mimika.sqlite").read_bytes()
    assert found_in(files(tmp_path)) == []


# ---- PostgreSQL -------------------------------------------------------------------------------------------


async def test_no_secret_stands_in_any_column_of_postgresql(postgresql: Storage) -> None:
    await confide(postgresql)

    dumped = b""
    async with postgresql.database.begin() as connection:
        for table in METADATA.sorted_tables:
            for column in table.columns:
                for (value,) in await connection.execute(sa.select(column)):
                    dumped += (value if isinstance(value, bytes) else str(value).encode()) + b"\n"
            as_text = sa.select(sa.cast(sa.literal_column(table.name), dialect.TEXT)).select_from(table)
            dumped += "\n".join((await connection.execute(as_text)).scalars()).encode()

    assert SEEN.encode() in dumped
    assert found_in(dumped) == []


@pytest.mark.slow
async def test_no_secret_stands_in_the_files_of_postgresql_nor_in_its_log(frail: Frail) -> None:
    await confide(frail.storage)
    await asyncio.to_thread(frail.server.stop)
    try:
        written = await asyncio.to_thread(files, frail.server.folder)
    finally:
        await asyncio.to_thread(frail.server.start)

    assert SEEN.encode() in written
    assert found_in(written) == []
