"""Prompts as a reader would give them."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep import Grid, Plane
from volsweep.evaluate.targets import Target, next_click


@pytest.fixture
def target():
    mask = np.zeros((9, 30, 40), dtype=bool)
    mask[2:7, 10:14, 5:15] = True
    mask[5, 10:20, 5:25] = True
    return Target.of("case", 3, mask, Plane.AXIAL, Grid.axis_aligned(mask.shape, (3.0, 1.0, 0.5)))


def test_a_target_knows_where_it_lies(target):
    assert target.prompted_slice == 5
    assert target.slices == (2, 6)
    assert target.box() == (5, 10, 24, 19)
    x0, y0, x1, y1 = target.line()
    # 20 columns of 0.5 mm and 10 rows of 1 mm: the diagonals are longest, and end on the outline.
    length = np.hypot((x1 - x0) * 0.5, y1 - y0)
    assert 13.0 < length < 14.2


def test_along_another_plane_slices_are_counted_along_it(target):
    mask = target.masks_nyx
    sagittal = Target.of("case", 3, mask, Plane.SAGITTAL, target.grid)
    assert sagittal.masks_nyx.shape == (40, 9, 30)
    assert sagittal.slices == (5, 24)
    assert sagittal.spacing_nyx_mm == (0.5, 3.0, 1.0)


def test_jitter_strays_by_a_tenth_of_the_side_and_is_the_same_each_time(target):
    ideal = np.array(target.box())
    boxes = [np.array(target.box(target.randomness(seed))) for seed in range(200)]
    strayed = np.abs(boxes - ideal)
    assert (strayed.max(axis=0) <= [2, 1, 2, 1]).all()
    assert (strayed.max(axis=0) > [1.8, 0.9, 1.8, 0.9]).all()
    assert target.box(target.randomness(7)) == target.box(target.randomness(7))
    other = Target("other", 3, target.masks_nyx, target.plane, target.grid)
    assert other.box(other.randomness(7)) != target.box(target.randomness(7))
    line = target.line(target.randomness(1))
    assert line != target.line()


def test_jittered_prompts_stay_on_the_slice():
    mask = np.ones((1, 20, 20), dtype=bool)
    target = Target.of("case", 1, mask, Plane.AXIAL, Grid.axis_aligned(mask.shape))
    for seed in range(30):
        for prompt in (target.box(target.randomness(seed)), target.line(target.randomness(seed))):
            assert min(prompt) >= -0.5
            assert max(prompt) <= 19.5


def test_the_next_click_is_in_the_middle_of_the_largest_error():
    truth, found = np.zeros((7, 20, 20), dtype=bool), np.zeros((7, 20, 20), dtype=bool)
    assert next_click(truth, found) is None
    truth[1:6, 2:7, 2:7] = True
    click = next_click(truth, found)
    assert (click.at_nyx, click.positive) == ((3, 4, 4), True)
    found[:] = truth
    found[0:7, 10:17, 10:17] = True
    click = next_click(truth, found)
    assert (click.at_nyx, click.positive) == ((3, 13, 13), False)


def test_errors_that_touch_at_corners_are_one():
    truth = np.zeros((3, 12, 12), dtype=bool)
    found = truth.copy()
    truth[1, 0:2, 0:2], truth[2, 2:4, 2:4] = True, True  # 8 voxels, joined by a corner only
    truth[1, 8:10, 8:11] = True  # 6 voxels
    click = next_click(truth, found)
    assert click.at_nyx[1] < 4
