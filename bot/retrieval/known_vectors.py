"""Vectors of texts that never change on a clinic's server, kept beside them: a fresh machine need not encode them.

KNOWLEDGE_DIR/vectors/<encoder>.npz   the examples of danger, 25,000 texts: five minutes of encoding on two cores

A vector is kept as 384 whole numbers and the size of one step: one byte a component, which turns it by less than a
hundredth. A text that has none here is encoded as any other; a file for another encoder is not looked at.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from bot.ports import Vectors

_MOST = 127


def path_of(root: Path, encoder: str) -> Path:
    return root / "vectors" / f"{encoder}.npz"


def read(root: Path, encoder: str) -> dict[str, Vectors]:
    """Vectors by key, float32, unit length; none where there is no file, or none that can be read."""
    try:
        with path_of(root, encoder).open("rb") as file, np.load(file) as arrays:
            rows = arrays["rows"].astype(np.float32) * arrays["steps"][:, None]
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            return dict(zip(arrays["keys"].tolist(), rows, strict=True))
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile):
        return {}


def write(root: Path, encoder: str, vectors: Mapping[str, Vectors]) -> Path:
    """Put the file in its place whole; sorted by key, so that the same vectors make the same file.

    Args:
        vectors: by key, float32, shape (d,), unit length.
    """
    keys = sorted(vectors)
    rows = np.stack([vectors[key] for key in keys])
    steps = np.abs(rows).max(axis=1) / _MOST
    place = path_of(root, encoder)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place.parent, delete=False, suffix=".npz") as file:
        whole = np.rint(rows / steps[:, None]).astype(np.int8)
        np.savez_compressed(file, keys=np.array(keys), rows=whole, steps=steps.astype(np.float32))
    os.chmod(file.name, 0o644)
    os.replace(file.name, place)
    return place
