"""The earlier study on the later one's voxels, against SimpleITK."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its usual name
from support.followed_patient import grid_around, imaged

from volsweep.follow.beside import on_follow_up
from volsweep.follow.registration import Registration


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
