import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.evaluation.metrics import Bin, Point, Share, calibration_error, coverage_risk, reliability, risk_at, wilson

probabilities = st.floats(0, 1)
statements = st.lists(st.tuples(probabilities, st.booleans()), max_size=40)
counts = st.integers(1, 500).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, the score method without continuity correction.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_wilson_interval_is_the_published_one(count: int, of: int, low: float, high: float) -> None:
    assert wilson(count, of) == pytest.approx((low, high), abs=5e-5)


def test_nothing_seen_leaves_every_share_possible() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("count", "of"), [(-1, 5), (6, 5)])
def test_a_count_that_is_no_share_is_refused(count: int, of: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(count, of)


@given(counts)
def test_a_share_lies_within_its_own_interval_and_the_interval_within_0_and_1(share: tuple[int, int]) -> None:
    low, high = Share(*share).interval
    assert 0 <= low <= Share(*share).value <= high <= 1


@given(counts)
def test_successes_and_failures_have_mirrored_intervals(share: tuple[int, int]) -> None:
    count, of = share
    low, high = wilson(count, of)
    assert wilson(of - count, of) == pytest.approx((1 - high, 1 - low))


@given(counts)
def test_ten_times_as_many_questions_give_a_narrower_interval(share: tuple[int, int]) -> None:
    count, of = share
    low, high = wilson(count, of)
    more_low, more_high = wilson(10 * count, 10 * of)
    assert more_high - more_low < high - low


def test_a_share_of_nothing_is_0() -> None:
    assert Share(0, 0).value == 0.0


def test_the_curve_goes_from_the_surest_question_to_all_of_them() -> None:
    points = coverage_risk([(0.2, False), (0.9, True), (0.6, False), (0.8, True)])
    assert points == [
        Point(0.9, 0.25, 0.0),
        Point(0.8, 0.5, 0.0),
        Point(0.6, 0.75, pytest.approx(1 / 3)),  # type: ignore[arg-type]
        Point(0.2, 1.0, 0.5),
    ]


def test_equally_sure_questions_are_answered_together() -> None:
    assert coverage_risk([(0.7, True), (0.7, False)]) == [Point(0.7, 1.0, 0.5)]


def test_no_questions_give_no_curve() -> None:
    assert coverage_risk([]) == []
    assert risk_at([], 0.5) == 0.0


@given(statements.filter(bool))
def test_answering_everything_risks_the_share_of_all_errors(rows: list[tuple[float, bool]]) -> None:
    last = coverage_risk(rows)[-1]
    assert last.coverage == 1.0
    assert last.risk == pytest.approx(sum(not true for _, true in rows) / len(rows))


@given(statements)
def test_coverage_grows_while_the_threshold_falls(rows: list[tuple[float, bool]]) -> None:
    points = coverage_risk(rows)
    for earlier, later in pairwise(points):
        assert earlier.coverage < later.coverage
        assert earlier.threshold > later.threshold


@given(statements, st.randoms())
def test_the_curve_does_not_depend_on_the_order_of_questions(rows: list[tuple[float, bool]], random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert coverage_risk(shuffled) == coverage_risk(rows)


def test_the_risk_at_a_coverage_is_that_of_the_first_point_that_reaches_it() -> None:
    points = coverage_risk([(number / 10, number > 3) for number in range(1, 11)])
    assert risk_at(points, 0.7) == 0.0
    assert risk_at(points, 0.75) == pytest.approx(1 / 8)
    assert risk_at(points, 1.0) == pytest.approx(0.3)


def test_bins_hold_what_was_stated_beside_what_was_true() -> None:
    bins = reliability([(0.9, True), (0.95, False), (0.1, False), (1.0, True)])
    assert bins == [
        Bin(0.1, 0.2, 1, 0.1, 0.0),
        Bin(0.9, 1.0, 3, pytest.approx(0.95), pytest.approx(2 / 3)),  # type: ignore[arg-type]
    ]


def test_the_calibration_error_is_the_gap_weighted_by_counts() -> None:
    # Of four stated at 0.55 two come true, and of one stated at 0.15 nothing does: (4 * 0.05 + 1 * 0.15) / 5.
    rows = [(0.55, True), (0.55, True), (0.55, False), (0.55, False), (0.15, False)]
    assert calibration_error(reliability(rows)) == pytest.approx(0.07)


def test_nothing_stated_is_no_error() -> None:
    assert calibration_error(reliability([])) == 0.0


@pytest.mark.parametrize("value", [-0.01, 1.01, math.nan])
def test_what_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="no probability"):
        reliability([(value, True)])


@given(statements)
def test_bins_lose_no_statement_and_hold_only_their_own(rows: list[tuple[float, bool]]) -> None:
    bins = reliability(rows)
    assert sum(part.count for part in bins) == len(rows)
    for part in bins:
        assert part.low - 1e-9 <= part.stated <= part.high + 1e-9


@given(statements)
def test_the_calibration_error_is_a_share_and_0_for_one_who_is_always_right(rows: list[tuple[float, bool]]) -> None:
    assert 0 <= calibration_error(reliability(rows)) <= 1
    certain = [(float(true), true) for _, true in rows]
    assert calibration_error(reliability(certain)) == 0.0
