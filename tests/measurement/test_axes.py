"""Diameters against geometry and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.draw import polygon2mask

from volsweep.geometry import Grid
from volsweep.measurement.axes import InPlane, recist_diameters


def ellipse_mask(shape_yx, spacing_yx, axes_mm, degrees=0.0):
    y, x = np.indices(shape_yx) - np.array(shape_yx).reshape(2, 1, 1) / 2
    y, x = y * spacing_yx[0], x * spacing_yx[1]
    turn = np.radians(degrees)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return (along / (axes_mm[0] / 2)) ** 2 + (across / (axes_mm[1] / 2)) ** 2 <= 1


@pytest.mark.parametrize("degrees", [0, 30, 71, 90])
@pytest.mark.parametrize("spacing", [(0.5, 0.5), (0.4, 0.9)])
def test_an_ellipse_has_its_own_axes(degrees, spacing):
    mask = ellipse_mask((160, 160), spacing, (40.0, 22.0), degrees)
    found = recist_diameters(mask, spacing)
    assert found.long_mm == pytest.approx(40, abs=max(spacing))
    assert found.short_mm == pytest.approx(22, abs=2 * max(spacing))
    x0, y0, x1, y1 = found.long_xyxy
    ends = np.array([[x1 - x0, y1 - y0]]) * [spacing[1], spacing[0]]
    assert np.hypot(*ends[0]) == pytest.approx(found.long_mm)
    assert np.degrees(np.arctan2(ends[0, 1], ends[0, 0])) % 180 == pytest.approx(degrees, abs=4)


def test_a_row_of_voxels_is_as_long_as_its_voxels():
    mask = np.zeros((5, 20), dtype=bool)
    mask[2, 3:14] = True
    found = recist_diameters(mask, (1.0, 0.5))
    assert found.long_mm == pytest.approx(11 * 0.5)
    assert found.short_mm == pytest.approx(1.0)
    assert sorted(found.long_xyxy[::2]) == [2.5, 13.5]
    single = np.zeros((3, 3), dtype=bool)
    single[1, 1] = True
    assert recist_diameters(single, (2.0, 1.0)).long_mm == pytest.approx(2.0)
    assert recist_diameters(np.zeros((3, 3), dtype=bool), (1.0, 1.0)) is None


def test_both_axes_equal_brute_force_on_random_outlines(rng):
    for _ in range(12):
        spacing = rng.uniform(0.4, 2.0, 2)
        mask = ndimage.gaussian_filter(rng.normal(size=(32, 32)), 3) > 0.05
        parts, count = ndimage.label(mask, structure=np.ones((3, 3)))
        if not count:
            continue
        mask = parts == np.bincount(parts.ravel())[1:].argmax() + 1
        found = recist_diameters(mask, spacing)
        steps = np.array([[-0.5, 0], [0.5, 0], [0, -0.5], [0, 0.5]])
        points = ((np.argwhere(mask)[:, None] + steps).reshape(-1, 2)) * spacing
        distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
        assert found.long_mm == pytest.approx(distances.max())
        x0, y0, x1, y1 = found.long_xyxy
        along = np.array([(y1 - y0) * spacing[0], (x1 - x0) * spacing[1]]) / found.long_mm
        assert found.short_mm == pytest.approx(tallest_column(points, along), abs=0.2)
        x0, y0, x1, y1 = found.short_xyxy
        short = np.array([(y1 - y0) * spacing[0], (x1 - x0) * spacing[1]])
        assert np.linalg.norm(short) == pytest.approx(found.short_mm)
        assert abs(short @ along) < 1e-6


def tallest_column(points, along, step=0.05):
    """Longest line across `along` in the convex hull of points, by drawing it on fine paper."""
    from scipy.spatial import ConvexHull

    turned = points @ np.array([along, [-along[1], along[0]]]).T
    hull = turned[ConvexHull(turned).vertices]
    hull = (hull - hull.min(axis=0)) / step
    drawn = polygon2mask(tuple(np.ceil(hull.max(axis=0)).astype(int) + 2), hull)
    return drawn.sum(axis=1).max() * step


def test_slanted_steps_are_measured_in_space_not_in_voxels():
    """A disc seen on a slice whose rows and columns are not at right angles."""
    in_plane = np.array([[0.3, 0.9], [0.7, 0.0], [0.1, 0.2]])  # LPS step of a row, of a column
    index = np.indices((140, 140)).reshape(2, -1) - 70
    mask = (np.linalg.norm(in_plane @ index, axis=0) <= 20).reshape(140, 140)
    found = recist_diameters(mask, in_plane)
    assert found.long_mm == pytest.approx(40, abs=1.2)
    assert found.short_mm == pytest.approx(40, abs=2)


def test_a_line_does_not_leave_the_lesion():
    mask = np.zeros((40, 40), dtype=bool)
    mask[2:8, 2:6] = True
    mask[30:33, 30:33] = True
    assert recist_diameters(mask, (1.0, 1.0)).long_mm < 8


def test_points_of_an_uneven_stack_lie_where_the_grid_says():
    """Slices 1 and 4 mm apart that drift sideways, cut across, rows going down."""
    affine = np.array([[0, 0.2, 0.8, 3], [0, 0.9, 0.1, -5], [-2.0, 0, 0, 7], [0, 0, 0, 1]])
    origins = np.array([3, -5, 7]) + np.outer([0, 1, 2, 6, 10, 11.0], [0.1, 0, -1.0])
    grid = Grid((6, 8, 9), affine, origins)
    place = InPlane.of(grid, "coronal")
    points = np.array([[0, 0], [2.5, 3], [5, 8], [3.25, 1.5]])
    mm = place.to_mm(points)
    lps = grid.to_lps_mm(np.insert(points, 1, 4, axis=1))
    for i in range(4):
        for j in range(4):
            assert np.linalg.norm(mm[i] - mm[j]) == pytest.approx(np.linalg.norm(lps[i] - lps[j]))
    np.testing.assert_allclose(place.to_yx(mm), points, atol=1e-9)
    beyond = place.to_mm(np.array([[-0.5, 0], [0.5, 0], [4.5, 0], [5.5, 0]]))
    steps = np.linalg.norm(np.diff(beyond, axis=0), axis=1)
    assert steps[0] == pytest.approx(np.linalg.norm(origins[1] - origins[0]))
    assert steps[2] == pytest.approx(np.linalg.norm(origins[5] - origins[4]))


def test_slices_themselves_and_even_stacks_have_the_same_steps_everywhere():
    even = Grid.axis_aligned((6, 8, 9), (3, 1, 2))
    np.testing.assert_allclose(InPlane.of(even, "coronal").to_mm(np.array([[2.0, 0]])) ** 2, [[36, 0]])
