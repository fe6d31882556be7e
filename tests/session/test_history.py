"""The journal: what counts after undo and redo, and what a crash leaves."""

from __future__ import annotations

import errno
import os
import re
import stat
import weakref

import pytest

from volsweep.errors import OutputError, SessionError
from volsweep.prompts.kinds import Point
from volsweep.session.actions import AddPrompts, EditLabel, Propagate, Redo, Stop, Undo
from volsweep.session.history import History, Journal

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


@pytest.mark.parametrize(
    ("line", "words"), [(b"nonsense", "line 2 .* no action"), (b'{"action": "redo"}', "line 2 .* nothing to redo")]
)
def test_damage_costs_what_follows_it_never_what_precedes_it_and_is_told(tmp_path, line, words):
    path = tmp_path / "j.jsonl"
    Journal([A, B, C]).attach(path)
    first, _, *rest = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([first, line, *rest]))
    journal = Journal.read(path)
    assert journal.effective == (A,)
    assert re.search(words, journal.damage)
    assert Journal.read(path).damage


def test_a_whole_file_has_no_damage(tmp_path):
    Journal([A, B]).attach(tmp_path / "j.jsonl")
    assert Journal.read(tmp_path / "j.jsonl").damage is None


@pytest.mark.parametrize("name", ["a\u2028b", "a\u0085b", "a\x0bb", "a\nb", "a\rb"])
def test_a_name_with_a_line_separator_is_one_line(tmp_path, name):
    path = tmp_path / "j.jsonl"
    journal = Journal()
    journal.attach(path)
    for action in (A, EditLabel(label=1, name=name), B):
        journal.append(action)
    again = Journal.read(path)
    assert again.effective == (A, EditLabel(label=1, name=name), B)
    assert again.damage is None


def test_a_last_line_cut_inside_a_letter_is_left_out(tmp_path):
    path = tmp_path / "j.jsonl"
    Journal([A, EditLabel(label=1, name="é")]).attach(path)
    content = path.read_bytes()
    path.write_bytes(content[: content.index("é".encode()) + 1])
    assert Journal.read(path).effective == (A,)


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_only_its_owner_reads_a_journal(tmp_path):
    Journal([A]).attach(tmp_path / "j.jsonl")
    assert stat.S_IMODE((tmp_path / "j.jsonl").stat().st_mode) == 0o600


@pytest.mark.parametrize("broken", ["nothing lands", "half lands", "half stays"])
def test_what_the_disk_refuses_was_not_done_and_the_file_goes_on(tmp_path, monkeypatch, broken):
    """A disk that is full for a moment: half of a line lands on it."""
    path = tmp_path / "j.jsonl"
    history = History()
    history.journal.attach(path)
    history.edit(A)
    whole = path.read_bytes()

    def full(descriptor, *_):
        if broken != "nothing lands":
            os.pwrite(descriptor, b"half a li", len(whole))
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("volsweep.session.journal_file.os.fsync", full)
        if broken == "half stays":
            patch.setattr("volsweep.session.journal_file.os.ftruncate", full)
        with pytest.raises(OutputError, match="No space left on device; make room"):
            history.edit(B)
    assert history.state.prompts == A.prompts
    assert Journal.read(path).effective == (A,)
    history.edit(C)
    assert Journal.read(path).effective == history.journal.effective == (A, C)
    assert history.state.prompts == A.prompts + C.prompts


def test_a_stop_that_the_disk_refuses_is_written_later(tmp_path, monkeypatch):
    history = History()
    history.journal.attach(tmp_path / "j.jsonl")
    history.edit(A)
    sweep = history.begin_sweep(SWEEP, history.state)
    history.count_step(sweep)
    with monkeypatch.context() as patch:
        patch.setattr("volsweep.session.journal_file.os.fsync", _full)
        with pytest.raises(OutputError, match="No space left"):
            history.leave_sweep(sweep)
    history.edit(B)
    assert Journal.read(tmp_path / "j.jsonl").effective == (A, SWEEP, Stop(steps=1), B)


def test_states_that_nobody_can_come_back_to_are_let_go():
    history = History()
    for action in (A, B, C):
        history.edit(action)
    gone = weakref.ref(history.state)
    history.undo()
    assert gone() is not None
    history.edit(EditLabel(label=1, name="x"))
    assert gone() is None
    history.undo(), history.undo()
    assert history.state.prompts == A.prompts


def _full(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_who_did_it_is_written_down_and_stays_when_another_does_it_again(tmp_path):
    first = History()
    first.reader = lambda: "AB"
    first.edit(EditLabel(label=1, name="node"))
    first.undo()
    first.redo()
    assert [action.by for action in first.journal] == ["AB"] * 3
    first.journal.attach(tmp_path / "journal")
    again = History()
    again.reader = lambda: "CD"
    for action in Journal.read(tmp_path / "journal").effective:
        again.edit(action)
    again.edit(EditLabel(label=1, name="other"))
    assert [action.by for action in again.journal] == ["AB", "CD"]


def test_where_nobody_gave_initials_files_are_as_before():
    history = History()
    history.edit(EditLabel(label=1, name="node"))
    (action,) = history.journal
    assert action.by is None
    assert "by" not in action.model_dump_json()
