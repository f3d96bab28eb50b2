import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from bot.dialogue.project import Project
from bot.errors import KnowledgeError, StorageError
from bot.evaluation import figures, report
from bot.evaluation.heldout import Turn, TurnVerdict
from bot.evaluation.picture import draw
from bot.evaluation.report import evaluate, show
from bot.messages import Kind
from bot.retrieval.library import Library
from bot.settings import load_settings
from tests.examples import Chat, whole_knowledge
from tests.unit.evaluation.test_verdicts import ALL, make_verdict

OUTSIDE = make_verdict("outside/hair", topics=("pain",), probability=0.71)
DIALOGUE = [TurnVerdict(1, 1, "ru", Turn("[b]сцедить[/b]?", frozenset({"pain"})), frozenset({"price"}), (Kind.ANSWER,))]


def measured(*, held_out: bool = True) -> dict[str, object]:
    found = figures.all_of([*ALL, OUTSIDE], whole_knowledge().catalogue)
    return {
        "library": "0123456789abcdef",
        "encoder": "none",
        "folds": 2,
        "families": 6,
        "cross_validation": found,
        "held_out": found if held_out else None,
        "held_out_unlike": found if held_out else None,
        "dialogues": figures.dialogues(DIALOGUE) if held_out else None,
    }


def shown(**given: bool) -> str:
    out = io.StringIO()
    show(measured(**given), Console(file=out, width=120))
    return out.getvalue()


def test_the_tables_name_every_wrong_and_every_false_answer() -> None:
    text = shown()
    assert "0.90  pain -> onset: это больно?" in text
    assert "0.71  outside/hair -> pain: это больно?" in text


def test_words_that_look_like_markup_are_shown_as_they_are() -> None:
    assert "pain -> price (answer): [b]сцедить[/b]?" in shown()


def test_what_was_not_measured_has_no_table() -> None:
    text = shown(held_out=False)
    assert "Cross-validation" in text
    assert "another hand" not in text
    assert "Dialogues" not in text


def test_the_picture_is_a_png_with_or_without_held_out_questions(tmp_path: Path) -> None:
    for held_out in (True, False):
        assert draw(measured(held_out=held_out), tmp_path / "picture.png")
        assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_figures_are_kept_an_old_picture_goes_and_a_sentence_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evaluation.png").write_bytes(b"of an earlier run")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    report._write(measured(), tmp_path)
    assert json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))["families"] == 6
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation.json"]
    assert "matplotlib is not installed" in capsys.readouterr().err


def run(small: tuple[Path, Path, Library], project: Project, out: Path, **given: Path) -> None:
    root, data_dir, library = small
    settings = load_settings(knowledge_dir=given.pop("knowledge", root), data_dir=data_dir, encoder="none")
    conversation = Chat(library)._conversation
    evaluate(settings, out, 2, library=library, conversation=conversation, project=project, **given)


@pytest.mark.slow
def test_a_run_measures_the_given_files_and_says_which_it_had_to_do_without(
    small: tuple[Path, Path, Library],
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = tmp_path / "mine.jsonl"
    rows.write_text('{"text": "сколько держится", "lang": "ru", "topic": "duration"}\n', encoding="utf-8")

    run(small, project, tmp_path / "out", questions=rows)

    said = capsys.readouterr()
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert found["held_out"]["all"]["questions"] == 1
    assert found["dialogues"] is None
    assert found["cross_validation"]["all"]["questions"] > 100
    assert (tmp_path / "out" / "evaluation.png").is_file()
    assert "tests/quality/outside.jsonl" in said.err
    assert "tests/quality/dialogues.jsonl" in said.err
    assert "tests/quality/questions.jsonl" not in said.err
    assert "Cross-validation: 2 parts" in said.out


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_measured(
    small: tuple[Path, Path, Library], project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    with pytest.raises(StorageError, match="give another folder with --out"):
        run(small, project, tmp_path / "out")
    assert "cross-validation" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_broken_knowledge_folder_is_not_measured(
    small: tuple[Path, Path, Library], project: Project, tmp_path: Path
) -> None:
    with pytest.raises(KnowledgeError):
        run(small, project, tmp_path / "out", knowledge=tmp_path / "absent")
