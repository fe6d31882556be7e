"""The words of the command line: arguments of Python become options, and bad calls are told in our words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

import volsweep
from volsweep.cli import app
from volsweep.cli.terminal.words import (
    _OPTIONS,
    command_words,
    row_words,
)

SOURCE = Path(volsweep.__file__).parent


@pytest.mark.parametrize(
    ("python", "command"),
    [
        ("overwrite it (overwrite=True)", "overwrite it (--force)"),
        ('missing; gaps="keep" loads them', "missing; --gaps keep loads them"),
        ("give the series (source=), or write", "give the series (--source), or write"),
        ("give series= one of 1.2/1, 1.2/2", "give --series one of 1.2/1, 1.2/2"),
        ("the file my_source=x.nii is damaged", "the file my_source=x.nii is damaged"),
    ],
)
def test_arguments_become_options(python, command):
    assert command_words(python) == command


def test_what_a_manifest_has_a_column_for_is_named_as_that():
    assert row_words("take them as they are (anyway=True)") == "take them as they are (prompts_anyway in its row)"
    assert row_words('missing; gaps="keep" loads them') == "missing; gaps keep in its row loads them"
    assert row_words("name the folder (root=)") == "name the folder (--root)"


def test_errors_and_notes_of_the_library_speak_python():
    """What is not the command line's names no option; `_OPTIONS` translates whatever it names instead."""
    named = []
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0]
        writes_commands = path.name == "command.py" or path == SOURCE / "batch" / "page.py"
        if room in ("cli", "napari", "serve") or writes_commands:  # a server is started by the command only
            continue
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"""["( ]--[a-z]+[a-z-]*(?=[ ).,;:"'])(?!["']?,? *$)""", text)
        named += [f"{path.relative_to(SOURCE)}: {option}" for option in found]
    assert not named
    options = {
        option
        for command in _commands(typer.main.get_command(app))
        for parameter in command.params
        for option in parameter.opts
    }
    assert {words.split()[0] for words in _OPTIONS.values()} <= options


def _commands(group):
    for command in group.commands.values():
        yield from _commands(command) if hasattr(command, "commands") else (command,)
