"""The terminal: results go to standard output, progress and messages to standard error."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

console = Console()
messages = Console(stderr=True)


def fail(message: str) -> None:
    """Say what went wrong."""
    messages.print(f"[bold red]error:[/] {_escaped(message)}", highlight=False, soft_wrap=True)


def warn(message: str) -> None:
    """Say what the user should know."""
    messages.print(f"[yellow]note:[/] {_escaped(message)}", highlight=False, soft_wrap=True)


def _escaped(message: str) -> str:
    from rich.markup import escape

    return escape(message)


def counting_progress(things: str, quiet: bool) -> Progress:
    """Progress by things such as slices, with the time that is left at most."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(things),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=messages,
        transient=True,
        disable=quiet,
    )


def batch_progress(quiet: bool) -> Progress:
    """Progress by series."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=messages,
        transient=True,
        disable=quiet,
    )
