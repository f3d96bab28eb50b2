"""The dialogue's files in Rasa's format: what is read, and what is refused at start with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.dialogue.project import load_project
from bot.errors import KnowledgeError
from bot.messages import LANGS
from bot.retrieval.version import Example
from tests.examples import ROOT

DOMAIN = """\
version: "3.1"
intents:
  - greet
  - human
responses:
  utter_greet:
    - condition: [{type: slot, name: language, value: ru}]
      text: Привет.
    - condition: [{type: slot, name: language, value: en}]
      text: Hello.
"""
NLU = """\
version: "3.1"
nlu:
  - intent: greet
    examples: |
      - привет
      - добрый день
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "domain.yml").write_text(DOMAIN, encoding="utf-8")
    for lang in LANGS:
        (tmp_path / "data" / f"nlu.{lang}.yml").write_text(NLU, encoding="utf-8")
    return tmp_path


def refused(folder: Path, domain: str | None = None, nlu: str | None = None) -> list[str]:
    """What is said of a project with these files in the place of the sound ones."""
    if domain is not None:
        (folder / "domain.yml").write_text(domain, encoding="utf-8")
    if nlu is not None:
        (folder / "data" / "nlu.ru.yml").write_text(nlu, encoding="utf-8")
    with pytest.raises(KnowledgeError) as raised:
        load_project(folder)
    return [str(problem) for problem in raised.value.problems]


def test_intents_examples_and_responses_are_read(folder: Path) -> None:
    project = load_project(folder)

    assert project.intents == ("greet", "human")
    assert project.responses == {("utter_greet", "ru"): "Привет.", ("utter_greet", "en"): "Hello."}
    assert project.examples[:2] == (Example("greet", "ru", "привет"), Example("greet", "ru", "добрый день"))


def test_the_bots_own_project_is_read_by_default() -> None:
    assert load_project() == load_project(ROOT / "bot" / "dialogue" / "rasa")


def test_every_intent_of_the_bot_has_an_action_or_a_response_in_each_language() -> None:
    project = load_project()

    spoken = {
        intent for intent in project.intents if all((f"utter_{intent}", lang) in project.responses for lang in LANGS)
    }
    assert set(project.intents) - spoken == {"human", "book"}


@pytest.mark.parametrize("lang", LANGS)
def test_every_intent_of_the_bot_has_examples_in_each_language(lang: str) -> None:
    project = load_project()

    assert {example.intent for example in project.examples if example.lang == lang} == set(project.intents)


@pytest.mark.parametrize("key", ["stories", "forms", "rules", "session_config", "entities"])
def test_a_section_the_program_does_not_run_is_refused_with_its_line(folder: Path, key: str) -> None:
    assert refused(folder, domain=f"{DOMAIN}{key}:\n  - x\n") == [
        f"domain.yml:11: error: `{key}` is not supported here"
    ]


def test_a_response_without_one_of_the_languages_is_refused_with_its_line(folder: Path) -> None:
    text = DOMAIN[: DOMAIN.index("    - condition: [{type: slot, name: language, value: en}]")]

    assert refused(folder, domain=text) == ["domain.yml:6: error: `utter_greet` has no text for `en`"]


@pytest.mark.parametrize(
    "row",
    [
        "- text: Hello.",
        "- condition: [{type: slot, name: mood, value: en}]\n      text: Hello.",
        "- condition: [{type: slot, name: language, value: de}]\n      text: Hallo.",
        "- condition: []\n      text: Hello.",
        "- condition: [{type: slot, name: language, value: en}]",
        "- condition: [{type: slot, name: language, value: en}]\n      text: Hello.\n      image: x.png",
    ],
    ids=["no condition", "another slot", "another language", "empty condition", "no text", "an image"],
)
def test_a_response_that_is_not_a_text_for_a_language_is_refused_with_its_line(folder: Path, row: str) -> None:
    head = DOMAIN[: DOMAIN.index("    - condition: [{type: slot, name: language, value: en}]")]

    said = refused(folder, domain=f"{head}    {row}\n")

    assert "domain.yml:9: error: `utter_greet` needs `text` and one condition on the slot `language`" in said


def test_an_example_of_an_unknown_intent_is_refused_with_its_line(folder: Path) -> None:
    nlu = f"{NLU}  - intent: order_pizza\n    examples: |\n      - пиццу\n"

    assert refused(folder, nlu=nlu) == ["data/nlu.ru.yml:7: error: the intent `order_pizza` is not in domain.yml"]


@pytest.mark.parametrize("name", ["domain.yml", "data/nlu.ru.yml", "data/nlu.en.yml"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()

    assert [said for said in refused(folder) if said.startswith(f"{name}: error: can't be read")]


@pytest.mark.parametrize("text", ["", "just words", "- a\n- list\n"], ids=["empty", "words", "list"])
def test_a_file_that_is_no_mapping_is_refused(folder: Path, text: str) -> None:
    assert "domain.yml:1: error: must be a list of `key: value` lines" in refused(folder, domain=text)


def test_broken_yaml_is_refused_with_its_line(folder: Path) -> None:
    said = refused(folder, domain="version: '3.1'\nintents: [greet\nresponses: {}\n")

    assert [problem for problem in said if problem.startswith("domain.yml:3: error: YAML:")]


@pytest.mark.parametrize(
    ("domain", "nlu"),
    [
        (DOMAIN.replace("  - greet\n  - human\n", "  greet: x\n"), None),
        (DOMAIN.replace("intents:\n  - greet\n  - human\n", "intents: greet\n"), None),
        ("intents: [greet]\nresponses: [x]\n", None),
        ("intents: [greet]\nresponses: {utter_greet: Hello}\n", None),
        ("intents: [greet]\nresponses: {utter_greet: [Hello]}\n", None),
        ("intents: [greet]\nresponses: {utter_greet: [{condition: [x], text: Hello}]}\n", None),
        ("intents: [[greet]]\nresponses: {}\n", None),
        (None, "nlu: words\n"),
        (None, "nlu: [words]\n"),
        (None, "nlu:\n  - intent: greet\n    examples: [привет]\n"),
        (None, "nlu:\n  - lookup: city\n    examples: |\n      - Москва\n"),
        (None, "version: '3.1'\n"),
        (None, "nlu:\n  - intent: [greet]\n    examples: x\n"),
    ],
)
def test_a_project_of_the_wrong_shape_is_refused_and_never_an_exception(
    folder: Path, domain: str | None, nlu: str | None
) -> None:
    assert refused(folder, domain, nlu)
