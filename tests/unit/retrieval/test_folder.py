import shutil
from datetime import date
from pathlib import Path

import pytest
import yaml

from bot.retrieval.check import check
from bot.retrieval.folder import Knowledge, files, fingerprint, read_folder
from bot.retrieval.problems import Problem, errors
from bot.retrieval.signing import sign
from tests.examples import change, line_of


def _knowledge(folder: Path) -> Knowledge:
    knowledge, problems = read_folder(folder)
    assert knowledge is not None
    assert errors(problems) == []
    return knowledge


def _errors(folder: Path) -> list[str]:
    return [str(problem) for problem in errors(read_folder(folder)[1])]


def test_a_folder_is_read_whole(folder: Path) -> None:
    knowledge = _knowledge(folder)

    assert {topic for topic, _ in knowledge.articles} == {"duration", "onset", "price", "mood-evidence"}
    assert knowledge.articles["duration", "ru"].title == "Сколько держится эффект"
    assert knowledge.clinic.name == "INNOVATION CLINIC"
    assert "duration" in knowledge.catalogue
    assert "nhs-botox" in knowledge.sources
    assert knowledge.wording["en"]["buttons.more"]
    assert knowledge.outside
    assert knowledge.calibration
    assert knowledge.forbidden


def test_a_folder_that_is_not_there_is_one_problem_that_names_the_setting(tmp_path: Path) -> None:
    knowledge, problems = read_folder(tmp_path / "library")

    assert knowledge is None
    assert [problem.message.endswith("set KNOWLEDGE_DIR to the clinic's library") for problem in problems] == [True]


def test_an_empty_folder_names_everything_it_lacks(tmp_path: Path) -> None:
    knowledge, problems = read_folder(tmp_path)

    assert knowledge is None
    assert {problem.path for problem in problems} == {
        "articles", "brands.yml", "calibration.yml", "catalogue.yml", "clinic.yml", "danger_examples.yml",
        "danger_phrases.yml", "forbidden.yml", "launch.yml", "limits.yml", "outside.yml", "red_flags.yml",
        "redirects.yml", "signers.yml", "sources.yml", "wording/en.yml", "wording/ru.yml",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "brands.yml", "calibration.yml", "catalogue.yml", "clinic.yml", "danger_examples.yml", "danger_phrases.yml",
        "forbidden.yml", "launch.yml", "limits.yml", "outside.yml", "red_flags.yml", "redirects.yml", "signers.yml",
        "sources.yml", "wording/ru.yml", "wording/en.yml",
    ],
)  # fmt: skip
def test_a_file_that_all_others_need_must_be_there(folder: Path, name: str) -> None:
    (folder / name).unlink()

    knowledge, problems = read_folder(folder)

    assert knowledge is None
    assert Problem(name, 0, "the file is missing") in problems


def test_a_folder_without_articles_says_where_they_belong(folder: Path) -> None:
    shutil.rmtree(folder / "articles")

    assert _errors(folder) == [
        "articles: error: there are no articles; each is articles/<category>/<id>.<lang>.md",
    ]


def test_an_article_with_an_error_is_left_out_and_the_others_are_read(folder: Path) -> None:
    change(folder / "articles/duration/duration.ru.md", "evidence: moderate", "evidence: good")

    knowledge, problems = read_folder(folder)

    assert knowledge is not None
    assert ("duration", "ru") not in knowledge.articles
    assert ("duration", "en") in knowledge.articles
    assert [problem.path for problem in errors(problems)] == ["articles/duration/duration.ru.md"]


def test_two_articles_with_one_id_are_an_error_that_names_both(folder: Path) -> None:
    (folder / "articles/safety").mkdir(exist_ok=True)
    shutil.copy(folder / "articles/duration/duration.ru.md", folder / "articles/safety/duration.ru.md")

    assert _errors(folder) == [
        "articles/safety/duration.ru.md:2: error: the id `duration` is also in articles/duration/duration.ru.md; "
        "keep one of the two"
    ]


def test_an_article_that_is_no_utf_8_is_one_problem(folder: Path) -> None:
    path = folder / "articles/duration/duration.ru.md"
    line = line_of(path, "title:")
    path.write_bytes(path.read_text(encoding="utf-8").encode("cp1251", "replace"))

    assert _errors(folder) == [
        f"articles/duration/duration.ru.md:{line}: error: is not UTF-8 text; open it in an editor and save it as UTF-8"
    ]


def test_an_article_saved_in_windows_is_the_same_article(folder: Path) -> None:
    before = _knowledge(folder)
    path = folder / "articles/duration/duration.ru.md"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    after = _knowledge(folder)

    assert after.articles["duration", "ru"] == before.articles["duration", "ru"]
    assert after.lines == before.lines


def test_backups_of_editors_are_no_articles(folder: Path) -> None:
    before = files(folder)
    for name in (".duration.ru.md", "~duration.ru.md", "duration.ru.md~", "duration.ru.md.bak"):
        (folder / "articles/duration" / name).write_text("half a text", encoding="utf-8")

    assert files(folder) == before


def test_an_article_knows_the_lines_of_its_keys_questions_and_body(folder: Path) -> None:
    path = folder / "articles/duration/duration.ru.md"
    knowledge = _knowledge(folder)

    lines = knowledge.lines["articles/duration/duration.ru.md"]

    article = knowledge.articles["duration", "ru"]
    assert lines.keys["review_by"] == line_of(path, "review_by:")
    written = path.read_text(encoding="utf-8").splitlines()
    asked = [yaml.safe_load(written[line - 1]) for line in lines.questions]
    assert asked == [[question] for question in article.questions]
    assert lines.body == line_of(path, article.body[:40])


