import json
from pathlib import Path

import pytest

from bot.adapters.memory import FixedClock
from bot.conversation import Conversation
from bot.dialogue.project import Project
from bot.errors import BadLine
from bot.evaluation.heldout import (
    Dialogue,
    Turn,
    alike,
    hold,
    judge_all,
    read_dialogues,
    read_outside,
    read_questions,
)
from bot.retrieval.articles import Passage
from tests.examples import NOON, ScriptedLibrary, whole_knowledge

GOOD = {"text": "это больно?", "lang": "ru", "topic": "pain"}
TURNS = {"lang": "ru", "turns": [{"text": "больно?", "topics": ["pain"]}]}


def write(folder: Path, *rows: object) -> Path:
    path = folder / "rows.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_questions_are_read_with_their_topics_and_empty_lines_are_skipped(tmp_path: Path) -> None:
    found = read_questions(write(tmp_path, GOOD, "", {**GOOD, "lang": "en"}), whole_knowledge().catalogue)
    assert [(row.label, row.lang) for row in found] == [("pain", "ru"), ("pain", "en")]


def test_outside_questions_keep_their_own_kinds(tmp_path: Path) -> None:
    found = read_outside(write(tmp_path, {"text": "какая погода", "lang": "ru", "kind": "unrelated"}))
    assert [row.label for row in found] == ["outside/unrelated"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{not json", "the line is not a JSON object"),
        ("[1]", "the line is not a JSON object"),
        ({**GOOD, "lang": "de"}, "`lang` must be one of ru, en"),
        ({**GOOD, "text": " "}, "`text` must be a text"),
        ({"text": "больно?", "lang": "ru"}, "`topic` must be a text"),
        ({**GOOD, "topic": "no-such"}, "there is no topic `no-such` in the catalogue"),
    ],
)
def test_a_wrong_line_is_named_with_its_file_and_number(tmp_path: Path, row: object, said: str) -> None:
    path = write(tmp_path, GOOD, row)
    with pytest.raises(BadLine) as caught:
        read_questions(path, whole_knowledge().catalogue)
    assert str(caught.value) == f"{path}:2: {said}"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"lang": "ru", "turns": []}, "`turns` must be a list of objects"),
        ({"lang": "ru", "turns": ["больно?"]}, "`turns` must be a list of objects"),
        ({"lang": "ru", "turns": [{"text": "больно?"}]}, "`topics` must be a list of topic ids"),
        ({"lang": "ru", "turns": [{"text": "больно?", "topics": ["no-such"]}]}, "there is no topic `no-such`"),
        ({"lang": "ru", "turns": [{"text": "больно?", "topics": [["pain"]]}]}, "there is no topic"),
    ],
)
def test_a_wrong_dialogue_is_named_with_its_file_and_number(tmp_path: Path, row: object, said: str) -> None:
    path = write(tmp_path, TURNS, row)
    with pytest.raises(BadLine) as caught:
        read_dialogues(path, whole_knowledge().catalogue)
    assert str(caught.value).startswith(f"{path}:2: {said}")


def test_a_file_in_another_encoding_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes("больно?".encode("cp1251"))
    with pytest.raises(BadLine, match="is not UTF-8 text"):
        read_outside(path)


def test_a_file_that_cannot_be_read_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadLine, match="can't be read"):
        read_outside(tmp_path / "absent.jsonl")


def test_every_question_is_judged_in_order() -> None:
    library = ScriptedLibrary({"больно?": {"pain": 0.9}, "сколько стоит?": {"pain": 0.9}})
    asked = [Passage("pain", "ru", "question", "больно?"), Passage("price", "ru", "question", "сколько стоит?")]
    assert [verdict.right for verdict in judge_all(library, asked)] == [True, False]


def test_a_question_is_alike_to_one_learnt_in_other_order_or_form_but_not_in_another_language() -> None:
    learnt = [Passage("duration", "ru", "question", "сколько держится ботокс")]

    def is_alike(text: str, lang: str = "ru") -> bool:
        return alike([Passage("duration", lang, "question", text)], learnt)[0]  # type: ignore[arg-type]

    assert is_alike("ботокс сколько держиться")
    assert is_alike("Здравствуйте! Подскажите, пожалуйста, сколько держится ботокс")
    assert not is_alike("когда всё пройдёт")
    assert not is_alike("how long does it last", "en")


def test_held_out_questions_alike_only_to_each_other_are_not_alike_to_what_was_learnt() -> None:
    twins = [Passage("pain", "ru", "question", "это больно")] * 2
    assert alike(twins, [Passage("price", "ru", "question", "сколько стоит лоб")]) == [False, False]


def talk(project: Project, finds: dict[str, dict[str, float]], *dialogues: Dialogue) -> list[tuple[bool, set[str]]]:
    library = ScriptedLibrary(finds)
    conversation = Conversation(lambda: library, project, FixedClock(NOON))
    return [(verdict.right, set(verdict.given)) for verdict in hold(conversation, dialogues)]


def test_a_turn_is_held_against_the_topics_of_its_answers(project: Project) -> None:
    dialogue = Dialogue("ru", (Turn("больно?", frozenset({"pain"})), Turn("цена", frozenset({"price"}))))
    finds = {"больно?": {"pain": 0.9}, "цена": {"pain": 0.9}}
    assert talk(project, finds, dialogue) == [(True, {"pain"}), (False, {"pain"})]


def test_offering_a_topic_is_not_answering_it(project: Project) -> None:
    dialogue = Dialogue("ru", (Turn("больно?", frozenset({"pain"})),))
    assert talk(project, {"больно?": {"pain": 0.6}}, dialogue) == [(False, set())]


def test_a_wish_to_book_is_answered_with_how_to_book(project: Project) -> None:
    dialogue = Dialogue("ru", (Turn("запишите", frozenset({"how-to-book"})),))
    assert talk(project, {"запишите": {"intent/book": 0.9}}, dialogue) == [(True, {"how-to-book"})]


def test_a_turn_goes_on_from_the_turn_before_it_and_not_from_another_dialogue(project: Project) -> None:
    # "1" chooses among what was just offered, and means nothing where nothing was.
    choice = Turn("1", frozenset({"pain"}))
    first = Dialogue("ru", (Turn("подскажите", frozenset()), choice))
    finds = {"подскажите": {"pain": 0.4, "onset": 0.2}}
    assert [right for right, _ in talk(project, finds, first, Dialogue("ru", (choice,)))] == [True, True, False]


def test_an_answer_beside_the_right_one_makes_a_turn_wrong(project: Project) -> None:
    dialogue = Dialogue("ru", (Turn("больно? сколько стоит?", frozenset({"pain"})),))
    finds = {"больно?": {"pain": 0.9}, "сколько стоит?": {"price": 0.9}}
    assert talk(project, finds, dialogue) == [(False, {"pain", "price"})]
