"""The earlier study on the later one's voxels, against SimpleITK."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its usual name
from support.followed_patient import grid_around, imaged

from volsweep.geometry import Grid
from volsweep.registration.register import Registration
from volsweep.registration.resample import on_follow_up, seen_on


def image_of(array, grid):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(grid.spacing_zyx_mm[::-1].tolist())
    image.SetOrigin(grid.affine[:3, 3].tolist())
    return image


def test_it_is_what_simpleitk_resamples(patient, baseline, move):
    volume, labels = baseline
    grid = grid_around((-50.0, -50.0, -33.0))
    back = np.linalg.inv(move)
    transform = sitk.AffineTransform(back[:3, :3].ravel().tolist(), back[:3, 3].tolist())
    fixed = image_of(np.zeros(grid.shape_zyx, np.float32), grid)
    grids, registration = (volume.grid, grid), Registration(move, "rigid")
    found = on_follow_up(volume.array_zyx, grids, registration)
    lowest = float(volume.array_zyx.min())
    expected = sitk.GetArrayFromImage(
        sitk.Resample(image_of(volume.array_zyx, volume.grid), fixed, transform, sitk.sitkLinear, lowest)
    )
    inner = (found > lowest) & (expected > lowest)
    assert inner.mean() > 0.3
    np.testing.assert_allclose(found[inner], expected[inner], atol=0.05)
    drawn = on_follow_up(labels.array_zyx, grids, registration, order=0)
    assert set(np.unique(drawn)) == {0, 3}
    _, truth = imaged(patient, grid, move, patient.radii)
    assert 2 * ((drawn == 3) & truth).sum() / ((drawn == 3).sum() + truth.sum()) > 0.9


def test_a_second_series_is_seen_as_simpleitk_resamples_it(baseline, move):
    volume, _ = baseline
    grid = grid_around((-50.0, -50.0, -33.0))
    transform = sitk.AffineTransform(move[:3, :3].ravel().tolist(), move[:3, 3].tolist())
    fixed = image_of(np.zeros(grid.shape_zyx, np.float32), grid)
    values = volume.array_zyx.astype(np.float32)
    found, imaged_zyx = seen_on(values, volume.grid, grid, move)
    expected = sitk.GetArrayFromImage(
        sitk.Resample(image_of(values, volume.grid), fixed, transform, sitk.sitkLinear, -1000.0)
    )
    np.testing.assert_allclose(found[expected > -1000], expected[expected > -1000], atol=0.05)
    assert imaged_zyx[expected > -1000].all()
    assert (found[~imaged_zyx] == values.min()).all()
    assert 0.3 < imaged_zyx.mean() < 1


def test_where_its_voxels_are_finer_it_is_averaged_in_place():
    fine, coarse = Grid.axis_aligned((12, 40, 40)), Grid.axis_aligned((3, 10, 10), (4, 4, 4), (1.5, 1.5, 1.5))
    ramp = np.indices(fine.shape_zyx)[2].astype(np.int16) * 10
    noise = np.random.default_rng(0).integers(-40, 41, fine.shape_zyx).astype(np.int16)
    found, _ = seen_on(ramp + noise, fine, coarse, np.eye(4))
    middles = ramp.reshape(3, 4, 10, 4, 10, 4).mean(axis=(1, 3, 5))
    assert found.dtype == np.int16
    inner = (slice(None), slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(found[inner], middles[inner], atol=12)  # of single voxels up to 40 are off


def test_what_lies_beyond_an_uneven_stack_is_not_in_it():
    origins = np.array([[0, 0, 0], [0, 0, 3], [0, 0, 9.0]])
    affine = Grid.axis_aligned((3, 4, 4), (4.5, 1, 1)).affine
    uneven, even = Grid((3, 4, 4), affine, origins), Grid.axis_aligned((20, 4, 4))
    values = np.ones((3, 4, 4), np.float32) * np.array([1, 4, 10], np.float32)[:, None, None]
    found, imaged_zyx = seen_on(values, uneven, even, np.eye(4))
    assert np.flatnonzero(imaged_zyx.all(axis=(1, 2))).tolist() == list(range(12))
    np.testing.assert_allclose(found[:10, 0, 0], np.arange(1, 11), atol=1e-5)
