"""Shape-based interpolation against a cone, whose sections are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from engine.conftest import empty_frames

from volsweep.engine.sweep.fill import between, share_of_way
from volsweep.masks import trim

ROWS, COLUMNS = np.mgrid[:80, :90]


SHAPE = (80, 90)
EVEN = empty_frames(SHAPE)


def disc(index: int, x: float, radius: float, row_mm: float = 1.0):
    logits = radius - np.hypot((ROWS - 40) * row_mm, COLUMNS - x)
    return trim(logits.astype(np.float32), slice=index, shape_yx=(80, 90), iou=0.9, object_score=3)


def test_cone_is_filled():
    filled = between(disc(16, 40, 22), disc(10, 40, 10), EVEN)
    assert [mask.slice for mask in filled] == [11, 12, 13, 14, 15]
    for mask in filled:
        truth = disc(mask.slice, 40, 10 + 2 * (mask.slice - 10)).mask_yx()
        dice = 2 * (mask.mask_yx() & truth).sum() / (mask.mask_yx().sum() + truth.sum())
        assert dice > 0.97  # half a voxel all round a disc of radius 12 is 0.96


def test_nothing_is_drawn_towards_an_empty_slice():
    assert between(disc(3, 40, 10), disc(6, 40, -1), EVEN) == []


def test_identical_neighbours_stay_as_they_are():
    a, b = disc(3, 40, 10), disc(6, 40, 10)
    for mask in between(a, b, EVEN):
        np.testing.assert_array_equal(mask.mask_yx(), a.mask_yx())


def test_distances_are_in_mm_in_plane():
    """Rows 5 mm apart, columns 1: a flat ellipse that grows is filled by a disc in mm, not in pixels."""
    frames = empty_frames(SHAPE, (1.0, 5.0, 1.0))
    filled = between(disc(10, 40, 12, 5.0), disc(14, 40, 36, 5.0), frames)
    for mask in filled:
        truth = disc(mask.slice, 40, 12 + 6 * (mask.slice - 10), 5.0).mask_yx()
        assert 2 * (mask.mask_yx() & truth).sum() / (mask.mask_yx().sum() + truth.sum()) > 0.95


def test_distances_are_in_mm_across_slices():
    """A cone over uneven slices: each section as wide as its height says."""
    heights = np.cumsum([1.0] * 11 + [6.0] + [1.0] * 8)
    frames = empty_frames(SHAPE, heights=heights)
    radius = lambda z: 8 + 2 * (heights[z] - heights[9])  # noqa: E731
    for mask in between(disc(9, 40, radius(9)), disc(13, 40, radius(13)), frames):
        found = np.sqrt(mask.mask_yx().sum() / np.pi)
        assert abs(found - radius(mask.slice)) < 0.6
    assert share_of_way(frames, 9, 13, 10) == 1 / 9
    assert share_of_way(frames, 13, 9, 10) == 8 / 9


def test_filled_slices_are_less_sure_than_what_was_drawn():
    (filled,) = between(disc(3, 40, 30), disc(5, 40, 30), EVEN)
    assert 0 < filled.logits.max() < 10


def test_a_filled_slice_expects_what_the_worse_neighbour_does():
    a, b = replace(disc(3, 40, 10), expected_dice=0.9), replace(disc(6, 40, 12), expected_dice=0.6)
    assert [mask.expected_dice for mask in between(a, b, EVEN)] == [0.6, 0.6]
    assert {mask.expected_dice for mask in between(disc(3, 40, 10), disc(6, 40, 10), EVEN)} == {None}
