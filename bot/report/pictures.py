"""Pictures as inline SVG: bars with no words in them, so that they may be stretched and the words beside them not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.report.markup import Markup, el

# Heights in the units of the picture, which is stretched to the room it has.
_HEIGHT = 100.0
_STEP, _WIDTH = 10.0, 8.0


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar: `look` is its class in the style sheet."""

    look: str
    count: int


@dataclass(frozen=True, slots=True)
class Bar:
    """`title` is what the reader's pointer shows and what a screen reader says."""

    title: str
    parts: tuple[Part, ...]

    @property
    def total(self) -> int:
        return sum(part.count for part in self.parts)


def ceiling(most: int) -> int:
    """The end of a scale from 0 on which `most` fits: one telling digit, and even, so that its half can be named."""
    power = 1
    while True:
        for digit in (1, 2, 3, 4, 5, 6, 8):
            found = digit * power
            if found >= most and found % 2 == 0:
                return found
        power *= 10


def columns(bars: Sequence[Bar], top: int, label: str) -> Markup:
    """Stacked columns on a scale up to `top`, with lines at its half and its end."""
    width = len(bars) * _STEP
    lines = [
        el("line", x1=0, x2=_number(width), y1=y, y2=y, class_="grid", vector_effect="non-scaling-stroke")
        for y in (0, 50, 100)
    ]
    drawn = []
    for place, bar in enumerate(bars):
        pieces, bottom = [], _HEIGHT
        for part in bar.parts:
            if not part.count:
                continue
            height = _HEIGHT * part.count / top
            bottom -= height
            pieces.append(_rect(part.look, place * _STEP + (_STEP - _WIDTH) / 2, bottom, _WIDTH, height))
        # A column of nothing still says which day it is.
        pieces.append(_rect("hover", place * _STEP, 0, _STEP, _HEIGHT))
        drawn.append(el("g", el("title", bar.title), pieces))
    box = f"0 0 {_number(width)} {_number(_HEIGHT)}"
    return el(
        "svg", lines, drawn, viewBox=box, preserveAspectRatio="none", role="img", aria_label=label, class_="columns"
    )


def row(bar: Bar, top: int) -> Markup:
    """One bar lying down, as long as its share of `top`."""
    pieces, left = [], 0.0
    for part in bar.parts:
        if part.count:
            width = 100.0 * part.count / top
            pieces.append(_rect(part.look, left, 0, width, 10))
            left += width
    title = el("title", bar.title)
    return el(
        "svg", title, pieces, viewBox="0 0 100 10", preserveAspectRatio="none", role="img", aria_label=bar.title,
        class_="row",
    )  # fmt: skip


def swatch(look: str) -> Markup:
    """A square in a part's colour, for the legend."""
    return el("svg", _rect(look, 0, 0, 10, 10), viewBox="0 0 10 10", aria_hidden="true", class_="swatch")


def _rect(look: str, x: float, y: float, width: float, height: float) -> Markup:
    places = {"x": x, "y": y, "width": width, "height": height}
    return el("rect", class_=look, **{name: _number(value) for name, value in places.items()})


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
