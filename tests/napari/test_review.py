"""Trust follows a sweep, along its plane."""

from __future__ import annotations

import numpy as np
import pytest
from support.napari_fakes import draw

import volsweep
from volsweep.geometry import Plane
from volsweep.napari.worker import events
from volsweep.napari.worker.tasks import Resume
from volsweep.session.file import SessionFile, VolumeReference
from volsweep.session.trust import suggested_slice


def test_sizes_and_marks_follow_a_sweep(controller, volume):
    sizes = []
    controller.measured.connect(sizes.append)
    draw(controller)
    controller.sweep()
    measured = sizes[-1][1]
    assert measured.voxels == 12 * 81
    assert measured.volume_ml == pytest.approx(12 * 81 * 4.0 / 1000)
    assert measured.diameters.long_mm == pytest.approx(np.hypot(9 * 1.0, 9 * 0.8), rel=0.15)
    assert set(controller.review.trust[1]) == set(range(12))
    assert controller.review.trust[1][5].prompted
    assert not any(mark.doubtful for mark in controller.review.trust[1].values())


def test_a_stroke_that_is_refused_takes_no_tick_away(controller, said):
    draw(controller)
    controller.sweep()
    controller.display.go_to(4)
    controller.review.accept()
    controller.objects.lock(1, True)
    controller.tools.painted(np.ones((40, 48), bool), 4)
    assert any("is locked" in text for _, text in said)
    assert controller.review.ticked == controller.session.ticked(1) == {4}


def test_trust_keys_and_ticks_belong_to_the_plane_on_the_screen(controller, said):
    draw(controller)
    controller.sweep()
    controller.display.go_to(4)
    controller.review.accept()
    assert controller.review.ticked == {4}
    controller.display.set_plane(Plane.CORONAL)
    assert controller.review.current == {}, "axial bars say nothing of coronal slices"
    assert controller.review.ticked == frozenset()
    controller.display.go_to(14)
    controller.review.accept()
    controller.review.to_doubtful()
    assert controller.review.accepted == {1: {4}}, "no slice is ticked that nobody saw"
    assert controller.display.slice == 14
    assert "swept along the axial plane" in said[-1][1]
    controller.display.set_plane(Plane.AXIAL)
    assert controller.review.ticked == {4}


def test_nothing_is_ticked_where_nothing_was_looked_for(controller, said):
    draw(controller)
    controller.display.go_to(9)
    controller.review.accept()
    assert controller.review.accepted == {}
    assert "nothing of object 1 to tick off" in said[-1][1]


def test_a_tick_is_an_action_and_no_replaced_mask_is_ticked(controller, said):
    draw(controller)
    controller.sweep()
    controller.display.go_to(4)
    controller.review.accept()
    controller.display.go_to(6)
    controller.review.accept()
    assert controller.review.ticked == {4, 6}
    assert controller.opened.unsaved
    assert controller.session.journal.effective[-1].action == "tick"
    controller.undo()
    assert controller.review.ticked == {4}
    controller.redo()
    controller.tools.drawn(volsweep.Point(label=1, slice=4, point_xy=(16, 14), positive=False))
    assert controller.review.ticked == {6}, "the mask of slice 4 is another"
    controller.undo()
    assert controller.review.ticked == {4, 6}
    controller.review.accept()
    assert controller.review.ticked == {4}, "taken back"


def test_between_a_new_mask_and_the_review_nothing_stale_is_ticked(controller):
    draw(controller)
    controller.sweep()
    opened = controller.opened
    opened.accepted = {1: frozenset({3, 4})}
    opened._on_event(events.Redrawn(Plane.AXIAL, {4: np.zeros((40, 48))}))
    assert controller.review.ticked == {3}
    opened._on_event(events.RedrawnAll(np.zeros((12, 40, 48))))
    assert controller.review.ticked == frozenset()


def test_ticks_of_files_of_before_hold_for_what_they_lead_to(controller, volume):
    draw(controller)
    controller.sweep()
    actions, image = controller.session.journal.effective, controller.image
    view = controller.display.view().model_copy(update={"accepted": {1: (4,), 7: (2,)}})
    controller.open(None)
    controller.open(image)
    controller.resume(Resume(SessionFile(volume=VolumeReference.of(volume), view=view, actions=actions)))
    assert controller.review.ticked == {4}
    assert [a.action for a in controller.session.journal.effective][-1] == "tick"
    assert controller.display.view().accepted == {}


def test_the_slice_to_outline_next_is_shown_and_named(controller, said):
    controller.review.suggest()
    assert "No slice of object 1 is left to outline" in said[-1][1]
    draw(controller)
    controller.sweep()
    marks = controller.review.current
    expected = suggested_slice(marks, {z: int((controller.opened.labels_zyx[z] == 1).sum()) for z in marks})
    controller.review.suggest()
    assert controller.display.slice == expected
    assert f"slice {expected} of object 1 next" in said[-1][1]
    controller.display.set_plane(Plane.CORONAL)
    controller.review.suggest()
    assert "swept along the axial plane" in said[-1][1]
