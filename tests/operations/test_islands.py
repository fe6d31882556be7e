"""Parts that do not touch, as ITK counts them, the largest first."""

from __future__ import annotations

import numpy as np
import SimpleITK

from volsweep.geometry import Grid
from volsweep.operations import keep_largest, split_islands


def test_parts_are_those_of_itk_in_order_of_size():
    grid = Grid.axis_aligned((12, 16, 18), (2, 1, 1))
    mask = np.random.default_rng(6).random(grid.shape_zyx) < 0.05
    found = SimpleITK.ConnectedComponent(SimpleITK.GetImageFromArray(mask.astype(np.uint8)), True)
    expected = SimpleITK.GetArrayFromImage(SimpleITK.RelabelComponent(found))
    parts = split_islands(mask, grid)
    assert len(parts) == expected.max()
    assert [int(p.sum()) for p in parts] == [int((expected == i + 1).sum()) for i in range(len(parts))]
    for part in parts:
        assert len(np.unique(expected[part])) == 1
    np.testing.assert_array_equal(np.logical_or.reduce(parts), mask)
    assert keep_largest(mask, grid).sum() == (expected == 1).sum()


def test_small_parts_stay_with_the_largest():
    grid = Grid.axis_aligned((9, 9, 9), (10, 1, 1))
    mask = np.zeros(grid.shape_zyx, bool)
    mask[0, 0:2, 0:2], mask[4, 0:4, 0:4], mask[8, 0, 0] = True, True, True
    large, medium = split_islands(mask, grid, min_ml=0.03)
    assert large.sum() == 16 + 1
    assert medium.sum() == 4


def test_of_an_uneven_stack_the_largest_is_so_in_mm():
    """Few voxels on slices that stand for much, many on slices that stand for little."""
    shape, at = (6, 8, 8), (0, 1, 2, 30, 60, 90)
    grid = Grid(shape, Grid.axis_aligned(shape, (18, 1, 1)).affine, np.array([[0, 0, z] for z in at], float))
    mask = np.zeros(shape, bool)
    mask[0:2, :4, :4], mask[4, :3, :3] = True, True
    np.testing.assert_array_equal(np.flatnonzero(keep_largest(mask, grid).any(axis=(1, 2))), [4])


def test_nothing_has_no_parts():
    grid = Grid.axis_aligned((3, 3, 3))
    assert split_islands(np.zeros((3, 3, 3)), grid) == []
    assert not keep_largest(np.zeros((3, 3, 3)), grid).any()
