"""The command `volsweep`.

Heavy libraries are imported inside the commands, so that ``volsweep --help`` answers at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from volsweep.cli import batch, compare, convert, demo, evaluate, info, models, pacs, segment, train
from volsweep.cli.console import console, fail
from volsweep.errors import VolsweepError
from volsweep.settings import enable_logging

_INTERRUPTED = 130
"""What typer leaves with after Ctrl-C."""

app = typer.Typer(
    name="volsweep",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Prompt one slice, sweep the volume: SAM 2 segmentation of CT and MRI. Not a medical device.",
)
app.command("segment")(segment.segment)
app.command("info")(info.info)
app.command("convert")(convert.convert)
app.command("compare")(compare.compare)
app.command("pull")(pacs.pull)
app.command("push")(pacs.push)
app.command("demo")(demo.demo)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(batch.app, name="batch")
app.add_typer(models.app, name="models")


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
    """Run the command line: exit 0 when done, 1 when it failed, 2 for a bad call."""
    try:
        app()
    except VolsweepError as error:
        fail(str(error))
        sys.exit(1)
    except OSError as error:  # a disk that is full or gone, at a place that nobody foresaw
        fail(f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}")
        sys.exit(1)
    except SystemExit as leaving:
        if leaving.code == _INTERRUPTED:
            fail("stopped; no half-written file is left behind")
            sys.exit(1)
        raise
