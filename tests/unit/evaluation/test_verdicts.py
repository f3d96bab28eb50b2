from typing import Literal

import pytest

from bot.evaluation import figures
from bot.evaluation.heldout import Turn, TurnVerdict
from bot.evaluation.verdicts import Verdict, judge
from bot.messages import Kind, Lang
from bot.retrieval.articles import Passage
from tests.examples import ScriptedLibrary, whole_knowledge

Decided = Literal["answer", "clarify", "unknown"]


def make_verdict(
    label: str = "pain",
    kind: Decided = "answer",
    topics: tuple[str, ...] = ("pain",),
    first: str | None = None,
    probability: float = 0.9,
    lang: Lang = "ru",
) -> Verdict:
    likeliest = first if first is not None else (topics[0] if topics else "")
    return Verdict(Passage(label, lang, "question", "это больно?"), lang, kind, topics, likeliest, probability)


RIGHT = make_verdict()
OFFERED = make_verdict(kind="clarify", topics=("onset", "pain"))
MISSED = make_verdict(kind="clarify", topics=("onset",))
WRONG = make_verdict(topics=("onset",))
UNKNOWN = make_verdict(kind="unknown", topics=(), first="pain", probability=0.3)
ALL = [RIGHT, OFFERED, MISSED, WRONG, UNKNOWN]
OUTCOMES = ("right", "offered", "missed", "wrong", "unknown")


@pytest.mark.parametrize(("verdict", "expected"), list(zip(ALL, OUTCOMES, strict=True)))
def test_exactly_one_outcome_holds_for_a_question_inside(verdict: Verdict, expected: str) -> None:
    assert [name for name in OUTCOMES if getattr(verdict, name)] == [expected]


def test_a_wish_to_book_answers_how_to_book_and_nothing_else() -> None:
    assert make_verdict("how-to-book", topics=("intent/book",)).right
    assert make_verdict("price", topics=("intent/book",)).wrong


def test_a_greeting_to_a_question_is_a_wrong_answer() -> None:
    assert make_verdict(topics=("intent/greet",)).wrong


def test_any_answer_to_an_outside_question_is_false_and_a_choice_is_asking_back() -> None:
    answered = make_verdict("outside/hair", topics=("pain",))
    asked = make_verdict("outside/hair", kind="clarify", topics=("pain",))
    assert (answered.false_answer, answered.asked_back) == (True, False)
    assert (asked.false_answer, asked.asked_back) == (False, True)


def test_an_outside_question_counts_in_no_outcome_of_those_inside() -> None:
    verdict = make_verdict("outside/hair", topics=("pain",))
    assert [name for name in (*OUTCOMES, "first_right") if getattr(verdict, name)] == []


def test_shares_add_up_to_all_questions() -> None:
    found = figures.inside([*ALL, RIGHT])
    assert found["right"]["count"] == 2
    assert found["right_or_offered"]["count"] == 3
    assert found["wrong"]["count"] == found["unknown"]["count"] == found["other_offered"]["count"] == 1
    assert found["right"]["share"] == pytest.approx(1 / 3, abs=1e-4)


def test_confusions_are_counted_by_pair_and_those_that_were_answered_come_first() -> None:
    close = make_verdict(kind="clarify", topics=("aftercare", "pain"), first="aftercare")
    found = figures.confusions([close, close, WRONG, MISSED, RIGHT])
    assert found == [
        {"asked": "pain", "likeliest": "onset", "times": 2, "answered": 1},
        {"asked": "pain", "likeliest": "aftercare", "times": 2, "answered": 0},
    ]


def test_figures_go_by_language_category_and_kind() -> None:
    english = make_verdict("price", topics=("price",), lang="en")
    outside = make_verdict("outside/hair", topics=("pain",))
    found = figures.all_of([RIGHT, WRONG, english, outside], whole_knowledge().catalogue)
    assert found["all"]["questions"] == 3
    assert found["by_category"]["ru"]["procedure"]["right"] == {**found["by_language"]["ru"]["right"]}
    assert found["by_category"]["en"]["clinic"]["right"]["count"] == 1
    assert found["outside"]["by_kind"]["ru"]["hair"]["false_answers"]["count"] == 1
    assert [row["answered"] for row in found["wrong"]] == ["onset"]


