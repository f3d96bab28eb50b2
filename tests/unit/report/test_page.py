import re
from datetime import timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.report.figures import Figures, Period
from bot.report.markup import _VOID
from bot.report.page import MOST_COMMENTS, MOST_GROUPS, MOST_TOPICS
from bot.report.rows import FeedbackRow, LostRow
from bot.report.style import STYLE
from tests.examples import NOON
from tests.unit.report.builders import MOSCOW, count, make_question, make_turn, show

NOTHING_HAPPENED = {"ru": "показывать нечего", "en": "nothing to show"}


class Outline(HTMLParser):
    """What a browser would make of a page: its tags with attributes, its text, and tags that were never closed."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.wrong.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def a_full_period() -> Figures:
    """Something of everything the page can show."""
    return count(
        make_turn(0, "answer", "pain"),
        make_turn(1, "clarify", "pain", "onset"),
        make_turn(2, "answer", "onset", by="chosen"),
        make_turn(3, "answer", "onset", by="pressed", language="en"),
        make_turn(4, "unknown", language="en"),
        make_turn(5, "crisis"),
        make_turn(6, "emergency", library="v2"),
        questions=(make_question("делаете микротоки?"), make_question("do you remove tattoos", "en")),
        feedback=(FeedbackRow(NOON, "ru", 5, "Понятно"), FeedbackRow(NOON, "ru", 3, "")),
        delivered={"sent": 5, "refused": 1, "unreachable": 1, "gave_up": 1},
        waiting=2,
        lost=(LostRow(NOON, "refused"),),
    )


def section(page: str, title: str) -> str:
    """The text of one section."""
    found = next(part for part in page.split("<section>") if f"<h2>{title}</h2>" in part)
    return Outline(found).text


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_the_page_is_sound_html_and_each_picture_sound_xml(lang: str) -> None:
    page = show(a_full_period(), lang)

    outline = Outline(page)
    pictures = re.findall(r"<svg.*?</svg>", page, re.S)
    assert (outline.open, outline.wrong) == ([], [])
    assert len(pictures) > 10
    for picture in pictures:
        ElementTree.fromstring(picture)


def test_nothing_runs_on_the_page_and_nothing_is_fetched() -> None:
    page = show(a_full_period())

    outline = Outline(page)
    assert not {"script", "iframe", "img", "link", "object", "form", "base"} & {tag for tag, _ in outline.tags}
    names = {name for _, attributes in outline.tags for name in attributes}
    assert not {name for name in names if name.startswith("on") or name in ("src", "href", "style", "srcset")}
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    policies = [tag[1]["content"] for tag in outline.tags if tag[1].get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_an_empty_period_says_so_and_shows_nothing_else(lang: str) -> None:
    outline = Outline(show(count(), lang))

    assert NOTHING_HAPPENED[lang] in outline.text
    assert "section" not in {tag for tag, _ in outline.tags}


def test_the_page_names_its_clinic_its_days_and_its_language() -> None:
    page = show(a_full_period(), clinic="Клиника «Мир»")

    text = Outline(page).text
    assert '<html lang="ru">' in page
    assert "Отчёт бота · Клиника «Мир»" in text
    assert "17 ноября 2026 – 23 ноября 2026, время Europe/Moscow" in text
    assert "Составлен 23 ноября 2026, 12:00" in text


def test_what_a_patient_wrote_is_text_whatever_it_is() -> None:
    attack = "</style><script>alert(1)</script><img src=x onerror=alert(1)>"

    page = show(
        count(
            make_turn(0, "answer", attack, library=attack),
            questions=(make_question(f"вопрос {attack}"),),
            feedback=(FeedbackRow(NOON, "ru", 1, attack),),
            delivered={attack: 1},
        ),
        clinic=attack,
    )

    outline = Outline(page)
    assert not {"script", "img"} & {tag for tag, _ in outline.tags}
    assert "вопрос </style><script>alert(1)</script>" in outline.text
    assert (outline.open, outline.wrong) == ([], [])


@given(st.text(max_size=60))
def test_no_text_breaks_the_page(text: str) -> None:
    page = show(count(make_turn(0), questions=(make_question(text),), feedback=(FeedbackRow(NOON, "ru", 1, text),)))

    outline = Outline(page)
    assert (outline.open, outline.wrong) == ([], [])
    assert not re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\u202e]", page)


def test_topics_have_the_titles_of_their_articles_and_else_their_ids() -> None:
    text = section(show(a_full_period(), pain="Больно ли?"), "О чём спрашивали")

    assert "Больно ли? 1" in text
    assert "onset 1 + 1" in text


def test_the_share_of_unanswered_questions_is_among_the_totals() -> None:
    page = show(count(make_turn(0, "unknown"), make_turn(1), make_turn(2), make_turn(3)))

    assert "25 % Без ответа" in section(page, "Коротко")


def test_the_tooltip_of_a_day_says_what_its_column_shows() -> None:
    page = show(count(make_turn(0, "answer", "pain"), make_turn(1, "unknown")))

    assert "<title>23\u00a0ноября: Ответ 1, Без ответа 1</title>" in page
    assert "<title>22\u00a0ноября: 0</title>" in page


def test_a_long_period_is_called_by_weeks() -> None:
    found = count(make_turn(0), period=Period.ending(NOON, 90, MOSCOW))

    assert "<h2>Вопросы по неделям</h2>" in show(found)


def test_choices_are_shown_against_offers() -> None:
    text = section(show(a_full_period(), "en"), "Choices offered")

    assert "Offered: 1" in text
    assert "Chosen: 1 of 1 (100%)" in text
    assert "onset · pain 1" in text


def test_dangers_are_named_in_words() -> None:
    text = section(show(a_full_period(), "en"), "Dangerous messages")

    assert "Crisis: thoughts of death, violence 1" in text
    assert "Emergency: ambulance 1" in text


def test_like_questions_are_one_line_with_their_number() -> None:
    questions = tuple(map(make_question, ("Микротоки делаете?", "микротоки", "микротоки", "удаление тату")))

    text = section(show(count(questions=questions)), "Вопросы без ответа")

    assert "3 микротоки А также: «Микротоки делаете?» последний 23 ноября · русский 1 удаление тату" in text


def test_names_and_numbers_in_questions_and_comments_are_masked() -> None:
    written = "меня зовут аня, мой номер +7 916 123-45-67, anna@example.org"

    page = show(count(questions=(make_question(written),), feedback=(FeedbackRow(NOON, "ru", 5, written),)))

    for title in ("Вопросы без ответа", "Отзывы"):
        assert "зовут ▒, мой номер ▒, ▒" in section(page, title)
    assert not re.search(r"\bаня\b|916|anna", page)


def test_a_very_long_text_is_cut() -> None:
    page = show(count(questions=(make_question("слово " * 5000),)))

    assert len(page) < 30_000


def test_lists_are_cut_and_say_how_much_is_left() -> None:
    words = ["".join(chr(0x430 + int(digit)) for digit in f"{number:04}") * 2 for number in range(MOST_GROUPS + 5)]
    topics = [make_turn(number, "answer", f"topic-{number}") for number in range(MOST_TOPICS + 7)]
    comments = tuple(FeedbackRow(NOON, "ru", None, "спасибо") for _ in range(MOST_COMMENTS + 9))

    page = show(count(*topics, questions=tuple(map(make_question, words)), feedback=comments))

    assert f"Показаны первые {MOST_GROUPS} групп; ещё групп: 5, вопросов в них: 5." in page
    assert "…и ещё 7" in section(page, "О чём спрашивали")
    assert "…и ещё 9" in section(page, "Отзывы")


def test_deliveries_are_told_by_how_they_ended() -> None:
    text = section(show(a_full_period()), "Доставка")

    assert "доставлено 5 из 8 (62 %)" in text
    assert "Telegram отказал 1 из 8" in text
    assert "ещё ждут отправки: 2" in text
    assert "23 ноября Telegram отказал 1" in text


def test_the_versions_that_answered_are_named_with_their_days() -> None:
    early = make_turn(0, at=NOON - timedelta(days=2), library="20261101-ab")

    text = section(show(count(early, make_turn(1, library="20261101-ab"))), "Версии библиотеки")

    assert "20261101-ab 21 ноября – 23 ноября 2" in text


def test_large_numbers_are_written_as_the_language_does() -> None:
    found = count(make_turn(0), delivered={"sent": 12345})

    assert "12\u202f345" in show(found)
    assert "12,345" in show(found, "en")
