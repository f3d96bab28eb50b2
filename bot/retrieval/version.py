"""A library version: build, check, publish, load; one immutable folder named by its content.

DATA_DIR/library/<hash>/   manifest.json, content.json, index (BM25, vectors, topic model)
DATA_DIR/library/current   the hash of the version that is served
DATA_DIR/vectors/          see `bot.retrieval.vectors`
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from bot.errors import EncoderMismatch, KnowledgeError, StorageError, VersionError
from bot.messages import LANGS, Lang
from bot.ports import Encoder, Vectors
from bot.retrieval import fits
from bot.retrieval.articles import Article, Passage, digest, passages
from bot.retrieval.catalogue import parse_catalogue
from bot.retrieval.check import check
from bot.retrieval.clinic import parse_clinic
from bot.retrieval.confidence import Confidence
from bot.retrieval.danger import DangerModel
from bot.retrieval.documents import Document, read_yaml
from bot.retrieval.evidence import Index
from bot.retrieval.folder import Knowledge, fingerprint, read_folder
from bot.retrieval.lexical import Forms
from bot.retrieval.library import Library
from bot.retrieval.limits import parse_brands, parse_limits
from bot.retrieval.problems import Problem, errors
from bot.retrieval.redflags import RedFlags, parse_red_flags
from bot.retrieval.references import parse_sources
from bot.retrieval.sealing import FORMAT, is_whole, manifest_of, seal, verify
from bot.retrieval.semantic import centred
from bot.retrieval.vectors import vectors_of
from bot.retrieval.writing import Tongues, essence, ordinary_words, without_latin

NO_ENCODER = "none"
# Files of the folder that a version holds as they are.
_KEPT_FILES = (
    "catalogue.yml",
    "sources.yml",
    "clinic.yml",
    "red_flags.yml",
    "limits.yml",
    "brands.yml",
    "redirects.yml",
)
# Older versions kept beside the one that is served, so that a running process never loses the files it reads.
_KEPT = 3
# A build takes minutes: what it leaves behind is nobody's after this many seconds.
_ABANDONED_S = 24 * 3600

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Example:
    """How a patient may express an intent of the dialogue."""

    intent: str
    lang: Lang
    text: str


def name_of(root: Path, examples: Sequence[Example], encoder: str) -> str:
    """The name of the version that these inputs give; 16 hex digits."""
    said = json.dumps([asdict(example) for example in examples], ensure_ascii=False)
    return digest("\n".join([str(FORMAT), fingerprint(root), digest(said), encoder]))


def current(data_dir: Path) -> str | None:
    """The name of the version that is served, or None where none was published."""
    try:
        name = (data_dir / "library" / "current").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return name if re.fullmatch(r"[0-9a-f]{16}", name) else None


def build(
    root: Path,
    examples: Sequence[Example],
    encoder: Encoder | None,
    data_dir: Path,
    progress: Progress = lambda *_: None,
    checks: Callable[[Knowledge], list[Problem]] = lambda _: [],
    trial: Callable[[Knowledge, Path], list[Problem]] = lambda *_: [],
) -> str:
    """Build the version of what the knowledge folder holds now, and return its name; nothing is published.

    Args:
        checks: further checks of the folder, of steps that stand above this one.
        trial: checks of the finished version, in the folder where it is still unknown to all others.

    Raises:
        KnowledgeError: the folder has an error; names file and line.
        StorageError: the data folder can't be written.
    """
    name = name_of(root, examples, encoder.name if encoder else NO_ENCODER)
    target = data_dir / "library" / name
    if is_whole(target):
        return name
    knowledge, problems = read_folder(root)
    if knowledge is not None:
        problems += [*check(knowledge, near=False), *checks(knowledge)]
    if errors(problems) or knowledge is None:
        raise KnowledgeError(errors(problems))
    try:
        (data_dir / "library").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=data_dir / "library") as made:
            folder = Path(made) / "version"
            folder.mkdir()
            _write(folder, root, knowledge, examples, encoder, data_dir, progress)
            seal(folder, name, encoder.name if encoder else NO_ENCODER)
            found_wanting = trial(knowledge, folder)
            if found_wanting:
                raise KnowledgeError(found_wanting)
            if target.exists():
                # A damaged version, or one that another process has just built: both may go.
                shutil.rmtree(target)
            os.replace(folder, target)
    except OSError as error:
        raise _unwritable(data_dir, error) from error
    return name


def publish(data_dir: Path, name: str) -> None:
    """Serve this version from now on, in one step; older ones are removed, but for the last few."""
    library = data_dir / "library"
    try:
        with tempfile.NamedTemporaryFile("w", dir=library, delete=False, encoding="ascii") as file:
            file.write(name)
        os.replace(file.name, library / "current")
        found = sorted(library.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for manifest in found[_KEPT:]:
            if manifest.parent.name != name:
                shutil.rmtree(manifest.parent, ignore_errors=True)
        for left in (*library.glob(".building-*"), *(data_dir / "fits").glob("*/.fitting-*")):
            # A build that was killed can't clean up; one that runs this long is dead.
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _ABANDONED_S:
                    shutil.rmtree(left, ignore_errors=True)
    except OSError as error:
        raise _unwritable(data_dir, error) from error


def load(data_dir: Path, name: str, encoder: Encoder | None) -> Library:
    """Load a version.

    Raises:
        VersionError: it is missing or damaged; says which file.
        EncoderMismatch: it was built with another encoder.
    """
    return load_folder(data_dir / "library" / name, encoder)


def load_folder(folder: Path, encoder: Encoder | None) -> Library:
    """Load the version in a folder; raises as `load` does."""
    manifest = manifest_of(folder)
    verify(folder, manifest)
    name = str(manifest["name"])
    running = encoder.name if encoder else NO_ENCODER
    if manifest["encoder"] != running:
        raise EncoderMismatch(manifest["encoder"], running)
    content = json.loads((folder / "content.json").read_text(encoding="utf-8"))

    def document(file: str) -> Document:
        return Document(file, content["files"][file], {})

    clinic, _ = parse_clinic(document("clinic.yml"))
    if clinic is None:
        raise VersionError(f"The library version {name} has no clinic profile; run `mimika knowledge build`.")
    red_flags, _ = parse_red_flags(document("red_flags.yml"))
    limits, _ = parse_limits(document("limits.yml"))
    if red_flags is None or limits is None:
        raise VersionError(f"The library version {name} has no danger signs or limits; run `mimika knowledge build`.")
    centre = content["centre"]
    return Library(
        version=name,
        catalogue=parse_catalogue(document("catalogue.yml"))[0],
        articles=_articles(content["articles"]),
        signed_copies=_articles(content["signed"]),
        sources=parse_sources(document("sources.yml"))[0],
        red_flags=red_flags,
        limits=limits,
        redirects=document("redirects.yml").data or {},
        brands=parse_brands(document("brands.yml"))[0],
        ordinary=frozenset((lang, word) for lang in LANGS for word in content["ordinary"][lang]),
        forms=Forms(content["forms"]),
        danger=DangerModel.load(folder / "danger") if (folder / "danger").is_dir() else None,
        clinic=clinic,
        wording=content["wording"],
        tongues=Tongues(**content["tongues"]),
        index=Index.load(folder),
        fitted=Confidence.from_json(content["confidence"]),
        centre=None if centre is None else np.array(centre, dtype=np.float32),
        encoder=encoder,
    )


def served_red_flags(data_dir: Path) -> RedFlags | None:
    """The clinicians' list of the version that is served; None where there is none to be read."""
    try:
        return parse_red_flags(Document("red_flags.yml", _served(data_dir)["files"]["red_flags.yml"], {}))[0]
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _served_forms(data_dir: Path) -> Forms | None:
    try:
        return Forms(_served(data_dir)["forms"])
    except (OSError, ValueError, KeyError):
        return None


