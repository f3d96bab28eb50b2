"""Bad input and broken surroundings, each through a real process: an answer, or one clear sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bot.retrieval.sealing import is_whole
from tests.integration.processes import Clinic, one_sentence

pytestmark = pytest.mark.slow

WORDLESS = {
    "empty": "",
    "spaces": " \t \n ",
    "4096 emojis": "😀" * 4096,
    "zero-width": "\u200b\u200c\u200d\u2060\ufeff" * 20,
    "right-to-left marks": "\u202e\u202d\u2066\u200f",
    "nul": "\0\0\0",
    "markdown marks": "**__``[]()",
}
ASKING = {
    "zero-width inside": "это бо\u200bль\u200dно\u2060?",
    "right-to-left around": "\u202eэто больно?\u202c\u200f",
    "nul inside": "это\0больно?\0",
    "bold html": "<b>это больно?</b>",
    "markdown": "**это** _больно_?",
    "ten thousand letters before": "а " * 5000 + ". Это больно?",
}
HARMLESS = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "link": "[нажми](https://evil.example) ![x](https://evil.example/x.png)",
    "format": "{clinic} {0} %s %(name)s ${HOME} $(id)",
    "ten thousand letters": "ъ" * 10_000,
    "right-to-left text": "مرحبا كيف حالك",
    "half a surrogate": "\ud83d",
    "combining marks": "а" + "\u0301" * 5000,
}


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    """A clinic with its library built; read only."""
    made = Clinic.make(tmp_path_factory.mktemp("clinic"))
    assert made.run("knowledge", "build").returncode == 0
    return made


def flip_a_byte(path: Path) -> None:
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 0xFF
    path.write_bytes(held)


# ---- messages -----------------------------------------------------------------------------------------------------


def test_a_message_without_words_is_asked_for_words(clinic: Clinic) -> None:
    found = clinic.ask(*({"id": name, "text": text, "lang": "ru"} for name, text in WORDLESS.items()))

    said = {line["id"]: (line["kind"], line["text"].startswith("Не вижу в сообщении вопроса")) for line in found}
    assert said == dict.fromkeys(WORDLESS, ("unknown", True))


def test_a_question_with_what_can_not_be_seen_is_answered(clinic: Clinic) -> None:
    found = clinic.ask(*({"id": name, "text": text} for name, text in ASKING.items()))

    assert {line["id"]: line["topics"] for line in found} == {name: ["pain"] for name in ASKING}


def test_what_is_no_question_gets_a_reply_and_never_comes_back(clinic: Clinic) -> None:
    found = clinic.ask(*({"id": name, "text": text} for name, text in HARMLESS.items()))

    assert [line["id"] for line in found if line["text"].strip()] == list(HARMLESS)
    said = " ".join(f"{line['text']} {line['buttons']}" for line in found)
    assert not [piece for piece in ("<", "evil", "{clinic", "%s", "ъъъ", "слово слово", "\ud83d") if piece in said]


def test_a_wall_of_words_gets_a_reply(clinic: Clinic) -> None:
    (found,) = clinic.ask({"id": 1, "text": "слово " * 10_000})

    assert found["text"]


@pytest.mark.parametrize("text", [b"\xff\xfe", "это больно? ".encode() + b"\xff"], ids=["no utf-8", "a bad byte"])
def test_an_argument_that_is_no_utf8_is_answered_like_any_other(clinic: Clinic, text: bytes) -> None:
    done = clinic.run("ask", text)

    assert done.returncode == 0
    assert done.stdout.strip()


def test_the_piped_chat_survives_any_bytes(clinic: Clinic) -> None:
    done = clinic.run(
        "chat", stdin=b"\xff\xfe\x00\n\x00\n" + "\u202e😀\n".encode() + b"\xd1\n" + "это больно?".encode()
    )

    assert done.returncode == 0
    assert "[1] Подробнее" in done.stdout.decode()


# ---- the disk -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [("ask", "это больно?"), ("knowledge", "build"), ("chat",)], ids=" ".join)
def test_a_disk_that_can_not_be_written_is_told_in_one_sentence(
    clinic: Clinic, tmp_path: Path, args: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("a file where a folder is wanted", encoding="utf-8")

    said = one_sentence(clinic.run(*args, DATA_DIR=str(tmp_path / "file" / "var")))

    assert "can't be written" in said
    assert "DATA_DIR" in said


def test_a_missing_version_is_built_anew(clinic: Clinic, tmp_path: Path) -> None:
    copy = clinic.copy(tmp_path)
    shutil.rmtree(copy.data)

    done = copy.run("ask", "это больно?")

    assert done.returncode == 0, done.stderr
    assert "Есть противопоказания" in done.stdout.decode()
    assert is_whole(copy.version)


def test_a_pointer_to_a_version_that_is_gone_is_set_right(clinic: Clinic, tmp_path: Path) -> None:
    copy = clinic.copy(tmp_path)
    (copy.data / "library" / "current").write_text("0123456789abcdef", encoding="ascii")

    done = copy.run("ask", "это больно?")

    assert done.returncode == 0, done.stderr
    assert copy.version == copy.data / "library" / clinic.version.name


@pytest.mark.parametrize("name", ["manifest.json", "content.json", "topics/weights.npz"])
def test_a_damaged_version_is_built_anew(clinic: Clinic, tmp_path: Path, name: str) -> None:
    copy = clinic.copy(tmp_path)
    flip_a_byte(copy.version / name)
    assert not is_whole(copy.version)

    done = copy.run("ask", "это больно?")

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr.decode()
    assert is_whole(copy.version)


def test_a_damaged_version_beside_a_broken_folder_is_told_in_one_sentence(clinic: Clinic, tmp_path: Path) -> None:
    copy = clinic.copy(tmp_path)
    flip_a_byte(copy.version / "content.json")
    copy.article("pain.ru").write_text("no front matter", encoding="utf-8")

    said = one_sentence(copy.run("ask", "это больно?"))

    assert "articles/procedure/pain.ru.md:1: " in said
    assert "must begin with a front matter" in said


def test_a_broken_file_beside_a_sound_version_keeps_it_serving_and_says_which_line(
    clinic: Clinic, tmp_path: Path
) -> None:
    copy = clinic.copy(tmp_path)
    copy.article("pain.ru").write_text("no front matter", encoding="utf-8")

    done = copy.run("ask", "это больно?")

    assert done.returncode == 0
    assert "Есть противопоказания" in done.stdout.decode()
    said = done.stderr.decode()
    assert "articles/procedure/pain.ru.md:1: " in said
    assert "must begin with a front matter" in said
    assert f"{clinic.version.name}, keeps serving" in said


# ---- the library --------------------------------------------------------------------------------------------------


def test_a_library_folder_that_is_not_there_is_named(clinic: Clinic, tmp_path: Path) -> None:
    said = one_sentence(clinic.run("ask", "x", KNOWLEDGE_DIR=str(tmp_path / "nowhere"), DATA_DIR=str(tmp_path / "var")))

    assert str(tmp_path / "nowhere") in said
    assert "KNOWLEDGE_DIR" in said


@pytest.mark.parametrize("args", [("ask", "x"), ("knowledge", "build")], ids=" ".join)
def test_an_empty_library_folder_is_told_in_one_sentence(clinic: Clinic, tmp_path: Path, args: tuple[str, ...]) -> None:
    (tmp_path / "empty").mkdir()

    done = clinic.run(*args, KNOWLEDGE_DIR=str(tmp_path / "empty"), DATA_DIR=str(tmp_path / "var"))

    assert done.returncode == 1
    assert "Traceback" not in done.stderr.decode()
    assert "there are no articles" in done.stderr.decode() + done.stdout.decode()


def test_two_articles_with_one_id_are_both_named(clinic: Clinic, tmp_path: Path) -> None:
    copy = clinic.copy(tmp_path)
    twin = copy.knowledge / "articles" / "safety" / "pain.ru.md"
    shutil.copy(copy.article("pain.ru"), twin)
    shutil.rmtree(copy.data)

    done = copy.run("knowledge", "check")

    said = done.stdout.decode()
    assert done.returncode == 1
    assert "the id `pain` is also in articles/procedure/pain.ru.md; keep one of the two" in said
    assert "articles/safety/pain.ru.md:2: error" in said
    assert "pain" in one_sentence(copy.run("ask", "это больно?"))


# ---- the encoder --------------------------------------------------------------------------------------------------


def test_an_encoder_that_can_not_be_loaded_leaves_the_words_and_says_so(clinic: Clinic) -> None:
    done = clinic.run("ask", "это больно?", ENCODER="no-such-model")

    (warning,) = [line for line in done.stderr.decode().splitlines() if line.startswith("warning: ")]
    assert done.returncode == 0
    assert warning.startswith("warning: ENCODER=no-such-model")
    assert "matched by words alone" in warning
    assert "Есть противопоказания" in done.stdout.decode()


def test_an_encoder_that_can_not_be_loaded_says_so_once_when_the_library_is_built(
    clinic: Clinic, tmp_path: Path
) -> None:
    copy = clinic.copy(tmp_path)
    shutil.rmtree(copy.data)

    done = copy.run("knowledge", "build", ENCODER="no-such-model")

    assert done.returncode == 0
    assert done.stderr.decode().count("matched by words alone") == 1
