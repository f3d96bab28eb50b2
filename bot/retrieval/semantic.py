"""Evidence by meaning: e5 vectors in FAISS."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from bot.ports import Vectors


def centred(vectors: Vectors, centre: Vectors) -> Vectors:
    """Subtract the library's mean vector and renormalise: float32, shape (n, d), unit rows.

    e5 vectors share one strong direction (0.78 between unrelated texts); without it the cosine tells far more.
    """
    shifted = vectors - centre
    norms = np.linalg.norm(shifted, axis=1, keepdims=True)
    return np.asarray(shifted / np.maximum(norms, 1e-6), dtype=np.float32)


class SemanticIndex:
    """Exact inner products; at 10,000 passages that is under a millisecond, and never misses."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: Vectors) -> SemanticIndex:
        """Index unit rows: float32, shape (n, d)."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index)

    def scores(self, vector: Vectors) -> Vectors:
        """Cosine with every passage, in the order of indexing: float32, shape (n,); `vector` has shape (1, d)."""
        similarities, ids = self._index.search(np.ascontiguousarray(vector, dtype=np.float32), self._index.ntotal)
        scores = np.empty(self._index.ntotal, dtype=np.float32)
        scores[ids[0]] = similarities[0]
        return scores

    def save(self, path: Path) -> None:
        faiss.write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path) -> SemanticIndex:
        return cls(faiss.read_index(str(path)))
