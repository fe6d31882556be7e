"""The command `volsweep`.

Heavy libraries are imported inside the commands, so that ``volsweep --help`` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, Any

import typer

from volsweep.cli import (
    batch,
    compare,
    config,
    convert,
    demo,
    evaluate,
    follow,
    gui,
    info,
    models,
    pacs,
    segment,
    serve,
    train,
    worklist,
)
from volsweep.cli.terminal.console import Stopped, console, fail, say
from volsweep.cli.terminal.console import messages as _messages
from volsweep.cli.terminal.words import UsageError, usage_words
from volsweep.errors import VolsweepError
from volsweep.settings import enable_logging

_FAILED, _BAD_CALL, _INTERRUPTED = 1, 2, 130
"""Exit codes; the last is what typer makes of Ctrl-C. docs/exit_codes.md lists them all."""
_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="volsweep",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_HELP,
    help="Prompt one slice, sweep the volume: SAM 2 segmentation of CT and MRI. Not a medical device.",
    epilog="First steps: volsweep demo. Exit codes: 0 done, 1 failed, 2 bad call, 3 nothing found.",
)
app.command("segment")(segment.segment)
app.command("info")(info.info)
app.command("convert")(convert.convert)
app.command("compare")(compare.compare)
app.command("follow")(follow.follow)
app.command("surface")(convert.surface)
app.command("agreement")(worklist.agreement)
app.command("pull")(pacs.pull)
app.command("push")(pacs.push)
app.command("demo")(demo.demo)
app.command("gui")(gui.gui)
app.command("serve")(serve.serve)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(batch.app, name="batch")
app.add_typer(models.app, name="models")
app.add_typer(config.app, name="config")
app.add_typer(worklist.app, name="worklist")


@app.command("help")
def _help(
    context: typer.Context,
    command: Annotated[list[str] | None, typer.Argument(metavar="[COMMAND]...", help="Such as: batch run.")] = None,
) -> None:
    """Explain a command, as its --help does."""
    asked: Any = context.parent
    for word in command or ():
        known = getattr(asked.command, "commands", {})
        if word not in known:
            asked.fail(f"No such command {word!r}.")
        asked = type(asked)(known[word], parent=asked, info_name=word)
    if text := asked.get_help():  # with rich it is printed already
        typer.echo(text)


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False,
    verbose: Annotated[
        int,
        typer.Option("--verbose", "-v", count=True, help="Tell what is read and decided; -vv: and where."),
    ] = 0,
) -> None:
    enable_logging(("info", "debug")[min(verbose, 2) - 1] if verbose else None)
    if version:
        from importlib.metadata import version as installed

        console.print(f"volsweep {installed('napari-volsweep')}", highlight=False)
        raise typer.Exit


def main() -> None:
    """Run the command line, and leave with a code of docs/exit_codes.md."""
    if os.environ.get("NO_COLOR"):
        _without_styles()
    try:
        code = app(standalone_mode=False, prog_name="volsweep") or 0
    except UsageError as error:
        _explain(error)
        code = _BAD_CALL
    except VolsweepError as error:
        fail(str(error))
        code = _FAILED
    except OSError as error:  # a disk that is full or gone, at a place that nobody foresaw
        fail(f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}")
        code = _FAILED
    except Stopped as stopped:
        _end_by(stopped.signal_number)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        fail("stopped; no half-written file is left behind")
        _end_by(signal.SIGINT)
    sys.exit(code)


def _explain(error: Any) -> None:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return
    fail(usage_words(error))
    if error.ctx is not None:
        say(_messages, ("help:", "bold"), f"{error.ctx.command_path} --help")


def _end_by(number: int) -> None:
    """End as the signal would have ended us, so that a shell's loop around this command ends as well."""
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":
        sys.exit(_INTERRUPTED)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _without_styles() -> None:
    """The help of commands is typer's own, and it keeps bold where NO_COLOR asks for plain text."""
    from typer import rich_utils

    rich_utils.COLOR_SYSTEM = None
