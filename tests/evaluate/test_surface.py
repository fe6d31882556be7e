"""The surface of a voxel mask, against meshes, geometry and another package."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import marching_cubes, mesh_surface_area

from volsweep.evaluate.metrics import surface_dice
from volsweep.evaluate.surface import steps_of, surface_of
from volsweep.geometry import Grid

SPACING = (1.5, 0.8, 1.0)


def blob(rng, shape=(20, 30, 26), sigma=2.5):
    return ndimage.gaussian_filter(rng.normal(size=shape), sigma) > 0.03


def test_the_surface_has_the_area_of_a_marching_cubes_mesh(rng):
    for _ in range(5):
        mask = blob(rng)
        vertices, faces, *_ = marching_cubes(np.pad(mask, 1).astype(float), 0.5, spacing=SPACING, method="lorensen")
        assert surface_of(mask, SPACING).areas_mm2.sum() == pytest.approx(mesh_surface_area(vertices, faces), rel=0.01)


def test_a_box_has_its_own_area():
    """Of a large box only edges and corners are cut off."""
    mask = np.ones((30, 40, 50), dtype=bool)
    z, y, x = np.array(mask.shape) * SPACING
    assert surface_of(mask, SPACING).areas_mm2.sum() == pytest.approx(2 * (z * y + y * x + x * z), rel=0.02)


@pytest.mark.parametrize("spacing", [SPACING, (3.0, 0.7, 0.7)])
def test_elements_are_those_of_surface_distance(rng, spacing):
    """Area for area; bent pieces may be split into other triangles there."""
    reference = pytest.importorskip("surface_distance", reason="DeepMind's surface-distance is not installed")
    mask = blob(rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        expected = reference.compute_surface_distances(mask, mask, spacing)["surfel_areas_gt"]
    found = surface_of(mask, spacing)
    assert len(found.areas_mm2) == len(expected)
    assert found.areas_mm2.sum() == pytest.approx(expected.sum(), rel=6e-3)


def test_elements_lie_between_the_voxels_they_part():
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[4, 5, 6] = True
    found = surface_of(mask, SPACING)
    corners = {tuple(np.array(c) * SPACING) for c in np.ndindex(2, 2, 2)}
    offsets = {tuple(np.round(c - (np.array([4, 5, 6]) - 0.5) * SPACING, 9)) for c in found.centres_mm}
    assert offsets == {tuple(np.round(c, 9)) for c in corners}
    assert len(surface_of(np.zeros_like(mask), SPACING).areas_mm2) == 0


def test_of_uneven_slices_every_element_lies_where_its_slice_does():
    """A ball on slices 1 and 3 mm apart has the area, and the distances, of the ball on even fine slices."""
    heights = np.array([*range(-20, -9), *range(-7, 11, 3), *range(11, 21)], dtype=float)
    y, x = (a - 24 for a in np.indices((49, 49)))
    grid = Grid((len(heights), 49, 49), np.diag([1.4, 1.0, 1, 1])[[2, 1, 0, 3]], np.outer(heights, [0, 0, 1]))
    ball, other = (heights[:, None, None] ** 2 + y**2 + (x - aside) ** 2 <= 15**2 for aside in (0, 3))
    found = surface_of(ball, steps_of(grid))
    assert np.ptp(found.centres_mm[:, 0]) == pytest.approx(30, abs=3)
    fine = np.arange(-20.0, 21.0)
    even, even_other = (fine[:, None, None] ** 2 + y**2 + (x - aside) ** 2 <= 15**2 for aside in (0, 3))
    assert found.areas_mm2.sum() == pytest.approx(surface_of(even, (1.0, 1.0, 1.0)).areas_mm2.sum(), rel=0.08)
    true = surface_dice(even, even_other, (1.0, 1.0, 1.0))
    assert surface_dice(ball, other, steps_of(grid)) == pytest.approx(true, abs=0.03)
    assert surface_of(np.zeros_like(ball), steps_of(grid)).areas_mm2.size == 0
    axis = np.moveaxis(ball, 0, 1)
    turned = surface_of(axis, [1.0, steps_of(grid)[0], 1.0])
    assert turned.areas_mm2.sum() == pytest.approx(found.areas_mm2.sum(), rel=1e-2)
