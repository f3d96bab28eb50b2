from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.retrieval.confidence import (
    CANDIDATES,
    CLARIFY_AT_LEAST,
    INTENT_FROM,
    LEAST_SURE,
    OFFERED,
    OUTSIDE_AT_MOST,
    WISH_FROM,
    WORTH_OFFERING,
    WRONG_AT_MOST,
    Confidence,
    Decision,
    Evidence,
    Judged,
    candidates,
    features,
    fit,
)

FEATURES = 13
# Answers from here, offers a choice from there.
FITTED = Confidence((0.0,) * FEATURES, (1.0,) * FEATURES, (0.5,) * FEATURES, -1.0, answer_from=0.7, clarify_from=0.5)
_ORDER = ("unknown", "clarify", "answer")
LABELS = st.sampled_from(["pain", "price", "duration", "onset", "intent/greet", "intent/book"])


@st.composite
def ranked(draw: st.DrawFn) -> list[tuple[str, float]]:
    """Labels with probabilities, best first, together at most 1."""
    labels = draw(st.lists(LABELS, unique=True, max_size=6))
    shares = sorted((draw(st.floats(0, 1)) for _ in labels), reverse=True)
    total = max(1.0, sum(shares))
    return [(label, share / total) for label, share in zip(labels, shares, strict=True)]


def _rows(draw_seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(draw_seed).normal(scale=3, size=(count, FEATURES)).astype(np.float32)


# ---- probabilities ----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 10), intercept=st.floats(-20, 20))
def test_probabilities_of_candidates_sum_to_at_most_one(seed: int, count: int, intercept: float) -> None:
    found = replace(FITTED, intercept=intercept).probabilities(_rows(seed, count))

    assert found.dtype == np.float32
    assert found.shape == (count,)
    assert float(found.sum()) <= 1 + 1e-5
    assert all(0 <= probability <= 1 for probability in found)


def test_one_candidate_keeps_its_own_probability() -> None:
    row = np.zeros((1, FEATURES), dtype=np.float32)

    assert FITTED.probabilities(row)[0] == pytest.approx(1 / (1 + np.exp(1)))


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), more=st.floats(0.01, 3))
def test_more_evidence_makes_a_candidate_more_probable(seed: int, more: float) -> None:
    rows = _rows(seed, 3)
    better = rows.copy()
    better[1, 0] += more

    assert FITTED.probabilities(better)[1] >= FITTED.probabilities(rows)[1] - 1e-6


def test_features_are_scaled_as_they_were_when_fitted() -> None:
    scaled = replace(FITTED, mean=(2.0,) * FEATURES, scale=(4.0,) * FEATURES)

    rows = _rows(1, 4)
    np.testing.assert_allclose(scaled.probabilities(rows * 4 + 2), FITTED.probabilities(rows), rtol=1e-4)


# ---- decisions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "decision"),
    [
        ([], Decision("unknown", (), 0.0)),
        ([("pain", 0.7)], Decision("answer", ("pain",), 0.7)),
        ([("pain", 0.69)], Decision("clarify", ("pain",), 0.69)),
        ([("pain", 0.3), ("price", 0.2)], Decision("clarify", ("pain", "price"), 0.5)),
        ([("pain", 0.3), ("price", 0.19)], Decision("unknown", (), 0.3)),
        ([("intent/greet", INTENT_FROM)], Decision("answer", ("intent/greet",), INTENT_FROM)),
        ([("intent/greet", INTENT_FROM - 0.01)], Decision("unknown", (), INTENT_FROM - 0.01)),
        ([("intent/book", WISH_FROM)], Decision("answer", ("intent/book",), WISH_FROM)),
        ([("intent/human", WISH_FROM)], Decision("answer", ("intent/human",), WISH_FROM)),
        ([("intent/book", WISH_FROM - 0.01)], Decision("unknown", (), WISH_FROM - 0.01)),
        ([("intent/greet", 0.49)], Decision("unknown", (), 0.49)),
        ([("intent/greet", 0.45), ("pain", 0.3), ("price", 0.2)], Decision("clarify", ("pain", "price"), 0.5)),
    ],
)
def test_the_probability_decides_between_answer_choice_and_unknown(
    hits: Sequence[tuple[str, float]], decision: Decision
) -> None:
    assert FITTED.decide(hits) == decision


