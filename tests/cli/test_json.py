"""docs/json.md names every command that prints JSON; what each prints is held to it in all tests of this room."""

from __future__ import annotations

import json

import pytest
from support.json_table import PAGE, faults, rules
from typer.main import get_command

from volsweep.cli import app


def printing(command, name=()):
    below = getattr(command, "commands", {})
    for part, child in below.items():
        yield from printing(child, (*name, part))
    if not below and any("--json" in parameter.opts for parameter in command.params):
        yield " ".join(name)


def test_every_command_that_prints_json_is_on_the_page():
    assert set(rules()) == set(printing(get_command(app)))
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
