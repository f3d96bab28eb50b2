"""Verdicts -> figures: everything `evaluation.json` says, as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from bot.evaluation.heldout import TurnVerdict
from bot.evaluation.metrics import Share, Statement, calibration_error, coverage_risk, reliability, risk_at
from bot.evaluation.verdicts import Verdict
from bot.messages import LANGS
from bot.retrieval.catalogue import Catalogue
from bot.retrieval.questions import OUTSIDE

# The shares of questions answered at which the table tells the risk; the JSON and the picture have the whole curve.
COVERAGES = (0.5, 0.7, 0.8, 0.9, 1.0)


def share(part: Share) -> dict[str, Any]:
    low, high = part.interval
    return {
        "count": part.count,
        "of": part.of,
        "share": round(part.value, 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }


def inside(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Shares of questions inside the library; right, offered, missed, wrong and unknown add up to all."""

    def of(holds: Callable[[Verdict], bool]) -> dict[str, Any]:
        return share(Share(sum(map(holds, verdicts)), len(verdicts)))

    return {
        "questions": len(verdicts),
        "right": of(lambda v: v.right),
        "right_or_offered": of(lambda v: v.right or v.offered),
        "wrong": of(lambda v: v.wrong),
        "unknown": of(lambda v: v.unknown),
        "other_offered": of(lambda v: v.missed),
        "likeliest_right": of(lambda v: v.first_right),
        "other_language": of(lambda v: v.read_as != v.question.lang),
    }


def outside(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Shares of questions that must not be answered."""

    def of(holds: Callable[[Verdict], bool]) -> dict[str, Any]:
        return share(Share(sum(map(holds, verdicts)), len(verdicts)))

    return {
        "questions": len(verdicts),
        "false_answers": of(lambda v: v.false_answer),
        "asked_back": of(lambda v: v.asked_back),
        "unknown": of(lambda v: v.unknown),
    }


def all_of(verdicts: Sequence[Verdict], catalogue: Catalogue) -> dict[str, Any]:
    """Everything measured on one set of questions."""
    asked = [verdict for verdict in verdicts if verdict.inside]
    apart = [verdict for verdict in verdicts if not verdict.inside]
    kinds = list(dict.fromkeys(verdict.question.label for verdict in apart))
    return {
        "all": inside(asked),
        "by_language": {lang: inside(_in(asked, lang)) for lang in LANGS},
        "by_category": {
            lang: {
                category: inside(rows)
                for category in catalogue.categories()
                if (rows := [v for v in _in(asked, lang) if catalogue[v.question.label].category == category])
            }
            for lang in LANGS
        },
        "outside": {
            "all": outside(apart),
            "by_language": {lang: outside(_in(apart, lang)) for lang in LANGS},
            "by_kind": {
                lang: {
                    kind.removeprefix(OUTSIDE): outside(rows)
                    for kind in kinds
                    if (rows := [v for v in _in(apart, lang) if v.question.label == kind])
                }
                for lang in LANGS
            },
            "answered": [_told(v) for v in apart if v.false_answer],
        },
        # Of what share are the likeliest topics wrong, and how far are their probabilities to be believed: among
        # questions inside the library, and as messages come, with those outside, where no topic is right.
        "inside": _probabilities(asked),
        "with_outside": _probabilities(verdicts),
        "confusions": confusions(asked),
        "wrong": [_told(v) for v in asked if v.wrong],
    }


def confusions(verdicts: Iterable[Verdict]) -> list[dict[str, Any]]:
    """Topic pairs (asked about, likeliest), most often answered wrongly first, then most often confused."""
    times: Counter[tuple[str, str]] = Counter()
    answered: Counter[tuple[str, str]] = Counter()
    for verdict in verdicts:
        if not verdict.first_right:
            pair = verdict.question.label, verdict.first
            times[pair] += 1
            answered[pair] += verdict.wrong
    ordered = sorted(times, key=lambda pair: (-answered[pair], -times[pair], pair))
    return [{"asked": a, "likeliest": b, "times": times[a, b], "answered": answered[a, b]} for a, b in ordered]


def dialogues(verdicts: Sequence[TurnVerdict]) -> dict[str, Any]:
    """Turns and whole dialogues answered as they should be, and every turn that was not."""
    held = {verdict.dialogue: verdict.lang for verdict in verdicts}
    failed = {verdict.dialogue for verdict in verdicts if not verdict.right}
    by_lang = {lang: rows for lang in LANGS if (rows := [v for v in verdicts if v.lang == lang])}
    return {
        "turns": {lang: share(Share(sum(v.right for v in rows), len(rows))) for lang, rows in by_lang.items()},
        # A turn answered with a topic that was not asked about, whatever else it was answered with.
        "wrong": {
            lang: share(Share(sum(bool(v.given - v.turn.topics) for v in rows), len(rows)))
            for lang, rows in by_lang.items()
        },
        "dialogues": {
            lang: share(Share(len(numbers - failed), len(numbers)))
            for lang in by_lang
            if (numbers := {number for number, own in held.items() if own == lang})
        },
        "not_as_expected": [
            {
                "dialogue": v.dialogue,
                "turn": v.number,
                "text": v.turn.text,
                "expected": sorted(v.turn.topics),
                "given": sorted(v.given),
                "kinds": [str(kind) for kind in v.kinds],
            }
            for v in verdicts
            if not v.right
        ],
    }


def _in(verdicts: Iterable[Verdict], lang: str) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.question.lang == lang]


def _told(verdict: Verdict) -> dict[str, Any]:
    return {
        "text": verdict.question.text,
        "lang": verdict.question.lang,
        "asked": verdict.question.label,
        "answered": verdict.topics[0],
        "probability": round(verdict.probability, 4),
    }


def _probabilities(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    statements: list[Statement] = [(verdict.probability, verdict.first_right) for verdict in verdicts]
    points, bins = coverage_risk(statements), reliability(statements)
    answered = [verdict for verdict in verdicts if verdict.kind == "answer"]
    return {
        "calibration_error": round(calibration_error(bins), 4),
        "reliability": [_rounded(asdict(part)) for part in bins],
        "risk_at_coverage": {str(coverage): round(risk_at(points, coverage), 4) for coverage in COVERAGES},
        "coverage_risk": [_rounded(asdict(point)) for point in points],
        # Where the bot stands on this curve: what it does answer at once.
        "served": {
            "coverage": round(Share(len(answered), len(verdicts)).value, 4),
            "risk": round(Share(sum(not v.right for v in answered), len(answered)).value, 4),
        },
    }


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}
