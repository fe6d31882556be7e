"""What reaches the terminal: other people's names, and no command of theirs."""

from __future__ import annotations

import io
import json
import sys

import pytest
from rich.table import Table

from volsweep.cli.terminal.console import Terminal, fail, warn
from volsweep.errors import shown

HOSTILE = "GTV [/x] [bold]\x1b]0;owned\x07\x1b[2J\u202eevil\x9b31m\ud800 :smile:"


@pytest.fixture
def terminal(monkeypatch):
    out = io.StringIO()
    terminal = Terminal(file=out, force_terminal=True, width=200)
    monkeypatch.setattr(sys.modules["volsweep.cli.terminal.console"], "messages", terminal)
    return terminal, out


def without_styles(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("way", ["print", "table", "warn", "fail"])
def test_names_are_read_and_not_obeyed(terminal, way):
    screen, out = terminal
    if way == "table":
        table = Table("name")
        table.add_row(HOSTILE)
        screen.print(table)
    elif way == "print":
        screen.print(HOSTILE, highlight=False)
    else:
        {"warn": warn, "fail": fail}[way](HOSTILE)
    told = without_styles(out.getvalue())
    assert "GTV [/x] [bold]" in told
    assert ":smile:" in told
    assert "\\x1b]0;owned\\x07\\x1b[2J" in told
    assert not set("\x1b\x07\x9b\u202e\ud800") & set(told)


def test_json_holds_what_was_meant(terminal):
    screen, out = terminal
    screen.print_json(json.dumps({"name": HOSTILE}))
    assert json.loads(without_styles(out.getvalue())) == {"name": HOSTILE}
    assert not set("\x07\x9b\u202e\ud800") & set(out.getvalue())


def test_ordinary_text_stays_as_it_is():
    for text in ("Läsion 3 × 4 mm", "肝", "two\nlines\tand a tab"):
        assert shown(text) == text