def test_a_choice_offers_a_few_topics_and_none_that_is_hardly_meant() -> None:
    many = [("pain", 0.25), ("price", 0.2), ("onset", 0.15), ("duration", 0.1)]
    few = [("pain", 0.55), ("price", WORTH_OFFERING), ("onset", WORTH_OFFERING - 0.01)]

    assert FITTED.decide(many).topics == ("pain", "price", "onset")
    assert len(FITTED.decide(many).topics) == OFFERED
    assert FITTED.decide(few).topics == ("pain", "price")


@settings(deadline=None)
@given(ranked())
def test_only_topics_are_offered_for_a_choice_best_first(hits: list[tuple[str, float]]) -> None:
    decision = FITTED.decide(hits)

    if decision.kind == "clarify":
        assert not any(topic.startswith("intent/") for topic in decision.topics)
        order = [label for label, _ in hits]
        assert sorted(decision.topics, key=order.index) == list(decision.topics)


@settings(deadline=None)
@given(ranked())
def test_an_answer_is_one_label_a_choice_at_least_one_and_unknown_none(hits: list[tuple[str, float]]) -> None:
    decision = FITTED.decide(hits)

    least = {"answer": 1, "clarify": 1, "unknown": 0}[decision.kind]
    most = {"answer": 1, "clarify": OFFERED, "unknown": 0}[decision.kind]
    assert least <= len(decision.topics) <= most


@settings(deadline=None)
@given(ranked().filter(bool), st.floats(0, 1))
def test_a_more_probable_first_label_never_makes_the_decision_shyer(hits: list[tuple[str, float]], more: float) -> None:
    (label, probability), *rest = hits
    surer = [(label, min(1.0, probability + more)), *rest]

    assert _ORDER.index(FITTED.decide(surer).kind) >= _ORDER.index(FITTED.decide(hits).kind)


@settings(deadline=None)
@given(ranked(), st.floats(0, 0.3))
def test_a_higher_threshold_never_answers_more(hits: list[tuple[str, float]], more: float) -> None:
    shyer = replace(FITTED, answer_from=FITTED.answer_from + more)

    if shyer.decide(hits).kind == "answer":
        assert FITTED.decide(hits).kind == "answer"


def test_confidence_comes_back_from_json() -> None:
    assert Confidence.from_json(FITTED.to_json()) == FITTED


# ---- candidates and their features ------------------------------------------------------------------------


def _evidence(**rankings: Sequence[float]) -> Evidence:
    count = len(next(iter(rankings.values())))
    given = {name: np.zeros(count, dtype=np.float32) for name in ("model", "question", "passage", "word", "gram")}
    return Evidence(**{**given, **{name: np.array(values, np.float32) for name, values in rankings.items()}})


def _mask(*topics: bool) -> np.ndarray:
    return np.array(topics)


def test_candidates_are_the_favourites_of_the_model_best_first() -> None:
    evidence = _evidence(model=[-9, -1, -5, -2, -3, -4, -8, -7, -6], question=[0, 1, 0, 0, 0, 0, 0, 0, 0])
    evidence = replace(evidence, passage=evidence.question, word=evidence.question, gram=evidence.question)

    assert candidates(evidence, np.ones(9, dtype=bool)).tolist() == [1, 3, 4, 5, 2, 8]


@pytest.mark.parametrize("ranking", ["question", "passage", "word", "gram"])
def test_the_first_of_each_other_ranking_is_a_candidate_too(ranking: str) -> None:
    model = [-float(number) for number in range(1, 11)]
    evidence = _evidence(**{"model": model, ranking: [0.0] * 9 + [1.0]})

    found = candidates(evidence, np.ones(10, dtype=bool)).tolist()

    assert found[:CANDIDATES] == list(range(CANDIDATES))
    assert 9 in found


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), allowed=st.lists(st.booleans(), min_size=1, max_size=20))
def test_candidates_are_allowed_labels_each_once(seed: int, allowed: list[bool]) -> None:
    numbers = np.random.default_rng(seed).normal(size=(5, len(allowed))).astype(np.float32)

    found = candidates(Evidence(*numbers), np.array(allowed)).tolist()

    assert len(set(found)) == len(found)
    assert all(allowed[label] for label in found)
    assert len(found) >= min(CANDIDATES, sum(allowed))


def test_no_label_allowed_gives_no_candidate_and_no_answer() -> None:
    evidence = _evidence(model=[-1, -2])

    chosen = candidates(evidence, _mask(False, False))

    assert chosen.tolist() == []
    assert FITTED.probabilities(features(evidence, chosen, _mask(True, True), 2)).tolist() == []


