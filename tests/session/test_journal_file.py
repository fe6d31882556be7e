"""A journal's file: an action a line, whole lines only, for nobody else's eyes."""

from __future__ import annotations

import os
import stat

import pytest
from pydantic import TypeAdapter

from volsweep.errors import InputError, OutputError
from volsweep.session.actions import Action, DeleteLabel, EditLabel, Undo
from volsweep.session.journal_file import JournalFile, read_lines

READ = TypeAdapter(Action)
ACTIONS = (EditLabel(label=1, name="lésion\u2028two\u0085lines"), DeleteLabel(label=2), Undo())


def actions_in(path) -> list[Action]:
    *lines, last = read_lines(path)
    assert last == b"", "the last line ends, too"
    return [READ.validate_json(line) for line in lines]


def test_an_action_a_line(tmp_path):
    path = tmp_path / "journal.jsonl"
    file = JournalFile.create(path, ACTIONS[:1])
    assert actions_in(path) == [*ACTIONS[:1]]
    for action in ACTIONS[1:]:
        file.append(action)
    assert actions_in(path) == [*ACTIONS]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_there_is_replaced(tmp_path):
    path = tmp_path / "journal.jsonl"
    JournalFile.create(path, ACTIONS)
    JournalFile.create(path, ())
    assert path.read_bytes() == b""


def test_what_lies_behind_the_last_whole_line_goes(tmp_path):
    path = tmp_path / "journal.jsonl"
    file = JournalFile.create(path, ACTIONS[:1])
    with path.open("ab") as stream:
        stream.write(b'{"action": "del')  # a write that was cut short
    file.append(ACTIONS[1])
    assert actions_in(path) == [*ACTIONS[:2]]


def test_a_disk_that_refuses_leaves_whole_lines(tmp_path, monkeypatch):
    path = tmp_path / "journal.jsonl"
    file = JournalFile.create(path, ACTIONS[:1])
    refused = []

    def full(_):
        refused.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="the last action was not done: No space left on device"):
        file.append(ACTIONS[1])
    monkeypatch.undo()
    assert refused
    assert actions_in(path) == [*ACTIONS[:1]]
    file.append(ACTIONS[2])
    assert actions_in(path) == [ACTIONS[0], ACTIONS[2]]


def test_a_file_that_is_gone(tmp_path):
    file = JournalFile.create(tmp_path / "journal.jsonl", ())
    (tmp_path / "journal.jsonl").unlink()
    with pytest.raises(OutputError, match="cannot be written"):
        file.append(ACTIONS[0])
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_lines(tmp_path / "journal.jsonl")
