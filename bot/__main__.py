"""The `mimika` commands: run, chat, ask, knowledge, actions, evaluate, bench, report."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot.errors import KnowledgeError, MimikaError
from bot.messages import Lang

if TYPE_CHECKING:
    from bot.retrieval.folder import Knowledge

cli = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Mimika: answers patients' questions about botulinum therapy from the clinic's own library.",
)
knowledge = typer.Typer(no_args_is_help=True, help="The clinic's library: check, build, search, sign.")
cli.add_typer(knowledge, name="knowledge")
data_commands = typer.Typer(no_args_is_help=True, help="What is kept about patients: its keys.")
cli.add_typer(data_commands, name="data")

Language = Annotated[Literal["ru", "en"] | None, typer.Option(help="Answer in this language.")]


@cli.command()
def run() -> None:
    """Start the Telegram bot; without BOT_TOKEN, open the terminal chat."""
    from bot.settings import load_settings

    settings = load_settings()
    if settings.bot_token is None:
        print("BOT_TOKEN is not set, so this is the terminal chat; set it to start the Telegram bot.", file=sys.stderr)
        chat(None)
        return
    import asyncio

    from bot.adapters.telegram.bot import run as serve
    from bot.app import build_app
    from bot.logs import set_up_logs

    set_up_logs(settings)
    asyncio.run(serve(build_app(settings, serving=True)))


@cli.command()
def chat(lang: Language = None) -> None:
    """Talk in the terminal; buttons are numbers."""
    from bot import terminal
    from bot.app import build_app
    from bot.settings import load_settings

    clock = terminal.AskedClock()
    terminal.chat(build_app(load_settings(), clock), clock, lang)


@cli.command()
def ask(
    question: Annotated[str | None, typer.Argument(help="The question.")] = None,
    lang: Language = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Read a JSON object per line from standard input.")] = False,
) -> None:
    """Answer one question, or many from standard input."""
    from bot import terminal
    from bot.app import build_app
    from bot.settings import load_settings

    if jsonl == (question is not None):
        raise typer.BadParameter("give either a question or --jsonl")
    clock = terminal.AskedClock()
    app = build_app(load_settings(), clock)
    if question is not None:
        terminal.ask(app, clock, question, lang, as_json, sys.stdout)
    else:
        terminal.ask_lines(app, clock, sys.stdin.buffer, sys.stdout)


@knowledge.command()
def check(
    launch: Annotated[bool, typer.Option("--launch", help="Also list what people must check before launch.")] = False,
) -> None:
    """Name everything wrong in the library's files, one line per problem."""
    from bot.retrieval.check import check as check_all
    from bot.retrieval.check import launch as before_launch
    from bot.retrieval.folder import read_folder
    from bot.retrieval.problems import errors
    from bot.safety.check import check_lists
    from bot.settings import load_settings

    found, problems = read_folder(load_settings().knowledge_dir)
    if found is not None:
        problems = sorted([*problems, *check_all(found), *check_lists(found)])
        problems += before_launch(found) if launch else []
    for problem in problems:
        print(problem)
    wrong = len(errors(problems))
    print(f"{wrong} errors, {len(problems) - wrong} warnings", file=sys.stderr)
    if wrong:
        raise typer.Exit(1)


@knowledge.command()
def build(
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    for_parent: Annotated[bool, typer.Option("--for-parent", hidden=True)] = False,
) -> None:
    """Build the library version of what the files say now, and serve it from now on."""
    from bot.building import build_and_publish
    from bot.settings import load_settings

    try:
        print(build_and_publish(load_settings(), quiet=quiet))
    except KnowledgeError as error:
        for problem in error.problems:
            print(problem)
        raise typer.Exit(1) from error
    except MimikaError as error:
        if not for_parent:
            raise
        print(error)
        raise typer.Exit(1) from error


@knowledge.command()
def search(question: str, lang: Language = None) -> None:
    """Show what the library finds for a question, with probabilities."""
    from bot.app import build_app
    from bot.settings import load_settings

    library = build_app(load_settings()).shelf.library
    reading = library.read(question, only=lang)
    found = library.find(reading)
    print(f"{reading.lang}: {reading.text}")
    for hit in found.hits:
        print(f"{hit.probability:7.3f}  {hit.label}")
    print(f"{found.decision.kind}: {', '.join(found.decision.topics) or '-'}")


@knowledge.command()
def sign(
    article: Annotated[str, typer.Argument(help="For example duration.ru")],
    by: Annotated[str, typer.Option(help="A key of signers.yml.")],
) -> None:
    """Sign an article as it stands, and keep a copy of the signed text."""
    from bot.retrieval.signing import sign as sign_article
    from bot.settings import load_settings

    print(sign_article(load_settings().knowledge_dir, article, by))


@knowledge.command()
def translated(article: Annotated[str, typer.Argument(help="For example duration.en")]) -> None:
    """Note that a translation says what its original says now."""
    from bot.retrieval.signing import note_translation
    from bot.settings import load_settings

    print(note_translation(load_settings().knowledge_dir, article))


