"""The terminal: results go to standard output, progress and messages to standard error."""

from __future__ import annotations

import re
from typing import Any

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
from rich.text import Text

# C0 and C1 controls but tab and line feed, DEL, marks that turn the direction of text, halves of surrogate pairs.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    """A text for a terminal: whatever would command it, rather than be read, is written out as an escape."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


class Terminal(Console):
    """A terminal that obeys no text: names come from other people's files, and so may be commands or markup."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Every text, in tables as well, comes through here."""
        return super().render_str(shown(text), **options)

    def print_json(self, json: str | None = None, **options: Any) -> None:
        """Print JSON, what is not ASCII escaped."""
        super().print_json(json, **{"ensure_ascii": True, **options})


console = Terminal()
messages = Terminal(stderr=True)


def fail(message: str) -> None:
    """Say what went wrong."""
    say(messages, ("error:", "bold red"), message)


def warn(message: str) -> None:
    """Say what the user should know."""
    say(messages, ("note:", "yellow"), message)


def say(where: Console, head: tuple[str, str], message: str) -> None:
    """Print a word in a style, and what it is about."""
    where.print(Text.assemble(head, " ", shown(message)), highlight=False, soft_wrap=True)


def counting_progress(things: str, quiet: bool) -> Progress:
    """Progress by things such as slices, with the time that is left at most."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
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
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=messages,
        transient=True,
        disable=quiet,
    )
