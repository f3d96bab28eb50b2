from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.messages import Lang
from bot.retrieval.lexical import LexicalIndex, Tokenizer, gram_keys, grams, lemma, lemma_keys, lemmas, words

TEXTS: list[tuple[str, Lang]] = [
    ("сколько держится ботокс", "ru"),
    ("больно ли делать уколы", "ru"),
    ("сколько стоит одна единица", "ru"),
    ("how long does it last", "en"),
    ("does the injection hurt", "en"),
]
BOTH = pytest.mark.parametrize("tokenizer", [lemma_keys, gram_keys])


@pytest.fixture(scope="module")
def by_word() -> LexicalIndex:
    return LexicalIndex.build(TEXTS, lemma_keys)


@pytest.fixture(scope="module")
def by_gram() -> LexicalIndex:
    return LexicalIndex.build(TEXTS, gram_keys)


@pytest.mark.parametrize(
    ("text", "lang", "found"),
    [
        ("Сколько держится?", "ru", ["сколько", "держится"]),
        ("botox и Диспорт", "ru", ["ботокс", "и", "диспорт"]),
        ("Ещё раз", "ru", ["еще", "раз"]),
        ("How LONG, really?", "en", ["how", "long", "really"]),
        ("через 3-4 месяца", "ru", ["через", "3", "4", "месяца"]),
        ("😀 ?! _", "ru", []),
    ],
)
def test_words_are_small_and_russian_ones_in_russian_letters(text: str, lang: Lang, found: list[str]) -> None:
    assert words(text, lang) == found


def test_a_word_without_end_is_cut() -> None:
    assert words("а" * 10_000, "ru") == ["а" * 32]


@pytest.mark.parametrize(
    ("one", "two", "lang"),
    [("укола", "уколами", "ru"), ("держится", "держались", "ru"), ("lasting", "lasts", "en"), ("hurts", "hurt", "en")],
)
def test_forms_of_a_word_have_one_lemma(one: str, two: str, lang: Lang) -> None:
    assert lemma(one, lang) == lemma(two, lang)


def test_the_same_letters_in_two_languages_are_two_tokens() -> None:
    assert lemmas("12", "ru") == ["ru:12"]
    assert lemmas("12", "en") == ["en:12"]


def test_a_typo_spoils_only_a_few_grams() -> None:
    right, wrong = set(grams("держится")), set(grams("держиться"))

    assert len(right & wrong) > len(right) / 2


def test_a_word_of_one_letter_has_a_gram() -> None:
    assert grams("я") == [" я ", " я ", " я "]


@settings(deadline=None, max_examples=50)
@given(text=st.text(), lang=st.sampled_from(["ru", "en"]))
@example(text="𗀀", lang="ru")
def test_any_text_has_tokens_or_none(text: str, lang: Lang) -> None:
    assert len(lemmas(text, lang)) == len(words(text, lang))
    assert bool(len(gram_keys(text, lang))) == bool(words(text, lang))


def test_the_text_that_shares_most_words_comes_first(by_word: LexicalIndex) -> None:
    assert int(np.argmax(by_word.scores("ботокс держится долго", "ru"))) == 0
    assert int(np.argmax(by_word.scores("болят ли уколы", "ru"))) == 1


def test_forms_of_words_are_found_by_lemma(by_word: LexicalIndex) -> None:
    assert int(np.argmax(by_word.scores("стоимость единиц", "ru"))) == 2


def test_a_typo_is_found_by_grams_and_not_by_lemmas(by_word: LexicalIndex, by_gram: LexicalIndex) -> None:
    assert by_word.scores("держыться", "ru").max() == 0
    assert int(np.argmax(by_gram.scores("держыться", "ru"))) == 0


def test_latin_letters_find_russian_words(by_gram: LexicalIndex) -> None:
    assert int(np.argmax(by_gram.scores("skolko derzhitsya botoks", "ru"))) == 0


def test_texts_of_the_other_language_share_no_words(by_word: LexicalIndex) -> None:
    scores = by_word.scores("how long does it hurt", "en")

    assert scores[:3].max() == 0
    assert scores[3:].min() > 0


@BOTH
def test_scores_are_float32_between_nothing_and_about_one(tokenizer: Tokenizer) -> None:
    index = LexicalIndex.build(TEXTS, tokenizer)

    for text, lang in TEXTS:
        scores = index.scores(text, lang)
        assert scores.dtype == np.float32
        assert scores.shape == (len(TEXTS),)
        assert scores.min() >= 0
        assert scores.max() <= 1.001


@BOTH
def test_a_text_finds_itself_first(tokenizer: Tokenizer) -> None:
    index = LexicalIndex.build(TEXTS, tokenizer)

    assert [int(np.argmax(index.scores(text, lang))) for text, lang in TEXTS] == list(range(len(TEXTS)))


def test_words_nobody_wrote_lower_the_score(by_word: LexicalIndex) -> None:
    known = by_word.scores("сколько держится", "ru")[0]

    assert 0 < by_word.scores("сколько держится гиалуронка", "ru")[0] < known


@BOTH
@pytest.mark.parametrize("question", ["", "😀", "\0", "крокодил"])
def test_a_question_that_shares_nothing_scores_nothing(tokenizer: Tokenizer, question: str) -> None:
    index = LexicalIndex.build([("больно", "ru"), ("цена", "ru")], tokenizer)

    assert index.scores(question, "ru").tolist() == [0.0, 0.0]


@BOTH
def test_a_text_without_words_can_be_indexed(tokenizer: Tokenizer) -> None:
    index = LexicalIndex.build([("😀", "ru"), ("больно", "ru")], tokenizer)

    scores = index.scores("больно", "ru")

    assert scores[0] == 0
    assert scores[1] > 0


@BOTH
def test_an_index_of_nothing_but_texts_without_words_finds_nothing(tokenizer: Tokenizer) -> None:
    index = LexicalIndex.build([("😀", "ru"), ("?!", "en")], tokenizer)

    assert index.scores("больно", "ru").tolist() == [0.0, 0.0]


@BOTH
def test_many_questions_score_as_each_of_them_alone(tokenizer: Tokenizer) -> None:
    index = LexicalIndex.build(TEXTS, tokenizer)
    asked: list[tuple[str, Lang]] = [
        *TEXTS, ("сколько сколько стоит гиалуронка", "ru"), ("крокодил", "ru"), ("", "en"), ("does it, does it", "en"),
    ]  # fmt: skip

    together = index.scores_of_all(asked)

    alone = np.stack([index.scores(text, lang) for text, lang in asked])
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, alone, atol=1e-5)


@BOTH
def test_an_index_comes_back_from_its_file(tokenizer: Tokenizer, tmp_path: Path) -> None:
    index = LexicalIndex.build(TEXTS, tokenizer)
    index.save(tmp_path / "index.npz")

    loaded = LexicalIndex.load(tmp_path / "index.npz", tokenizer)

    question = "сколько держится гиалуронка"
    np.testing.assert_array_equal(loaded.scores(question, "ru"), index.scores(question, "ru"))
