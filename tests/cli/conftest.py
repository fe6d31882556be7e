"""The command as a user types it."""

from __future__ import annotations

import pytest
from support.json_table import faults
from typer._click.globals import get_current_context

from volsweep.cli.terminal.console import Terminal


@pytest.fixture(autouse=True)
def json_as_the_page_says(monkeypatch) -> None:
    """Hold every JSON document that a command prints in a test to docs/json.md."""
    print_json = Terminal.print_json

    def checked(terminal: Terminal, text: str | None = None, **options: object) -> None:
        context = get_current_context(silent=True)
        if context is not None and text is not None:
            command = context.command_path.partition(" ")[2]
            assert faults(command, text) == [], f"{command} and docs/json.md"
        print_json(terminal, text, **options)

    monkeypatch.setattr(Terminal, "print_json", checked)
