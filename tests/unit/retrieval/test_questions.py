import pytest

from bot.retrieval.documents import Document, parse_yaml
from bot.retrieval.problems import Problem
from bot.retrieval.questions import KINDS, Labelled, parse_calibration, parse_danger, parse_outside
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


def test_calibration_questions_are_of_topics_and_of_what_is_outside() -> None:
    questions, problems = parse_calibration(
        _document("ru:\n  pain:\n    - больно?\nen:\n  outside/jobs:\n    - are you hiring\n", "calibration.yml")
    )

    assert problems == []
    assert questions == (Labelled("больно?", "ru", "pain", 3), Labelled("are you hiring", "en", "outside/jobs", 6))


@pytest.mark.parametrize("label", ["pain", "outside/jobs"])
def test_calibration_needs_questions_both_inside_and_outside(label: str) -> None:
    _, problems = parse_calibration(_document(f"ru:\n  {label}:\n    - больно?\nen: {{}}\n", "calibration.yml"))

    message = "needs questions of topics and some under `outside/<kind>`"
    assert problems == [Problem("calibration.yml", 1, message)]


def test_an_outside_question_for_calibration_is_of_a_kind_the_program_knows() -> None:
    text = "ru:\n  pain:\n    - больно?\n  outside/tattoos:\n    - тату\nen: {}\n"
    _, problems = parse_calibration(_document(text, "calibration.yml"))

    assert [(problem.line, problem.message.split(";")[0]) for problem in problems] == [(5, "unknown kind `tattoos`")]


def test_phrases_of_danger_begin_with_a_kind_of_danger_or_of_calm() -> None:
    phrases, problems = parse_danger(
        _document("ru:\n  crisis/suicide:\n    - жить незачем\n  sad/mood:\n    - грустно\nen: {}\n", "danger.yml")
    )

    assert phrases[0] == Labelled("жить незачем", "ru", "crisis/suicide", 3)
    assert [(problem.line, problem.message.split(" one of")[0]) for problem in problems] == [
        (5, "`sad/mood` must begin with")
    ]


def test_spaces_around_a_question_are_dropped() -> None:
    questions, _ = parse_outside(_document('ru:\n  fillers:\n    - "  филлеры?  "\nen: {}\n'))

    assert questions[0].text == "филлеры?"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("- ru\n", 1, "must map each of ru and en to lists of questions by name"),
        ("ru:\n  fillers:\n    - скулы\n", 1, "`en` must map names to lists of questions"),
        ("en: {}\nru:\n  - скулы\n", 2, "`ru` must map names to lists of questions"),
        ("en: {}\nru:\n  fillers: скулы\n", 3, "`fillers` must be a list of questions"),
        ("en: {}\nru:\n  fillers:\n    - скулы\n    - 12\n", 5, "a question must be a text; put it in double quotes"),
        ("en: {}\nru:\n  fillers:\n    - скулы: да\n", 4, "a question must be a text; put it in double quotes"),
        ('en: {}\nru:\n  fillers:\n    - ""\n', 4, "a question must be a text; put it in double quotes"),
    ],
)
def test_a_file_of_another_shape_is_a_problem_with_its_line(text: str, line: int, message: str) -> None:
    _, problems = parse_outside(_document(text))

    assert problems == [Problem("outside.yml", line, message)]


def test_a_wrong_question_leaves_the_others_in() -> None:
    questions, problems = parse_outside(_document("en: {}\nru:\n  fillers:\n    - 12\n    - скулы\n"))

    assert [question.text for question in questions] == ["скулы"]
    assert len(problems) == 1


def test_the_library_has_at_least_a_hundred_outside_questions_in_each_language() -> None:
    outside = whole_knowledge().outside

    assert sum(question.lang == "ru" for question in outside) >= 100
    assert sum(question.lang == "en" for question in outside) >= 100
    assert {question.label for question in outside} <= set(KINDS)
