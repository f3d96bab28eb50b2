from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.ports import Vectors
from bot.retrieval.semantic import SemanticIndex, centred


def _unit_rows(count: int, dimension: int = 8, seed: int = 0) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(count, dimension))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@settings(deadline=None)
@given(count=st.integers(1, 20), seed=st.integers(0, 1000))
def test_centred_vectors_are_unit_rows_of_float32(count: int, seed: int) -> None:
    vectors = _unit_rows(count, seed=seed)
    centre = np.full(8, 0.3, dtype=np.float32)

    found = centred(vectors, centre)

    assert found.dtype == np.float32
    assert found.shape == vectors.shape
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_centring_takes_away_what_all_vectors_share() -> None:
    shared = np.zeros(8, dtype=np.float32)
    shared[0] = 5
    vectors = _unit_rows(50) + shared
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    found = centred(vectors, vectors.mean(axis=0))

    apart = ~np.eye(50, dtype=bool)
    assert float((vectors @ vectors.T)[apart].mean()) > 0.9
    assert abs(float((found @ found.T)[apart].mean())) < 0.1


def test_a_vector_that_is_the_centre_itself_becomes_no_nan() -> None:
    vector = _unit_rows(1)

    assert centred(vector, vector[0]).tolist() == [[0.0] * 8]


def test_scores_are_cosines_in_the_order_of_indexing() -> None:
    vectors = _unit_rows(30)
    asked = _unit_rows(1, seed=9)

    scores = SemanticIndex.build(vectors).scores(asked)

    assert scores.dtype == np.float32
    assert scores.shape == (30,)
    np.testing.assert_allclose(scores, (vectors @ asked.T)[:, 0], atol=1e-3)


@pytest.mark.parametrize("row", [0, 17, 29])
def test_a_passage_is_nearest_to_itself(row: int) -> None:
    vectors = _unit_rows(30)

    scores = SemanticIndex.build(vectors).scores(vectors[row][None])

    assert int(np.argmax(scores)) == row
    assert scores[row] == pytest.approx(1.0, abs=1e-3)


def test_an_index_comes_back_from_its_file(tmp_path: Path) -> None:
    vectors, asked = _unit_rows(30), _unit_rows(1, seed=9)
    index = SemanticIndex.build(vectors)
    index.save(tmp_path / "vectors.faiss")

    loaded = SemanticIndex.load(tmp_path / "vectors.faiss")

    np.testing.assert_array_equal(loaded.scores(asked), index.scores(asked))
