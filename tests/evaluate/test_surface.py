"""The surface of a voxel mask, against meshes, geometry and another package."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import marching_cubes, mesh_surface_area

from volsweep.evaluate.surface import surface_of

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
