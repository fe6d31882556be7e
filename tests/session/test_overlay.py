"""What lies over what: strokes of other planes, labels that overlap, locks, and ticks that hold for what was seen."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny_engine import SHAPE, box, replayed, tiny

from volsweep.errors import SessionError
from volsweep.intensity import Window
from volsweep.prompts.extent import Extent, Region
from volsweep.prompts.kinds import Box
from volsweep.session.actions import LoadPrompts, SetExtent


@pytest.mark.parametrize("erase", [False, True])
def test_a_stroke_in_another_plane_counts_before_and_after_a_sweep(erase):
    stroke = np.zeros((9, 16), bool)
    if not erase:
        stroke[1:4, 10:13] = True
    after, before = tiny(), tiny()
    box(after, 1, 4)
    list(after.propagate())
    after.add_mask(label=1, slice=6, mask_yx=stroke, plane="coronal")
    box(before, 1, 4)
    before.add_mask(label=1, slice=6, mask_yx=stroke, plane="coronal")
    list(before.propagate())
    for session in (after, before):
        labels = session.labels.array_zyx
        np.testing.assert_array_equal(labels[:, 6] == 1, stroke)
        assert labels[:, 5].any()
        np.testing.assert_array_equal(session.label_slice(6, "coronal"), labels[:, 6])
        for z in range(9):
            np.testing.assert_array_equal(session.label_slice(z), labels[z])
        np.testing.assert_array_equal(replayed(session), labels)
    after.undo()
    assert after.labels.array_zyx[:, 6].any()


def test_of_two_strokes_that_cross_the_later_holds():
    session = tiny()
    whole, none = np.ones((14, 16), bool), np.zeros((9, 16), bool)
    session.add_mask(label=1, slice=4, mask_yx=whole)
    session.add_mask(label=1, slice=6, mask_yx=none, plane="coronal")
    assert not session.labels.array_zyx[4, 6].any()
    session.add_mask(label=1, slice=4, mask_yx=whole)
    assert session.labels.array_zyx[4].all()


def test_of_two_drawn_labels_the_later_holds_the_voxels_of_both():
    session = tiny()
    left, right = np.zeros((2, 14, 16), bool)
    left[3:9, 2:10], right[3:9, 6:14] = True, True
    session.add_mask(label=1, slice=4, mask_yx=right)
    session.add_mask(label=2, slice=4, mask_yx=left)
    assert (session.labels.array_zyx[4] == 2).sum() == left.sum()
    session.add_mask(label=1, slice=4, mask_yx=right)
    assert (session.labels.array_zyx[4] == 1).sum() == right.sum()


@pytest.mark.parametrize("other_plane", [False, True])
def test_a_lock_changes_no_voxel_then_or_later(other_plane):
    """Label 1 lost part of its box to label 2: it wins nothing back, and loses nothing to what is drawn later."""
    session = tiny()
    box(session, 1, 4)
    list(session.propagate())
    over = np.zeros((14, 16), bool)
    over[4:7, 6:12] = True
    session.add_mask(label=2, slice=4, mask_yx=over)
    list(session.propagate(labels=[2]))
    if other_plane:
        stroke = np.zeros((9, 16), bool)
        stroke[3:6, 5:9] = True
        session.add_mask(label=2, slice=6, mask_yx=stroke, plane="coronal")
    before = session.labels.array_zyx
    own = session.masks(1).by_slice[4].mask_yx()
    assert (own & (before[4] == 2)).any(), "they overlap"
    session.lock(1)
    np.testing.assert_array_equal(session.labels.array_zyx, before)
    for z in range(9):
        np.testing.assert_array_equal(session.label_slice(z), before[z])
    everywhere = np.ones((14, 16), bool)
    session.add_mask(label=2, slice=4, mask_yx=everywhere)
    now = session.labels.array_zyx
    np.testing.assert_array_equal(now == 1, before == 1)
    assert (now[4] == 2).sum() == (before[4] != 1).sum()
    np.testing.assert_array_equal(replayed(session), now)
    session.delete_label(2)
    np.testing.assert_array_equal(session.labels.array_zyx, np.where(before == 1, 1, 0))
    session.lock(1, False)
    np.testing.assert_array_equal(session.labels.array_zyx[4] == 1, own)
    session.undo()
    np.testing.assert_array_equal(session.labels.array_zyx == 1, before == 1)


def test_a_tick_is_void_once_the_mask_is_another_and_undo_covers_it():
    session = tiny()
    box(session, 1, 4)
    list(session.propagate())
    session.tick(1, 5)
    session.tick(1, 6)
    assert session.ticked(1) == {5, 6}
    session.undo()
    assert session.ticked(1) == {5}
    session.redo()
    session.add_point(label=1, point_zyx=(5, 6, 4), positive=False)
    assert session.ticked(1) == {6}, "nobody saw this mask of slice 5"
    session.undo()
    assert session.ticked(1) == {5, 6}, "the mask that was seen is back, and with it the tick"
    session.use(window=Window(41, 400))
    list(session.propagate())
    assert session.ticked(1) == set()
    session.undo()
    session.tick(1, 5, ticked=False)
    assert session.ticked(1) == {6}
    session.delete_label(1)
    assert session.ticked(1) == set()
    with pytest.raises(SessionError, match="object 1 was not looked for on axial slice 3"):
        session.tick(1, 3)


def test_a_tick_is_void_where_another_label_takes_voxels_and_kept_by_a_lock():
    session = tiny()
    box(session, 1, 4)
    list(session.propagate())
    session.tick(1, 4)
    session.lock(1)
    assert session.ticked(1) == {4}
    session.tick(1, 5)
    assert session.ticked(1) == {4, 5}, "a locked label can be looked at"
    session.lock(1, False)
    session.add_mask(label=2, slice=4, mask_yx=np.ones((14, 16), bool))
    assert session.ticked(1) == {5}
    with pytest.raises(SessionError, match="not looked for on coronal slice 4; its slices lie along the axial plane"):
        session.tick(1, 4, plane="coronal")


def held(first: int | None = None) -> LoadPrompts:
    """A box on slice 4 as a finder proposes it: likely on columns 5 and 6 alone, rows 0 to 9, slices 2 to 6."""
    region = Region.from_array(np.ones((5, 10, 2), bool), (2, 0, 5))
    extent = Extent(label=1, first=first, within=region)
    return LoadPrompts(prompts=(Box(label=1, slice=4, box_xyxy=(4, 4, 8, 8)),), extents=(SetExtent(extent=extent),))


def test_what_is_found_beyond_what_a_finder_thinks_likely_is_not_shown():
    session, free = tiny(), tiny()
    session.apply(held())
    box(free, 1, 4)
    likely = np.zeros(SHAPE, bool)
    likely[2:7, :10, 5:7] = True
    for one in (session, free):
        one.sweep()
    whole = free.labels.array_zyx == 1
    assert (whole & ~likely).any()
    np.testing.assert_array_equal(session.labels.array_zyx == 1, whole & likely)
    np.testing.assert_array_equal(replayed(session), session.labels.array_zyx)


def test_a_slice_that_a_reader_corrects_is_whole_and_a_box_of_his_own_frees_all():
    session, free = tiny(), tiny()
    session.apply(held())
    box(free, 1, 4)
    for one in (session, free):
        one.sweep()
        one.add_point(label=1, point_zyx=(4, 6, 12))
    np.testing.assert_array_equal(session.labels.array_zyx[4], free.labels.array_zyx[4])
    assert not (session.labels.array_zyx[:, :, 7:] == 1)[[3, 5]].any()
    for one in (session, free):
        box(one, 1, 2)
        one.sweep()
    assert session.state.extents == ()
    np.testing.assert_array_equal(session.labels.array_zyx, free.labels.array_zyx)


def test_ends_that_a_reader_tells_leave_the_region_and_one_without_ends_takes_it_back():
    session = tiny()
    session.apply(held(first=2))
    session.set_extent(label=1, first=3, last=5)
    (extent,) = session.state.extents
    assert (extent.ends, extent.within) == ((3, 5), held().extents[0].extent.within)
    session.set_extent(label=1)
    assert session.state.extents == ()
    session.undo()
    assert session.state.extents == (extent,)
