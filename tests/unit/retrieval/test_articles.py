from dataclasses import replace
from datetime import date, timedelta

import pytest

from bot.retrieval.articles import (
    FEWEST_QUESTIONS,
    TITLE_LIMIT,
    Article,
    Passage,
    citations,
    parse,
    passages,
    without_citations,
)
from bot.retrieval.problems import Problem
from tests.examples import make_article, signed

PATH = "articles/duration/duration.ru.md"
TEXT = """---
id: duration
lang: ru
title: Сколько держится эффект
questions:
  - сколько держится
  - на сколько хватает
  - надолго ли
  - когда пройдёт
  - срок действия
flags: [medical]
evidence: moderate
sources: [nhs-botox]
related: [onset]
reviewed_by: null
reviewed_on: null
reviewed_hash: null
review_by: 2027-11-03
---
Около трёх месяцев. [@nhs-botox]

## Подробнее
Иногда дольше.

Иногда короче. [@nhs-botox]
"""


def _article(text: str = TEXT) -> Article:
    article, problems = parse(text, PATH)
    assert article is not None, problems
    return article


def _problems(old: str, new: str, path: str = PATH) -> list[Problem]:
    assert old in TEXT
    article, problems = parse(TEXT.replace(old, new, 1), path)
    assert article is None or not problems
    return problems


def test_a_sound_file_becomes_an_article() -> None:
    article, problems = parse(TEXT, PATH)

    assert problems == []
    assert article is not None
    assert (article.id, article.lang, article.category) == ("duration", "ru", "duration")
    assert article.questions == (
        "сколько держится", "на сколько хватает", "надолго ли", "когда пройдёт", "срок действия",
    )  # fmt: skip
    assert (article.flags, article.evidence, article.sources) == (("medical",), "moderate", ("nhs-botox",))
    assert (article.related, article.review_by) == (("onset",), date(2027, 11, 3))
    assert (article.reviewed_by, article.translation_of, article.path) == (None, None, PATH)


def test_the_answer_is_the_first_paragraph_and_the_rest_stands_under_the_heading() -> None:
    article = _article()

    assert article.answer == "Около трёх месяцев."
    assert article.more == "Иногда дольше.\n\nИногда короче."


def test_a_translation_names_its_original_and_the_hash_of_it() -> None:
    article = _article(TEXT.replace("---\nОколо", 'translation_of: en\nsource_hash: "78ef1e93bc4d0343"\n---\nОколо'))

    assert (article.translation_of, article.source_hash) == ("en", "78ef1e93bc4d0343")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("lang: ru", "lang: en", 3, "`lang: en` must agree with the file's name (ru)"),
        ("id: duration", "id: pain", 2, "`id: pain` must agree with the file's name (duration)"),
        ("title: Сколько держится эффект", "title: 12", 4, "`title` must be a text"),
        ("title: Сколько держится эффект", 'title: " "', 4, "`title` must be a text"),
        ("  - надолго ли", "  - надолго: ли", 5, "`questions` must be a list of texts"),
        ("  - надолго ли", "  - 12", 5, "`questions` must be a list of texts"),
        ("flags: [medical]", "flags: [medic]", 11, "`flags` must be a list of mood, medical"),
        ("flags: [medical]", "flags: medical", 11, "`flags` must be a list of mood, medical"),
        ("evidence: moderate", "evidence: good", 12, "`evidence` must be one of strong, moderate"),
        ("sources: [nhs-botox]", "sources: nhs-botox", 13, "`sources` must be a list of keys"),
        ("related: [onset]", "related: onset", 14, "`related` must be a list of topic ids"),
        ("reviewed_by: null", "reviewed_by: 7", 15, "`reviewed_by` must be a "),
        ("reviewed_on: null", "reviewed_on: yesterday", 16, "`reviewed_on` must be a date or null"),
        ("reviewed_hash: null", "reviewed_hash: 78", 17, "`reviewed_hash` must be a text or null"),
        ("review_by: 2027-11-03", "review_by: null", 18, "`review_by` must be a date such as"),
        ("review_by: 2027-11-03", "review_by: autumn", 18, "`review_by` must be a date such as"),
        ("review_by: 2027-11-03", "review_by: 2027-11-03 10:00:00", 18, "`review_by` must be a date such as"),
        ("2027-11-03", "2027-11-03\ntranslation_of: de", 19, "`translation_of` must be one of ru, en"),
        ("2027-11-03", "2027-11-03\nsource_hash: 78", 19, "`source_hash` must be a text or null"),
        ("2027-11-03", "2027-11-03\nauthor: me", 19, "unknown key `author`; known are id, lang"),
    ],
)
def test_each_rule_of_the_front_matter_names_its_line(old: str, new: str, line: int, message: str) -> None:
    problems = _problems(old, new)

    assert [problem.line for problem in problems] == [line]
    assert problems[0].message.startswith(message)
    assert problems[0].path == PATH


