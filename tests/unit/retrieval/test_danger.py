"""The second net, fitted small: near phrases alarm, calm ones don't, and after an alarm it listens more closely."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bot.messages import Lang
from bot.ports import Vectors
from bot.retrieval.articles import Passage
from bot.retrieval.danger import ALARM_FROM, HINTED, DangerModel, Suspicion, danger_passages, fit_danger
from bot.retrieval.questions import Labelled
from bot.retrieval.redflags import KINDS
from bot.retrieval.semantic import centred
from bot.retrieval.topics import Landmarks, TopicModel, Vocabulary
from bot.retrieval.writing import essence
from bot.safety.nets import CLOSER
from tests.examples import LettersEncoder, whole_knowledge

EXAMPLES = [
    Labelled(text, lang, label, 0)
    for label, lang, texts in (
        ("crisis/suicide", "ru", ("не хочу больше жить", "жить больше не хочу", "незачем больше жить")),
        ("crisis/suicide", "en", ("no reason to live any more", "I do not want to live", "life is over for me")),
        ("emergency/breathing", "ru", ("воздуха не хватает", "не хватает воздуха", "воздух не проходит")),
        ("emergency/breathing", "en", ("I am gasping for air", "not enough air to breathe", "gasping, no air")),
        ("urgent/infection", "ru", ("место укола загноилось", "из места укола сочится гной")),
        ("lookalike/breathing", "ru", ("в клинике душно и мало воздуха", "свежего воздуха хочется")),
        ("lookalike/suicide", "ru", ("живу душа в душу", "жить без морщин")),
    )
    for text in texts
]  # fmt: skip
CALM = [
    Passage("duration", lang, "question", text)
    for lang, texts in (
        ("ru", ("сколько держится эффект", "сколько стоит", "это больно", "когда подействует", "где вы находитесь")),
        ("en", ("how long does it last", "how much does it cost", "does it hurt", "where are you", "can I exercise")),
    )
    for text in texts
]  # fmt: skip


class Net:
    """A small second net with its encoder at hand."""

    def __init__(self) -> None:
        self._encoder = LettersEncoder()
        found = danger_passages(EXAMPLES)
        raw = self._encoder.encode([passage.text for passage in (*found, *CALM)], "query")
        self._centre = raw.mean(axis=0)
        self.model, self.solution = fit_danger(found, CALM, centred(raw, self._centre))

    def hears(self, text: str, lang: Lang = "ru", *, times: float = 1.0) -> Suspicion | None:
        return self.model.suspects(text, lang, self.vector(text), times=times)

    def vector(self, text: str) -> Vectors:
        return centred(self._encoder.encode([text], "query"), self._centre)


@pytest.fixture(scope="module")
def net() -> Net:
    return Net()


@pytest.mark.parametrize(
    ("text", "lang", "kind", "sign"),
    [
        ("не хочу больше жить", "ru", "crisis", "suicide"),
        ("больше не хочу так жить", "ru", "crisis", "suicide"),
        ("воздуха мне не хватает", "ru", "emergency", "breathing"),
        ("no reason to live", "en", "crisis", "suicide"),
        ("gasping for air", "en", "emergency", "breathing"),
    ],
)
def test_a_message_near_the_examples_alarms_with_their_kind_and_sign(
    net: Net, text: str, lang: Lang, kind: str, sign: str
) -> None:
    heard = net.hears(text, lang)

    assert heard is not None
    assert (heard.kind, heard.sign) == (kind, sign)
    assert heard.score >= ALARM_FROM[heard.kind]


@pytest.mark.parametrize(
    "text", ["сколько держится эффект", "это больно", "свежего воздуха хочется", "жить без морщин", "", "абвгд", "123"]
)
def test_calm_messages_and_look_alikes_do_not_alarm(net: Net, text: str) -> None:
    assert net.hears(text) is None


def test_a_message_that_is_not_near_enough_alarms_only_when_it_is_listened_to_closely() -> None:
    score = ALARM_FROM["crisis"] * (1 + CLOSER) / 2

    assert _fixed({"crisis/suicide": score}).suspects("", "ru", None) is None
    heard = _fixed({"crisis/suicide": score}).suspects("", "ru", None, times=CLOSER)
    assert heard is not None
    assert heard.kind == "crisis"


def test_the_sentences_of_a_harmless_message_teach_as_well_and_those_of_a_danger_do_not() -> None:
    text = "Пила таблетки месяц. Голова кружилась по утрам. Да."
    taught = {label: danger_passages([Labelled(text, "ru", label, 0)]) for label in ("calm", "crisis/suicide")}

    assert [passage.text for passage in taught["calm"]] == [
        essence(text), essence("Пила таблетки месяц."), essence("Голова кружилась по утрам."),
    ]  # fmt: skip
    assert [passage.text for passage in taught["crisis/suicide"]] == [essence(text)]


def test_listening_closely_only_lowers_what_is_needed() -> None:
    for kind in KINDS:
        for score in np.arange(0, 1.2, 0.05):
            model = _fixed({f"{kind}/any": float(score)})
            if model.suspects("", "ru", None) is not None:
                assert model.suspects("", "ru", None, times=CLOSER) is not None


def test_a_hint_of_the_same_kind_makes_less_enough_and_one_of_another_kind_does_not() -> None:
    model = _fixed({"emergency/breathing": ALARM_FROM["emergency"] * (1 + HINTED) / 2})

    assert model.suspects("", "ru", None) is None
    assert model.suspects("", "ru", None, hints={"crisis"}) is None
    assert model.suspects("", "ru", None, hints={"emergency"}) is not None


def test_signs_of_one_kind_are_counted_together_and_the_likeliest_is_named() -> None:
    """Half a crisis of one sort and half of another are a crisis."""
    half = ALARM_FROM["crisis"] * 0.6

    heard = _fixed({"crisis/suicide": half, "crisis/self-harm": half * 0.9}).suspects("", "ru", None)

    assert heard is not None
    assert (heard.kind, heard.sign) == ("crisis", "suicide")


def test_of_two_kinds_the_one_further_beyond_its_bar_is_heard() -> None:
    heard = _fixed({"crisis/suicide": ALARM_FROM["crisis"] + 0.1, "emergency/voice": 1.0}).suspects("", "ru", None)

    assert heard is not None
    assert heard.kind == "emergency"


def test_a_sign_that_can_wait_until_the_evening_needs_the_most() -> None:
    assert ALARM_FROM["urgent"] > max(ALARM_FROM["crisis"], ALARM_FROM["emergency"])


def test_a_model_without_examples_of_danger_hears_nothing() -> None:
    assert _fixed({"calm": 1.0}).suspects("", "ru", None, times=CLOSER) is None


def _fixed(scores: dict[str, float]) -> DangerModel:
    """A model that scores every text alike."""
    labels = sorted({"calm": 0.0, **scores})
    intercept = np.array([scores.get(label, 0.0) for label in labels], dtype=np.float32)
    empty = np.zeros((0, 0), np.float32)
    vocabulary = Vocabulary(np.zeros(0, np.uint32), np.zeros(0, np.float32))
    by_word = np.zeros((0, len(labels)), np.float32)
    return DangerModel(TopicModel(labels, vocabulary, by_word, Landmarks(empty), empty, intercept))


def test_only_examples_of_danger_keep_their_label_and_look_alikes_are_calm() -> None:
    labels = {passage.label for passage in danger_passages(EXAMPLES)}
    assert labels == {"crisis/suicide", "emergency/breathing", "urgent/infection", "calm"}


def test_examples_are_read_as_messages_are() -> None:
    (passage,) = danger_passages([Labelled("Здравствуйте! НЕ ХОЧУ жить.", "ru", "crisis/suicide", 1)])
    assert passage.text == essence("Здравствуйте! НЕ ХОЧУ жить.")


def test_a_saved_net_hears_the_same(net: Net, tmp_path: Path) -> None:
    net.model.save(tmp_path / "danger")
    loaded = DangerModel.load(tmp_path / "danger")

    for text in ("не хочу больше жить", "воздуха не хватает", "сколько стоит"):
        heard, again = net.hears(text), loaded.suspects(text, "ru", net.vector(text))
        assert (heard is None) is (again is None)
        if heard is not None and again is not None:
            assert (again.kind, again.sign) == (heard.kind, heard.sign)
            assert again.score == pytest.approx(heard.score, abs=1e-5)


def test_a_fit_that_starts_from_an_earlier_one_hears_the_same(net: Net) -> None:
    found = danger_passages(EXAMPLES)
    raw = LettersEncoder().encode([passage.text for passage in (*found, *CALM)], "query")

    again, _ = fit_danger(found, CALM, centred(raw, raw.mean(axis=0)), net.solution)

    heard = again.suspects("не хочу больше жить", "ru", net.vector("не хочу больше жить"))
    assert heard is not None
    assert heard.kind == "crisis"


# ---- the real examples ------------------------------------------------------------------------------------


def test_every_real_example_is_labelled_with_a_sign_of_the_list() -> None:
    knowledge = whole_knowledge()
    signs = {f"{sign.kind}/{sign.id}" for sign in knowledge.red_flags.signs}

    for row in (*knowledge.danger_examples, *knowledge.danger_phrases):
        kind = row.label.partition("/")[0]
        assert kind in (*KINDS, "lookalike", "calm"), row
        assert kind not in KINDS or "/" not in row.label or row.label in signs, row


def test_nothing_is_learnt_from_the_phrases_kept_for_measuring() -> None:
    learnt = {essence(row.text) for row in whole_knowledge().danger_examples}
    assert [row.text for row in whole_knowledge().danger_phrases if essence(row.text) in learnt] == []


def test_there_are_enough_phrases_to_measure_by() -> None:
    phrases = whole_knowledge().danger_phrases
    assert len(phrases) >= 400
    for lang in ("ru", "en"):
        for kind in ("emergency", "urgent", "crisis", "lookalike", "calm"):
            assert sum(row.lang == lang and row.label.partition("/")[0] == kind for row in phrases) >= 20, (lang, kind)
