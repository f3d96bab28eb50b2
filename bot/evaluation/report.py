"""`mimika evaluate`: measures everything, shows it as tables, and keeps it as JSON and a picture."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TimeElapsedColumn
from rich.table import Table

from bot.conversation import Conversation
from bot.dialogue.project import Project
from bot.errors import KnowledgeError, StorageError
from bot.evaluation import figures, heldout
from bot.evaluation.crossvalidation import Progress, cross_validate
from bot.evaluation.picture import draw
from bot.retrieval import version
from bot.retrieval.check import check
from bot.retrieval.folder import Knowledge, read_folder
from bot.retrieval.library import Library
from bot.retrieval.problems import errors
from bot.settings import Settings

# Where a clone keeps the questions by another hand, from the current folder.
QUESTIONS = Path("tests/quality/questions.jsonl")
OUTSIDE = Path("tests/quality/outside.jsonl")
DIALOGUES = Path("tests/quality/dialogues.jsonl")

# Pairs of topics shown in the table; the JSON has all.
_CONFUSIONS = 12
# Width where there is no terminal, so that a log or a file keeps the tables whole.
_WIDTH = 120


def evaluate(
    settings: Settings,
    out: Path | None,
    folds: int,
    *,
    library: Library,
    conversation: Conversation,
    project: Project,
    questions: Path | None = None,
    outside: Path | None = None,
    dialogues: Path | None = None,
) -> None:
    """Measure, print the tables, and write `evaluation.json` and `evaluation.png`.

    Args:
        out: folder for both files; `DATA_DIR/evaluation` if None.
        folds: parts of the cross-validation; each takes a build without encoding, about 14 s.
        library: what serves now; the questions by another hand are put to it.
        questions: likewise `outside` and `dialogues`: None looks in the current folder's `tests/quality`, and goes
            without where there is none.

    Raises:
        KnowledgeError: the knowledge folder has an error.
        BadLine: a line of a given file is not valid; names file and line.
        StorageError: `out` can't be written; said before anything is measured.
    """
    folder = out or settings.data_dir / "evaluation"
    _prepare(folder)
    knowledge = _knowledge(settings.knowledge_dir)
    catalogue = library.catalogue
    # Read everything before measuring anything: a slip in a file should not cost two minutes.
    found = [
        path if path is not None else default if default.is_file() else None
        for path, default in ((questions, QUESTIONS), (outside, OUTSIDE), (dialogues, DIALOGUES))
    ]
    held_out = [] if found[0] is None else heldout.read_questions(found[0], catalogue)
    held_out += [] if found[1] is None else heldout.read_outside(found[1])
    transcripts = [] if found[2] is None else heldout.read_dialogues(found[2], catalogue)
    with _progress() as progress:
        across = cross_validate(knowledge, project.examples, library.encoder, settings.data_dir, folds, progress)
        verdicts = heldout.judge_all(library, held_out, progress)
        turns = heldout.hold(conversation, transcripts, progress)
    learnt = [p for p in version.all_passages(knowledge, project.examples) if p.kind != "paragraph"]
    learnt += version.calibration_passages(knowledge)
    near = heldout.alike(held_out, learnt)
    apart = [verdict for verdict, is_near in zip(verdicts, near, strict=True) if not is_near]
    measured: dict[str, Any] = {
        "library": library.version,
        "encoder": library.encoder.name if library.encoder else version.NO_ENCODER,
        "folds": folds,
        "families": across.families,
        "cross_validation": figures.all_of(across.verdicts, catalogue),
        "held_out": figures.all_of(verdicts, catalogue) if verdicts else None,
        "held_out_unlike": figures.all_of(apart, catalogue) if apart else None,
        "dialogues": figures.dialogues(turns) if turns else None,
    }
    show(measured, Console(width=None if sys.stdout.isatty() else _WIDTH))
    for path, default in zip(found, (QUESTIONS, OUTSIDE, DIALOGUES), strict=True):
        if path is None:
            _say(f"There is no {default} here, so it was not measured; run in the project's folder or give the file.")
    _write(measured, folder)


def show(measured: Mapping[str, Any], console: Console) -> None:
    """Print all tables."""
    console.print(
        f"Library {measured['library']}, encoder {measured['encoder']}. Shares in %, with 95 % intervals (Wilson)."
    )
    title = f"Cross-validation: {measured['folds']} parts, {measured['families']} paraphrase families"
    show_set(measured["cross_validation"], title, console)
    if measured["held_out"] is not None:
        show_set(measured["held_out"], "Questions by another hand, put to the library that serves", console)
        _show_answers(measured["held_out"]["wrong"], "Wrong answers", console)
        _show_answers(measured["held_out"]["outside"]["answered"], "False answers", console)
    if measured["held_out_unlike"] is not None:
        _show_unlike(measured, console)
    if measured["dialogues"] is not None:
        show_dialogues(measured["dialogues"], console)


def show_set(found: Mapping[str, Any], title: str, console: Console) -> None:
    if found["all"]["questions"]:
        table = Table(title=title, title_justify="left")
        for name in ("", "questions", "right first", "right or offered", "wrong", "unknown", "others offered"):
            table.add_column(name, justify="left" if not name else "right", no_wrap=True)
        _add_inside(table, "all", found["all"])
        for lang, row in found["by_language"].items():
            table.add_section()
            _add_inside(table, lang, row)
            for category, own in found["by_category"][lang].items():
                _add_inside(table, f"  {category}", own)
        console.print(table)
    if found["outside"]["all"]["questions"]:
        table = Table(title="Outside questions", title_justify="left")
        for name in ("", "questions", "false answers", "asked back", "unknown"):
            table.add_column(name, justify="left" if not name else "right", no_wrap=True)
        _add_outside(table, "all", found["outside"]["all"])
        for lang, row in found["outside"]["by_language"].items():
            table.add_section()
            _add_outside(table, lang, row)
            for kind, own in found["outside"]["by_kind"][lang].items():
                _add_outside(table, f"  {kind}", own)
        console.print(table)
    table = Table(
        title="Risk of the likeliest topic by the share that would be answered, and as served", title_justify="left"
    )
    table.add_column("", no_wrap=True)
    table.add_column("calibration error", justify="right", no_wrap=True)
    for coverage in figures.COVERAGES:
        table.add_column(f"{coverage:.0%}", justify="right", no_wrap=True)
    table.add_column("served: risk, share", justify="right", no_wrap=True)
    for part, name in (("inside", "questions inside"), ("with_outside", "with outside ones")):
        row, served = found[part], found[part]["served"]
        risks = [_percent(row["risk_at_coverage"][str(coverage)]) for coverage in figures.COVERAGES]
        stands = f"{_percent(served['risk'])}, {_percent(served['coverage'])}"
        table.add_row(name, f"{row['calibration_error']:.3f}", *risks, stands)
    console.print(table)
    if found["confusions"]:
        table = Table(title="Worst confusions", title_justify="left")
        for name in ("asked about", "likeliest", "times", "answered so"):
            table.add_column(name, justify="right" if name in ("times", "answered so") else "left")
        for row in found["confusions"][:_CONFUSIONS]:
            table.add_row(escape(row["asked"]), escape(row["likeliest"]), str(row["times"]), str(row["answered"]))
        console.print(table)


def _show_unlike(measured: Mapping[str, Any], console: Console) -> None:
    found, whole = measured["held_out_unlike"], measured["held_out"]
    near = whole["all"]["questions"] - found["all"]["questions"]
    near_outside = whole["outside"]["all"]["questions"] - found["outside"]["all"]["questions"]
    console.print(
        f"{near} of these questions and {near_outside} of these outside questions are much like one that was learnt "
        "from; without them:"
    )
    table = Table()
    for name in ("", "questions", "right first", "right or offered", "wrong", "unknown", "others offered"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for lang, row in found["by_language"].items():
        _add_inside(table, lang, row)
    console.print(table)
    console.print(f"False answers outside, without them: {_share(found['outside']['all']['false_answers'])}")


def _show_answers(rows: list[dict[str, Any]], title: str, console: Console) -> None:
    console.print(f"{title} to them: {len(rows) or 'none'}")
    for row in rows:
        line = f"  {row['probability']:.2f}  {row['asked']} -> {row['answered']}: {row['text']}"
        console.print(escape(line), highlight=False, soft_wrap=True)


def show_dialogues(found: Mapping[str, Any], console: Console) -> None:
    table = Table(title="Dialogues", title_justify="left")
    for name in ("", "turns as expected", "turns answered wrongly", "dialogues as expected"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for lang in found["turns"]:
        table.add_row(
            lang, *(_share(part[lang], counts=True) for part in (found["turns"], found["wrong"], found["dialogues"]))
        )
    console.print(table)
    for row in found["not_as_expected"]:
        expected, given = ", ".join(row["expected"]) or "no topic", ", ".join(row["given"]) or "no topic"
        line = f"  {row['dialogue']}.{row['turn']}  {expected} -> {given} ({', '.join(row['kinds'])}): {row['text']}"
        console.print(escape(line), highlight=False, soft_wrap=True)


def _add_inside(table: Table, name: str, row: Mapping[str, Any]) -> None:
    shares = [_share(row[key]) for key in ("right", "right_or_offered", "wrong", "unknown", "other_offered")]
    table.add_row(name, str(row["questions"]), *shares)


def _add_outside(table: Table, name: str, row: Mapping[str, Any]) -> None:
    table.add_row(
        name, str(row["questions"]), *(_share(row[key]) for key in ("false_answers", "asked_back", "unknown"))
    )


def _share(row: Mapping[str, Any], *, counts: bool = False) -> str:
    said = f"{100 * row['share']:.1f} ({100 * row['low']:.0f}-{100 * row['high']:.0f})"
    return f"{row['count']} of {row['of']}, {said}" if counts else said


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _knowledge(root: Path) -> Knowledge:
    knowledge, problems = read_folder(root)
    if knowledge is not None:
        problems += check(knowledge)
    if errors(problems) or knowledge is None:
        raise KnowledgeError(errors(problems))
    return knowledge


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def _write(measured: Mapping[str, Any], folder: Path) -> None:
    """Replace both files whole; a picture of an earlier run does not stay beside newer figures."""
    try:
        with tempfile.TemporaryDirectory(prefix=".evaluation-", dir=folder) as made:
            figures_file, picture = Path(made) / "evaluation.json", Path(made) / "evaluation.png"
            figures_file.write_text(json.dumps(measured, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            drawn = draw(measured, picture)
            os.replace(figures_file, folder / figures_file.name)
            if drawn:
                os.replace(picture, folder / picture.name)
            else:
                (folder / picture.name).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    _say(f"Written: {folder / 'evaluation.json'}{f', {folder / picture.name}' if drawn else ''}")
    if not drawn:
        _say("There is no picture, since matplotlib is not installed; `pip install 'mimika[evaluation]'` brings it.")


def _unwritable(folder: Path, error: OSError) -> StorageError:
    reason = error.strerror or "error"
    return StorageError(f"{folder}: can't be written ({reason}); give another folder with --out.")


@contextmanager
def _progress() -> Iterator[Progress]:
    """One bar per step on standard error."""
    tasks: dict[str, TaskID] = {}
    with Bars(SpinnerColumn(), *Bars.get_default_columns(), TimeElapsedColumn(), console=Console(stderr=True)) as bars:

        def progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield progress
