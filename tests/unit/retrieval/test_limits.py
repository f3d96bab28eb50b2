"""The format of limits.yml and brands.yml: what is read, and every problem named with its line."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.retrieval.documents import Document, parse_yaml
from bot.retrieval.limits import Limits, parse_brands, parse_limits
from bot.retrieval.problems import Problem
from bot.wording import REFUSALS
from tests.examples import whole_knowledge

SOUND = """\
words:
  ru: {stop: "бросить|отменить"}
  en: {stop: "stop|quit"}
limits:
  - id: stop-treatment
    topic: mood-vs-treatment
    search: true
    ru: {phrases: [$stop таблетки], unless: [почему]}
    en: {phrases: [$stop pills]}
  - id: photo
    topic: null
    search: false
    ru: {phrases: [оцените фото]}
    en: {phrases: [rate photo]}
"""


def parsed(text: str) -> tuple[Limits | None, list[Problem]]:
    document = parse_yaml(text, "limits.yml")
    assert isinstance(document, Document), document
    return parse_limits(document)


def problems(old: str, new: str) -> list[Problem]:
    assert old in SOUND, old
    limits, found = parsed(SOUND.replace(old, new, 1))
    assert (limits is None) is bool(found)
    return found


def line(part: str) -> int:
    return next(number for number, row in enumerate(SOUND.splitlines(), 1) if part in row)


def test_a_sound_file_is_read_as_it_stands() -> None:
    limits, found = parsed(SOUND)

    assert found == []
    assert limits is not None
    stop, photo = limits.limits
    assert (stop.id, stop.topic, stop.search) == ("stop-treatment", "mood-vs-treatment", True)
    assert stop.phrases == {"ru": ("$stop таблетки",), "en": ("$stop pills",)}
    assert stop.unless == {"ru": ("почему",), "en": ()}
    assert (photo.topic, photo.search) == (None, False)
    assert limits.words["en"] == {"stop": "stop|quit"}


@pytest.mark.parametrize("text", ["- a", "words: {}", SOUND + "more: 1\n", "words: {}\nlimits: {}", "limits: []"])
def test_a_file_without_exactly_the_sections_is_one_problem(text: str) -> None:
    assert parsed(text) == (None, [Problem("limits.yml", 1, "must have the sections words and limits")])


@pytest.mark.parametrize("value", ["[a]", "{stop: 1}", "{stop: ''}"])
def test_groups_of_words_are_texts(value: str) -> None:
    assert problems('ru: {stop: "бросить|отменить"}', f"ru: {value}") == [
        Problem("limits.yml", 1, "`words` needs groups of words for each of ru and en")
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    search: true\n", "", "a limit needs en, id, ru, search, topic"),
        ("    search: true\n", "    search: true\n    more: 1\n", "a limit needs en, id, ru, search, topic"),
        ("search: true", "search: often", "a limit needs en, id, ru, search, topic"),
        ("topic: mood-vs-treatment", "topic: [x]", "`topic` must be the id of a topic or null"),
        ("- id: stop-treatment", "- id: stop-everything", "`stop-everything` has no refusal; known: stop-treatment"),
        ("- id: stop-treatment", "- id: [x]", "has no refusal"),
        ("phrases: [$stop таблетки], ", "", "each language needs a list of `phrases`"),
        ("phrases: [$stop таблетки]", "phrases: таблетки", "each language needs a list of `phrases`"),
        ("unless: [почему]", "unless: [1]", "each language needs a list of `phrases`"),
        ("unless: [почему]", "except: [x]", "each language needs a list of `phrases`"),
    ],
)
def test_what_is_wrong_with_a_limit_is_named_with_its_line(old: str, new: str, said: str) -> None:
    (problem,) = problems(old, new)

    assert (problem.path, problem.line) == ("limits.yml", line("- id: stop-treatment"))
    assert said in problem.message


def test_a_limit_stands_once() -> None:
    assert problems("- id: photo", "- id: stop-treatment") == [
        Problem("limits.yml", line("- id: photo"), "the limit `stop-treatment` stands here twice")
    ]


def test_every_refusal_of_the_wording_has_its_limit() -> None:
    """A limit that is deleted would leave its refusal unsaid for ever, in silence."""
    assert {limit.id for limit in whole_knowledge().limits.limits} == set(REFUSALS)


# ---- brand names ------------------------------------------------------------------------------------------


def test_brand_names_are_read_in_small_letters() -> None:
    assert parse_brands(Document("brands.yml", ["Botox", "Диспорт"], {})) == (("botox", "диспорт"), [])


@pytest.mark.parametrize("value", [None, {}, "botox", [1], [""], [["botox"]]])
def test_brand_names_are_a_list_of_texts(value: Any) -> None:
    assert parse_brands(Document("brands.yml", value, {})) == (
        (),
        [Problem("brands.yml", 1, "must be a list of brand names")],
    )


# ---- whatever a clinician's editor makes of it --------------------------------------------------------------


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in rows:
        yield from _places(inner, (*at, key))


PLACES = list(_places(yaml.safe_load(SOUND)))
JUNK = st.sampled_from([None, 0, 1.5, True, "", " ", "текст", [], {}, [None], [[]], {"ru": None}, {"ru": [], "en": []}])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), JUNK, st.booleans())
def test_no_change_of_the_file_breaks_the_reading_of_it(place: tuple[Any, ...], junk: Any, drop: bool) -> None:
    data = copy.deepcopy(yaml.safe_load(SOUND))
    around = data
    for key in place[:-1]:
        around = around[key]
    if drop:
        del around[place[-1]]
    else:
        around[place[-1]] = junk

    limits, found = parsed(yaml.safe_dump(data, allow_unicode=True))

    assert (limits is None) is bool(found)
