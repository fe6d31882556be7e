"""Which slices look different: held against the labels before and after, voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny_engine import TinySession, box, tiny

from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.operations.kinds import Grow
from volsweep.session.changes import changed_slices


def prepared() -> TinySession:
    session = tiny()
    box(session, 1, 4)
    list(session.propagate())
    box(session, 2, 2, left=9)
    return session


def draw(session: TinySession, index: int, plane: str = "axial") -> None:
    mask = np.zeros(session.volume.grid.plane_shape(Plane(plane))[1:], bool)
    mask[1:5, 2:6] = True
    session.add_mask(label=1, slice=index, mask_yx=mask, plane=plane)


DEEDS = {
    "a box elsewhere": lambda session: box(session, 2, 6, left=9),
    "a moved box": lambda session: box(session, 2, 2, left=7),
    "a box on a swept slice": lambda session: box(session, 1, 5, left=6),
    "a drawn mask": lambda session: draw(session, 6),
    "taken back": lambda session: session.clear_prompts(label=2, slice=2),
    "a sweep": lambda session: list(session.propagate(labels=[2])),
    "a sweep through another window": lambda session: (
        session.use(window=Window(41, 400)),
        list(session.propagate(labels=[1])),
    ),
    "an end": lambda session: session.set_extent(label=1, first=3, last=5),
    "a lock": lambda session: session.lock(1),
    "a name": lambda session: session.name_label(1, "x"),
    "gone": lambda session: session.delete_label(1),
    "grown": lambda session: session.operate(Grow(mm=3), label=1),
    "ticked": lambda session: session.tick(1, 5),
    "undone": lambda session: session.undo(),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_all_slices_that_look_different_are_named(deed):
    session = prepared()
    before, state = session.labels.array_zyx, session.state
    DEEDS[deed](session)
    after = session.labels.array_zyx
    differ = set(np.flatnonzero((before != after).any(axis=(1, 2))).tolist())
    changed = changed_slices(state, session.state, Plane.AXIAL)
    assert differ <= changed
    assert differ or deed in ("a lock", "a name", "ticked")


def test_what_changes_no_voxel_anywhere_names_none():
    session = prepared()
    for deed in ("a name", "ticked"):
        state = session.state
        DEEDS[deed](session)
        assert changed_slices(state, session.state, Plane.AXIAL) == set()
    assert changed_slices(session.state, session.state, Plane.AXIAL) == set()


def test_a_mask_drawn_on_one_slice_of_a_swept_object_names_that_one_and_its_other_prompted_slices():
    session = prepared()
    state = session.state
    draw(session, 6)
    assert changed_slices(state, session.state, Plane.AXIAL) == {6, 4}


@pytest.mark.parametrize("seen_along", [Plane.AXIAL, Plane.CORONAL])
def test_where_planes_cross_any_slice_may_differ(seen_along):
    session = prepared()
    state = session.state
    draw(session, 6, "coronal")
    assert changed_slices(state, session.state, seen_along) is None


def test_seen_along_another_plane_any_slice_may_differ():
    session = prepared()
    state = session.state
    box(session, 2, 2, left=7)
    assert changed_slices(state, session.state, Plane.SAGITTAL) is None
    state = session.state
    session.name_label(2, "x")
    assert changed_slices(state, session.state, Plane.SAGITTAL) == set()
