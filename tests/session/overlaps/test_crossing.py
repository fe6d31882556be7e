"""A slice of another plane laid over a label's masks: held against the same voxels set in an array."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.geometry import Grid, Plane
from volsweep.masks import LabelMasks, trim
from volsweep.session.overlaps.crossing import Laid, lay_over

SHAPE = (6, 8, 9)
GRID = Grid.axis_aligned(SHAPE, (2, 1, 1))


def mask(array, index: int):
    logits = np.where(array, 5.0, -5.0).astype(np.float32)
    return trim(logits, slice=index, shape_yx=array.shape, iou=1, object_score=5)


@pytest.mark.parametrize(("plane", "axis"), [("coronal", 1), ("sagittal", 2)])
def test_it_holds_on_its_slice_and_nowhere_else(plane, axis):
    rng = np.random.default_rng(1)
    before = rng.random(SHAPE) > 0.5
    stroke = rng.random(np.delete(SHAPE, axis)) > 0.5
    own = LabelMasks(Plane.AXIAL, {z: mask(before[z], z) for z in range(SHAPE[0])})
    found = lay_over(own, [Laid(Plane(plane), mask(stroke, 3), (True, 7))], {}, GRID)
    expected = before.copy()
    expected[(slice(None), 3) if axis == 1 else (slice(None), slice(None), 3)] = stroke
    np.testing.assert_array_equal(np.stack([found.by_slice[z].mask_yx() for z in range(SHAPE[0])]), expected)


def test_what_was_drawn_later_along_the_plane_holds():
    array = np.ones(SHAPE[1:], bool)
    own = LabelMasks(Plane.AXIAL, {2: mask(array, 2)})
    laid = Laid(Plane.CORONAL, mask(np.zeros((6, 9), bool), 3), (True, 1))
    assert lay_over(own, [laid], {2: (True, 2)}, GRID).by_slice[2].mask_yx().all()
    assert not lay_over(own, [laid], {2: (True, 0)}, GRID).by_slice[2].mask_yx()[3].any()
