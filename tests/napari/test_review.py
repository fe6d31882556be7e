"""Trust follows a sweep, along its plane."""

from __future__ import annotations

import numpy as np
import pytest
from support.napari_fakes import draw

from volsweep.geometry import Plane


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
    assert "nothing of label 1 to tick off" in said[-1][1]
