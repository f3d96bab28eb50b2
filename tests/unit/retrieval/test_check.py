import time
from datetime import date
from pathlib import Path

import pytest

from bot.retrieval.check import check
from bot.retrieval.folder import Knowledge, read_folder
from bot.retrieval.problems import Problem, errors
from tests.examples import KNOWLEDGE, change, line_of, small_folder, whole_knowledge

TODAY = date(2026, 11, 23)
DURATION = "articles/duration/duration.ru.md"
ONSET = "articles/duration/onset.ru.md"
MOOD = "articles/mood/mood-evidence.ru.md"


def _knowledge(folder: Path) -> Knowledge:
    knowledge, problems = read_folder(folder)
    assert knowledge is not None
    assert errors(problems) == []
    return knowledge


def _problems(folder: Path, path: str, today: date = TODAY) -> list[Problem]:
    """The problems of one file, without those that the sound folder has too."""
    return [problem for problem in check(_knowledge(folder), today) if problem.path == path]


def _new(folder: Path, path: str, old: str, new: str) -> list[Problem]:
    """The problems that an edit of a file brings to it."""
    before = {(problem.message, problem.level) for problem in _problems(folder, path)}
    change(folder / path, old, new)
    return [problem for problem in _problems(folder, path) if (problem.message, problem.level) not in before]


def test_a_sound_folder_has_no_errors(folder: Path) -> None:
    assert errors(check(_knowledge(folder), TODAY)) == []


def test_the_whole_library_has_no_errors_and_is_checked_within_ten_seconds() -> None:
    began = time.perf_counter()
    knowledge, problems = read_folder(KNOWLEDGE)
    assert knowledge is not None
    problems += check(knowledge)

    assert [str(problem) for problem in errors(problems)] == []
    assert time.perf_counter() - began < 10


def test_a_flag_of_the_catalogue_cannot_be_dropped(folder: Path) -> None:
    problems = _new(folder, MOOD, "flags: [mood, medical]", "flags: [medical]")

    assert problems == [
        Problem(
            MOOD,
            line_of(folder / MOOD, "flags:"),
            "lacks the flag `mood` of the catalogue; an article may add flags, not drop them",
        )
    ]


def test_a_flag_may_be_added(folder: Path) -> None:
    assert _new(folder, DURATION, "flags: [medical]", "flags: [medical, watch]") == []


def test_a_source_must_be_in_the_bibliography(folder: Path) -> None:
    change(folder / DURATION, "sources: [", "sources: [my-blog, ")
    change(folder / DURATION, "В среднем", "В среднем [@my-blog]")

    problems = errors(_problems(folder, DURATION))

    line = line_of(folder / DURATION, "sources:")
    assert problems == [Problem(DURATION, line, "the source `my-blog` is not in sources.yml")]


def test_a_topic_must_be_in_the_catalogue(folder: Path) -> None:
    change(folder / "catalogue.yml", "id: onset,", "id: onset-of-effect,")

    assert Problem(ONSET, 2, "`onset` is not in catalogue.yml; add the topic there first") in _problems(folder, ONSET)


def test_an_article_lies_in_the_folder_of_its_category(folder: Path) -> None:
    (folder / "articles/safety").mkdir()
    (folder / DURATION).rename(folder / "articles/safety/duration.ru.md")

    assert errors(_problems(folder, "articles/safety/duration.ru.md")) == [
        Problem("articles/safety/duration.ru.md", 0, "must lie in articles/duration, where the catalogue has the topic")
    ]


def test_a_related_topic_must_be_in_the_catalogue(folder: Path) -> None:
    problems = _new(folder, DURATION, "related: [onset,", "related: [onset, sunrise,")

    line = line_of(folder / DURATION, "related:")
    assert problems == [Problem(DURATION, line, "`related` names `sunrise`, which is not in catalogue.yml")]


def test_a_related_topic_without_an_article_is_a_warning(folder: Path) -> None:
    problems = _new(folder, DURATION, "related: [onset,", "related: [onset, pain,")

    line = line_of(folder / DURATION, "related:")
    message = "`related` names `pain`, which has no article yet"
    assert problems == [Problem(DURATION, line, message, "warning")]


