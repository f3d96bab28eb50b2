"""The measures: shares with their intervals, risk at each coverage, and how true the probabilities are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Standard normal quantile of a two-sided interval of 95 %.
_Z = 1.959963984540054
# Bins of the reliability diagram, of equal width, as in Guo et al.
BINS = 10

# A probability that was stated, and whether what it was stated of turned out true.
Statement = tuple[float, bool]


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share; nothing seen says nothing: (0, 1).

    Raises:
        ValueError: if `count` is not between 0 and `of`.
    Source: Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if not 0 <= count <= of:
        raise ValueError(f"{count} of {of} is no share")
    if of == 0:
        return 0.0, 1.0
    share, z2 = count / of, _Z * _Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * (share * (1 - share) / of + z2 / (4 * of * of)) ** 0.5
    # At the ends the formula gives 0 and 1 exactly; rounding must not carry the share out of its own interval.
    return (0.0 if count == 0 else middle - half), (1.0 if count == of else middle + half)


@dataclass(frozen=True, slots=True)
class Share:
    """`count` out of `of`."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """From 0 to 1; 0 of nothing is 0."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.count, self.of)


@dataclass(frozen=True, slots=True)
class Point:
    """Answering all questions with at least probability `threshold` answers the share `coverage`; of the answered
    ones, the share `risk` is wrong.
    """

    threshold: float
    coverage: float
    risk: float


def coverage_risk(statements: Sequence[Statement]) -> list[Point]:
    """The curve from the surest question to all of them; equal probabilities are answered together.

    Source: El-Yaniv and Wiener, Journal of Machine Learning Research 11 (2010), 1605-1641.
    """
    ordered = sorted(statements, key=lambda statement: -statement[0])
    points: list[Point] = []
    wrong = 0
    for number, (probability, true) in enumerate(ordered, 1):
        wrong += not true
        if number == len(ordered) or ordered[number][0] < probability:
            points.append(Point(probability, number / len(ordered), wrong / number))
    return points


def risk_at(points: Sequence[Point], coverage: float) -> float:
    """The risk when at least this share is answered; 0 without points."""
    # Coverage is a quotient: 0.7 * 10 questions must not miss the point of 7 by rounding.
    return next((point.risk for point in points if point.coverage >= coverage - 1e-9), 0.0)


@dataclass(frozen=True, slots=True)
class Bin:
    """Statements with probabilities from `low` to below `high` (the last bin holds 1.0 too)."""

    low: float
    high: float
    count: int
    stated: float
    true: float


def reliability(statements: Sequence[Statement], bins: int = BINS) -> list[Bin]:
    """Mean stated probability beside the share that was true, bin by bin; empty bins are left out.

    Raises:
        ValueError: if a probability is outside 0 to 1.
    """
    parts: list[list[Statement]] = [[] for _ in range(bins)]
    for probability, true in statements:
        if not 0 <= probability <= 1:
            raise ValueError(f"{probability} is no probability")
        parts[min(int(probability * bins), bins - 1)].append((probability, true))
    return [
        Bin(
            number / bins,
            (number + 1) / bins,
            len(part),
            sum(probability for probability, _ in part) / len(part),
            sum(true for _, true in part) / len(part),
        )
        for number, part in enumerate(parts)
        if part
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: the gap between stated and true, weighted by the bins' counts; 0 without bins.

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017.
    """
    total = sum(part.count for part in bins)
    return sum(part.count * abs(part.stated - part.true) for part in bins) / total if total else 0.0
