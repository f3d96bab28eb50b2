import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.messages import Lang
from bot.retrieval.families import families, folds

QUESTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["сколько держится", "сколько держиться", "больно ли", "больно ли это", "цена", "how long", "it hurts", ""]
        ),
        st.sampled_from(["ru", "en"]),
    ),
    min_size=1,
    max_size=30,
)  # fmt: skip


def _same_family(one: str, two: str, lang: Lang = "ru") -> bool:
    first, second = families([(one, lang), (two, lang)])
    return bool(first == second)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("сколько держится ботокс", "ботокс сколько держится"),
        ("сколько держится ботокс", "сколько держиться ботокс"),
        ("сколько держится ботокс", "skolko derzhitsya botoks"),
        ("больно ли делать укол", "больно ли делать уколы"),
        ("больно?", "больно"),
    ],
)
def test_the_same_words_in_other_order_form_or_spelling_are_one_family(one: str, two: str) -> None:
    assert _same_family(one, two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("сколько держится ботокс", "сколько стоит ботокс"),
        ("больно ли это", "опасно ли это"),
        ("можно ли спорт после уколов", "можно ли алкоголь после уколов"),
    ],
)
def test_questions_with_another_point_are_two_families(one: str, two: str) -> None:
    assert not _same_family(one, two)


def test_likeness_is_passed_on_from_neighbour_to_neighbour() -> None:
    chain = ["1234567890", "1234567890123", "1234567890123456"]

    assert not _same_family(chain[0], chain[2])
    assert len(set(families([(text, "ru") for text in chain]).tolist())) == 1


def test_the_same_letters_in_two_languages_are_two_questions() -> None:
    one, two = families([("botox 12", "ru"), ("botox 12", "en")])

    assert one != two


@settings(deadline=None, max_examples=50)
@given(texts=QUESTIONS, count=st.integers(1, 6), seed=st.integers(0, 99))
def test_a_family_is_never_split_between_folds(texts: list[tuple[str, Lang]], count: int, seed: int) -> None:
    family = families(texts)

    part = folds(family, count, seed)

    assert part.shape == (len(texts),)
    assert set(part.tolist()) <= set(range(count))
    for number in set(family.tolist()):
        assert len(set(part[family == number].tolist())) == 1


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.integers(1, 6))
def test_folds_hold_nearly_the_same_number_of_families(numbers: list[int], count: int) -> None:
    family = np.unique(np.array(numbers), return_inverse=True)[1]

    part = folds(family, count)

    sizes = [len(set(family[part == fold].tolist())) for fold in range(count)]
    assert max(sizes) - min(sizes) <= 1


def test_the_same_seed_gives_the_same_folds() -> None:
    family = np.arange(50)

    assert folds(family, 5, 1).tolist() == folds(family, 5, 1).tolist()
    assert folds(family, 5, 1).tolist() != folds(family, 5, 2).tolist()