def test_nothing_that_sells_may_be_related_where_nothing_may_be_sold(folder: Path) -> None:
    problems = _new(folder, MOOD, "related: [", "related: [price, ")

    line = line_of(folder / MOOD, "related:")
    assert problems == [Problem(MOOD, line, "`related` names `price`, but nothing may be sold under `mood-evidence`")]


def test_a_topic_that_sells_may_be_related_elsewhere(folder: Path) -> None:
    assert _new(folder, DURATION, "related: [", "related: [price, ") == []


def test_nothing_may_be_sold_under_pregnancy_although_its_flags_do_not_say_so(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "knowledge", ("pregnancy-breastfeeding", "price"))

    path = "articles/safety/pregnancy-breastfeeding.ru.md"
    problems = _new(folder, path, "related: [", "related: [price, ")

    assert [problem.message for problem in problems] == [
        "`related` names `price`, but nothing may be sold under `pregnancy-breastfeeding`"
    ]


def test_every_topic_speaks_both_languages(folder: Path) -> None:
    (folder / "articles/duration/duration.en.md").unlink()

    assert errors(_problems(folder, DURATION)) == [
        Problem(DURATION, 0, "has no twin in `en` without errors; every topic speaks both languages")
    ]


def test_a_translation_whose_original_changed_is_stale(folder: Path) -> None:
    path = "articles/duration/duration.en.md"
    assert not any("stale" in problem.message for problem in _problems(folder, path))
    change(folder / DURATION, "В среднем 3–4 месяца", "В среднем 3–5 месяцев")

    stale = [problem for problem in _problems(folder, path) if "stale" in problem.message]

    assert stale == [
        Problem(
            path,
            line_of(folder / path, "translation_of:"),
            f"is stale: {DURATION} has changed; bring it up to date, then `mimika knowledge translated duration.en`",
            "warning",
        )
    ]


def test_a_question_added_to_the_original_makes_no_translation_stale(folder: Path) -> None:
    change(folder / DURATION, "  - надолго ли это\n", "  - надолго ли это\n  - это на весь год?\n")

    assert not any("stale" in problem.message for problem in check(_knowledge(folder), TODAY))


def test_a_translation_cannot_be_of_its_own_language(folder: Path) -> None:
    path = "articles/duration/duration.en.md"
    problems = _new(folder, path, "translation_of: ru", "translation_of: en")

    line = line_of(folder / path, "translation_of:")
    assert problems == [Problem(path, line, "`translation_of` names its own language")]


def test_a_review_is_overdue_the_day_after_it_was_due(folder: Path) -> None:
    due = _knowledge(folder).articles["duration", "ru"].review_by
    line = line_of(folder / DURATION, "review_by:")
    overdue = Problem(DURATION, line, f"its review was due on {due}", "warning")

    assert overdue not in _problems(folder, DURATION, due)
    assert overdue in _problems(folder, DURATION, date.fromordinal(due.toordinal() + 1))


def test_a_signer_must_be_named(folder: Path) -> None:
    problems = errors(_new(folder, DURATION, "reviewed_by: null", "reviewed_by: petrova"))

    line = line_of(folder / DURATION, "reviewed_by:")
    assert problems == [Problem(DURATION, line, "`reviewed_by: petrova` is not in signers.yml")]


def test_an_article_changed_since_it_was_signed_is_a_warning(folder: Path) -> None:
    (folder / "signers.yml").write_text("ivanova: {name: Мария Иванова, role: врач}\n", encoding="utf-8")
    change(folder / DURATION, "reviewed_hash: null", 'reviewed_hash: "0123456789abcdef"')
    problems = _new(folder, DURATION, "reviewed_by: null", "reviewed_by: ivanova")

    line = line_of(folder / DURATION, "reviewed_hash:")
    assert problems == [Problem(DURATION, line, "was changed since it was signed; it shows as unsigned", "warning")]


def test_a_topic_with_few_questions_is_weakly_covered(folder: Path) -> None:
    path = folder / DURATION
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for number, line in enumerate(lines) if not (line.startswith("  - ") and number >= 19)]
    path.write_text("".join(kept), encoding="utf-8")

    problems = [problem for problem in _problems(folder, DURATION) if "weakly" in problem.message]

    message = "is weakly covered: 14 questions, 15 are wanted"
    assert problems == [Problem(DURATION, line_of(path, "questions:"), message, "warning")]


