from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.messages import Lang
from bot.ports import Vectors
from bot.retrieval.lexical import keys
from bot.retrieval.ridge import Solution, fit_topics
from bot.retrieval.topics import TopicModel, Vocabulary, features
from tests.examples import LettersEncoder

QUESTIONS: dict[str, list[tuple[str, Lang]]] = {
    "duration": [
        ("сколько держится ботокс", "ru"), ("на сколько месяцев хватает", "ru"), ("надолго ли держится", "ru"),
        ("how long does it last", "en"), ("how many months does it last", "en"),
    ],
    "pain": [
        ("больно ли делать уколы", "ru"), ("это больно", "ru"), ("уколы болезненные", "ru"),
        ("does it hurt", "en"), ("is the injection painful", "en"),
    ],
    "price": [
        ("сколько стоит одна единица", "ru"), ("цена на уколы", "ru"), ("какая стоимость", "ru"),
        ("how much does it cost", "en"), ("what is the price", "en"),
    ],
}  # fmt: skip
TEXTS = [question for asked in QUESTIONS.values() for question in asked]
LABELS = [label for label, asked in QUESTIONS.items() for _ in asked]


def _vectors(texts: list[tuple[str, Lang]] = TEXTS) -> Vectors:
    return LettersEncoder().encode([text for text, _ in texts], "query")


@pytest.fixture(scope="module")
def by_words() -> TopicModel:
    return fit_topics(TEXTS, LABELS, None)[0]


@pytest.fixture(scope="module")
def by_both() -> TopicModel:
    return fit_topics(TEXTS, LABELS, _vectors())[0]


def _best(model: TopicModel, text: str, lang: Lang, vector: Vectors | None = None) -> str:
    return model.labels[int(np.argmax(model.scores(text, lang, vector)))]


@pytest.mark.parametrize(
    ("text", "lang", "topic"),
    [
        ("ботокс надолго держится?", "ru", "duration"),
        ("уколы это больно?", "ru", "pain"),
        ("стоимость единицы", "ru", "price"),
        ("will it hurt", "en", "pain"),
    ],
)
def test_the_topic_whose_questions_are_alike_scores_most(
    by_words: TopicModel, by_both: TopicModel, text: str, lang: Lang, topic: str
) -> None:
    assert _best(by_words, text, lang) == topic
    assert _best(by_both, text, lang, _vectors([(text, lang)])) == topic


def test_russian_in_latin_letters_has_the_same_topic(by_words: TopicModel) -> None:
    assert _best(by_words, "botoks nadolgo derzhitsya", "ru") == "duration"


def test_meaning_decides_where_words_say_nothing(by_both: TopicModel) -> None:
    vector = _vectors([("what is the price", "en")])

    assert _best(by_both, "", "en", vector) == "price"


def test_labels_come_once_and_sorted(by_words: TopicModel) -> None:
    assert by_words.labels == ("duration", "pain", "price")


@settings(deadline=None, max_examples=50)
@given(text=st.text(), lang=st.sampled_from(["ru", "en"]))
@example(text="𗀀", lang="ru")
def test_scores_of_any_text_are_finite(by_words: TopicModel, text: str, lang: Lang) -> None:
    scores = by_words.scores(text, lang, None)

    assert scores.dtype == np.float32
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(("text", "lang"), TEXTS)
def test_a_question_that_was_learnt_is_nearly_wholly_of_its_label(by_both: TopicModel, text: str, lang: Lang) -> None:
    scores = by_both.scores(text, lang, _vectors([(text, lang)]))

    own = by_both.labels.index(LABELS[TEXTS.index((text, lang))])
    assert scores[own] > 0.7
    assert np.delete(scores, own).max() < 0.3


def test_a_text_that_says_nothing_is_of_each_label_as_much_as_there_are_questions_of_it(by_words: TopicModel) -> None:
    np.testing.assert_allclose(by_words.scores("🙂", "ru", None), 1 / 3, atol=0.01)


