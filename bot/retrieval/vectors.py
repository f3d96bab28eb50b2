"""Vectors of passages by their text, kept between builds so that an edit encodes only what changed.

DATA_DIR/vectors/<encoder>.npz   beside those that the knowledge folder brings: see `known_vectors`
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bot.ports import Encoder, Vectors
from bot.retrieval import known_vectors
from bot.retrieval.articles import Passage, digest

# Vectors kept beside those that the folder brings, the last ones; 1.5 KB each.
_MOST_CACHED = 60_000

Progress = Callable[[str, int, int], None]


def vectors_of(
    found: Sequence[Passage], encoder: Encoder | None, data_dir: Path, progress: Progress, root: Path | None = None
) -> Vectors | None:
    """Vectors of all passages; only texts never encoded before are encoded now.

    Args:
        root: the knowledge folder, which may bring vectors with it.
    """
    if encoder is None:
        return None
    from bot.retrieval.fitting import encode

    cache = data_dir / "vectors" / f"{digest(encoder.name)}.npz"
    brought = {} if root is None else known_vectors.read(root, encoder.name)
    known = {**_read_cache(cache), **brought}
    keys = [vector_key(passage) for passage in found]
    missing = {key: passage for key, passage in zip(keys, found, strict=True) if key not in known}
    todo = list(missing.items())
    for start in range(0, len(todo), 64):
        progress("encoding", start, len(todo))
        part = todo[start : start + 64]
        new = encode([passage for _, passage in part], encoder)
        assert new is not None
        known.update({key: vector for (key, _), vector in zip(part, new, strict=True)})
    progress("encoding", len(todo), len(todo))
    if todo:
        cache.parent.mkdir(parents=True, exist_ok=True)
        # What other calls had encoded stays: examples of danger are encoded apart from questions.
        used = [key for key in known if key not in brought][-_MOST_CACHED:]
        with tempfile.NamedTemporaryFile(dir=cache.parent, delete=False, suffix=".npz") as file:
            np.savez(file, keys=np.array(used), vectors=np.stack([known[key] for key in used]))
        os.replace(file.name, cache)
    return np.stack([known[key] for key in keys])


def vector_key(passage: Passage) -> str:
    """What a passage's vector is known by: its text, and whether it is asked or told."""
    return digest(f"{passage.kind in ('title', 'paragraph')}\0{passage.text}")


def _read_cache(path: Path) -> dict[str, Any]:
    """Vectors by key; a cache that can't be read is an empty one."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return dict(zip(arrays["keys"].tolist(), arrays["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile):  # RuntimeError: odd bits in its head
        return {}
