"""The format of red_flags.yml: what is read, and every problem named with its line."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.messages import LANGS
from bot.retrieval.documents import Document, parse_yaml
from bot.retrieval.problems import Problem
from bot.retrieval.redflags import RedFlags, parse_red_flags

SOUND = """\
words:
  ru: {cannot: "не_могу|нельзя"}
  en: {cannot: "can't"}
misspelt: {ru: [магу], en: []}
fillers: {ru: [я], en: [i]}
negators: {ru: [не], en: [not]}
softeners:
  - id: rule
    kinds: [emergency, urgent]
    ru: [бывает]
    en: [can it]
insists: {ru: [сейчас], en: [right_now]}
addressed: {ru: [помогите], en: [help me]}
idioms: {ru: [от_смеха], en: [to_die_for]}
signs:
  - id: breathing
    kind: emergency
    reply: emergency
    source: azzalure-smpc
    ru: {phrases: [$cannot дышать], unless: [свежий воздух]}
    en: {phrases: [$cannot breathe]}
  - id: suicide
    kind: crisis
    reply: crisis
    source: who
    ru: {phrases: [хочу умереть]}
    en: {phrases: [want die]}
replies:
  ru: {emergency: "Звоните 112.\\n", crisis: "Мне жаль. 112, 051."}
  en: {emergency: Call 112., crisis: "I am sorry. 112, 051."}
lines:
  - id: emergency-number
    number: "112"
    hours: {ru: круглосуточно, en: round the clock}
    source: gov
    checked_on: 2026-11-20
    checked_by: Иванова
  - id: moscow
    number: "051"
    hours: {ru: круглосуточно, en: round the clock}
    source: msph-051
    checked_on: null
    checked_by: null
