"""What the window is told of a session: the slices that look otherwise, trust, ticks and sizes."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny_engine import TinySession, box, tiny

from volsweep.geometry import Plane
from volsweep.napari.worker import events
from volsweep.napari.worker.shown import assessed, changed, in_one_plane, painted_by, redrawn
from volsweep.prompts.mask import Mask
from volsweep.session.actions import AddPrompts, Tick


@pytest.fixture
def session() -> TinySession:
    session = tiny()
    box(session, 1, 4)
    list(session.propagate())
    return session


def test_the_state_is_told_with_what_can_be_undone(session):
    told = changed(session)
    assert told.state is session.state
    assert (len(told.done), told.undone, told.actions) == (2, (), 2)
    assert [action.action for action in told.done] == ["add_prompts", "propagate"]
    session.undo()
    assert (len(changed(session).undone), changed(session).actions) == (1, 3)


def test_slices_that_look_otherwise_are_drawn_and_no_others(session):
    before, labels = session.state, session.labels.array_zyx
    box(session, 2, 6, left=9)
    told = redrawn(session, before)
    assert isinstance(told, events.Redrawn)
    assert told.plane == Plane.AXIAL
    assert set(told.slices) == {6}
    np.testing.assert_array_equal(told.slices[6], session.labels.array_zyx[6])
    assert not np.array_equal(told.slices[6], labels[6])
    assert dict(redrawn(session, before, drawn={6}).slices) == {}, "the sweep has drawn it already"


def test_nothing_is_drawn_where_nothing_changed(session):
    before = session.state
    assert redrawn(session, before) is None
    session.name_label(1, "x")
    assert redrawn(session, before) is None


def test_a_slice_that_a_stroke_was_painted_on_is_drawn_whatever_became_of_the_stroke(session):
    before = session.state
    stroke = AddPrompts(prompts=(Mask.from_array(np.ones((14, 16), bool), label=2, slice=7),))
    assert painted_by(stroke) == {(Plane.AXIAL, 7)}
    assert painted_by(Tick(label=1, plane=Plane.AXIAL, slice=4)) == painted_by("another task") == frozenset()
    assert set(redrawn(session, before, painted=painted_by(stroke)).slices) == {7}
    elsewhere = redrawn(session, before, painted=frozenset({(Plane.CORONAL, 7)}))
    assert isinstance(elsewhere, events.RedrawnAll), "another plane is on the screen by now"


def test_everything_is_drawn_where_it_is_asked_for_or_planes_cross(session):
    before = session.state
    everything = redrawn(session, before, anew=True)
    assert isinstance(everything, events.RedrawnAll)
    np.testing.assert_array_equal(everything.labels_zyx, session.labels.array_zyx)
    assert in_one_plane(session)
    session.add_mask(label=1, slice=6, mask_yx=np.ones((9, 16), bool), plane="coronal")
    assert not in_one_plane(session)
    crossed = redrawn(session, before)
    assert isinstance(crossed, events.RedrawnAll)
    np.testing.assert_array_equal(crossed.labels_zyx, session.labels.array_zyx)


def test_trust_and_ticks_come_before_sizes(session):
    session.tick(1, 4)
    reviewed, ticked, measured = assessed(session, lambda: False)
    assert dict(reviewed.planes) == {1: Plane.AXIAL}
    assert dict(reviewed.trust[1]) == dict(session.trust(1))
    assert reviewed.trust[1][4].prompted
    assert ticked.slices == {1: {4}}
    assert measured.measurements[1].voxels == (session.labels.array_zyx == 1).sum()


def test_an_object_without_a_voxel_has_no_size(session):
    session.add_mask(label=2, slice=1, mask_yx=np.zeros((14, 16), bool))
    *_, measured = assessed(session, lambda: False)
    assert set(measured.measurements) == {1}


def test_sizes_wait_for_what_is_to_be_done_first(session):
    told = list(assessed(session, lambda: True))
    assert [type(each) for each in told] == [events.Reviewed, events.Ticked]