def _served(data_dir: Path) -> dict[str, Any]:
    """The content of the version that is served."""
    content = (data_dir / "library" / str(current(data_dir)) / "content.json").read_text(encoding="utf-8")
    return dict(json.loads(content))


def _write(
    folder: Path,
    root: Path,
    knowledge: Knowledge,
    examples: Sequence[Example],
    encoder: Encoder | None,
    data_dir: Path,
    progress: Progress,
) -> None:
    found = all_passages(knowledge, examples)
    held_out = calibration_passages(knowledge)
    raw = vectors_of([*found, *held_out], encoder, data_dir, progress, root)
    running = encoder.name if encoder else NO_ENCODER
    fitted = fits.topics(found, held_out, raw, running, data_dir, progress)
    fitted.index.save(folder)
    if raw is not None and fitted.centre is not None:
        calm = [number for number, passage in enumerate(found) if passage.kind not in ("title", "paragraph")]
        harmless, centre = raw[calm], fitted.centre
        # Forty megabytes, while the fit below takes most of what a small server has.
        del raw

        def near(alarming: Sequence[Passage]) -> Vectors:
            """Vectors of the examples and of all that is harmless; not needed where nothing is fitted."""
            new = vectors_of(
                alarming, encoder, data_dir, lambda _, done, all_of: progress("danger", done, all_of), root
            )
            assert new is not None
            return centred(np.concatenate([new, harmless]), centre)

        net = fits.danger(knowledge.danger_examples, [found[number] for number in calm], near, running, data_dir)
        net.save(folder / "danger")
    content = {
        "articles": [_plain(article) for article in knowledge.articles.values()],
        "signed": [_plain(article) for article in knowledge.signed_copies.values()],
        "files": {name: _data(root, name) for name in _KEPT_FILES},
        "wording": knowledge.wording,
        "ordinary": {lang: sorted(ordinary_words(row.text for row in found if row.lang == lang)) for lang in LANGS},
        "forms": Forms.of_phrases(_phrases(knowledge), _served_forms(data_dir)).known,
        "tongues": asdict(tongues(knowledge, examples)),
        "confidence": fitted.confidence.to_json(),
        "centre": None if fitted.centre is None else fitted.centre.tolist(),
    }
    (folder / "content.json").write_text(json.dumps(content, ensure_ascii=False, default=str), encoding="utf-8")