"""


def parsed(text: str) -> tuple[RedFlags | None, list[Problem]]:
    document = parse_yaml(text, "red_flags.yml")
    assert isinstance(document, Document), document
    return parse_red_flags(document)


def problems(old: str, new: str) -> list[Problem]:
    """The problems of the sound file with a change."""
    assert SOUND.count(old) >= 1, old
    flags, found = parsed(SOUND.replace(old, new, 1))
    assert (flags is None) is bool(found)
    return found


def line(part: str) -> int:
    return next(number for number, row in enumerate(SOUND.splitlines(), 1) if part in row)


def test_a_sound_file_is_read_as_it_stands() -> None:
    flags, found = parsed(SOUND)

    assert found == []
    assert flags is not None
    breathing, suicide = flags.signs
    assert (breathing.id, breathing.kind, breathing.reply, breathing.source) == (
        "breathing", "emergency", "emergency", "azzalure-smpc",
    )  # fmt: skip
    assert breathing.phrases == {"ru": ("$cannot дышать",), "en": ("$cannot breathe",)}
    assert breathing.unless == {"ru": ("свежий воздух",), "en": ()}
    assert suicide.unless == {"ru": (), "en": ()}
    assert flags.words["ru"] == {"cannot": "не_могу|нельзя"}
    assert flags.softeners[0].kinds == ("emergency", "urgent")
    assert flags.replies["ru"]["emergency"] == "Звоните 112."


def test_a_line_says_who_called_it_and_when() -> None:
    flags, _ = parsed(SOUND)
    assert flags is not None
    called, not_called = flags.lines

    assert (called.number, called.checked_on, called.checked_by) == ("112", date(2026, 11, 20), "Иванова")
    assert (not_called.checked_on, not_called.checked_by) == (None, None)
    assert not_called.hours["en"] == "round the clock"


def test_a_date_is_read_from_a_library_version_too_where_it_is_a_text() -> None:
    flags, _ = parsed(SOUND.replace("2026-11-20", '"2026-11-20"'))
    assert flags is not None
    assert flags.lines[0].checked_on == date(2026, 11, 20)


@pytest.mark.parametrize("text", ["- a", "words: {}", "x: 1", SOUND + "more: {}\n", SOUND.replace("idioms:", "idiom:")])
def test_a_file_without_exactly_the_sections_is_one_problem_that_names_them(text: str) -> None:
    flags, found = parsed(text)

    assert flags is None
    (problem,) = found
    assert (
        "words, misspelt, fillers, negators, softeners, insists, addressed, idioms, signs, replies, lines"
        in problem.message
    )


def test_an_empty_file_is_a_problem() -> None:
    assert parse_red_flags(Document("red_flags.yml", None, {}))[0] is None


@pytest.mark.parametrize("section", ["misspelt", "fillers", "negators", "insists", "addressed", "idioms"])
@pytest.mark.parametrize("value", ["{ru: [я]}", "{ru: [я], en: i}", "[я]", "{ru: [1], en: [i]}", "{ru: [''], en: [i]}"])
def test_a_list_of_phrases_is_needed_for_each_language(section: str, value: str) -> None:
    row = next(row for row in SOUND.splitlines() if row.startswith(f"{section}:"))

    assert problems(row, f"{section}: {value}") == [
        Problem("red_flags.yml", line(row), f"`{section}` needs a list of phrases for each of ru and en")
    ]


@pytest.mark.parametrize("value", ["{cannot: []}", "[не_могу]", "{cannot: 1}", "нет", "{cannot: ' '}"])
def test_groups_of_words_are_texts(value: str) -> None:
    (problem,) = problems('ru: {cannot: "не_могу|нельзя"}', f"ru: {value}")
    assert problem == Problem("red_flags.yml", 1, "`words` needs groups of words for each of ru and en")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kinds: [emergency, urgent]", "kinds: [emergency, grave]"),
        ("kinds: [emergency, urgent]", "kinds: []"),
        ("kinds: [emergency, urgent]", "kinds: 5"),
        ("kinds: [emergency, urgent]", "kinds: emergency"),
        ("kinds: [emergency, urgent]", "kinds: [[emergency]]"),
        ("    ru: [бывает]\n", ""),
        ("- id: rule", "- id: ''"),
        ("- id: rule\n    kinds", "- kinds"),
    ],
)
def test_a_softener_needs_id_kinds_and_both_languages(old: str, new: str) -> None:
    assert problems(old, new) == [
        Problem("red_flags.yml", line("- id: rule"), "a softener needs `id`, `kinds`, ru and en")
    ]


@pytest.mark.parametrize("section", ["softeners", "signs", "lines"])
@pytest.mark.parametrize("value", ["null", "{a: b}", "text", "5"])
def test_a_section_of_rows_must_be_a_list(section: str, value: str) -> None:
    data = yaml.safe_load(SOUND)
    data[section] = yaml.safe_load(value)

    flags, found = parsed(yaml.safe_dump(data, allow_unicode=True))

    assert flags is None
    assert any(f"`{section}`" in problem.message for problem in found), found


SIGN_LINE = "- id: breathing"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    kind: emergency\n", "", "a sign needs en, id, kind, reply, ru, source"),
        ("    kind: emergency\n", "    kind: emergency\n    more: 1\n", "a sign needs en, id, kind, reply, ru, source"),
        ("kind: emergency", "kind: deadly", "`kind` must be one of crisis, emergency, urgent"),
        ("kind: emergency", "kind: [emergency]", "`kind` must be one of crisis, emergency, urgent"),
        ("reply: emergency", "reply: ambulance", "`reply: ambulance` is not among `replies`"),
        ("reply: emergency", "reply: [x]", "is not among `replies`"),
        ("source: azzalure-smpc", "source: [x]", "`id` and `source` must be texts"),
        ("- id: breathing", "- id: [x]", "`id` and `source` must be texts"),
        ("phrases: [$cannot дышать], ", "", "each language needs a list of `phrases`"),
        ("phrases: [$cannot дышать]", "phrases: []", "each language needs a list of `phrases`"),
        ("phrases: [$cannot дышать]", "phrases: [1]", "each language needs a list of `phrases`"),
        ("unless: [свежий воздух]", "unless: свежий", "each language needs a list of `phrases`"),
        ("unless: [свежий воздух]", "except: [x]", "each language needs a list of `phrases`"),
        ("ru: {phrases: [$cannot дышать], unless: [свежий воздух]}", "ru: дышать", "each language needs a list"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_sign_is_named_with_its_line(old: str, new: str, said: str) -> None:
    (problem,) = problems(old, new)

    assert (problem.path, problem.line) == ("red_flags.yml", line(SIGN_LINE))
    assert said in problem.message


def test_a_sign_stands_once() -> None:
    assert problems("- id: suicide", "- id: breathing") == [
        Problem("red_flags.yml", line("- id: suicide"), "the sign `breathing` stands here twice")
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (', crisis: "Мне жаль. 112, 051."', ""),
        ("emergency: Call 112.", "ambulance: Call 112."),
        ("emergency: Call 112.", "emergency: ''"),
        ("emergency: Call 112.", "emergency: [Call 112.]"),
    ],
)
def test_the_replies_have_the_same_names_in_both_languages(old: str, new: str) -> None:
    assert problems(old, new) == [
        Problem("red_flags.yml", line("replies:"), "`replies` needs the same names with texts in ru and en")
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    source: gov\n", "", "a line needs checked_by, checked_on, hours, id, number, source"),
        ("hours: {ru: круглосуточно, en: round the clock}", "hours: always", "a line needs checked_by"),
        ('number: "112"', "number: 112", "write it in quotes"),
        ("checked_on: 2026-11-20", "checked_on: yesterday", "`checked_on` must be a date like 2026-11-20, or null"),
        ("checked_on: 2026-11-20", "checked_on: true", "`checked_on` must be a date like 2026-11-20, or null"),
        ('number: "112"', 'number: "911"', "no reply names 911; remove the line or name it"),
    ],
)
def test_what_is_wrong_with_a_telephone_line_is_named_with_its_line(old: str, new: str, said: str) -> None:
    (problem,) = problems(old, new)

    assert (problem.path, problem.line) == ("red_flags.yml", line("- id: emergency-number"))
    assert said in problem.message


def test_every_problem_of_the_file_is_named_at_once() -> None:
    broken = SOUND.replace("kind: emergency", "kind: deadly").replace("kind: crisis", "kind: sad")
    broken = broken.replace("fillers: {ru: [я], en: [i]}", "fillers: []")

    _, found = parsed(broken)

    assert len(found) == 3
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)


# ---- whatever a clinician's editor makes of it --------------------------------------------------------------


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in rows:
        yield from _places(inner, (*at, key))


PLACES = list(_places(yaml.safe_load(SOUND)))
JUNK = st.sampled_from([None, 0, 1.5, True, "", " ", "текст", [], {}, [None], [[]], {"ru": None}, {"ru": [], "en": []}])


@settings(max_examples=400, deadline=None)
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

    flags, found = parsed(yaml.safe_dump(data, allow_unicode=True))

    assert (flags is None) is bool(found)
    if flags is not None:
        assert all(sign.reply in flags.replies[lang] for sign in flags.signs for lang in LANGS)