def test_a_topic_of_the_catalogue_without_an_article_is_a_warning(folder: Path) -> None:
    missing = Problem("catalogue.yml", 0, "`pain` has no article yet", "warning")

    assert missing in check(_knowledge(folder), TODAY)


def test_calibration_questions_need_an_article(folder: Path) -> None:
    text = "ru:\n  pain:\n    - это больно?\n  outside/jobs:\n    - вам нужен администратор?\nen: {}\n"
    (folder / "calibration.yml").write_text(text, encoding="utf-8")

    assert _problems(folder, "calibration.yml") == [
        Problem("calibration.yml", 3, "`pain` has no article in `ru`; remove its questions")
    ]


def test_the_same_question_in_two_topics_is_an_error_with_both_places(folder: Path) -> None:
    change(folder / ONSET, "questions:\n", "questions:\n  - Сколько держится ботокс?\n")

    line = line_of(folder / ONSET, "Сколько держится ботокс?")
    assert errors(_problems(folder, ONSET)) == [
        Problem(ONSET, line, f"«Сколько держится ботокс?» is also a question of duration ({DURATION}); keep one")
    ]
    assert str(errors(_problems(folder, ONSET))[0]).startswith(f"{ONSET}:{line}: error: ")


def test_the_same_question_in_two_topics_is_told_once(folder: Path) -> None:
    before = [problem for problem in check(_knowledge(folder), TODAY) if "nearly the same" in problem.message]
    change(folder / ONSET, "questions:\n", "questions:\n  - Надолго ли это?\n")

    after = [problem for problem in check(_knowledge(folder), TODAY) if "nearly the same" in problem.message]

    assert len(after) == len(before)


def test_the_same_question_in_latin_letters_is_the_same_question(folder: Path) -> None:
    change(folder / ONSET, "questions:\n", "questions:\n  - botox сколько действует!\n")

    assert ["is also a question of duration" in problem.message for problem in errors(_problems(folder, ONSET))] == [
        True
    ]


def test_the_same_question_in_a_topic_and_outside_the_library_is_an_error(folder: Path) -> None:
    text = "en:\n  jobs:\n    - is botox permanent\nru: {}\n"
    (folder / "outside.yml").write_text(text, encoding="utf-8")

    problems = errors(_problems(folder, "outside.yml"))

    message = "«is botox permanent» is also a question of duration (articles/duration/duration.en.md); keep one"
    assert problems == [Problem("outside.yml", 3, message)]


def test_the_same_question_twice_in_one_topic_is_no_error(folder: Path) -> None:
    change(folder / DURATION, "questions:\n", "questions:\n  - надолго ли это?\n")

    assert errors(check(_knowledge(folder), TODAY)) == []


def test_the_same_words_in_two_languages_are_two_questions(folder: Path) -> None:
    change(folder / "articles/duration/onset.en.md", "questions:\n", "questions:\n  - 2, 3 (4)?\n")
    change(folder / DURATION, "questions:\n", "questions:\n  - 2, 3 (4)?\n")

    assert errors(check(_knowledge(folder), TODAY)) == []


def test_nearly_the_same_questions_are_a_warning_that_names_the_winner(folder: Path) -> None:
    change(folder / ONSET, "questions:\n", "questions:\n  - сколько ботокс держитсяя\n")

    near = [problem for problem in check(_knowledge(folder), TODAY) if "nearly the same" in problem.message]

    rival = line_of(folder / ONSET, "сколько ботокс держитсяя")
    line = line_of(folder / DURATION, "  - сколько держится ботокс")
    message = f"nearly the same as {ONSET}:{rival} [ru]; duration would win"
    assert Problem(DURATION, line, message, "warning") in near


def test_questions_with_another_point_are_not_nearly_the_same(folder: Path) -> None:
    before = len([problem for problem in check(_knowledge(folder), TODAY) if "nearly" in problem.message])
    change(folder / ONSET, "questions:\n", "questions:\n  - сколько дней ждать первого результата на лбу\n")

    assert len([problem for problem in check(_knowledge(folder), TODAY) if "nearly" in problem.message]) == before


