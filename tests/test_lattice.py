"""Sampling on an even lattice, against SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its usual name
from support.followed_patient import first_study, grid_around, someone

from volsweep.lattice import Lattice


@pytest.fixture(scope="module")
def baseline():
    return first_study(someone())


def test_a_lattice_samples_as_simpleitk_resamples(baseline):
    volume, _ = baseline
    lattice = Lattice.over(volume.grid, 1.5)
    values, inside = lattice.sample(volume)
    image = sitk.GetImageFromArray(volume.array_zyx)
    image.SetSpacing((1.5, 1.5, 3.0))
    image.SetOrigin(tuple(volume.grid.affine[:3, 3]))
    expected = sitk.GetArrayFromImage(sitk.Resample(image, lattice.image(values), sitk.Transform(), sitk.sitkLinear))
    deep = inside & (expected != 0)
    assert deep.mean() > 0.5
    np.testing.assert_allclose(values[deep], expected[deep], atol=0.02)


def test_points_and_indices_are_each_others_inverse():
    lattice = Lattice.between((-10, 0, 5), (20, 12, 9), 2.0)
    points = lattice.points_lps_mm()
    assert points.min() <= -10
    assert points[..., 0].max() >= 20
    expected = np.stack(np.meshgrid(*(np.arange(n) for n in lattice.shape_zyx), indexing="ij"), axis=-1)
    np.testing.assert_allclose(lattice.index_zyx(points), expected, atol=1e-9)


def test_what_lies_beyond_the_volume_is_told(baseline):
    volume, _ = baseline
    corners = grid_around().corners_lps_mm()
    lattice = Lattice.between(corners.min(0) - 30, corners.max(0), 3.0)
    _, inside = lattice.sample(volume)
    points = lattice.points_lps_mm()
    assert not inside[(points < corners.min(0) - 3).any(-1)].any()
    assert inside[(points > corners.min(0) + 3).all(-1) & (points < corners.max(0) - 3).all(-1)].all()
