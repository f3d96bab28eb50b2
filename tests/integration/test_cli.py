"""The commands as real processes: what they print, what they exit with, what they never do."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.processes import PATIENCE, Clinic, one_sentence

pytestmark = pytest.mark.slow

FIELDS = [
    "id", "lang", "kind", "topics", "confidence", "text", "buttons", "notices", "sources", "signed", "ms", "replies",
]  # fmt: skip
REPLY_FIELDS = ["kind", "topics", "confidence", "text", "buttons", "notices", "sources", "signed"]
HURTS = {"ru": "это больно?", "en": "does it hurt?"}
SIGNER = "ivanova:\n  name: Мария Иванова\n  role: врач-косметолог\n  telegram_id: null\n"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    """A clinic with its library built; read only."""
    made = Clinic.make(tmp_path_factory.mktemp("clinic"))
    assert made.run("knowledge", "build").returncode == 0
    return made


@pytest.fixture(scope="module")
def signed(clinic: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    """The same clinic with one signed article, `duration.ru`; read only."""
    copy = clinic.copy(tmp_path_factory.mktemp("signed"))
    (copy.knowledge / "signers.yml").write_text(SIGNER, encoding="utf-8")
    done = copy.run("knowledge", "sign", "duration.ru", "--by", "ivanova")
    assert done.returncode == 0, done.stderr
    assert "duration.ru.md is signed by Мария Иванова (врач-косметолог)" in done.stdout.decode()
    assert copy.run("knowledge", "build").returncode == 0
    return copy


def payloads(reply: dict[str, Any]) -> list[str]:
    return [button["payload"] for button in reply["buttons"]]


# ---- one question -------------------------------------------------------------------------------------------------


def test_a_question_is_answered_with_its_warnings_in_plain_text(clinic: Clinic) -> None:
    done = clinic.run("ask", "сколько держится эффект")

    said = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert said.startswith("В среднем 3–4 месяца")
    assert "Есть противопоказания" in said
    assert "*" not in said


@pytest.mark.parametrize(("lang", "word"), [("ru", "противопоказания"), ("en", "Contraindications")])
def test_the_language_of_the_answer_can_be_given(clinic: Clinic, lang: str, word: str) -> None:
    done = clinic.run("ask", "botox", "--lang", lang, "--json")

    assert json.loads(done.stdout)["lang"] == lang


def test_json_is_one_object_on_one_line(clinic: Clinic) -> None:
    done = clinic.run("ask", "how long does it last", "--json")

    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert list(found) == FIELDS
    assert (found["lang"], found["kind"], found["topics"]) == ("en", "answer", ["duration"])


def test_ask_imports_neither_telegram_nor_what_only_a_build_needs(clinic: Clinic) -> None:
    code = (
        "import sys\n"
        "from bot.__main__ import cli\n"
        "cli(['ask', 'сколько держится'], standalone_mode=False)\n"
        "heavy = {'aiogram', 'aiohttp', 'sklearn', 'matplotlib', 'sqlalchemy', 'rich.progress'}\n"
        "print(sorted(heavy & {name for name in sys.modules}))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=clinic.environment(), cwd=clinic.data, timeout=PATIENCE
    )

    assert done.stdout.decode().splitlines()[-1] == "[]", done.stderr.decode()


# ---- a line in, a line out ----------------------------------------------------------------------------------------


def test_a_line_has_exactly_the_fields_of_the_contract(clinic: Clinic) -> None:
    (found,) = clinic.ask({"id": 7, "text": "сколько стоит"})

    (reply,) = found["replies"]
    assert list(found) == FIELDS
    assert list(reply) == REPLY_FIELDS
    assert {key: found[key] for key in REPLY_FIELDS} == reply
    assert (found["id"], found["lang"], found["kind"], found["topics"]) == (7, "ru", "answer", ["price"])
    assert found["notices"] == ["advertising", "unsigned"]
    assert 0.7 < found["confidence"] <= 1
    assert found["text"].startswith("*Имеются противопоказания.")
    assert found["buttons"][0] == {"title": "Подробнее", "payload": "more:price"}
    assert "clinic-post" in found["sources"]
    assert found["signed"] is False
    assert 0 < found["ms"] < 60_000


def test_answers_come_in_the_order_of_the_lines_with_their_ids(clinic: Clinic) -> None:
    ids = [3, "один", None, {"a": [1]}, 2.5, True, 3]

    found = clinic.ask(*({"id": number, "text": "сколько стоит"} for number in ids))

    assert [line["id"] for line in found] == ids


def test_a_line_without_an_id_is_answered(clinic: Clinic) -> None:
    (found,) = clinic.ask({"text": "сколько стоит"})

    assert (found["id"], found["topics"]) == (None, ["price"])


def test_each_line_is_answered_while_the_next_is_still_being_written(clinic: Clinic) -> None:
    process = clinic.start("ask", "--jsonl")
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        for number in range(3):
            process.stdin.write(json.dumps({"id": number, "text": HURTS["ru"]}).encode() + b"\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
            assert ready, "nothing was printed while the process waited for the next line"
            assert json.loads(process.stdout.readline())["id"] == number
            assert process.poll() is None
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def test_two_questions_give_two_replies_in_their_order(clinic: Clinic) -> None:
    (found,) = clinic.ask({"id": 1, "text": "Сколько стоит? Это больно?"})

    assert [reply["topics"] for reply in found["replies"]] == [["price"], ["pain"]]
    assert found["topics"] == ["price"]


def test_the_top_fields_are_those_of_the_most_important_reply(signed: Clinic) -> None:
    (found,) = signed.ask({"id": 1, "text": "Это больно? Сколько держится эффект?"}, UNSIGNED="hide")

    assert [reply["kind"] for reply in found["replies"]] == ["unknown", "answer"]
    assert {key: found[key] for key in REPLY_FIELDS} == found["replies"][1]


def test_a_language_that_is_given_is_not_in_question(clinic: Clinic) -> None:
    found = clinic.ask({"text": "это больно?", "lang": "en"}, {"text": "is it painful?", "lang": "ru"})

    assert [line["lang"] for line in found] == ["en", "ru"]


def test_blank_lines_a_byte_order_mark_and_windows_line_ends_are_no_trouble(clinic: Clinic) -> None:
    found = clinic.ask(b'\xef\xbb\xbf{"id": 1, "text": "hi"}\r', b"", b"   \r", b'{"id": 2, "text": "hi"}\r')

    assert [line["id"] for line in found] == [1, 2]


def test_without_input_nothing_is_printed(clinic: Clinic) -> None:
    done = clinic.run("ask", "--jsonl")

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# ---- conversations in batch ---------------------------------------------------------------------------------------


def test_lines_with_the_same_chat_are_one_conversation_and_others_are_not(clinic: Clinic) -> None:
    found = clinic.ask(
        {"id": 1, "chat": "a", "text": HURTS["ru"]},
        {"id": 2, "chat": "b", "text": "а если через неделю?"},
        {"id": 3, "text": "а если через неделю?"},
        {"id": 4, "chat": "a", "text": "а если через неделю?"},
    )

    assert [line["topics"] == ["pain"] for line in found] == [True, False, False, True]


def test_a_chats_number_and_its_text_are_the_same_chat(clinic: Clinic) -> None:
    found = clinic.ask({"chat": 5, "text": "сколько стоит"}, {"chat": "5", "press": "more:price"})

    assert [line["topics"] for line in found] == [["price"], ["price"]]


def test_a_printed_payload_can_be_pressed_in_its_chat(clinic: Clinic) -> None:
    (shown,) = clinic.ask({"chat": "a", "text": "сколько стоит"})

    found = clinic.ask(
        {"chat": "a", "text": "сколько стоит"}, *({"chat": "a", "press": payload} for payload in payloads(shown))
    )

    assert not [line for line in found if "error" in line or line["kind"] == "unknown"]
    assert found[1]["confidence"] == 1.0


@pytest.mark.parametrize(
    "press",
    [
        {"chat": "a", "press": "more:duration"},
        {"chat": "a", "press": "topic:red-flags"},
        {"chat": "a", "press": ""},
        {"chat": "b", "press": "more:price"},
        {"press": "more:price"},
    ],
    ids=["of another article", "guessed", "empty", "of another chat", "without a chat"],
)
def test_a_payload_that_was_never_printed_in_the_chat_is_an_error(clinic: Clinic, press: dict[str, str]) -> None:
    before, found, after = clinic.ask(
        {"id": 1, "chat": "a", "text": "сколько стоит"}, {"id": 2, **press}, {"id": 3, "chat": "a", "press": "book"}
    )

    assert set(found) == {"id", "error"}
    assert found["id"] == 2
    assert (before["kind"], after["kind"]) == ("answer", "booking")


def test_the_clock_stands_where_the_line_puts_it(clinic: Clinic) -> None:
    found = clinic.ask(
        {"chat": "a", "at": "2026-11-23T10:00:00+03:00", "text": HURTS["ru"]},
        {"chat": "a", "at": "2026-11-23T07:30:00Z", "text": "а если через неделю?"},
        {"chat": "a", "at": "2026-11-23T08:00:01", "text": "а если через неделю?"},
    )

    assert [line["topics"] == ["pain"] for line in found] == [True, True, False]


def test_a_signature_is_judged_by_the_clock_of_the_line(signed: Clinic) -> None:
    found = signed.ask(
        {"text": "сколько держится эффект", "at": "2026-11-24T10:00:00Z"},
        {"text": "сколько держится эффект", "at": "2036-11-24T10:00:00Z"},
        {"text": "сколько стоит", "at": "2026-11-24T10:00:00Z"},
        {"text": "привет", "at": "2026-11-24T10:00:00Z"},
    )

    assert [line["signed"] for line in found] == [True, False, False, None]
    assert ["unsigned" in line["notices"] for line in found] == [False, True, True, False]


# ---- lines that are not right -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (b"not json", None),
        (b"[]", None),
        (b"7", None),
        (b'{"id": 1, "text": "half', None),
        (b"\xff\xfe\x00", None),
        (b"[" * 100_000, None),
        (b'{"id": 1}', 1),
        (b'{"id": 1, "text": "hi", "press": "topics"}', 1),
        (b'{"id": 1, "text": 7}', 1),
        (b'{"id": 1, "text": null}', 1),
        (b'{"id": 1, "press": ["topics"]}', 1),
        (b'{"id": 1, "text": "hi", "lang": "de"}', 1),
        (b'{"id": 1, "text": "hi", "lang": ["ru"]}', 1),
        (b'{"id": 1, "text": "hi", "at": "yesterday"}', 1),
        (b'{"id": 1, "text": "hi", "at": 1700000000}', 1),
        (b'{"id": 1, "text": "hi", "chat": true}', 1),
        (b'{"id": 1, "text": "hi", "chat": {"a": 1}}', 1),
        (b'{"id": "\\ud800", "text": "hi"}', None),
        (b'{"id": NaN, "text": "hi"}', None),
        (b'{"id": [1e999], "text": "hi"}', None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_invalid_line_is_an_error_object_and_the_rest_go_on(clinic: Clinic, line: bytes, number: object) -> None:
    before, found, after = clinic.ask({"id": "a", "text": "hi"}, line, {"id": "b", "text": "hi"})

    assert set(found) == {"id", "error"}
    assert found["id"] == number
    assert found["error"]
    assert (before["kind"], after["kind"]) == ("chat", "chat")


# ---- the terminal -------------------------------------------------------------------------------------------------


def test_a_piped_chat_reads_a_message_a_line_and_numbers_as_buttons(clinic: Clinic) -> None:
    done = clinic.run("chat", stdin="сколько стоит\n\n1\n/quit\nсколько стоит\n".encode())

    said = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert [line for line in said.splitlines() if line.startswith("> ")] == ["> сколько стоит", "> 1"]
    assert "  [1] Подробнее" in said
    assert "Из чего обычно складывается сумма" in said.partition("> 1")[2]


def test_a_number_that_is_no_button_is_a_message(clinic: Clinic) -> None:
    done = clinic.run("chat", stdin="сколько стоит\n99\n".encode())

    assert done.returncode == 0
    assert "[1]" in done.stdout.decode().partition("> 99")[2]


def test_without_a_token_run_says_so_and_opens_the_chat(clinic: Clinic) -> None:
    done = clinic.run("run", stdin="это больно?\n".encode(), BOT_TOKEN="")

    assert done.returncode == 0
    assert "BOT_TOKEN is not set" in done.stderr.decode()
    assert "> это больно?" in done.stdout.decode()


def test_a_chat_in_english_greets_in_english(clinic: Clinic) -> None:
    done = clinic.run("chat", "--lang", "en", stdin=b"/start\n")

    assert "Hello. I am a program of INNOVATION CLINIC" in done.stdout.decode()


# ---- the library --------------------------------------------------------------------------------------------------


def test_check_counts_errors_and_warnings_and_passes_without_errors(clinic: Clinic) -> None:
    done = clinic.run("knowledge", "check")

    assert done.returncode == 0
    assert done.stderr.decode().startswith("0 errors, ")
    assert all(": warning: " in line for line in done.stdout.decode().splitlines())


def test_check_names_file_and_line_of_every_error(clinic: Clinic, tmp_path: Path) -> None:
    copy = clinic.copy(tmp_path)
    path = copy.article("duration.ru")
    path.write_text(path.read_text(encoding="utf-8").replace("evidence:", "evidence: certain\nold:"), encoding="utf-8")

    done = copy.run("knowledge", "check")

    number = path.read_text(encoding="utf-8").split("\n").index("evidence: certain") + 1
    place = "articles/duration/duration.ru.md"
    said = done.stdout.decode().splitlines()
    assert done.returncode == 1
    assert [line for line in said if line.startswith(f"{place}:{number}: error: `evidence` must be one of")]
    assert [line for line in said if line.startswith(f"{place}:{number + 1}: error: unknown key `old`")]


def test_build_prints_the_versions_name_and_a_second_build_changes_nothing(clinic: Clinic) -> None:
    manifest = clinic.version / "manifest.json"
    before = manifest.stat().st_mtime_ns

    done = clinic.run("knowledge", "build")

    assert done.returncode == 0
    assert done.stdout.decode().strip() == clinic.version.name
    assert manifest.stat().st_mtime_ns == before


def test_an_edited_article_is_answered_anew(clinic: Clinic, tmp_path: Path) -> None:
    copy = clinic.copy(tmp_path)
    path = copy.article("pain.ru")
    head, _, body = path.read_text(encoding="utf-8").partition("\n---\n")
    path.write_text(f"{head}\n---\nТеперь здесь другое начало. {body.lstrip()}", encoding="utf-8")

    done = copy.run("ask", HURTS["ru"])

    assert done.stdout.decode().startswith("Теперь здесь другое начало.")


def test_search_shows_topics_with_probabilities_and_the_decision(clinic: Clinic) -> None:
    done = clinic.run("knowledge", "search", "skolko stoit botoks")

    first, second, *_, last = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert first.startswith("ru: сколко стоит")
    assert second.split()[1] == "price"
    assert float(second.split()[0]) > 0.5
    assert last == "answer: price"


def test_signing_keeps_a_copy_of_the_signed_text(signed: Clinic) -> None:
    assert (signed.knowledge / "signed/duration/duration.ru.md").read_bytes() == signed.article(
        "duration.ru"
    ).read_bytes()


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("sign", "duration.ru", "--by", "nobody"), "nobody is not in signers.yml"),
        (("sign", "nothing.ru", "--by", "ivanova"), "There is no article nothing.ru"),
        (("translated", "duration.ru"), "is no translation"),
    ],
)
def test_what_can_not_be_signed_is_told_in_one_sentence(clinic: Clinic, args: tuple[str, ...], sentence: str) -> None:
    assert sentence in one_sentence(clinic.run("knowledge", *args))


# ---- commands that are not right ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [("ask",), ("ask", "это больно?", "--jsonl"), ("ask", "x", "--lang", "de"), ("nothing",), ("knowledge", "nothing")],
    ids=" ".join,
)
def test_a_wrong_command_line_is_refused_without_a_traceback(clinic: Clinic, args: tuple[str, ...]) -> None:
    done = clinic.run(*args)

    assert done.returncode == 2
    assert done.stdout == b""
    assert "Traceback" not in done.stderr.decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [("UNSIGNED", "perhaps"), ("TELEGRAM_API", "nowhere"), ("BOT_TOKEN", "123"), ("LOG_LEVEL", "loud")],
)
def test_a_wrong_setting_is_named_without_its_value(clinic: Clinic, name: str, value: str) -> None:
    said = one_sentence(clinic.run("ask", "привет", **{name: value}))

    assert said.startswith(f"{name}: ")
    assert value not in said.removeprefix(name)


def test_a_reader_that_has_gone_is_no_reason_for_a_traceback(clinic: Clinic) -> None:
    process = clinic.start("ask", "--jsonl")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        process.stdout.close()
        process.stdin.write(b'{"text": "hi"}\n' * 50)
        process.stdin.close()
        said = process.stderr.read().decode()
        assert process.wait(PATIENCE) == 1

    assert said == ""


@pytest.mark.parametrize("env", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "cp1251"}], ids=str)
def test_lines_are_utf8_whatever_the_terminal_is(clinic: Clinic, env: dict[str, str]) -> None:
    (found,) = clinic.ask({"text": "привет"}, **env)

    assert "Здравствуйте" in found["text"]
