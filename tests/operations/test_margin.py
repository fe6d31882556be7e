"""Growing and shrinking against the distances between all voxels, and against ITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.operations import grow, shrink

SHAPE = (7, 13, 12)
UNEVEN = np.array([[0, 0, z] for z in (0, 2, 3, 7, 8, 12, 13)], float)
GRIDS = {
    "even": Grid.axis_aligned(SHAPE, (1, 1, 1)),
    "thick": Grid.axis_aligned(SHAPE, (3, 0.7, 1.3)),
    "uneven": Grid(SHAPE, Grid.axis_aligned(SHAPE, (2, 0.7, 0.7)).affine, UNEVEN),
}


def blob(seed: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[1:5, 3:9, 4:10] = np.random.default_rng(seed).random((4, 6, 6)) < 0.6
    return mask


def within(mask: np.ndarray, grid: Grid, mm: float) -> np.ndarray:
    """Voxels within a distance, by looking at every pair."""
    everywhere = grid.to_lps_mm(np.argwhere(np.ones(SHAPE, bool)))
    there = grid.to_lps_mm(np.argwhere(mask))
    apart = np.linalg.norm(everywhere[:, None] - there[None], axis=-1)
    return (apart.min(axis=1) <= mm + 1e-6).reshape(SHAPE)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("mm", [0.7, 1.0, 2.1, 3.0, 5.2])
def test_grow_adds_what_lies_within_the_margin(name, mm):
    mask, grid = blob(1), GRIDS[name]
    np.testing.assert_array_equal(grow(mask, grid, mm), within(mask, grid, mm))


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("mm", [0.7, 1.4, 2.6])
def test_shrink_takes_what_lies_within_the_margin_of_what_is_beside_it(name, mm):
    grid = GRIDS[name]
    mask = grow(blob(2), grid, 2.2)
    np.testing.assert_array_equal(shrink(mask, grid, mm), mask & ~within(~mask, grid, mm))


def test_as_itk_has_it():
    mask, spacing = blob(3), (3.0, 0.7, 1.3)
    image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(spacing[::-1])
    away = SimpleITK.GetArrayFromImage(
        SimpleITK.SignedDanielssonDistanceMap(
            image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
        )
    )
    np.testing.assert_array_equal(grow(mask, GRIDS["thick"], 3.0), mask | (away <= 3.0 + 1e-5))


def test_nothing_is_taken_away_where_the_volume_cuts_the_object_off():
    grid = GRIDS["even"]
    whole = np.ones(SHAPE, bool)
    assert shrink(whole, grid, 3).all()
    whole[:, :, 6:] = False
    np.testing.assert_array_equal(shrink(whole, grid, 2)[:, :, :4], True)
    assert not shrink(whole, grid, 2)[:, :, 4:].any()


def test_of_nothing_comes_nothing_and_no_margin_is_refused():
    grid = GRIDS["even"]
    assert not grow(np.zeros(SHAPE), grid, 2).any()
    assert not shrink(np.zeros(SHAPE), grid, 2).any()
    for mm in (0, -1, np.nan, np.inf):
        with pytest.raises(InputError, match="above 0, not"):
            grow(blob(1), grid, mm)
        with pytest.raises(InputError, match="above 0, not"):
            shrink(blob(1), grid, mm)
