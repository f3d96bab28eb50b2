import pytest

from bot.retrieval.documents import Document, parse_yaml
from bot.retrieval.problems import Problem
from bot.retrieval.questions import KINDS, Labelled, parse_outside, parse_topics
from tests.examples import whole_knowledge


def _document(text: str, path: str = "outside.yml") -> Document:
    found = parse_yaml(text, path)
    assert isinstance(found, Document), found
    return found


def test_outside_questions_come_with_language_kind_and_line() -> None:
    questions, problems = parse_outside(
        _document("ru:\n  fillers:\n    - филлеры в губы\n    - скулы\nen:\n  jobs:\n    - any vacancies\n")
    )

    assert problems == []
    assert questions == (
        Labelled("филлеры в губы", "ru", "fillers", 3),
        Labelled("скулы", "ru", "fillers", 4),
        Labelled("any vacancies", "en", "jobs", 7),
    )


def test_a_kind_the_program_does_not_know_is_named_once_with_its_line() -> None:
    _, problems = parse_outside(_document("ru:\n  tattoos:\n    - тату\n    - удалить тату\nen: {}\n"))

    assert [(problem.path, problem.message.split(";")[0]) for problem in problems] == [
        ("outside.yml", "unknown kind `tattoos`")
    ]
    assert problems[0].line in (3, 4)


def test_calibration_questions_may_have_any_label() -> None:
    questions, problems = parse_topics(_document("ru:\n  pain:\n    - больно?\nen: {}\n", "calibration.yml"))

    assert problems == []
    assert questions == (Labelled("больно?", "ru", "pain", 3),)


def test_spaces_around_a_question_are_dropped() -> None:
    questions, _ = parse_topics(_document('ru:\n  pain:\n    - "  больно?  "\nen: {}\n'))

    assert questions[0].text == "больно?"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("- ru\n", 1, "must map each of ru and en to lists of questions by name"),
        ("ru:\n  pain:\n    - больно\n", 1, "`en` must map names to lists of questions"),
        ("en: {}\nru:\n  - больно\n", 2, "`ru` must map names to lists of questions"),
        ("en: {}\nru:\n  pain: больно\n", 3, "`pain` must be a list of questions"),
        ("en: {}\nru:\n  pain:\n    - больно\n    - 12\n", 5, "a question must be a text; put it in double quotes"),
        ("en: {}\nru:\n  pain:\n    - больно: да\n", 4, "a question must be a text; put it in double quotes"),
        ('en: {}\nru:\n  pain:\n    - ""\n', 4, "a question must be a text; put it in double quotes"),
    ],
)
def test_a_file_of_another_shape_is_a_problem_with_its_line(text: str, line: int, message: str) -> None:
    _, problems = parse_topics(_document(text))

    assert problems == [Problem("outside.yml", line, message)]


def test_a_wrong_question_leaves_the_others_in() -> None:
    questions, problems = parse_topics(_document("en: {}\nru:\n  pain:\n    - 12\n    - больно\n"))

    assert [question.text for question in questions] == ["больно"]
    assert len(problems) == 1


def test_the_library_has_at_least_a_hundred_outside_questions_in_each_language() -> None:
    outside = whole_knowledge().outside

    assert sum(question.lang == "ru" for question in outside) >= 100
    assert sum(question.lang == "en" for question in outside) >= 100
    assert {question.label for question in outside} <= set(KINDS)
