"""Slices between outlines: a cone between two discs, by true positions, its drawn slices as they were."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.geometry import Grid, Plane
from volsweep.operations import fill_between


def disc(shape, radius: float) -> np.ndarray:
    y, x = np.indices(shape)
    return (y - 20) ** 2 + (x - 20) ** 2 <= radius**2


@pytest.mark.parametrize("uneven", [False, True])
def test_between_two_discs_lies_a_cone(uneven):
    shape, at = (7, 41, 41), np.array([0, 1, 2, 6, 7, 8, 12.0])
    grid = Grid.axis_aligned(shape, (2, 1, 1))
    if uneven:
        grid = Grid(shape, grid.affine, np.array([[0, 0, z] for z in at]))
    mask = np.zeros(shape, bool)
    mask[1], mask[5] = disc(shape[1:], 4), disc(shape[1:], 16)
    filled = fill_between(mask, grid)
    for z in (1, 5):
        np.testing.assert_array_equal(filled[z], mask[z])
    assert not filled[[0, 6]].any(), "nothing beyond the ends"
    for z in (2, 3, 4):
        share = (at[z] - at[1]) / (at[5] - at[1]) if uneven else (z - 1) / 4
        radius = np.sqrt(filled[z].sum() / np.pi)
        assert abs(radius - (4 + 12 * share)) < 0.6


def test_along_another_plane():
    grid = Grid.axis_aligned((41, 9, 41))
    mask = np.zeros(grid.shape_zyx, bool)
    mask[:, 2], mask[:, 6] = disc((41, 41), 8), disc((41, 41), 8)
    filled = fill_between(mask, grid, Plane.CORONAL)
    for y in range(2, 7):
        np.testing.assert_array_equal(filled[:, y], disc((41, 41), 8))
    assert filled.sum() == 5 * disc((41, 41), 8).sum()


def test_an_object_without_gaps_is_what_it_was():
    grid = Grid.axis_aligned((4, 41, 41))
    mask = np.stack([disc((41, 41), r) for r in (3, 5, 9, 2)])
    np.testing.assert_array_equal(fill_between(mask, grid), mask)
    assert not fill_between(np.zeros_like(mask), grid).any()
