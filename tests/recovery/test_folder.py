"""A session's folder gives back what was done, what sweeps found, and nothing that no longer counts."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny_engine import TinySession

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.recovery.folder import JOURNAL, SESSION, keep_masks, kept_sweeps, masks_path, read_folder
from volsweep.session.file import SessionFile, VolumeReference, write_session
from volsweep.volume import Volume


def made() -> TinySession:
    grid = Grid.axis_aligned((7, 12, 14), (3, 1, 1))
    return TinySession(Volume(np.zeros(grid.shape_zyx, np.int16), grid, "CT"), device="cpu")


def keep(session: TinySession, folder) -> None:
    keep_masks(folder, *session.last_sweep(), kept_sweeps(session.journal))


@pytest.fixture
def worked_on(tmp_path):
    session = made()
    write_session(tmp_path / SESSION, SessionFile(volume=VolumeReference.of(session.volume)))
    session.journal.attach(tmp_path / JOURNAL)
    session.add_box(label=1, slice=3, box_xyxy=(3, 3, 7, 7))
    session.sweep()
    keep(session, tmp_path)
    session.undo()
    session.sweep(direction="forward")
    keep(session, tmp_path)
    return tmp_path, session


def test_what_was_done_comes_back_and_nothing_is_swept_again(worked_on):
    folder, session = worked_on
    found = read_folder(folder)
    assert found.saved.actions == session.journal.effective
    assert [path.name for path in folder.glob("*.npz")] == ["sweep-3.npz"], "the first sweep was undone"
    again = made()
    assert not list(again.replay(found.saved.actions, found.masks()))
    np.testing.assert_array_equal(again.labels.array_zyx, session.labels.array_zyx)
    assert again.labels.array_zyx.any()


def test_masks_follow_a_journal_that_is_written_anew_into_the_same_folder(worked_on):
    folder, session = worked_on
    found = read_folder(folder)
    again = made()
    list(again.replay(found.saved.actions, found.masks()))
    again.journal.attach(folder / JOURNAL)
    found.hand_over(folder)
    assert [path.name for path in folder.glob("*.npz")] == [masks_path(folder, 1).name]
    third = made()
    once_more = read_folder(folder)
    assert not list(third.replay(once_more.saved.actions, once_more.masks()))
    np.testing.assert_array_equal(third.labels.array_zyx, session.labels.array_zyx)


def test_a_damaged_mask_costs_a_sweep_and_nothing_else(worked_on):
    folder, session = worked_on
    masks_path(folder, 3).write_bytes(b"PK nothing")
    found = read_folder(folder)
    assert found.masks() == {}
    again = made()
    assert list(again.replay(found.saved.actions, found.masks()))
    np.testing.assert_array_equal(again.labels.array_zyx, session.labels.array_zyx)


def test_what_was_undone_can_be_done_again_without_a_sweep(worked_on):
    folder, session = worked_on
    whole = session.labels.array_zyx
    session.add_box(label=2, slice=5, box_xyxy=(9, 9, 12, 11))
    for _ in session.steps(labels=[2]):
        break  # stopped: its two entries are one thing to undo
    keep(session, folder)
    both = session.labels.array_zyx
    session.name_label(2, "lesion")
    for _ in range(3):
        session.undo()
    found = read_folder(folder)
    assert found.effective == session.journal.effective
    again = made()
    assert not list(again.replay(found.saved.actions, found.masks()))
    assert not np.array_equal(whole, both)
    np.testing.assert_array_equal(again.labels.array_zyx, whole)
    again.journal.attach(folder / JOURNAL)
    found.hand_over(folder)
    keep(again, folder)  # as the window does when all is back
    third, once_more = made(), read_folder(folder)
    assert not list(third.replay(once_more.saved.actions, once_more.masks())), "and after another crash"
    for restored in (again, third):
        restored.redo()
        restored.redo()
        np.testing.assert_array_equal(restored.labels.array_zyx, both)
        restored.redo()
        assert restored.state.labels[2].name == "lesion"
        assert not restored.journal.can_redo


def test_what_a_sweep_found_is_kept_as_it_ended_whatever_was_done_to_the_object_since(worked_on):
    folder, session = worked_on
    swept = session.labels.array_zyx
    session.delete_label(1)
    keep(session, folder)
    session.undo()
    found = read_folder(folder)
    again = made()
    assert not list(again.replay(found.saved.actions, found.masks()))
    np.testing.assert_array_equal(again.labels.array_zyx, swept)


def test_an_empty_folder_holds_no_session(tmp_path):
    with pytest.raises(InputError):
        read_folder(tmp_path)


@pytest.mark.parametrize("swept_again", [False, True])
def test_whoever_restores_does_nothing_in_their_own_name(tmp_path, swept_again):
    first = made()
    write_session(tmp_path / SESSION, SessionFile(volume=VolumeReference.of(first.volume)))
    first.journal.attach(tmp_path / JOURNAL)
    first.add_box(label=1, slice=3, box_xyxy=(3, 3, 7, 7))  # by nobody who gave initials
    first.reader = "AB"
    next(first.steps())  # and stopped
    first.name_label(1, "node")
    first.undo()
    first.redo()
    first.reader = "CD"
    first.undo()
    keep(first, tmp_path)
    first.undo()
    assert [action.by for action in first.journal] == [None, "AB", "AB", "AB", "AB", "AB", "CD", "CD"]
    found, again = read_folder(tmp_path), made()
    again.reader = "EF"
    list(again.replay(found.saved.actions, {} if swept_again else found.masks()))
    assert [(action.action, action.by) for action in again.journal] == [
        ("add_prompts", None),
        *(("propagate", "AB"), ("stop", "AB"), ("edit_label", "AB")),
        *(("undo", "CD"), ("undo", "CD")),
    ]
    again.redo()
    assert tuple(again.journal)[-1].by == "EF"
