import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.telegram.rendering import MESSAGE_LIMIT, plain, render, rows, units
from bot.messages import Button

# What a Markdown or HTML parser could stumble over, between letters of both alphabets and astral characters.
NASTY = "ab яж19*_`~[]()<>&#|\\!-+.>=\"'\n\t\0\u00a0\u200b\u202e😀𝒳"
nasty_texts = st.text(alphabet=NASTY, max_size=300)
words = st.text(alphabet="abяжё😀", min_size=1, max_size=9)
SENTENCE = st.lists(words, min_size=1, max_size=12)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Markdown of paragraphs, lists, bold and italic, and the words that a reader must see, in order."""
    shapes = {"plain": "{}", "bold": "**{}**", "italic": "*{}*", "both": "***{}***"}
    source, expected = [], []
    for kind in draw(st.lists(st.sampled_from(["paragraph", "list", "lines"]), min_size=1, max_size=5)):
        rows_of_block = []
        for _ in range(1 if kind == "paragraph" else draw(st.integers(1, 4))):
            parts = draw(st.lists(st.tuples(st.sampled_from(sorted(shapes)), SENTENCE), min_size=1, max_size=3))
            line = " ".join(shapes[shape].format(" ".join(sentence)) for shape, sentence in parts)
            rows_of_block.append(f"- {line}" if kind == "list" else line)
            expected += [word for _, sentence in parts for word in sentence]
        source.append("\n".join(rows_of_block))
    return "\n\n".join(source), expected


def seen(html: str) -> str:
    """What Telegram shows; fails where its parser would: a tag that is not allowed, not closed or wrongly nested."""
    open_tags: list[str] = []
    for closing, name in re.findall(r"<(/?)([^>]*)>?", html):
        assert name in ("b", "i"), f"<{closing}{name}>"
        if closing:
            assert open_tags.pop() == name
        else:
            open_tags.append(name)
    assert open_tags == []
    text = re.sub(r"</?[bi]>", "", html)
    assert "<" not in text
    assert not re.search(r"&(?!(lt|gt|amp);)", text)
    return unescape(text)


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


# ---- for any text ---------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(nasty_texts, st.integers(2, 60))
def test_every_message_is_valid_html_with_only_bold_and_italic(markdown: str, limit: int) -> None:
    for html in render(markdown, limit):
        seen(html)


@settings(deadline=None)
@given(nasty_texts, st.integers(2, 60))
def test_no_message_is_longer_than_the_limit_in_utf16_units(markdown: str, limit: int) -> None:
    assert all(utf16(seen(html)) <= limit for html in render(markdown, limit))


@settings(deadline=None)
@given(nasty_texts, st.integers(2, 60))
def test_no_message_is_blank(markdown: str, limit: int) -> None:
    assert all(seen(html).strip() for html in render(markdown, limit))


@settings(deadline=None)
@given(nasty_texts, st.integers(2, 60))
def test_the_plain_messages_are_the_same_without_markup(markdown: str, limit: int) -> None:
    assert [seen(html) for html in render(markdown, limit)] == plain(markdown, limit)


@settings(deadline=None)
@given(nasty_texts, st.integers(2, 60))
def test_no_letter_or_digit_is_lost_whatever_the_markdown(markdown: str, limit: int) -> None:
    def alnum(text: str) -> str:
        return "".join(character for character in text if character.isalnum() or character == "😀")

    assert alnum("".join(plain(markdown, limit))) == alnum(markdown)


@settings(deadline=None)
@given(documents(), st.integers(12, 80))
def test_splitting_loses_no_word_and_cuts_none(document: tuple[str, list[str]], limit: int) -> None:
    markdown, expected = document
    shown = " ".join(plain(markdown, limit * 2)).split()
    assert [word for word in shown if word != "•"] == expected


@settings(deadline=None)
@given(st.text(alphabet="a😀𝒳", min_size=1, max_size=400), st.integers(2, 9))
def test_a_word_longer_than_a_message_is_cut_between_characters(word: str, limit: int) -> None:
    messages = plain(word, limit)
    assert "".join(messages) == word
    assert all(utf16(message) >= limit - 1 for message in messages[:-1])


@settings(deadline=None)
@given(st.text())
def test_length_is_counted_as_telegram_counts_it(text: str) -> None:
    assert units(text) == utf16(text)


# ---- splitting ------------------------------------------------------------------------------------------------


def test_a_text_of_exactly_the_limit_is_one_message() -> None:
    assert [units(text) for text in plain("а" * MESSAGE_LIMIT)] == [4096]
    assert [units(text) for text in plain("а" * (MESSAGE_LIMIT + 1))] == [4096, 1]


def test_4096_emojis_fill_two_messages() -> None:
    messages = plain("😀" * 4096)
    assert [units(message) for message in messages] == [4096, 4096]


def test_a_line_of_10_000_characters_is_split_at_spaces() -> None:
    line = " ".join(["ботулинотерапия"] * 625)
    messages = plain(line)
    assert len(messages) == 3
    assert " ".join(messages) == line


def test_paragraphs_stay_whole_where_they_fit() -> None:
    assert plain("раз два\n\nтри четыре\n\nпять", 20) == ["раз два\n\nтри четыре", "пять"]


def test_the_gap_between_paragraphs_counts() -> None:
    assert plain("раз\n\nдва", 8) == ["раз\n\nдва"]
    assert plain("раз\n\nдва", 7) == ["раз", "два"]


def test_bold_goes_on_in_the_next_message() -> None:
    assert render("**раз два три**", 8) == ["<b>раз два</b>", "<b>три</b>"]


# ---- markup ---------------------------------------------------------------------------------------------------


def test_bold_and_italic_become_tags() -> None:
    assert render("**жирно** и *курсив*") == ["<b>жирно</b> и <i>курсив</i>"]


def test_nested_emphasis_closes_inside_out() -> None:
    assert render("***оба***") == ["<i><b>оба</b></i>"]
    assert render("**a *b* c**") == ["<b>a </b><b><i>b</i></b><b> c</b>"]


@pytest.mark.parametrize(
    "text",
    [
        "<b>x</b> <script>alert(1)</script> <a href='tg://user?id=1'>я</a>",
        "&lt;b&gt; &amp; &quot; &#60;",
        "5 < 6 & 7 > 3",
        "[ссылка](https://example.org) ![фото](https://example.org/1.png) <https://example.org>",
        "`код` и ```ещё код```",
        "# заголовок",
        "> цитата",
        "| a | b |",
        "~~нет~~ ||тайна|| __",
        "snake_case_word и 2 * 3 * 4 =",
        "</i></b>",
        "{name} %s \u202eabc\u200b",
    ],
)
def test_html_and_unsupported_markdown_show_as_the_text_they_are(text: str) -> None:
    assert "".join(seen(html) for html in render(text)) == text


def test_an_escaped_star_is_a_star() -> None:
    assert render(r"\*не курсив\*") == ["*не курсив*"]


def test_lines_stay_lines_and_paragraphs_stay_apart() -> None:
    assert plain("раз\nдва\n\n\n\nтри") == ["раз\nдва\n\nтри"]


def test_empty_text_gives_no_message() -> None:
    assert render("") == []
    assert render(" \n\n\u00a0") == []


def test_a_list_becomes_bullets_on_lines_that_stand_together() -> None:
    assert plain("Вот:\n\n- раз\n- **два**\n- три\n\nВсё.") == ["Вот:\n\n• раз\n• два\n• три\n\nВсё."]


def test_a_numbered_list_keeps_its_numbers() -> None:
    assert plain("1. раз\n2. два") == ["1. раз\n2. два"]


def test_a_paragraph_that_begins_with_the_emergency_number_keeps_it() -> None:
    assert plain("112. Звоните сразу.") == ["112. Звоните сразу."]


def test_an_item_without_text_keeps_its_number() -> None:
    assert plain("051.") == ["051."]
    assert plain("1. - раз\n2.") == ["1. • раз\n2."]


def test_a_second_paragraph_of_an_item_has_no_bullet_of_its_own() -> None:
    assert plain("- раз\n\n  ещё\n- два") == ["• раз\n\nещё\n\n• два"]


def test_a_list_is_split_between_items() -> None:
    assert plain("- раз два\n- три четыре", 14) == ["• раз два", "• три четыре"]


# ---- buttons --------------------------------------------------------------------------------------------------


def titles(*given_titles: str) -> list[list[str]]:
    return [[button.title for button in row] for row in rows([Button(title, title) for title in given_titles])]


def test_two_short_buttons_share_a_row() -> None:
    assert titles("Подробнее", "Источники", "Все темы") == [["Подробнее", "Источники"], ["Все темы"]]


def test_a_long_button_stands_alone() -> None:
    long = "Сколько держится эффект"
    assert titles("Подробнее", long, "Источники", "Все темы") == [["Подробнее"], [long], ["Источники", "Все темы"]]


def test_a_title_of_astral_characters_counts_double() -> None:
    assert titles("😀" * 9, "b") == [["😀" * 9, "b"]]
    assert titles("😀" * 10, "b") == [["😀" * 10], ["b"]]


@settings(deadline=None)
@given(st.lists(st.text(alphabet="аb😀", min_size=1, max_size=40), max_size=12))
def test_rows_keep_every_button_in_order(given_titles: list[str]) -> None:
    arranged = titles(*given_titles)
    assert [title for row in arranged for title in row] == given_titles
    assert all(1 <= len(row) <= 2 for row in arranged)
