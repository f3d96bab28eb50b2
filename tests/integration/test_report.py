"""`mimika report` on databases that were filled as a bot fills them: through the inbox and the outbox."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from bot.adapters.database import reading
from bot.adapters.database.engine import Database, database_url
from bot.adapters.database.inbox import Inbox
from bot.adapters.database.opening import make_database
from bot.adapters.database.outbox import Outbox
from bot.adapters.database.reading import answers, read
from bot.adapters.database.tables import FEEDBACK, METADATA
from bot.adapters.database.vault import Vault, new_key
from bot.adapters.memory import FixedClock
from bot.app import BOT_NAME
from bot.deliveries import Answered, Arrival, Done
from bot.messages import ChatId, ChatState, Incoming, Kind, Reply
from bot.report.rows import AnswerRow, FeedbackRow, LostRow, QuestionRow, Rows
from bot.settings import load_settings
from tests.examples import NOON, small_folder
from tests.integration.processes import PATIENCE, Clinic, one_sentence
from tests.postgres import Postgres, make_postgres

# No other number on the page looks like it.
PATIENT = ChatId(BOT_NAME, "telegram", "55500011122")
DAY = timedelta(days=1)
NOTHING = "показывать нечего"
TYPED_ANSWER = Answered("answer", "pain", 0.9, "typed")


@dataclass
class Desk:
    """A bot at work on one database: takes a message, answers it, sends the answer."""

    database: Database
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))
    updates: int = 0

    @property
    def inbox(self) -> Inbox:
        return Inbox(self.database, self.clock)

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.database, self.clock)

    async def turn(self, at: datetime, *answered: Answered, result: str = "sent", **fields: Any) -> None:
        """One message with what it came to; an empty `result` leaves the answer waiting."""
        self.updates += 1
        self.clock.at = at
        chat = replace(PATIENT, bot=self.database.bot)
        incoming = Incoming(chat, "7", str(self.updates), at, text="...")
        rows = await self.inbox.store([Arrival(self.updates, incoming, at)])
        (claim,) = await self.inbox.claim(1)
        given: dict[str, Any] = {"language": "ru", "library": "v1", **fields}
        reply = Reply(Kind.CHAT, "...")
        work = Done(
            tuple(rows.values()), ChatState(), turn=str(self.updates), cause="", asked_at=at, answers=answered,
            leaving=(reply,), **given,
        )  # fmt: skip
        assert await self.inbox.commit(claim, work) is None
        for parcel in await self.outbox.waiting((), 100) if result else ():
            if result == "sent":
                await self.outbox.sent(parcel, 0, str(self.updates), last=True)
            else:
                await self.outbox.ended(parcel, result)

    async def feedback(self, at: datetime, rating: int | None, comment: str | None) -> None:
        sealed = None if comment is None else self.database.vault.seal(comment.encode())
        whose = {"bot": self.database.bot, "channel": PATIENT.channel, "chat": PATIENT.chat}
        async with self.database.begin() as connection:
            await connection.execute(
                insert(FEEDBACK).values(**whose, at=at, language="ru", rating=rating, sealed_comment=sealed)
            )

    async def everything(self) -> dict[str, Sequence[Any]]:
        """Every row of every table."""
        async with self.database.begin() as connection:
            return {table.name: (await connection.execute(select(table))).all() for table in METADATA.sorted_tables}


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Desk]:
    try:
        await database.open()
        yield Desk(database)
    finally:
        await database.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    made = make_postgres()
    yield made
    made.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'mimika.sqlite'}"
    server: Postgres = request.getfixturevalue("server")
    return server.create(f"report_{uuid.uuid4().hex}")


@pytest.fixture
async def desk(url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(Database(database_url(url, tmp_path), BOT_NAME, Vault([new_key()]))) as made:
        yield made


async def all_answers(database: Database, since: datetime, until: datetime) -> list[AnswerRow]:
    return [row async for page in answers(database, since, until) for row in page]


# ---- reading ------------------------------------------------------------------------------------------------------


async def test_what_turns_left_is_read_oldest_first(desk: Desk) -> None:
    await desk.turn(NOON, TYPED_ANSWER, language="en")
    await desk.turn(NOON + DAY, Answered("unknown", "", 0.1, "typed"), unanswered="а микротоки?", library="v2")
    await desk.feedback(NOON, 5, "спасибо")
    await desk.feedback(NOON + DAY, None, None)

    answered = await all_answers(desk.database, NOON, NOON + 2 * DAY)
    found = await read(desk.database, NOON, NOON + 2 * DAY)

    assert answered == [
        AnswerRow(NOON, "en", "answer", "pain", "typed", "v1"),
        AnswerRow(NOON + DAY, "ru", "unknown", "", "typed", "v2"),
    ]
    assert found == Rows(
        questions=(QuestionRow(NOON + DAY, "ru", "а микротоки?"),),
        feedback=(FeedbackRow(NOON, "ru", 5, "спасибо"), FeedbackRow(NOON + DAY, "ru", None, "")),
        delivered={"sent": 2},
    )


async def test_deliveries_are_counted_by_result_and_lost_ones_have_their_time(desk: Desk) -> None:
    for number, result in enumerate(["sent", "sent", "unreachable", "refused", "gave_up", ""]):
        await desk.turn(NOON + timedelta(minutes=number), TYPED_ANSWER, result=result)

    found = await read(desk.database, NOON, NOON + DAY)

    assert found.delivered == {"sent": 2, "unreachable": 1, "refused": 1, "gave_up": 1}
    assert found.waiting == 1
    assert found.lost == tuple(
        LostRow(NOON + timedelta(minutes=minutes), result)
        for minutes, result in ((2, "unreachable"), (3, "refused"), (4, "gave_up"))
    )


async def test_only_the_period_is_read_its_beginning_included_and_its_end_not(desk: Desk) -> None:
    moment = timedelta(microseconds=1)
    for at in (NOON - moment, NOON, NOON + DAY - moment, NOON + DAY):
        await desk.turn(at, TYPED_ANSWER, unanswered="а?")
        await desk.feedback(at, 5, None)

    answered = await all_answers(desk.database, NOON, NOON + DAY)
    found = await read(desk.database, NOON, NOON + DAY)

    inside = [NOON, NOON + DAY - moment]
    assert [row.at for row in answered] == inside
    assert [row.at for row in found.questions] == inside
    assert [row.at for row in found.feedback] == inside
    assert found.delivered == {"sent": 2}


async def test_another_bots_rows_in_the_same_database_are_not_read(desk: Desk) -> None:
    other = Desk(Database(desk.database.url, "another", desk.database.vault))
    try:
        await other.turn(NOON, TYPED_ANSWER, unanswered="а?", result="refused")
        await other.turn(NOON, TYPED_ANSWER, result="")
        await other.feedback(NOON, 5, "спасибо")
    finally:
        await other.database.close()

    assert await all_answers(desk.database, NOON, NOON + DAY) == []
    assert await read(desk.database, NOON, NOON + DAY) == Rows()


async def test_every_row_is_read_once_however_many_share_a_time_or_a_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE", 3)
    for minutes in (0, 0, 0, 0, 1, 1, 2):
        topics = [Answered("clarify", topic, 0.5, "typed") for topic in ("pain", "onset")]
        await desk.turn(NOON + timedelta(minutes=minutes), *topics)

    found = await all_answers(desk.database, NOON, NOON + DAY)

    assert [row.topic for row in found] == ["pain", "onset"] * 7


async def test_reading_changes_nothing(desk: Desk) -> None:
    await desk.turn(NOON, TYPED_ANSWER, unanswered="а?")
    await desk.feedback(NOON, 5, "спасибо")
    before = await desk.everything()

    await all_answers(desk.database, NOON, NOON + DAY)
    await read(desk.database, NOON, NOON + DAY)

    assert await desk.everything() == before


async def test_a_bot_gets_the_database_between_two_pages(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE", 1)
    for _ in range(30):
        await desk.turn(NOON, TYPED_ANSWER)
    bot = Desk(Database(desk.database.url, "another", desk.database.vault))
    turns = 0

    under_way = asyncio.create_task(all_answers(desk.database, NOON, NOON + DAY))
    try:
        while not under_way.done():
            await bot.turn(NOON, TYPED_ANSWER)
            turns += not under_way.done()
        found = await under_way
    finally:
        await bot.database.close()

    assert turns > 0
    assert len(found) == 30


# ---- the command --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library's files of a small clinic; read only. The report needs no library version built of them."""
    return small_folder(tmp_path_factory.mktemp("clinic") / "knowledge")


