"""docs/json.md names every command that prints JSON; what each prints is held to it in all tests of this room."""

from __future__ import annotations

import json

import pytest
from support.json_table import PAGE, faults, rules
from typer.main import get_command

from volsweep.cli import app


def commands(command, name=()):
    """Name -> whether it prints JSON."""
    below = getattr(command, "commands", {})
    for part, child in below.items():
        yield from commands(child, (*name, part))
    if not below:
        yield " ".join(name), any("--json" in parameter.opts for parameter in command.params)


def test_every_command_that_prints_json_is_on_the_page():
    every = dict(commands(get_command(app)))
    assert set(rules()) == {name for name, prints in every.items() if prints}
    assert {name for name, prints in every.items() if not prints} == {"gui", "serve", "help"}
    assert sum(line.startswith("| `") for line in PAGE.read_text().splitlines()) == sum(map(len, rules().values()))


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"path": "a", "defaults": {}}, []),
        ({"path": "a"}, ["the document has no defaults"]),
        ({"path": "a", "defaults": {}, "more": 1}, ["the document has more"]),
        ([{"path": "a", "defaults": {}}], ["is no object"]),
    ],
)
def test_a_document_is_held_to_its_row(document, fault):
    assert faults("config show", json.dumps(document)) == fault