def test_a_candidate_has_its_evidence_and_its_lead_over_the_best_other_label() -> None:
    evidence = _evidence(model=[-1, -3, -6], question=[0.2, 0.9, 0.5])

    rows = features(evidence, np.array([0, 1]), _mask(True, True, True), 2)

    assert rows.dtype == np.float32
    assert rows.shape == (2, FEATURES)
    np.testing.assert_allclose(rows[0, :4], [-1, 2, 0.2, -0.7], atol=1e-6)
    np.testing.assert_allclose(rows[1, :4], [-3, -2, 0.9, 0.4], atol=1e-6)


def test_every_candidate_knows_what_speaks_for_no_topic_and_the_length_of_the_question() -> None:
    evidence = _evidence(model=[-1, -3, -6], question=[0.2, 0.9, 0.5])

    rows = features(evidence, np.array([0, 1]), _mask(True, True, False), 2)

    np.testing.assert_allclose(rows[:, -3:], [[-6, 0.5, np.log(3)]] * 2, atol=1e-5)


# ---- fitting ----------------------------------------------------------------------------------------------


def _judged(count: int, inside: bool, seed: int, clear: float, wrong: float = 0.0, lure: float = 0.0) -> list[Judged]:
    """Questions with three candidates; the right one leads by about `clear`, in a share `wrong` another leads.

    A share `lure` of outside questions look much like inside ones.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        rows = rng.normal(size=(3, FEATURES)).astype(np.float32)
        first = int(rng.integers(3))
        if inside or rng.random() < lure:
            rows[first] += clear if inside else 0.7 * clear
        right = np.zeros(3, dtype=bool)
        if inside:
            right[(first + 1) % 3 if rng.random() < wrong else first] = True
        found.append(Judged(rows, right, inside))
    return found


def _shares(fitted: Confidence, inside: Sequence[Judged], outside: Sequence[Judged], at: float) -> tuple[float, float]:
    """The share answered wrongly at a threshold, and the share of outside questions answered."""
    wrong = answered = 0
    for question in inside:
        probabilities = fitted.probabilities(question.rows)
        best = int(np.argmax(probabilities))
        wrong += bool(probabilities[best] >= at) and not bool(question.right[best])
    for question in outside:
        answered += bool(fitted.probabilities(question.rows).max() >= at)
    return wrong / len(inside), answered / len(outside)


# Questions that are easy and hard to tell apart, by topic and from what is outside: the threshold has to rise.
@pytest.mark.parametrize(
    ("clear", "wrong", "lure"), [(2.0, 0.0, 0.0), (0.8, 0.03, 0.0), (0.5, 0.1, 0.0), (1.5, 0.0, 0.4)]
)
def test_the_threshold_is_the_least_at_which_few_are_wrong_and_few_outside_are_answered(
    clear: float, wrong: float, lure: float
) -> None:
    inside, outside = _judged(300, True, 1, clear, wrong), _judged(200, False, 2, clear, lure=lure)

    fitted = fit([*inside, *outside])

    wrong_at, answered_at = _shares(fitted, inside, outside, fitted.answer_from)
    assert wrong_at <= WRONG_AT_MOST
    assert answered_at <= OUTSIDE_AT_MOST
    if fitted.answer_from > LEAST_SURE:
        wrong_below, answered_below = _shares(fitted, inside, outside, fitted.answer_from - 0.01)
        assert wrong_below > WRONG_AT_MOST or answered_below > OUTSIDE_AT_MOST


def test_harder_questions_make_the_bot_shyer() -> None:
    easy = fit([*_judged(300, True, 1, 2.0), *_judged(200, False, 2, 2.0)])
    hard = fit([*_judged(300, True, 1, 0.5, 0.1), *_judged(200, False, 2, 0.5)])

    assert hard.answer_from > easy.answer_from


def test_where_nothing_can_be_told_apart_nothing_is_answered() -> None:
    rng = np.random.default_rng(3)
    blind = [
        Judged(np.zeros((2, FEATURES), np.float32), np.array([rng.random() < 0.5, False]), True) for _ in range(200)
    ]
    outside = [Judged(np.zeros((2, FEATURES), np.float32), np.array([False, False]), False) for _ in range(100)]

    fitted = fit([*blind, *outside])

    assert _shares(fitted, blind, outside, fitted.answer_from) == (0.0, 0.0)


def test_the_right_candidate_is_the_more_probable_one() -> None:
    inside, outside = _judged(300, True, 1, 2.0), _judged(200, False, 2, 2.0)

    fitted = fit([*inside, *outside])

    found = [bool(question.right[int(np.argmax(fitted.probabilities(question.rows)))]) for question in inside]
    assert sum(found) / len(found) > 0.95
    assert fitted.clarify_from == CLARIFY_AT_LEAST