def test_an_outside_question_raises_the_risk_only_where_outside_questions_are_counted() -> None:
    outside = make_verdict("outside/hair", topics=("pain",))
    found = figures.all_of([RIGHT, outside], whole_knowledge().catalogue)
    assert found["inside"]["served"] == {"coverage": 1.0, "risk": 0.0}
    assert found["with_outside"]["served"] == {"coverage": 1.0, "risk": 0.5}
    assert found["with_outside"]["risk_at_coverage"]["1.0"] == 0.5


def test_a_turn_is_right_only_with_all_its_topics_and_no_other() -> None:
    turn = Turn("какие побочки и больно ли?", frozenset({"side-effects", "pain"}))

    def answered(*topics: str) -> TurnVerdict:
        return TurnVerdict(1, 1, "ru", turn, frozenset(topics), (Kind.ANSWER,))

    assert answered("pain", "side-effects").right
    assert not answered("pain").right
    assert not answered("pain", "side-effects", "price").right


def test_a_dialogue_is_as_expected_only_if_every_turn_is() -> None:
    turn = Turn("больно?", frozenset({"pain"}))
    good, bad = frozenset({"pain"}), frozenset({"price"})
    found = figures.dialogues(
        [
            TurnVerdict(1, 1, "ru", turn, good, (Kind.ANSWER,)),
            TurnVerdict(1, 2, "ru", turn, bad, (Kind.ANSWER,)),
            TurnVerdict(2, 1, "ru", turn, good, (Kind.ANSWER,)),
            TurnVerdict(2, 2, "ru", turn, frozenset(), (Kind.CLARIFY,)),
            TurnVerdict(3, 1, "ru", turn, good, (Kind.ANSWER,)),
        ]
    )
    assert (found["turns"]["ru"]["count"], found["turns"]["ru"]["of"]) == (3, 5)
    assert found["wrong"]["ru"]["count"] == 1
    assert (found["dialogues"]["ru"]["count"], found["dialogues"]["ru"]["of"]) == (1, 3)
    assert [(row["dialogue"], row["turn"]) for row in found["not_as_expected"]] == [(1, 2), (2, 2)]


def question(label: str) -> Passage:
    return Passage(label, "ru", "question", "подскажите пожалуйста")


def test_the_right_topic_counts_as_offered_only_if_a_patient_would_see_it() -> None:
    library = ScriptedLibrary({"подскажите пожалуйста": {"mood-evidence": 0.4, "price": 0.3, "pain": 0.2}})
    assert judge(library, question("pain")).offered
    # Beside a topic of mood nothing that sells is shown.
    assert judge(library, question("price")).missed


def test_the_likeliest_label_is_kept_where_nothing_is_answered() -> None:
    library = ScriptedLibrary({"подскажите пожалуйста": {"pain": 0.3}})
    verdict = judge(library, question("pain"))
    assert (verdict.kind, verdict.topics, verdict.first, verdict.probability) == ("unknown", (), "pain", 0.3)
    assert verdict.first_right


def test_a_question_that_finds_nothing_is_unknown_with_probability_0() -> None:
    verdict = judge(ScriptedLibrary(), question("pain"))
    assert (verdict.unknown, verdict.first, verdict.probability) == (True, "", 0.0)


def test_the_language_is_read_from_the_words_and_not_given_away() -> None:
    asked = Passage("pain", "ru", "question", "does the injection hurt?")
    assert judge(ScriptedLibrary(), asked).read_as == "en"


def test_a_probability_that_rounding_carried_above_1_is_1() -> None:
    library = ScriptedLibrary({"подскажите пожалуйста": {"pain": 1.0000001}})
    assert judge(library, question("pain")).probability == 1.0
