"""A session's folder gives back what was done, what sweeps found, and nothing that no longer counts."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny_engine import TinySession

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.recovery.folder import JOURNAL, SESSION, keep_masks, masks_path, read_folder
from volsweep.session.actions import Propagate
from volsweep.session.file import SessionFile, VolumeReference, write_session
from volsweep.volume import Volume


def made() -> TinySession:
    grid = Grid.axis_aligned((7, 12, 14), (3, 1, 1))
    return TinySession(Volume(np.zeros(grid.shape_zyx, np.int16), grid, "CT"), device="cpu")


def keep(session: TinySession, folder) -> None:
    done = session.journal.done
    keep_masks(folder, *session.last_sweep(), frozenset(e.number for e in done if isinstance(e.action, Propagate)))


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


def test_an_empty_folder_holds_no_session(tmp_path):
    with pytest.raises(InputError):
        read_folder(tmp_path)