@pytest.fixture
def clinic(knowledge: Path, tmp_path: Path) -> Clinic:
    """A clinic whose bot has not run yet."""
    return Clinic(knowledge, tmp_path / "var")


def report_of(clinic: Clinic, *options: str) -> str:
    """The page that the command writes."""
    done = clinic.run("report", *options)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return Path(clinic.data.parent, done.stdout.decode().strip()).read_text(encoding="utf-8")


def bot_of(clinic: Clinic) -> Database:
    return make_database(load_settings(data_dir=clinic.data), BOT_NAME)


@pytest.mark.slow
async def test_the_page_tells_what_happened_and_nothing_of_whom(clinic: Clinic) -> None:
    now = datetime.now(UTC)
    async with opened(bot_of(clinic)) as desk:
        await desk.turn(now, TYPED_ANSWER)
        await desk.turn(now, Answered("unknown", "", 0.1, "typed"), unanswered="а микротоки вы делаете?")
        await desk.turn(
            now, Answered("unknown", "", 0.1, "typed"), unanswered="делаете микротоки <b>", result="gave_up"
        )
        await desk.feedback(now, 4, "всё понятно")

    page = await asyncio.to_thread(report_of, clinic)

    assert "INNOVATION CLINIC" in page
    assert "Больно ли это" in page
    assert "<b>2</b>" in page
    assert "а микротоки вы делаете?" in page
    assert "«делаете микротоки &lt;b&gt;»" in page
    assert "всё понятно" in page
    assert "Telegram не принял за отведённое время" in page
    assert PATIENT.chat not in page


