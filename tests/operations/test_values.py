"""Objects limited to, and grown over, a range of values; ITK grows regions likewise."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.operations import grow_region, within_range
from volsweep.volume import Volume

GRID = Grid.axis_aligned((8, 20, 22), (2, 1, 1))
IMAGE = np.random.default_rng(7).integers(0, 100, GRID.shape_zyx).astype(np.int16)
VOLUME = Volume(IMAGE, GRID, "CT")


def test_what_lies_in_the_range_stays():
    mask = np.zeros(GRID.shape_zyx, bool)
    mask[2:5, 4:12, 6:15] = True
    np.testing.assert_array_equal(within_range(mask, VOLUME, 20, 60), mask & (IMAGE >= 20) & (IMAGE <= 60))
    assert not within_range(np.zeros_like(mask), VOLUME, 0, 99).any()


def test_a_region_is_itks_where_its_reach_does_not_end_it():
    seed = np.zeros(GRID.shape_zyx, bool)
    z, y, x = np.argwhere(IMAGE < 40)[300]
    seed[z, y, x] = True
    image = SimpleITK.GetImageFromArray(IMAGE)
    expected = SimpleITK.GetArrayFromImage(SimpleITK.ConnectedThreshold(image, [(int(x), int(y), int(z))], 0, 45)) == 1
    found = grow_region(seed, VOLUME, 0, 45, mm=100)
    np.testing.assert_array_equal(found, expected)
    assert 1 < found.sum() < (IMAGE <= 45).sum()


def test_a_region_ends_at_its_reach_and_keeps_the_object():
    seed = np.zeros(GRID.shape_zyx, bool)
    seed[4, 10, 10] = True
    even = Volume(np.zeros(GRID.shape_zyx, np.int16), GRID, "CT")
    found = grow_region(seed, even, 0, 0, mm=4)
    away = np.linalg.norm((np.argwhere(found) - [4, 10, 10]) * [2, 1, 1], axis=1)
    assert away.max() == 4
    np.testing.assert_array_equal(grow_region(seed, even, 10, 20, mm=4), seed)
    assert not grow_region(np.zeros_like(seed), even, 0, 0, mm=4).any()


@pytest.mark.parametrize("low_high", [(3, 2), (np.nan, 1)])
def test_a_range_that_holds_nothing_is_refused(low_high):
    mask = np.ones(GRID.shape_zyx, bool)
    with pytest.raises(InputError, match="holds nothing"):
        within_range(mask, VOLUME, *low_high)
    with pytest.raises(InputError, match="holds nothing"):
        grow_region(mask, VOLUME, *low_high, mm=3)
