"""Paraphrase families: questions so alike that one must not be learnt from while the other is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from bot.messages import Lang
from bot.retrieval.lexical import lemmas

# Likeness of the sorted lemmas, 0 to 100, from which two questions are one family: at 85 "сколько держится" and
# "сколько держиться ботокс" fall together, while questions with another point stay apart.
SAME_FAMILY = 85


def families(texts: Sequence[tuple[str, Lang]]) -> npt.NDArray[np.int64]:
    """A family's number for each text, shape (n,); likeness is passed on from neighbour to neighbour."""
    from scipy import sparse

    keys = [" ".join(sorted(lemmas(text, lang))) for text, lang in texts]
    alike = process.cdist(keys, keys, scorer=fuzz.ratio, score_cutoff=SAME_FAMILY, dtype=np.uint8, workers=-1)
    _, numbers = sparse.csgraph.connected_components(sparse.csr_matrix(alike), directed=False)
    return np.asarray(numbers, dtype=np.int64)


def folds(family: npt.NDArray[np.int64], count: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """A fold from 0 to count - 1 for each text, shape (n,); a family is never split."""
    order = np.random.default_rng(seed).permutation(family.max() + 1) % count
    return np.asarray(order[family], dtype=np.int64)