# For each row of forbidden.yml, texts it must find and texts it must leave alone.
FORBIDDEN = {
    "a number of units; the dose is the doctor's decision": (
        ("нужно 20 единиц", "обычно 10-15 ед. на лоб", "about 20 units", "from 4 – 6 IU"),
        ("от 200 ₽ за единицу", "20 минут", "единицы разные"),
    ),
    "clears a person for treatment": (
        ("вам можно", "Вам точно подойдёт", "вам показан укол", "you can safely have it", "You are an ideal candidate"),
        ("можно ли вам, решит врач", "can you have it"),
    ),
    "a promise of a result": (
        ("гарантируем эффект", "гарантия результата", "results guaranteed", "we guarantee it"),
        ("это не обещание", "no promise"),
    ),
    "a promise of safety": (
        (
            "абсолютно безопасно", "completely safe", "без побочных эффектов", "no side effects", "без риска",
            "risk-free",
        ),
        ("побочные эффекты бывают", "side effects happen"),
    ),
    "a superlative about a product": (
        ("лучший препарат", "самая безопаснейшая марка", "the best brand", "safest product"),
        ("лучше спросить врача", "the best time"),
    ),
    "ranks one brand above another": (
        ("ботокс лучше диспорта", "Диспорт сильнее", "Botox is stronger"),
        ("ботокс или диспорт", "botox and dysport are different"),
    ),
    "the toxin is no antidepressant": (
        ("антидепрессант в шприце", "Botox is an antidepressant"),
        ("не антидепрессант", "your antidepressant"),
    ),
    "sales pressure": (
        ("скидки до 30 %", "акция только до мая", "только сегодня", "Limited offer", "hurry up"),
        ("скидки бывают разные", "сегодня"),
    ),
    "say who will tell instead": (
        ("часы не подтверждены клиникой",),
        ("подтвердит администратор",),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "text"), [(reason, text) for reason, (found, _) in FORBIDDEN.items() for text in found]
)
def test_words_no_article_may_hold_are_an_error_with_the_line_and_the_reason(
    folder: Path, reason: str, text: str
) -> None:
    change(folder / DURATION, "\nВсё это о мимических морщинах", f"\nСлово. {text} Всё это о мимических морщинах")

    problems = errors(_problems(folder, DURATION))

    assert [(problem.line, problem.message.split(": ")[1]) for problem in problems] == [
        (line_of(folder / DURATION, text), reason)
    ]


@pytest.mark.parametrize(
    ("reason", "text"), [(reason, text) for reason, (_, fine) in FORBIDDEN.items() for text in fine]
)
def test_words_that_only_look_like_forbidden_ones_may_stand(reason: str, text: str) -> None:
    rows = [row for row in whole_knowledge().forbidden if row.reason == reason]

    assert rows
    assert [row.pattern.pattern for row in rows if row.pattern.search(text)] == []


def test_every_row_of_forbidden_words_is_tried_here() -> None:
    rows = whole_knowledge().forbidden

    untried = [
        row.pattern.pattern
        for row in rows
        if not any(row.pattern.search(text) for text in FORBIDDEN.get(row.reason, ((), ()))[0])
    ]
    assert untried == []


def test_a_title_may_not_hold_forbidden_words_either(folder: Path) -> None:
    problems = errors(_new(folder, DURATION, "title: Сколько держится эффект", "title: Вам можно"))

    assert [problem.line for problem in problems] == [line_of(folder / DURATION, "title:")]


def test_a_question_may_hold_what_an_answer_may_not(folder: Path) -> None:
    assert errors(_new(folder, DURATION, "questions:\n", "questions:\n  - нужно 20 единиц на лоб\n")) == []


def test_problems_come_in_the_order_of_files_and_lines(folder: Path) -> None:
    change(folder / MOOD, "flags: [mood, medical]", "flags: [medical]")
    change(folder / DURATION, "related: [", "related: [sunrise, ")

    problems = check(_knowledge(folder), TODAY)

    assert problems == sorted(problems)
