from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.report.markup import el, joined
from bot.report.pictures import Bar, Part, ceiling, columns, row

counts = st.lists(st.lists(st.integers(0, 10_000), min_size=1, max_size=5), min_size=1, max_size=40)


def rects(svg: str, look: str) -> list[dict[str, float]]:
    """Places and sizes of all pieces with this look."""
    found = ElementTree.fromstring(svg).iter("rect")
    return [
        {name: float(value) for name, value in rect.attrib.items() if name != "class"}
        for rect in found
        if rect.get("class") == look
    ]


@given(st.integers(0, 10_000_000))
def test_a_scale_ends_above_its_largest_number_and_has_a_whole_half(most: int) -> None:
    top = ceiling(most)

    assert top >= most
    assert top % 2 == 0
    assert top <= max(2 * most, 2)


def test_a_column_is_as_high_as_its_share_of_the_scale() -> None:
    svg = columns([Bar("", (Part("a", 1), Part("b", 3)))], top=8, label="")

    (lower,), (upper,) = rects(svg, "a"), rects(svg, "b")
    assert (lower["y"], lower["height"]) == (87.5, 12.5)
    assert (upper["y"], upper["height"]) == (50, 37.5)


def test_a_lying_bar_puts_its_parts_one_behind_the_other() -> None:
    svg = row(Bar("", (Part("a", 1), Part("b", 2), Part("c", 0))), top=4)

    (first,), (second,) = rects(svg, "a"), rects(svg, "b")
    assert (first["x"], first["width"]) == (0, 25)
    assert (second["x"], second["width"]) == (25, 50)
    assert rects(svg, "c") == []


@given(counts)
def test_whatever_is_counted_the_picture_is_sound_and_nothing_leaves_it(stacks: list[list[int]]) -> None:
    bars = [Bar('<день> & "ночь"', tuple(Part("a", count) for count in stack)) for stack in stacks]

    top = ceiling(max(bar.total for bar in bars))
    svg = columns(bars, top, "подпись")

    for rect in rects(svg, "a"):
        # Numbers are written with two places after the point.
        assert rect["y"] >= -0.01
        assert rect["y"] + rect["height"] <= 100.011
        assert 0 <= rect["x"] <= 10 * len(bars) - rect["width"]


def test_a_picture_says_in_words_what_it_shows() -> None:
    svg = ElementTree.fromstring(columns([Bar("12 ноября: ответ 3", (Part("a", 3),))], 4, "По дням"))

    assert (svg.get("role"), svg.get("aria-label")) == ("img", "По дням")
    assert [title.text for title in svg.iter("title")] == ["12 ноября: ответ 3"]


# ---- markup -------------------------------------------------------------------------------------------------------


def test_text_is_escaped_and_markup_is_not_escaped_again() -> None:
    assert el("p", "a < b", el("b", "&")) == "<p>a &lt; b<b>&amp;</b></p>"


def test_an_attribute_cannot_be_broken_out_of() -> None:
    assert el("p", class_='"><script>') == '<p class="&quot;&gt;&lt;script&gt;"></p>'


def test_an_attribute_without_a_value_is_left_out() -> None:
    assert el("td", "1", class_=None) == "<td>1</td>"


@pytest.mark.parametrize("child", ["<script>", "&lt;", "'\""])
def test_joining_escapes_what_is_no_markup(child: str) -> None:
    assert joined([child]) == el("p", child).removeprefix("<p>").removesuffix("</p>")
    assert "<script>" not in joined([child])
