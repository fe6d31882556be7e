"""Smoothing keeps the volume and takes bumps away; holes are what an object encloses."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK

from volsweep.errors import InputError
from volsweep.geometry import Grid, Plane
from volsweep.operations import fill_holes, smooth


def ball(grid: Grid, radius_mm: float) -> np.ndarray:
    away = np.indices(grid.shape_zyx) - (np.array(grid.shape_zyx) // 2)[:, None, None, None]
    return ((away * grid.spacing_zyx_mm[:, None, None, None]) ** 2).sum(axis=0) <= radius_mm**2


@pytest.mark.parametrize("spacing", [(1, 1, 1), (3, 0.8, 0.8)])
def test_a_rough_ball_becomes_the_ball_and_keeps_its_volume(spacing):
    grid = Grid.axis_aligned((21, 50, 50), spacing)
    true = ball(grid, 14 if spacing[0] > 1 else 9)
    shell = true & ~ball(grid, 12.5 if spacing[0] > 1 else 7.5)
    rough = true & ~(shell & (np.random.default_rng(4).random(grid.shape_zyx) < 0.5))
    rough[2, 3, 4] = True
    smoothed = smooth(rough, grid, 1.5)
    assert abs(int(smoothed.sum()) - int(rough.sum())) <= 0.01 * rough.sum()
    assert not smoothed[2, 3, 4], "a speck is gone"
    edges = [sum(int(np.diff(m.astype(int), axis=a).astype(bool).sum()) for a in range(3)) for m in (rough, smoothed)]
    assert edges[1] < 0.7 * edges[0], "its surface is smaller"


def test_slices_far_off_are_not_reached_and_near_ones_are():
    """An object on slices 2 and 3 of a stack with 1 mm between slices before it, and 9 after."""
    at = np.array([0.0, 1, 2, 3, 12, 21])
    grid = Grid((6, 24, 24), Grid.axis_aligned((6, 24, 24), (4.2, 1, 1)).affine, np.stack([0 * at, 0 * at, at], axis=1))
    mask = np.zeros(grid.shape_zyx, bool)
    mask[2:4, 6:18, 6:18] = True
    smoothed = smooth(mask, grid, 2.5)
    assert smoothed[1].sum() > 20
    assert not smoothed[4:].any()
    even = Grid.axis_aligned((40, 24, 24))
    fine = np.zeros(even.shape_zyx, bool)
    fine[10:13, 6:18, 6:18] = True
    same = Grid((40, 24, 24), even.affine, np.stack([np.arange(40.0) * v for v in (0, 0, 1)], axis=1))
    differ = smooth(fine, same, 2.0) != smooth(fine, even, 2.0)
    assert differ.sum() <= 0.01 * fine.sum(), "equally spaced ones as ever"


def test_smoothing_nothing_and_by_nothing():
    grid = Grid.axis_aligned((3, 4, 5))
    assert not smooth(np.zeros(grid.shape_zyx), grid, 2).any()
    with pytest.raises(InputError, match="above 0, not 0"):
        smooth(np.ones(grid.shape_zyx), grid, 0)


def test_holes_are_filled_as_itk_fills_them():
    grid = Grid.axis_aligned((12, 20, 20))
    mask = np.random.default_rng(5).random(grid.shape_zyx) < 0.7
    image = SimpleITK.GetImageFromArray(np.pad(mask, 1).astype(np.uint8))
    expected = SimpleITK.GetArrayFromImage(SimpleITK.BinaryFillhole(image))[1:-1, 1:-1, 1:-1] == 1
    np.testing.assert_array_equal(fill_holes(mask, grid), expected)


@pytest.mark.parametrize("plane", list(Plane))
def test_a_tunnel_is_a_hole_on_the_slices_that_it_runs_through(plane):
    grid = Grid.axis_aligned((10, 11, 12))
    axis = grid.plane_axis(plane)
    mask = np.zeros(grid.shape_zyx, bool)
    mask[2:9, 2:9, 2:9] = True
    tunnel = [slice(4, 6)] * 3
    tunnel[axis] = slice(None)
    mask[tuple(tunnel)] = False
    np.testing.assert_array_equal(fill_holes(mask, grid), mask)
    filled = fill_holes(mask, grid, plane)
    assert filled[2:9, 2:9, 2:9].all()
    assert filled.sum() == 7**3
