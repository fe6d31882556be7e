"""The journal: what counts after undo and redo, and what a crash leaves."""

from __future__ import annotations

import pytest

from volsweep.errors import InputError, SessionError
from volsweep.prompts.kinds import Point
from volsweep.session.actions import AddPrompts, EditLabel, Journal, Propagate, Redo, Stop, Undo

A, B, C = (AddPrompts(prompts=(Point(label=1, slice=z, point_xy=(1, 1)),)) for z in range(3))
SWEEP = Propagate(labels=(1,), plane="axial", direction="both", first=0, last=9, stride=1, patience=2)


def test_undo_and_redo_many_levels():
    journal = Journal([A, B, C, Undo(), Undo(), Redo()])
    assert journal.effective == (A, B)
    assert journal.can_redo
    journal.append(EditLabel(label=1, name="x"))
    assert not journal.can_redo
    assert len(journal) == 7, "nothing is ever taken out"


def test_a_stopped_sweep_is_undone_and_redone_as_one():
    journal = Journal([A, SWEEP, Stop(steps=3)])
    journal.append(Undo())
    assert journal.effective == (A,)
    journal.append(Redo())
    assert journal.effective == (A, SWEEP, Stop(steps=3))


@pytest.mark.parametrize("action", [Undo(), Redo(), Stop(steps=1)])
def test_nothing_to_do(action):
    with pytest.raises(SessionError, match=r"nothing|no sweep"):
        Journal().append(action)


def test_file_follows_and_comes_back(tmp_path):
    journal = Journal([A])
    journal.attach(tmp_path / "j.jsonl")
    for action in (B, Undo(), SWEEP):
        journal.append(action)
    again = Journal.read(tmp_path / "j.jsonl")
    assert list(again) == list(journal)
    assert again.effective == journal.effective == (A, SWEEP)


def test_line_cut_by_a_crash_is_left_out(tmp_path):
    path = tmp_path / "j.jsonl"
    Journal([A, B, C]).attach(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert Journal.read(path).effective == (A, B)


def test_damage_in_the_middle_is_an_error(tmp_path):
    path = tmp_path / "j.jsonl"
    Journal([A, B]).attach(path)
    path.write_text("nonsense\n" + path.read_text())
    with pytest.raises(InputError, match="line 1"):
        Journal.read(path)
