"""Shape-based interpolation against a cone, whose sections are known."""

from __future__ import annotations

import numpy as np

from volsweep.engine.sweep.fill import between
from volsweep.masks import trim

ROWS, COLUMNS = np.mgrid[:80, :90]


def disc(index: int, x: float, radius: float):
    logits = radius - np.hypot(ROWS - 40, COLUMNS - x)
    return trim(logits.astype(np.float32), slice=index, shape_yx=(80, 90), iou=0.9, object_score=3)


def test_cone_is_filled():
    filled = between(disc(16, 40, 22), disc(10, 40, 10))
    assert [mask.slice for mask in filled] == [11, 12, 13, 14, 15]
    for mask in filled:
        truth = disc(mask.slice, 40, 10 + 2 * (mask.slice - 10)).mask_yx()
        dice = 2 * (mask.mask_yx() & truth).sum() / (mask.mask_yx().sum() + truth.sum())
        assert dice > 0.97  # half a voxel all round a disc of radius 12 is 0.96


def test_nothing_is_drawn_towards_an_empty_slice():
    assert between(disc(3, 40, 10), disc(6, 40, -1)) == []


def test_identical_neighbours_stay_as_they_are():
    a, b = disc(3, 40, 10), disc(6, 40, 10)
    for mask in between(a, b):
        np.testing.assert_array_equal(mask.mask_yx(), a.mask_yx())
