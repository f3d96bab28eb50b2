import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bot.errors import EncoderMismatch, KnowledgeError, MimikaError, StorageError, VersionError
from bot.ports import TextKind, Vectors
from bot.retrieval import version
from bot.retrieval.articles import Passage
from bot.retrieval.folder import Knowledge, read_folder
from bot.retrieval.problems import Problem
from bot.retrieval.sealing import is_whole
from bot.retrieval.vectors import vectors_of
from bot.retrieval.version import Example
from bot.retrieval.writing import Reading
from tests.examples import ROOT, LettersEncoder, change, line_of, small_folder

pytestmark = pytest.mark.slow

EXAMPLES = (
    Example("greet", "ru", "привет"), Example("greet", "ru", "здравствуйте"), Example("greet", "en", "hello there"),
    Example("human", "ru", "позовите человека"), Example("human", "en", "let me talk to a person"),
)  # fmt: skip
DURATION = "articles/duration/duration.ru.md"


@dataclass(frozen=True)
class Built:
    """A knowledge folder, the data folder its version lies in, and that version's name."""

    root: Path
    data: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.data / "library" / self.name

    def copy(self, target: Path) -> "Built":
        """The same in folders that a test may spoil."""
        shutil.copytree(self.root, target / "knowledge")
        shutil.copytree(self.data, target / "var")
        return Built(target / "knowledge", target / "var", self.name)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = small_folder(tmp_path_factory.mktemp("root") / "knowledge", ("duration", "mood-evidence"))
    (folder / "outside.yml").write_text(
        "ru:\n  jobs: [есть ли вакансии, нужен ли вам врач]\nen:\n  jobs: [any vacancies, are you hiring]\n", "utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built without an encoder and published; read only."""
    data = tmp_path_factory.mktemp("built")
    name = version.build(root, EXAMPLES, None, data)
    version.publish(data, name)
    return Built(root, data, name)


@pytest.fixture(scope="module")
def built_by_meaning(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built with an encoder and published; read only."""
    data = tmp_path_factory.mktemp("meaning")
    name = version.build(root, EXAMPLES, LettersEncoder(), data)
    version.publish(data, name)
    return Built(root, data, name)


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _cache(data: Path) -> Path:
    (found,) = (data / "vectors").iterdir()
    return found


# ---- building ---------------------------------------------------------------------------------------------


def test_the_same_folder_gives_the_same_version_byte_for_byte(built: Built, tmp_path: Path) -> None:
    name = version.build(built.root, EXAMPLES, None, tmp_path)

    assert name == built.name
    assert _content(tmp_path / "library" / name) == _content(built.folder)


def test_the_same_folder_gives_the_same_version_with_an_encoder(built_by_meaning: Built, tmp_path: Path) -> None:
    name = version.build(built_by_meaning.root, EXAMPLES, LettersEncoder(), tmp_path)

    assert name == built_by_meaning.name
    assert _content(tmp_path / "library" / name) == _content(built_by_meaning.folder)


def test_another_process_gives_the_same_version(built: Built, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from bot.retrieval import version; "
        "from tests.unit.retrieval.test_version import EXAMPLES; "
        "print(version.build(Path(sys.argv[1]), EXAMPLES, None, Path(sys.argv[2])))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(built.root), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == built.name
    assert _content(tmp_path / "library" / built.name) == _content(built.folder)


def test_a_version_is_named_by_all_that_goes_into_it(built: Built, tmp_path: Path) -> None:
    edited = built.copy(tmp_path)
    change(edited.root / DURATION, "В среднем 3–4 месяца", "В среднем 3–5 месяцев")

    names = {
        version.name_of(built.root, EXAMPLES, "none"),
        version.name_of(edited.root, EXAMPLES, "none"),
        version.name_of(built.root, EXAMPLES[1:], "none"),
        version.name_of(built.root, EXAMPLES, "letters-1"),
    }

    assert built.name in names
    assert len(names) == 4
    assert all(len(name) == 16 for name in names)


def test_the_name_does_not_depend_on_where_the_folder_lies(built: Built, tmp_path: Path) -> None:
    moved = built.copy(tmp_path)

    assert version.name_of(moved.root, EXAMPLES, "none") == built.name


def test_a_version_that_is_there_is_not_built_again(built: Built) -> None:
    before = (built.folder / "manifest.json").stat().st_mtime_ns

    assert version.build(built.root, EXAMPLES, None, built.data) == built.name
    assert (built.folder / "manifest.json").stat().st_mtime_ns == before


def test_building_publishes_nothing(built: Built, tmp_path: Path) -> None:
    edited = built.copy(tmp_path)
    change(edited.root / DURATION, "В среднем 3–4 месяца", "В среднем 3–5 месяцев")

    name = version.build(edited.root, EXAMPLES, None, edited.data)

    assert name != built.name
    assert version.current(edited.data) == built.name


def test_progress_is_told_step_by_step_to_the_end(built: Built, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    version.build(
        built.root, EXAMPLES, LettersEncoder(), tmp_path, lambda step, done, total: told.append((step, done, total))
    )

    assert list(dict.fromkeys(step for step, _, _ in told)) == ["encoding", "fitting", "danger"]
    for step in ("encoding", "fitting", "danger"):
        rows = [(done, total) for name, done, total in told if name == step]
        assert rows == sorted(rows)
        assert rows[-1][0] == rows[-1][1]


# ---- a broken folder --------------------------------------------------------------------------------------


def test_a_broken_file_keeps_the_old_version_and_names_file_and_line(built: Built, tmp_path: Path) -> None:
    broken = built.copy(tmp_path)
    change(broken.root / DURATION, "evidence: moderate", "evidence: good")
    before = _content(broken.data)

    with pytest.raises(KnowledgeError) as raised:
        version.build(broken.root, EXAMPLES, None, broken.data)

    line = line_of(broken.root / DURATION, "evidence:")
    assert (DURATION, line) in [(problem.path, problem.line) for problem in raised.value.problems]
    assert _content(broken.data) == before
    assert version.load(broken.data, str(version.current(broken.data)), None).version == built.name


def test_a_version_found_wanting_when_tried_is_not_kept(built: Built, tmp_path: Path) -> None:
    edited = built.copy(tmp_path)
    change(edited.root / DURATION, "В среднем 3–4 месяца", "В среднем 3–5 месяцев")
    name = version.name_of(edited.root, EXAMPLES, version.NO_ENCODER)
    tried: list[str] = []

    def trial(knowledge: Knowledge, folder: Path) -> list[Problem]:
        tried.append(version.load_folder(folder, None).version)
        return [Problem("red_flags.yml", 0, "misses a phrase")]

    with pytest.raises(KnowledgeError, match="misses a phrase"):
        version.build(edited.root, EXAMPLES, None, edited.data, trial=trial)

    assert tried == [name]
    assert not (edited.data / "library" / name).exists()


def test_an_error_across_files_stops_a_build_too(built: Built, tmp_path: Path) -> None:
    broken = built.copy(tmp_path)
    change(broken.root / DURATION, "flags: [medical]", "flags: []")

    with pytest.raises(KnowledgeError, match="lacks the flag `medical`"):
        version.build(broken.root, EXAMPLES, None, broken.data)


def test_a_folder_without_articles_is_not_built(built: Built, tmp_path: Path) -> None:
    broken = built.copy(tmp_path)
    shutil.rmtree(broken.root / "articles")

    with pytest.raises(KnowledgeError, match="there are no articles"):
        version.build(broken.root, EXAMPLES, None, broken.data)


def test_a_build_that_dies_half_way_leaves_no_version(root: Path, tmp_path: Path) -> None:
    class Failing(LettersEncoder):
        def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        version.build(root, EXAMPLES, Failing(), tmp_path)

    assert list((tmp_path / "library").iterdir()) == []


# ---- publishing -------------------------------------------------------------------------------------------


def test_nothing_is_served_before_something_is_published(tmp_path: Path) -> None:
    assert version.current(tmp_path) is None


def test_the_published_version_is_the_one_that_is_served(built: Built, tmp_path: Path) -> None:
    served = built.copy(tmp_path)
    (served.data / "library" / "current").unlink()

    version.publish(served.data, built.name)

    assert version.current(served.data) == built.name
    assert {path.name for path in (served.data / "library").iterdir()} == {"current", built.name}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"../../etc", b"0123456789abcdeg"])
def test_a_damaged_note_of_what_is_served_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "current").write_bytes(content)

    assert version.current(tmp_path) is None


def test_older_versions_go_but_the_served_one_and_the_last_few_stay(built: Built, tmp_path: Path) -> None:
    served = built.copy(tmp_path)
    for number in range(5):
        twin = served.data / "library" / f"{number:016x}"
        shutil.copytree(served.folder, twin)
        os.utime(twin / "manifest.json", (number, number))
    os.utime(served.folder / "manifest.json", (-1, -1))

    version.publish(served.data, built.name)

    kept = {path.name for path in (served.data / "library").iterdir() if path.is_dir()}
    assert kept == {built.name, f"{4:016x}", f"{3:016x}", f"{2:016x}"}


# ---- loading ----------------------------------------------------------------------------------------------


def test_what_a_killed_build_left_goes_a_day_later_and_a_build_under_way_stays(built: Built, tmp_path: Path) -> None:
    data = tmp_path / "var"
    shutil.copytree(built.data, data)
    old, young = data / "library" / ".building-old", data / "library" / ".building-young"
    for left in (old, young):
        left.mkdir()
    os.utime(old, (0, 0))

    version.publish(data, built.name)

    assert not old.exists()
    assert young.exists()


def test_a_loaded_version_answers_from_its_articles(built: Built) -> None:
    library = version.load(built.data, built.name, None)

    article = library.article("duration", "ru")
    assert article is not None
    assert article.title == "Сколько держится эффект"
    assert library.find(Reading("ru", "сколько держится ботокс")).hits[0].label == "duration"
    assert library.find(Reading("ru", "здравствуйте")).hits[0].label == "intent/greet"


def test_a_loaded_version_matches_by_meaning_with_its_encoder(built_by_meaning: Built) -> None:
    encoder = LettersEncoder()
    library = version.load(built_by_meaning.data, built_by_meaning.name, encoder)

    assert library.find(Reading("ru", "сколько держится ботокс")).hits[0].label == "duration"
    assert encoder.encoded == ["сколько держится ботокс"]


def test_articles_come_back_as_they_were_written(built: Built) -> None:
    knowledge, _ = read_folder(built.root)
    assert knowledge is not None

    library = version.load(built.data, built.name, None)

    for (topic, lang), article in knowledge.articles.items():
        assert library.article(topic, lang) == article


def test_a_version_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(VersionError, match="is missing; run `mimika knowledge build`"):
        version.load(tmp_path, "0123456789abcdef", None)


def _files_of_a_version() -> list[str]:
    return [
        "manifest.json", "content.json", "vectors.faiss", "passages.npz", "words.npz", "grams.npz",
        *(f"{model}/{name}" for model in ("topics", "danger") for name in ("labels.json", "weights.npz")),
    ]  # fmt: skip


def test_every_file_of_a_version_is_tried_here(built_by_meaning: Built) -> None:
    assert set(_content(built_by_meaning.folder)) == set(_files_of_a_version())


@pytest.mark.parametrize("name", _files_of_a_version())
def test_a_damaged_file_is_named_and_so_is_what_to_do(built_by_meaning: Built, tmp_path: Path, name: str) -> None:
    spoilt = built_by_meaning.copy(tmp_path)
    content = bytearray((spoilt.folder / name).read_bytes())
    content[len(content) // 2 :] = b"\0"
    (spoilt.folder / name).write_bytes(content)

    with pytest.raises(VersionError) as raised:
        version.load(spoilt.data, spoilt.name, LettersEncoder())

    assert f"is damaged ({name})" in str(raised.value)
    assert "run `mimika knowledge build`" in str(raised.value)
    assert not is_whole(spoilt.folder)


@pytest.mark.parametrize("name", [name for name in _files_of_a_version() if name != "manifest.json"])
def test_a_lost_file_is_named(built_by_meaning: Built, tmp_path: Path, name: str) -> None:
    spoilt = built_by_meaning.copy(tmp_path)
    (spoilt.folder / name).unlink()

    with pytest.raises(VersionError) as raised:
        version.load(spoilt.data, spoilt.name, LettersEncoder())

    assert f"is damaged ({name})" in str(raised.value)


@pytest.mark.parametrize("content", ["[]", "{}", "null", '{"format": 1}', '{"format": 1, "files": []}'])
def test_a_manifest_that_is_none_is_damaged(built: Built, tmp_path: Path, content: str) -> None:
    spoilt = built.copy(tmp_path)
    (spoilt.folder / "manifest.json").write_text(content, encoding="utf-8")

    with pytest.raises(VersionError):
        version.load(spoilt.data, spoilt.name, None)
    assert not is_whole(spoilt.folder)


def test_a_version_of_another_release_says_so(built: Built, tmp_path: Path) -> None:
    spoilt = built.copy(tmp_path)
    manifest = json.loads((spoilt.folder / "manifest.json").read_text(encoding="utf-8"))
    (spoilt.folder / "manifest.json").write_text(json.dumps({**manifest, "format": 0}), encoding="utf-8")

    with pytest.raises(VersionError, match="is of another release; run `mimika knowledge build`"):
        version.load(spoilt.data, spoilt.name, None)


def test_a_damaged_version_is_built_anew(built: Built, tmp_path: Path) -> None:
    spoilt = built.copy(tmp_path)
    (spoilt.folder / "content.json").write_text("{", encoding="utf-8")

    name = version.build(spoilt.root, EXAMPLES, None, spoilt.data)

    assert name == built.name
    assert _content(spoilt.folder) == _content(built.folder)


@pytest.mark.parametrize("encoder", [None, LettersEncoder("letters-2")], ids=["none", "another"])
def test_a_version_is_refused_under_another_encoder(built_by_meaning: Built, encoder: LettersEncoder | None) -> None:
    with pytest.raises(EncoderMismatch) as raised:
        version.load(built_by_meaning.data, built_by_meaning.name, encoder)

    running = encoder.name if encoder else "none"
    assert (raised.value.built_with, raised.value.running) == ("letters-1", running)
    assert str(raised.value) == (
        f"The library version was built with the encoder letters-1, but {running} is running; "
        "run `mimika knowledge build`."
    )


def test_a_version_built_without_an_encoder_is_refused_under_one(built: Built) -> None:
    with pytest.raises(EncoderMismatch):
        version.load(built.data, built.name, LettersEncoder())


# ---- a data folder that can't be written ------------------------------------------------------------------


def _unwritable(tmp_path: Path) -> list[Path]:
    """Places no user can write to, root included."""
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    return [tmp_path / "file" / "var", Path("/proc/mimika")]


@pytest.mark.parametrize("place", [0, 1], ids=["under a file", "under /proc"])
def test_a_data_folder_that_cannot_be_written_is_one_sentence(root: Path, tmp_path: Path, place: int) -> None:
    data = _unwritable(tmp_path)[place]

    with pytest.raises(StorageError) as raised:
        version.build(root, EXAMPLES, None, data)

    assert str(raised.value).startswith(f"{data}: can't be written (")
    assert str(raised.value).endswith("); set DATA_DIR to a folder this user may write to.")
    assert isinstance(raised.value, MimikaError)


@pytest.mark.parametrize("place", [0, 1], ids=["under a file", "under /proc"])
def test_publishing_where_nothing_can_be_written_is_one_sentence(tmp_path: Path, place: int) -> None:
    data = _unwritable(tmp_path)[place]

    with pytest.raises(StorageError, match="can't be written"):
        version.publish(data, "0123456789abcdef")


def test_a_place_for_vectors_that_cannot_be_written_is_one_sentence(root: Path, tmp_path: Path) -> None:
    (tmp_path / "vectors").write_text("no folder", encoding="utf-8")

    with pytest.raises(StorageError, match="can't be written"):
        version.build(root, EXAMPLES, LettersEncoder(), tmp_path)


# ---- vectors kept -----------------------------------------------------------------------------------------


def test_a_second_build_encodes_nothing(built_by_meaning: Built, tmp_path: Path) -> None:
    again = built_by_meaning.copy(tmp_path)
    shutil.rmtree(again.folder)
    encoder = LettersEncoder()

    name = version.build(again.root, EXAMPLES, encoder, again.data)

    assert encoder.encoded == []
    assert _content(again.data / "library" / name) == _content(built_by_meaning.folder)


def test_after_an_edit_only_what_changed_is_encoded(built_by_meaning: Built, tmp_path: Path) -> None:
    edited = built_by_meaning.copy(tmp_path)
    change(edited.root / DURATION, "  - надолго ли это\n", "  - надолго ли это\n  - это на весь год?\n")
    encoder = LettersEncoder()

    version.build(edited.root, EXAMPLES, encoder, edited.data)

    assert encoder.encoded == ["это на весь год?"]


def test_another_encoder_does_not_use_the_vectors_of_the_first(built_by_meaning: Built, tmp_path: Path) -> None:
    data = built_by_meaning.copy(tmp_path).data
    encoder = LettersEncoder("letters-2")

    version.build(built_by_meaning.root, EXAMPLES, encoder, data)

    assert encoder.encoded
    assert len(list((data / "vectors").iterdir())) == 2


def _flip(raw: bytes, place: int) -> bytes:
    return raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]


# Each makes a file of vectors one that can't be trusted.
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda raw: b"",
    "no archive": lambda raw: b"vectors",
    "cut off": lambda raw: raw[: len(raw) // 2],
    "one bit of a vector": lambda raw: _flip(raw, len(raw) // 2),
    # Byte 10 of an entry of a zip file's directory is how the entry is compressed.
    "an unknown compression": lambda raw: _flip(raw, raw.index(b"PK\x01\x02") + 10),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_vectors_are_encoded_anew(tmp_path: Path, damage: str) -> None:
    found = [Passage("pain", "ru", "question", text) for text in ("больно ли это", "это больно", "болит ли потом")]
    sound = vectors_of(found, LettersEncoder(), tmp_path, lambda *_: None)
    raw = _cache(tmp_path).read_bytes()
    _cache(tmp_path).write_bytes(DAMAGES[damage](raw))
    encoder = LettersEncoder()

    again = vectors_of(found, encoder, tmp_path, lambda *_: None)

    assert encoder.encoded == [passage.text for passage in found]
    assert sound is not None
    np.testing.assert_array_equal(again, sound)
    assert _cache(tmp_path).read_bytes() == raw


def test_a_cache_that_holds_something_else_is_encoded_anew(tmp_path: Path) -> None:
    found = [Passage("pain", "ru", "question", "больно ли это")]
    vectors_of(found, LettersEncoder(), tmp_path, lambda *_: None)
    np.savez(_cache(tmp_path), keys=np.array(["a", "b"]), vectors=np.zeros((1, 4), np.float32))
    encoder = LettersEncoder()

    vectors_of(found, encoder, tmp_path, lambda *_: None)

    assert encoder.encoded == ["больно ли это"]


def test_a_text_that_stands_twice_is_encoded_once(tmp_path: Path) -> None:
    found = [Passage(label, "ru", "question", "больно ли это") for label in ("pain", "outside/jobs")]
    encoder = LettersEncoder()

    vectors = vectors_of(found, encoder, tmp_path, lambda *_: None)

    assert encoder.encoded == ["больно ли это"]
    assert vectors is not None
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_a_question_and_a_paragraph_of_the_same_words_are_two_texts(tmp_path: Path) -> None:
    found = [Passage("pain", "ru", "question", "больно"), Passage("pain", "ru", "paragraph", "больно")]
    encoder = LettersEncoder()

    vectors_of(found, encoder, tmp_path, lambda *_: None)

    assert encoder.encoded == ["больно", "больно"]


def test_without_an_encoder_there_are_no_vectors(tmp_path: Path) -> None:
    assert vectors_of([Passage("pain", "ru", "question", "больно")], None, tmp_path, lambda *_: None) is None
    assert list(tmp_path.iterdir()) == []