def test_three_hyphens_in_a_question_do_not_hide_the_lines_below(folder: Path) -> None:
    path = folder / "articles/duration/duration.ru.md"
    change(path, "  - надолго ли это", "  - так --- надолго ли это")

    lines = _knowledge(folder).lines["articles/duration/duration.ru.md"]

    assert lines.keys["review_by"] == line_of(path, "review_by:")
    assert len(lines.questions) == len(_knowledge(folder).articles["duration", "ru"].questions)


def test_a_signed_copy_is_read_beside_the_article_and_can_be_checked(folder: Path) -> None:
    (folder / "signers.yml").write_text("ivanova: {name: Мария Иванова, role: врач}\n", encoding="utf-8")
    sign(folder, "duration.ru", "ivanova", date(2026, 11, 23))

    knowledge = _knowledge(folder)

    assert knowledge.signed_copies["duration", "ru"].reviewed_by == "ivanova"
    assert errors(check(knowledge)) == []


def test_the_fingerprint_changes_with_any_edit_and_returns_with_it(folder: Path) -> None:
    before = fingerprint(folder)
    change(folder / "wording/en.yml", "help:", "help: ")
    edited = fingerprint(folder)
    change(folder / "wording/en.yml", "help: ", "help:")

    assert edited != before
    assert fingerprint(folder) == before


def test_the_fingerprint_changes_when_a_file_is_renamed(folder: Path) -> None:
    before = fingerprint(folder)
    (folder / "articles/duration/duration.ru.md").rename(folder / "articles/duration/duration2.ru.md")

    assert fingerprint(folder) != before


def test_a_file_the_library_is_not_made_of_leaves_the_fingerprint(folder: Path) -> None:
    before = fingerprint(folder)
    (folder / "README.md").write_text("how to write an article", encoding="utf-8")

    assert fingerprint(folder) == before


def test_an_article_that_cannot_be_read_is_a_problem_and_stops_no_fingerprint(folder: Path) -> None:
    (folder / "articles/duration/lost.ru.md").symlink_to(folder / "nowhere.md")

    assert len(fingerprint(folder)) == 16
    assert _errors(folder) == [
        "articles/duration/lost.ru.md: error: can't be read (No such file or directory); "
        "check the file and its permissions"
    ]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("wording/ru.yml", "  help:", "  helb:", "`replies.helb` is no phrase the program knows; remove it"),
        ("wording/ru.yml", "  help:", "  helb:", "the phrase `replies.help` is missing"),
        ("catalogue.yml", "id: onset, flags: [", "id: onset, flags: [magic, ", "`flags` of onset must be a list of"),
        ("catalogue.yml", "id: onset,", "id: duration,", "the topic `duration` stands here twice"),
        ("catalogue.yml", "id: onset,", "name: onset,", "a topic needs an `id`"),
        ("clinic.yml", "phone: null\n", "", "`phone` is missing; write null where it is unknown"),
        ("clinic.yml", "phone: null\n", "phone: null\nfax: 1\n", "`fax` is unknown; known are"),
        ("clinic.yml", "Europe/Moscow", "Europe/Moskau", "`time_zone` must be a zone such as Europe/Moscow"),
        ("clinic.yml", "  source: clinic-post", "  source: null", "`price` must be null or have"),
        ("forbidden.yml", "- pattern: '", "- pattern: '(", "needs `pattern` and `reason`"),
        ("forbidden.yml", "  reason: a number", "  because: a number", "needs `pattern` and `reason`"),
        ("sources.yml", "\nnhs-botox:", "\nNHS botox:", "the key `NHS botox` may have only small letters"),
    ],
)
def test_each_file_says_what_is_wrong_in_it(folder: Path, name: str, old: str, new: str, message: str) -> None:
    change(folder / name, old, new)

    problems = [problem for problem in read_folder(folder)[1] if problem.message.startswith(message)]

    assert [problem.path for problem in problems] == [name]
    assert problems[0].line >= 1
    assert problems[0].level == "error"


def test_a_phrase_may_use_only_names_the_program_fills(folder: Path) -> None:
    path = folder / "wording/en.yml"
    line = line_of(path, "  help:")
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[line - 1] = '  help: "Ask {doctor} at {clinic}."'
    while not lines[line].startswith("  ") or lines[line].startswith("    "):
        del lines[line]
    path.write_text("\n".join(lines), encoding="utf-8")

    assert [error.split(";")[0] for error in _errors(folder)] == [
        f"wording/en.yml:{line}: error: `replies.help` uses {{doctor}}"
    ]


def test_problems_come_in_the_order_of_files_and_lines(folder: Path) -> None:
    change(folder / "wording/ru.yml", "  help:", "  helb:")
    change(folder / "articles/duration/duration.ru.md", "evidence: moderate", "evidence: good")
    change(folder / "articles/duration/duration.ru.md", "lang: ru", "lang: en")

    _, problems = read_folder(folder)

    assert problems == sorted(problems)
    assert [problem.path for problem in problems][:2] == ["articles/duration/duration.ru.md"] * 2


def test_a_problem_reads_as_file_line_level_and_message() -> None:
    assert str(Problem("a.md", 3, "is odd")) == "a.md:3: error: is odd"
    assert str(Problem("a.md", 0, "is stale", "warning")) == "a.md: warning: is stale"
