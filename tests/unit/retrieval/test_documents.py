from pathlib import Path

import pytest

from bot.retrieval.documents import Document, parse_yaml, read_text, read_yaml
from bot.retrieval.problems import Problem


def _file(root: Path, content: bytes) -> Path:
    path = root / "facts.yml"
    path.write_bytes(content)
    return path


def _read(root: Path, content: bytes) -> str | Problem:
    return read_text(root, _file(root, content))


def _parsed(text: str, first_line: int = 1) -> Document:
    found = parse_yaml(text, "facts.yml", first_line)
    assert isinstance(found, Document), found
    return found


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    assert _read(tmp_path, "\ufeffимя: клиника\n".encode()) == "имя: клиника\n"


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends_of_every_system_become_newlines(tmp_path: Path, end: str) -> None:
    assert _read(tmp_path, f"один{end}два{end}".encode()) == "один\nдва\n"


def test_text_in_cp1251_is_one_problem_that_names_its_line(tmp_path: Path) -> None:
    found = _read(tmp_path, "name: clinic\nphone: null\naddress: Москва\nсайт: нет\n".encode("cp1251"))

    assert found == Problem("facts.yml", 3, "is not UTF-8 text; open it in an editor and save it as UTF-8")


def test_the_line_is_right_where_a_byte_order_mark_stands_before_bad_text(tmp_path: Path) -> None:
    found = _read(tmp_path, b"\xef\xbb\xbfa\n\xff\n")

    assert isinstance(found, Problem)
    assert found.line == 2


def test_text_in_utf_16_is_one_problem_too(tmp_path: Path) -> None:
    found = _read(tmp_path, "имя: клиника\n".encode("utf-16"))

    assert isinstance(found, Problem)
    assert "is not UTF-8" in found.message


def test_a_nul_character_is_a_problem_that_names_its_line(tmp_path: Path) -> None:
    found = _read(tmp_path, b"a: 1\nb: 2\0\n")

    assert found == Problem("facts.yml", 2, "holds a NUL character; remove it")


def test_a_file_that_cannot_be_read_is_a_problem_with_the_reason(tmp_path: Path) -> None:
    found = read_text(tmp_path, tmp_path / "gone.yml")

    assert found == Problem(
        "gone.yml", 0, "can't be read (No such file or directory); check the file and its permissions"
    )


def test_every_key_and_item_knows_its_line() -> None:
    document = _parsed("# facts\nname: clinic\nprice:\n  text: 200\n  sources:\n    - one\n    - two\n")

    assert document.data == {"name": "clinic", "price": {"text": 200, "sources": ["one", "two"]}}
    assert document.line("name") == 2
    assert document.line("price", "text") == 4
    assert document.line("price", "sources", 1) == 7


def test_lines_are_counted_from_where_the_text_begins_in_its_file() -> None:
    assert _parsed("id: pain\nlang: ru\n", first_line=12).line("lang") == 13


def test_what_is_missing_has_the_line_of_what_stands_around_it() -> None:
    document = _parsed("name: clinic\nprice:\n  text: 200\n")

    assert document.line("price", "source", "year") == 2
    assert document.line("phone") == 1


def test_a_key_that_stands_twice_is_a_problem_at_its_second_place() -> None:
    found = parse_yaml("name: clinic\nphone: null\nname: other\n", "facts.yml")

    assert found == Problem("facts.yml", 3, "the key `name` stands here twice; keep one")


def test_a_key_that_stands_twice_is_found_at_any_depth() -> None:
    found = parse_yaml("rows:\n  - id: a\n    flags: []\n    id: b\n", "facts.yml")

    assert found == Problem("facts.yml", 4, "the key `id` stands here twice; keep one")


def test_the_same_key_in_two_places_is_fine() -> None:
    assert _parsed("rows:\n  - id: a\n  - id: b\n").data == {"rows": [{"id": "a"}, {"id": "b"}]}


def test_an_error_of_yaml_names_its_line_and_says_what_to_do() -> None:
    found = parse_yaml("name: clinic\nquestions:\n  - how: long: is it\nphone: null\n", "facts.yml", first_line=2)

    assert isinstance(found, Problem)
    assert found.line == 4
    assert found.message.startswith("YAML: ")
    assert "double quotes" in found.message


@pytest.mark.parametrize(
    "text",
    ["a: 'x", "a: 1\n---\nb: 2", "a: \x07", "a: !!int x", "a: !foo b", "? [a]\n: b", "[" * 500, "on: 2027-02-30"],
)  # fmt: skip
def test_whatever_yaml_refuses_is_a_problem_and_never_an_exception(text: str) -> None:
    found = parse_yaml(text, "facts.yml")

    assert isinstance(found, Problem)
    assert found.line >= 1


def test_an_empty_file_holds_nothing() -> None:
    assert _parsed("# nobody yet\n").data is None


def test_a_file_is_read_and_parsed_under_its_name_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "wording").mkdir()
    (tmp_path / "wording" / "ru.yml").write_bytes("\ufeffreplies:\r\n  help: да\r\n".encode())

    found = read_yaml(tmp_path, tmp_path / "wording" / "ru.yml")

    assert isinstance(found, Document)
    assert (found.path, found.data, found.line("replies", "help")) == ("wording/ru.yml", {"replies": {"help": "да"}}, 2)


def test_a_file_that_is_no_text_is_not_parsed(tmp_path: Path) -> None:
    found = read_yaml(tmp_path, _file(tmp_path, b"a: \xff"))

    assert isinstance(found, Problem)
    assert found.path == "facts.yml"