def test_a_model_comes_back_from_its_folder(by_both: TopicModel, tmp_path: Path) -> None:
    by_both.save(tmp_path / "topics")

    loaded = TopicModel.load(tmp_path / "topics")

    vector = _vectors([("больно ли", "ru")])
    assert loaded.labels == by_both.labels
    np.testing.assert_array_equal(loaded.scores("больно ли", "ru", vector), by_both.scores("больно ли", "ru", vector))


def test_the_same_questions_give_the_same_model(by_both: TopicModel) -> None:
    again = fit_topics(TEXTS, LABELS, _vectors())[0]

    vector = _vectors([("больно ли", "ru")])
    np.testing.assert_array_equal(again.scores("больно ли", "ru", vector), by_both.scores("больно ли", "ru", vector))


def test_a_fit_tells_topics_apart_alike_from_whatever_earlier_solution_it_starts(tmp_path: Path) -> None:
    _, earlier = fit_topics(TEXTS[1:], LABELS[1:], _vectors(TEXTS[1:]))
    earlier.save(tmp_path / "solution.npz")

    warm, _ = fit_topics(TEXTS, LABELS, _vectors(), Solution.load(tmp_path / "solution.npz"))

    cold, _ = fit_topics(TEXTS, LABELS, _vectors())
    for text, lang in TEXTS:
        vector = _vectors([(text, lang)])
        found, wanted = warm.scores(text, lang, vector), cold.scores(text, lang, vector)
        assert found.argmax() == wanted.argmax()
        # A fit ends when it is near enough, within a tenth of what is wanted, and not on the last digit.
        np.testing.assert_allclose(found, wanted, atol=0.2)


def test_an_earlier_solution_of_other_questions_and_labels_does_no_harm() -> None:
    _, other = fit_topics([("вес", "ru"), ("рост", "ru")], ["weight", "height"], None)

    model, _ = fit_topics(TEXTS, LABELS, None, other)

    assert _best(model, "больно ли", "ru") == "pain"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.fit([features(text, lang) for text, lang in TEXTS])


def _key(name: str) -> int:
    return int(keys([name])[0])


def test_features_are_letters_in_a_row_words_and_pairs_of_words() -> None:
    found = features("больно, больно ли", "ru")

    counted = dict(zip(found.keys.tolist(), found.counts.tolist(), strict=True))
    assert counted[_key("ru:больно")] == 2
    assert counted[_key("ru:больно ru:ли")] == 1
    assert counted[_key("бол")] == 2


def test_features_nobody_wrote_are_no_features(vocabulary: Vocabulary) -> None:
    rows, weights = vocabulary.weigh(features("крокодил", "ru"))

    assert len(rows) == len(weights)
    assert _key("ru:крокодил") not in vocabulary.keys[rows]


@pytest.mark.parametrize("text", ["больно", "сколько держится ботокс, надолго ли хватает и больно ли делать уколы"])
def test_letters_and_words_weigh_the_same_in_a_short_text_and_a_long_one(vocabulary: Vocabulary, text: str) -> None:
    found = features(text, "ru")
    rows, weights = vocabulary.weigh(found)

    is_gram = np.isin(vocabulary.keys[rows], found.keys[: found.grams])
    assert weights.dtype == np.float32
    assert np.linalg.norm(weights[is_gram]) == pytest.approx(0.3**0.5, rel=1e-4)
    assert np.linalg.norm(weights[~is_gram]) == pytest.approx(0.3**0.5, rel=1e-4)


def test_rare_features_weigh_more_than_common_ones(vocabulary: Vocabulary) -> None:
    rows, weights = vocabulary.weigh(features("сколько ботокс", "ru"))

    by_key = dict(zip(vocabulary.keys[rows].tolist(), weights.tolist(), strict=True))
    assert by_key[_key("ru:ботокс")] > by_key[_key("ru:сколько")]


def test_a_vocabulary_of_nothing_knows_nothing() -> None:
    rows, weights = Vocabulary(np.zeros(0, np.uint32), np.zeros(0, np.float32)).weigh(features("больно", "ru"))

    assert (len(rows), len(weights)) == (0, 0)