def _phrases(knowledge: Knowledge) -> dict[Lang, list[str]]:
    """Every text of the clinicians' lists in which a word stands for all its forms."""
    flags, limits = knowledge.red_flags, knowledge.limits
    rows = [
        *((sign.phrases, sign.unless) for sign in flags.signs),
        *((sign.alone, sign.alone) for sign in flags.signs),
        *((one.phrases, one.unless) for one in limits.limits),
    ]
    return {
        lang: [
            *flags.words[lang].values(),
            *limits.words[lang].values(),
            *flags.insists[lang],
            *flags.addressed[lang],
            *flags.idioms[lang],
            *(text for softener in flags.softeners for text in softener.phrases[lang]),
            *(text for phrases, unless in rows for text in (*phrases[lang], *unless[lang])),
        ]
        for lang in LANGS
    }


def all_passages(knowledge: Knowledge, examples: Sequence[Example]) -> list[Passage]:
    """Everything that can be found: articles, what must not be answered, and the dialogue's intents."""
    found = [passage for article in knowledge.articles.values() for passage in passages(article)]
    found += [Passage(f"outside/{row.label}", row.lang, "outside", essence(row.text)) for row in knowledge.outside]
    found += [Passage(f"intent/{row.intent}", row.lang, "intent", essence(row.text)) for row in examples]
    return found


def calibration_passages(knowledge: Knowledge) -> list[Passage]:
    """The questions kept for calibration: nothing but the confidence is fitted on them."""
    return [Passage(row.label, row.lang, "question", essence(row.text)) for row in knowledge.calibration]


def tongues(knowledge: Knowledge, examples: Sequence[Example] = ()) -> Tongues:
    """What both languages look like, learnt from the articles, their questions and the dialogue's examples."""
    texts: dict[Lang, list[str]] = {"ru": [], "en": []}
    for article in knowledge.articles.values():
        lines = [article.title, article.answer, article.more, *article.questions]
        texts[article.lang] += [without_latin(line) for line in lines] if article.lang == "ru" else lines
    for example in examples:
        texts[example.lang].append(without_latin(example.text) if example.lang == "ru" else example.text)
    return Tongues.fit(texts)


def _plain(article: Article) -> dict[str, Any]:
    return asdict(article)


def _articles(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, Lang], Article]:
    found: dict[tuple[str, Lang], Article] = {}
    for row in rows:
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
        for key in ("reviewed_on", "review_by"):
            fields[key] = date.fromisoformat(fields[key]) if fields[key] else None
        article = Article(**fields)
        found[article.id, article.lang] = article
    return found


def _data(root: Path, name: str) -> Any:
    found = read_yaml(root, root / name)
    if isinstance(found, Problem):
        raise KnowledgeError([found])
    return found.data


def _unwritable(data_dir: Path, error: OSError) -> StorageError:
    reason = error.strerror or "error"
    return StorageError(f"{data_dir}: can't be written ({reason}); set DATA_DIR to a folder this user may write to.")
