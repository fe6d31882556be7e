"""The terminal: results go to standard output, progress and messages to standard error."""

from __future__ import annotations

import json
import os
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from volsweep.cli.terminal.words import command_words
from volsweep.errors import shown

NOTHING_FOUND = 3
"""Exit code of a command that did what it was told and found nothing; docs/exit_codes.md lists them all."""


class Terminal(Console):
    """A terminal that obeys no text: names come from other people's files, and so may be commands or markup.

    NO_COLOR takes every style away, bold with the colours.
    """

    def __init__(self, **options: Any) -> None:
        system: Any = None if os.environ.get("NO_COLOR") else "auto"
        super().__init__(markup=False, emoji=False, **{"color_system": system, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        """Every text, in tables as well, comes through here."""
        return super().render_str(shown(text), **options)

    def print_json(self, json: str | None = None, **options: Any) -> None:
        """Print JSON, what is not ASCII escaped."""
        super().print_json(json, **{"ensure_ascii": True, **options})


console = Terminal()
messages = Terminal(stderr=True)


class Stopped(Exception):  # noqa: N818
    """Someone ended a command with a signal; what is to be said has been."""

    def __init__(self, signal_number: int) -> None:
        self.signal_number = signal_number


def tell(text: str) -> None:
    """Print a line of a result, as long as it is."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def tell_json(content: Any) -> None:
    """Print a result as JSON."""
    console.print_json(json.dumps(content))


def fail(message: str) -> None:
    """Say what went wrong."""
    say(messages, ("error:", "bold red"), command_words(message))


def warn(message: str) -> None:
    """Say what the user should know."""
    say(messages, ("note:", "yellow"), command_words(message))


def nothing_found(message: str) -> typer.Exit:
    """Say that nothing was found, and what to do; to be raised."""
    warn(message)
    return typer.Exit(NOTHING_FOUND)


def say(where: Console, head: tuple[str, str], message: str) -> None:
    """Print a word in a style, and what it is about."""
    where.print(Text.assemble(head, " ", shown(message)), highlight=False, soft_wrap=True)