@pytest.mark.slow
def test_a_clinic_without_a_single_message_gets_a_page_that_says_so(clinic: Clinic) -> None:
    assert NOTHING in report_of(clinic)


@pytest.mark.slow
async def test_the_page_is_about_as_many_days_and_in_the_language_that_were_asked_for(clinic: Clinic) -> None:
    async with opened(bot_of(clinic)) as desk:
        await desk.turn(datetime.now(UTC) - 3 * DAY, TYPED_ANSWER)

    short = await asyncio.to_thread(report_of, clinic, "--days", "2")
    long = await asyncio.to_thread(report_of, clinic, "--days", "5", "--lang", "en", "--out", "page.html")

    assert NOTHING in short
    assert "<h2>Topics asked</h2>" in long


@pytest.mark.slow
async def test_a_library_that_cannot_be_read_costs_titles_and_not_the_report(clinic: Clinic) -> None:
    async with opened(bot_of(clinic)) as desk:
        await desk.turn(datetime.now(UTC), TYPED_ANSWER)

    done = await asyncio.to_thread(clinic.run, "report", KNOWLEDGE_DIR=str(clinic.data))

    assert done.returncode == 0
    assert done.stderr.decode().startswith("warning: topics are named by their ids")
    assert '<span class="said">pain</span>' in (clinic.data.parent / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_replaces_an_older_one_and_is_its_owners_alone(clinic: Clinic) -> None:
    out = clinic.data.parent / "report.html"
    out.write_text("older", encoding="utf-8")

    report_of(clinic)

    assert NOTHING in out.read_text(encoding="utf-8")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".report-")] == []


@pytest.mark.slow
def test_other_keys_than_the_databases_own_are_one_sentence_and_the_older_page_stays(clinic: Clinic) -> None:
    report_of(clinic)
    out = clinic.data.parent / "report.html"
    out.write_text("older", encoding="utf-8")

    said = one_sentence(clinic.run("report", DATA_KEYS=new_key()))

    assert said.startswith("DATA_KEYS: none of these keys opens the database")
    assert out.read_text(encoding="utf-8") == "older"


@pytest.mark.slow
@pytest.mark.parametrize("url", ["sqlite:////no/such/folder/mimika.sqlite", "postgresql://nobody@127.0.0.1:1/none"])
def test_a_database_that_cannot_be_reached_is_one_sentence(clinic: Clinic, url: str) -> None:
    said = one_sentence(clinic.run("report", DATABASE_URL=url, DATA_KEYS=new_key()))

    assert said.startswith("The database can't be used now")


@pytest.mark.slow
def test_a_file_that_is_no_database_is_one_sentence(clinic: Clinic) -> None:
    file = clinic.data / "database" / "mimika.sqlite"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no database " * 1000)

    assert "database" in one_sentence(clinic.run("report"))


@pytest.mark.slow
def test_a_database_that_postgresql_does_not_have_is_one_sentence(clinic: Clinic, server: Postgres) -> None:
    assert "database" in one_sentence(clinic.run("report", DATABASE_URL=server.url("absent"), DATA_KEYS=new_key()))


@pytest.mark.slow
@pytest.mark.parametrize("out", ["no/such/folder/report.html", "."])
def test_a_page_that_cannot_be_written_is_one_sentence(clinic: Clinic, out: str) -> None:
    assert out in one_sentence(clinic.run("report", "--out", out))


# ---- beside a bot at work -----------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_bot_that_works_all_the_while_is_neither_stopped_nor_held_up(clinic: Clinic) -> None:
    """Each turn here is four transactions that write; SQLite lets only one process have the file at a time."""
    now = datetime.now(UTC)
    many = [Answered("clarify", topic, 0.5, "typed") for topic in ("pain", "onset", "price", "duration")] * 25
    async with opened(bot_of(clinic)) as desk:
        for _ in range(100):
            await desk.turn(now, *many, unanswered="а микротоки?")
        made = clinic.start("report")
        turns, longest = 0, 0.0
        try:
            while made.poll() is None:
                began = time.monotonic()
                await desk.turn(datetime.now(UTC), TYPED_ANSWER)
                turns, longest = turns + 1, max(longest, time.monotonic() - began)
            said, wrong = made.communicate(timeout=PATIENCE)
        finally:
            made.kill()
            made.communicate()
        written = await desk.everything()

    assert (made.returncode, wrong) == (0, b"")
    assert NOTHING not in (clinic.data.parent / said.decode().strip()).read_text(encoding="utf-8")
    assert turns > 0
    # The patience of SQLite's own lock is 5 s: behind it a turn would have failed.
    assert longest < 5
    assert len(written["answers"]) == 100 * len(many) + turns
    assert all(row.done_at is not None for row in written["outbox"])


@pytest.mark.slow
def test_a_database_that_another_process_does_not_let_go_of_is_one_sentence(clinic: Clinic) -> None:
    report_of(clinic)
    code = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(clinic.data / "database" / "mimika.sqlite")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"

        said = one_sentence(clinic.run("report"))
    finally:
        holder.communicate(timeout=PATIENCE)

    assert said.startswith("The database can't be used now")
