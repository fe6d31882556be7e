"""What every operation answers where it does not say otherwise."""

from __future__ import annotations

import numpy as np

from volsweep.geometry import Grid
from volsweep.operations.base import Scene
from volsweep.operations.brought import Load
from volsweep.volume import Volume

GRID = Grid.axis_aligned((3, 4, 5), (1, 1, 1))


def test_it_looks_one_voxel_beyond_the_object_and_at_no_other():
    assert Load().others == ()
    assert Load().margin_zyx(GRID) == (1, 1, 1)


def test_a_scene_lies_on_the_grid_of_its_part_of_the_volume():
    mask = np.ones(GRID.shape_zyx, bool)
    scene = Scene(mask, {}, Volume(np.zeros(GRID.shape_zyx, np.int16), GRID), (0, 0, 0))
    assert scene.grid is GRID
    (same,) = Load().apply(scene)
    np.testing.assert_array_equal(same, mask)
