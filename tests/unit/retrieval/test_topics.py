from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.messages import Lang
from bot.ports import Vectors
from bot.retrieval.topics import TopicData, TopicModel, Vocabulary, features
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
    return TopicData(TEXTS, LABELS, None).fit()


@pytest.fixture(scope="module")
def by_both() -> TopicModel:
    return TopicData(TEXTS, LABELS, _vectors()).fit()


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
def test_scores_of_any_text_are_log_probabilities(by_words: TopicModel, text: str, lang: Lang) -> None:
    scores = by_words.scores(text, lang, None)

    assert scores.dtype == np.float32
    assert scores.shape == (3,)
    assert float(np.exp(scores).sum()) == pytest.approx(1.0, abs=1e-5)


def test_a_text_that_says_nothing_leaves_the_topics_about_equal(by_words: TopicModel) -> None:
    assert np.exp(by_words.scores("крокодил", "ru", None)).max() < 0.6


def test_a_model_comes_back_from_its_folder(by_both: TopicModel, tmp_path: Path) -> None:
    by_both.save(tmp_path / "topics")

    loaded = TopicModel.load(tmp_path / "topics")

    vector = _vectors([("больно ли", "ru")])
    assert loaded.labels == by_both.labels
    np.testing.assert_array_equal(loaded.scores("больно ли", "ru", vector), by_both.scores("больно ли", "ru", vector))


def test_the_same_questions_give_the_same_model(by_both: TopicModel) -> None:
    again = TopicData(TEXTS, LABELS, _vectors()).fit()

    vector = _vectors([("больно ли", "ru")])
    np.testing.assert_array_equal(again.scores("больно ли", "ru", vector), by_both.scores("больно ли", "ru", vector))


def test_held_out_questions_are_scored_in_their_order() -> None:
    asked = [TEXTS[LABELS.index(label)] for label in ("price", "duration", "duration")]
    learnt = np.array([True] * len(TEXTS) + [False] * 3)
    data = TopicData([*TEXTS, *asked], [*LABELS, "price", "duration", "duration"], _vectors([*TEXTS, *asked]))

    scores = data.scores_apart(learnt)

    assert np.argmax(scores, axis=1).tolist() == [2, 0, 0]

    assert scores.dtype == np.float32
    assert scores.shape == (3, 3)
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, atol=1e-5)


def test_a_topic_none_of_whose_questions_were_learnt_is_never_expected() -> None:
    learnt = np.array([label != "pain" for label in LABELS])

    scores = TopicData(TEXTS, LABELS, None).scores_apart(learnt)

    assert np.exp(scores[:, 1]).max() < 0.001


def test_the_label_of_a_held_out_question_does_not_leak_into_its_score() -> None:
    learnt = np.ones(len(TEXTS), dtype=bool)
    learnt[0] = False
    mislabelled = ["price", *LABELS[1:]]

    right = TopicData(TEXTS, LABELS, None).scores_apart(learnt)
    wrong = TopicData(TEXTS, mislabelled, None).scores_apart(learnt)

    np.testing.assert_array_equal(right, wrong)


def test_a_held_out_question_is_scored_as_the_finished_model_would_score_it() -> None:
    doubled = [*TEXTS, TEXTS[0]]
    labels = [*LABELS, LABELS[0]]
    learnt = np.ones(len(doubled), dtype=bool)
    learnt[-1] = False
    data = TopicData(doubled, labels, None)

    apart = data.scores_apart(learnt)[0]

    finished = data.fit().scores(*TEXTS[0], None)
    np.testing.assert_allclose(np.exp(apart), np.exp(finished), atol=0.1)
    assert int(np.argmax(apart)) == int(np.argmax(finished))


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.fit([features(text, lang) for text, lang in TEXTS])


def test_features_are_letters_in_a_row_words_and_pairs_of_words() -> None:
    found = features("больно, больно ли", "ru")

    assert found["wru:больно"] == 2
    assert found["wru:больно ru:ли"] == 1
    assert found["gбол"] == 2


def test_features_nobody_wrote_are_no_features(vocabulary: Vocabulary) -> None:
    rows, weights = vocabulary.weigh(features("крокодил", "ru"))

    names = list(vocabulary.rows)
    assert len(rows) == len(weights)
    assert "wru:крокодил" not in {names[row] for row in rows}


@pytest.mark.parametrize("text", ["больно", "сколько держится ботокс, надолго ли хватает и больно ли делать уколы"])
def test_letters_and_words_weigh_the_same_in_a_short_text_and_a_long_one(vocabulary: Vocabulary, text: str) -> None:
    rows, weights = vocabulary.weigh(features(text, "ru"))

    names = list(vocabulary.rows)
    is_gram = np.array([names[row].startswith("g") for row in rows])
    assert weights.dtype == np.float32
    assert np.linalg.norm(weights[is_gram]) == pytest.approx(0.3**0.5, rel=1e-4)
    assert np.linalg.norm(weights[~is_gram]) == pytest.approx(0.3**0.5, rel=1e-4)


def test_rare_features_weigh_more_than_common_ones(vocabulary: Vocabulary) -> None:
    rows, weights = vocabulary.weigh(features("сколько ботокс", "ru"))

    by_name = dict(zip((list(vocabulary.rows)[row] for row in rows), weights, strict=True))
    assert by_name["wru:ботокс"] > by_name["wru:сколько"]