@pytest.mark.parametrize(
    "key",
    [
        "id", "lang", "title", "evidence", "flags", "sources", "related",
        "reviewed_by", "reviewed_on", "reviewed_hash", "review_by",
    ],
)  # fmt: skip
def test_a_key_that_is_missing_is_named(key: str) -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith(f"{key}:"))

    assert f"the front matter lacks `{key}`" in [problem.message for problem in _problems(f"{line}\n", "")]


def test_several_problems_are_all_told_at_once() -> None:
    _, problems = parse(TEXT.replace("moderate", "good").replace("[medical]", "[medic]"), PATH)

    assert [problem.line for problem in problems] == [11, 12]


def test_a_language_the_bot_does_not_speak_is_refused() -> None:
    problems = _problems("lang: ru", "lang: de", "articles/duration/duration.de.md")

    assert [problem.message for problem in problems] == ["`lang` must be one of ru, en"]


def test_a_file_must_be_named_by_its_id_and_language() -> None:
    _, problems = parse(TEXT, "articles/duration/duration.md")

    assert Problem("articles/duration/duration.md", 0, "must be named <id>.<lang>.md") in problems


def test_a_title_may_be_as_long_as_a_button_and_no_longer() -> None:
    title = "title: Сколько держится эффект"

    assert _problems(title, f"title: {'я' * TITLE_LIMIT}") == []
    assert [problem.message for problem in _problems(title, f"title: {'я' * (TITLE_LIMIT + 1)}")] == [
        f"`title` is longer than {TITLE_LIMIT} characters"
    ]


def test_a_topic_with_too_few_questions_is_refused() -> None:
    assert [(problem.line, problem.message) for problem in _problems("  - надолго ли\n", "")] == [
        (5, f"4 questions; at least {FEWEST_QUESTIONS} are needed")
    ]


@pytest.mark.parametrize("text", ["", "Просто текст.\n", "---\nid: duration\n", "\n---\nid: duration\n---\n"])
def test_a_file_must_begin_with_a_front_matter(text: str) -> None:
    assert parse(text, PATH) == (
        None,
        [Problem(PATH, 1, "must begin with a front matter between two lines `---`")],
    )


def test_a_front_matter_that_is_no_mapping_is_refused() -> None:
    _, problems = parse("---\n- id\n- lang\n---\nТекст.\n", PATH)

    assert problems == [Problem(PATH, 2, "the front matter must be a list of `key: value` lines")]


def test_an_error_of_yaml_has_its_line_in_the_file() -> None:
    problems = _problems("flags: [medical]", "flags: [medical")

    assert [problem.message.startswith("YAML: ") for problem in problems] == [True]
    assert problems[0].line == 12


def test_a_question_may_hold_three_hyphens() -> None:
    assert "так --- надолго ли" in _article(TEXT.replace("- надолго ли", "- так --- надолго ли")).questions


def test_a_first_paragraph_of_600_characters_is_fine() -> None:
    assert len(_article(TEXT.replace("Около трёх месяцев.", "я" * 600)).answer) == 600


def test_a_first_paragraph_over_the_limit_is_refused() -> None:
    assert _problems("Около трёх месяцев.", "я" * 601) == [
        Problem(PATH, 20, "the first paragraph has 601 characters; at most 600")
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("Около", "Да.\n\nОколо", 22, "only one paragraph may stand before `## Подробнее`"),
        ("Иногда короче.", "## Ещё\nИногда короче.", 25, "the only heading may be `## Подробнее`"),
        ("Иногда дольше", "Иногда <b>дольше</b>", 23, "no HTML, links or tables in an article"),
        ("Иногда дольше", "Иногда [дольше](https://a.example)", 23, "no HTML, links or tables in an article"),
        ("Иногда дольше.", "| a | b |", 23, "no HTML, links or tables in an article"),
    ],
)
def test_each_rule_of_the_body_names_its_line(old: str, new: str, line: int, message: str) -> None:
    assert _problems(old, new) == [Problem(PATH, line, message)]


