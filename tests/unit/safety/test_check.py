"""A list that is valid and weaker, or that can't be read by the phrases, is refused with the phrase named."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import pytest

from bot.messages import LANGS
from bot.retrieval.danger import Suspicion
from bot.retrieval.documents import Document, parse_yaml
from bot.retrieval.folder import Knowledge
from bot.retrieval.limits import Limits
from bot.retrieval.problems import Problem
from bot.retrieval.questions import Labelled
from bot.retrieval.redflags import DangerKind, RedFlags, Sign, Softener, parse_red_flags
from bot.retrieval.writing import Reading
from bot.safety.check import check_lists, check_nets
from tests.examples import ScriptedLibrary, whole_knowledge
from tests.unit.retrieval.test_redflags import SOUND

PHRASES = (
    Labelled("не могу дышать", "ru", "emergency/breathing", 1),
    Labelled("I want to die", "en", "crisis/suicide", 2),
    Labelled("хочу умереть", "ru", "crisis/suicide", 3),
    Labelled("как-то всё зря", "ru", "crisis/suicide", 4),  # only the second net hears it
    Labelled("умираю от смеха", "ru", "lookalike/suicide", 5),
    Labelled("сколько стоит", "ru", "calm", 6),
)


def small_list() -> RedFlags:
    document = parse_yaml(SOUND.replace("azzalure-smpc", "nhs-botox").replace("source: who", "source: nhs-botox"), "x")
    assert isinstance(document, Document)
    flags, problems = parse_red_flags(document)
    assert flags is not None, problems
    return flags


def knowledge(flags: RedFlags | None = None, limits: Limits | None = None) -> Knowledge:
    """The real folder with a list of danger signs of two, and a few phrases to measure it by."""
    real = whole_knowledge()
    return replace(
        real, red_flags=flags or small_list(), limits=limits or Limits(real.limits.words, ()), danger_phrases=PHRASES
    )


def with_sign(flags: RedFlags, sign_id: str, change: Callable[[Sign], Sign]) -> RedFlags:
    return replace(flags, signs=tuple(change(sign) if sign.id == sign_id else sign for sign in flags.signs))


def missed(text: str, label: str) -> Problem:
    return Problem("red_flags.yml", 0, f"«{text}» ({label}) would be missed; the list of before caught it and stays")


def test_the_real_lists_have_no_problem() -> None:
    assert check_lists(whole_knowledge()) == []


def test_an_unchanged_list_is_taken() -> None:
    assert check_lists(knowledge(), served=small_list()) == []


def test_a_first_list_is_taken_whatever_it_misses() -> None:
    assert check_lists(knowledge(), served=None) == []


def test_a_list_that_catches_more_is_taken() -> None:
    def more(sign: Sign) -> Sign:
        return replace(sign, phrases={**sign.phrases, "ru": (*sign.phrases["ru"], "зря")})

    assert check_lists(knowledge(with_sign(small_list(), "suicide", more)), served=small_list()) == []


def test_a_list_of_before_that_can_not_be_read_any_more_holds_up_no_new_one() -> None:
    served = with_sign(small_list(), "suicide", lambda sign: replace(sign, phrases={"ru": ("((",), "en": ("x",)}))
    assert check_lists(knowledge(), served=served) == []


def other_words(sign: Sign) -> Sign:
    return replace(sign, phrases={"ru": ("икаю",), "en": ("hic",)})


@pytest.mark.parametrize(
    "weaken",
    [
        lambda flags: replace(flags, signs=flags.signs[1:]),
        lambda flags: with_sign(
            flags, "breathing", lambda sign: replace(sign, phrases={"ru": ("икаю",), "en": ("hic",)})
        ),
        lambda flags: with_sign(flags, "breathing", lambda sign: replace(sign, unless={"ru": ("могу",), "en": ()})),
        lambda flags: with_sign(flags, "breathing", lambda sign: replace(sign, kind="urgent")),
        lambda flags: replace(flags, idioms={**flags.idioms, "ru": ("дышать",)}),
        lambda flags: replace(flags, softeners=(Softener("any", ("emergency",), {"ru": ("могу",), "en": ("can",)}),)),
        lambda flags: replace(flags, words={**flags.words, "ru": {"cannot": "нельзя"}}),
    ],
    ids=["sign gone", "phrases gone", "an unless", "milder kind", "an idiom", "a softener", "a group"],
)
def test_a_weaker_list_is_refused_and_the_phrase_it_would_miss_is_named(weaken: Callable[[RedFlags], RedFlags]) -> None:
    problems = check_lists(knowledge(weaken(small_list())), served=small_list())

    assert problems == [missed("не могу дышать", "emergency/breathing")]
    assert all(problem.level == "error" for problem in problems)


def test_every_phrase_that_would_be_missed_is_named() -> None:
    weaker = replace(small_list(), signs=small_list().signs[:1])

    assert check_lists(knowledge(weaker), served=small_list()) == [
        missed("I want to die", "crisis/suicide"),
        missed("хочу умереть", "crisis/suicide"),
    ]


def test_what_the_list_of_before_did_not_catch_is_no_new_miss() -> None:
    served = with_sign(small_list(), "suicide", other_words)
    assert check_lists(knowledge(served), served=small_list()) != []
    assert check_lists(knowledge(), served=served) == []


def test_a_look_alike_that_is_no_longer_alarmed_is_no_miss() -> None:
    served = with_sign(
        small_list(), "suicide", lambda sign: replace(sign, phrases={**sign.phrases, "ru": ("умираю", "умереть")})
    )
    phrases = tuple(row for row in PHRASES if row.label.startswith("lookalike"))
    assert check_lists(replace(knowledge(), danger_phrases=phrases), served=served) == []


# ---- lists that can't be used -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("$drink воду", "the phrase «$drink воду» of sign/breathing names the group `$drink`, which is not there"),
        ("(рука|нога слабая", "the phrase «(рука|нога слабая» of sign/breathing has a bracket"),
        ("???", "the phrase «???» of sign/breathing has «???», which is no word"),
    ],
)
def test_a_phrase_that_can_not_be_read_is_named_with_its_sign(phrase: str, said: str) -> None:
    broken = with_sign(small_list(), "breathing", lambda sign: replace(sign, phrases={**sign.phrases, "ru": (phrase,)}))

    (problem,) = check_lists(knowledge(broken), served=small_list())

    assert problem.path == "red_flags.yml"
    assert said in problem.message


@pytest.mark.parametrize("part", ["idioms", "insists", "addressed"])
def test_a_phrase_outside_the_signs_that_can_not_be_read_is_named_too(part: str) -> None:
    broken = replace(small_list(), **{part: {"ru": ("$nowhere",), "en": ()}})  # type: ignore[arg-type]

    (problem,) = check_lists(knowledge(broken))

    assert "«$nowhere»" in problem.message


def test_a_source_that_is_not_in_the_bibliography_is_named() -> None:
    unknown = with_sign(small_list(), "suicide", lambda sign: replace(sign, source="my-blog"))

    assert check_lists(knowledge(unknown)) == [
        Problem("red_flags.yml", 0, "the source `my-blog` of suicide is not in sources.yml")
    ]


def test_a_limit_that_can_not_be_read_is_named() -> None:
    real = whole_knowledge().limits
    first = replace(real.limits[0], phrases=dict.fromkeys(LANGS, ("$nowhere",)))

    (problem,) = check_lists(knowledge(limits=replace(real, limits=(first,))))

    assert problem.path == "limits.yml"
    assert "the phrase «$nowhere» of stop-treatment names the group `$nowhere`" in problem.message


def test_a_limit_whose_topic_is_not_in_the_catalogue_is_named() -> None:
    real = whole_knowledge().limits
    first = replace(real.limits[0], topic="no-such-topic")

    assert check_lists(knowledge(limits=replace(real, limits=(first,)))) == [
        Problem("limits.yml", 0, "`stop-treatment` names the topic `no-such-topic`, which is not in catalogue.yml")
    ]


# ---- a list beside the second net -----------------------------------------------------------------------


class Listening(ScriptedLibrary):
    """A version whose second net hears the texts it is given."""

    def __init__(self, *hears: str, listens: bool = True) -> None:
        super().__init__()
        self._hears, self._listens = hears, listens

    @property
    def listens(self) -> bool:
        return self._listens

    def suspects(self, reading: Reading, *, times: float = 1.0, hints: Collection[DangerKind] = ()) -> Suspicion | None:
        return Suspicion("emergency", "breathing", 0.9) if reading.text in self._hears else None


def left_to_the_second(flags: RedFlags) -> RedFlags:
    """The phrases of breathing moved to where the first net hears them only if it is alone."""
    return with_sign(
        flags, "breathing", lambda sign: replace(sign, alone=sign.phrases, phrases={"ru": ("икаю",), "en": ("hic",)})
    )


def test_a_phrase_may_be_left_to_a_second_net_that_hears_it() -> None:
    changed = knowledge(left_to_the_second(small_list()))

    assert check_lists(changed, served=small_list()) == []
    assert check_nets(changed, small_list(), Listening("не могу дышать")) == []


def test_a_phrase_left_to_a_second_net_that_does_not_hear_it_is_named() -> None:
    changed = knowledge(left_to_the_second(small_list()))

    assert check_nets(changed, small_list(), Listening()) == [missed("не могу дышать", "emergency/breathing")]


@pytest.mark.parametrize(
    ("served", "library"),
    [(None, Listening()), (left_to_the_second(small_list()), Listening()), (small_list(), Listening(listens=False))],
    ids=["a first list", "an unchanged list", "no second net"],
)
def test_there_is_nothing_to_try_together(served: RedFlags | None, library: Listening) -> None:
    assert check_nets(knowledge(left_to_the_second(small_list())), served, library) == []