@knowledge.command()
def vectors() -> None:
    """Keep the vectors of the danger examples beside them, so that a fresh machine need not encode them."""
    from bot.building import keep_vectors
    from bot.settings import load_settings

    settings = load_settings()
    print(keep_vectors(settings, read_or_raise(settings.knowledge_dir)))


@data_commands.command()
def key() -> None:
    """Print a new key for DATA_KEYS."""
    from bot.adapters.database.vault import new_key

    print(new_key())


@data_commands.command()
def rotate() -> None:
    """Seal everything kept with the first of DATA_KEYS; afterwards the others may go."""
    import asyncio

    from bot.adapters.database.data import rotate as seal_anew
    from bot.adapters.database.opening import make_database
    from bot.app import BOT_NAME
    from bot.settings import load_settings

    async def run() -> int:
        database = make_database(load_settings(), BOT_NAME)
        try:
            await database.open()
            return await seal_anew(database)
        finally:
            await database.close()

    print(f"{asyncio.run(run())} values sealed with the first key")


@cli.command()
def actions(port: Annotated[int, typer.Option(help="Port of the action server.")] = 5055) -> None:
    """Serve the dialogue's actions to a Rasa server (rasa-sdk)."""
    from bot.settings import load_settings

    settings = load_settings()
    from actions.server import serve
    from bot.app import build_app

    serve(build_app(settings), port)


@cli.command()
def evaluate(
    what: Annotated[
        Literal["intents", "safety"], typer.Argument(help="How questions are answered, or how danger is heard.")
    ] = "intents",
    out: Annotated[Path | None, typer.Option(help="Folder for evaluation.json and evaluation.png.")] = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the cross-validation.")] = 5,
    questions: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Held-out questions; else tests/quality.")
    ] = None,
    outside: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Held-out outside questions; else tests/quality.")
    ] = None,
    dialogues: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Transcripts; else tests/quality.")
    ] = None,
) -> None:
    """Measure how well questions are answered (intents), or how well danger is heard (safety)."""
    from bot.app import build_app
    from bot.settings import load_settings

    settings = load_settings()
    app = build_app(settings)
    if what == "safety":
        from rich.console import Console

        from bot.evaluation.safety import hear, show

        phrases = read_or_raise(settings.knowledge_dir).danger_phrases
        show(hear(app.conversation, phrases), Console(width=None if sys.stdout.isatty() else 140))
        return
    from bot.evaluation.report import evaluate as measure

    measure(
        settings,
        out,
        folds,
        library=app.shelf.library,
        conversation=app.conversation,
        project=app.project,
        questions=questions,
        outside=outside,
        dialogues=dialogues,
    )


@cli.command()
def bench(
    out: Annotated[Path | None, typer.Option(help="File for the figures as JSON.")] = None,
    cold: Annotated[bool, typer.Option(help="Also build with nothing known; takes minutes.")] = True,
    load: Annotated[
        int, typer.Option(min=0, help="Instead: so many turns under load, with Telegram's limits off.")
    ] = 0,
    postgresql: Annotated[str, typer.Option(help="With --load: an empty PostgreSQL database to measure too.")] = "",
    replicas: Annotated[int, typer.Option(min=1, help="With --postgresql: how many processes share it.")] = 3,
) -> None:
    """Measure start, reply times, memory and build time on one core, or the bot under load."""
    from bot.bench import bench as measure
    from bot.bench import bench_load
    from bot.settings import load_settings

    settings = load_settings()
    if load:
        from bot.adapters.database.vault import new_key

        bench_load(settings, load, postgresql=postgresql, key=new_key(), replicas=replicas)
        return
    measure(settings, out, cold=cold)


@cli.command()
def report(
    out: Annotated[Path, typer.Option(help="File for the page.")] = Path("report.html"),
    days: Annotated[int, typer.Option(min=1, max=1095, help="Days it is about, today included.")] = 30,
    lang: Annotated[Literal["ru", "en"], typer.Option(help="Language of the page.")] = "ru",
) -> None:
    """Write a page with pictures for the clinic: what was asked, what was left unanswered, how it went."""
    from bot.adapters.memory import SystemClock
    from bot.app import BOT_NAME
    from bot.report.making import make_report
    from bot.settings import load_settings

    make_report(load_settings(), BOT_NAME, out, days, lang, SystemClock().now())
    print(out)


def read_or_raise(root: Path) -> Knowledge:
    """The knowledge folder as it stands.

    Raises:
        KnowledgeError: it has an error.
    """
    from bot.retrieval.folder import read_folder
    from bot.retrieval.problems import errors

    found, problems = read_folder(root)
    if found is None or errors(problems):
        raise KnowledgeError(errors(problems))
    return found


def main() -> None:
    """Run a command; an error meant for people is one sentence and a non-zero exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # JSON is UTF-8 whatever the terminal's locale, and no letter may stop the answers that follow it.
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        cli()
    except MimikaError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more while flushing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()

__all__ = ["Lang", "cli", "main"]