@pytest.mark.parametrize(
    ("old", "line"), [("\nИногда дольше.\n\nИногда короче. [@nhs-botox]\n", 22), ("## Подробнее\n", 25)]
)
def test_an_article_without_the_section_under_the_heading_is_refused(old: str, line: int) -> None:
    assert Problem(PATH, line, "the section `## Подробнее` is missing or empty") in _problems(old, "\n")


def test_an_article_without_a_first_paragraph_is_refused() -> None:
    problems = _problems("Около трёх месяцев. [@nhs-botox]\n\n", "")

    assert Problem(PATH, 20, "must begin with a first paragraph: the answer itself") in problems


def test_blank_lines_before_the_body_do_not_shift_its_lines() -> None:
    problems = _problems("---\nОколо трёх месяцев.", f"---\n\n\n{'я' * 601}")

    assert [problem.line for problem in problems] == [22]


def test_a_source_cited_but_not_listed_is_a_problem_where_it_is_cited() -> None:
    assert _problems("короче. [@nhs-botox]", "короче. [@nhs-botox; @rappl-2013]") == [
        Problem(PATH, 25, "[@rappl-2013] is cited but not listed in `sources`")
    ]


def test_a_source_listed_but_never_cited_is_a_problem_where_it_is_listed() -> None:
    assert _problems("[nhs-botox]", "[nhs-botox, rappl-2013]") == [
        Problem(PATH, 13, "`rappl-2013` is listed in `sources` but never cited")
    ]


def test_citations_are_found_alone_and_in_groups_with_their_lines() -> None:
    text = "Да. [@one]\n\nНет. [@two; @three] Может быть. [@four, @five]"

    assert citations(text) == [("one", 0), ("two", 2), ("three", 2), ("four", 2), ("five", 2)]


def test_patients_see_no_citation_marks() -> None:
    assert without_citations("Да. [@one] [@two; @three]\n\nНет [@four].") == "Да.\n\nНет."


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "onset"},
        {"lang": "en"},
        {"title": "Надолго ли"},
        {"flags": ("medical", "watch")},
        {"evidence": "weak"},
        {"sources": ("nhs-botox", "rappl-2013")},
        {"body": "Три месяца!"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_hash_changes_with_each_thing_that_is_signed(changed: dict[str, object]) -> None:
    assert make_article(**changed).hash != make_article().hash


@pytest.mark.parametrize(
    "changed",
    [
        {"questions": ("другой вопрос",)},
        {"related": ("onset",)},
        {"reviewed_by": "ivanova"},
        {"reviewed_on": date(2026, 11, 23)},
        {"reviewed_hash": "0123456789abcdef"},
        {"review_by": date(2030, 1, 1)},
        {"translation_of": "en"},
        {"source_hash": "0123456789abcdef"},
        {"path": "signed/duration/duration.ru.md"},
        {"category": "safety"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_hash_stays_when_something_else_changes(changed: dict[str, object]) -> None:
    assert make_article(**changed).hash == make_article().hash


def test_the_order_of_flags_and_sources_is_not_signed() -> None:
    one = make_article(flags=("medical", "watch"), sources=("nhs-botox", "rappl-2013"))
    two = make_article(flags=("watch", "medical"), sources=("rappl-2013", "nhs-botox"))

    assert one.hash == two.hash


def test_an_article_is_signed_while_it_stays_as_its_signer_saw_it() -> None:
    article = signed(make_article())

    assert article.signed(date(2026, 11, 24))
    assert not replace(article, body="Пять лет.").signed(date(2026, 11, 24))


def test_an_article_nobody_signed_is_not_signed_even_with_the_right_hash() -> None:
    article = make_article()

    assert not replace(article, reviewed_hash=article.hash).signed(date(2026, 11, 24))


def test_a_signature_lasts_until_the_review_date_and_is_overdue_the_day_after() -> None:
    article = signed(make_article())

    assert article.signed(article.review_by)
    assert not article.signed(article.review_by + timedelta(days=1))


def test_questions_title_and_paragraphs_are_indexed() -> None:
    found = list(passages(_article()))

    assert [passage.kind for passage in found] == ["question"] * 5 + ["title"] + ["paragraph"] * 3
    assert found[0] == Passage("duration", "ru", "question", "сколько держится")
    assert found[-1].text == "Сколько держится эффект. Иногда короче."
    assert {(passage.label, passage.lang) for passage in found} == {("duration", "ru")}
