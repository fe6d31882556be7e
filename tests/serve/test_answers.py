"""What is shown lies where it is, however the volume was stored."""

from __future__ import annotations

import itertools

import nibabel
import numpy as np
import pytest

from volsweep.geometry import Grid
from volsweep.io.nifti import from_nifti_affine
from volsweep.serve.answers import as_displayed, as_nifti, displayed_affine
from volsweep.volume import Volume

CODES = ["".join(code) for order in itertools.permutations(("RL", "AP", "SI")) for code in itertools.product(*order)]


@pytest.mark.parametrize("code", CODES)
def test_axes_are_turned_as_nibabel_turns_them(code, rng):
    array = rng.integers(-1000, 1000, (3, 4, 5)).astype(np.int16)
    turn = nibabel.orientations.axcodes2ornt(code)
    affine = np.eye(4)
    for axis, (world, sign) in enumerate(turn):
        affine[:, axis] = 0
        affine[int(world), axis] = sign * (1.5 + axis)
    affine[:3, 3] = (-7, 11, 13)
    theirs = nibabel.as_closest_canonical(nibabel.Nifti1Image(array, affine))
    volume = Volume(np.ascontiguousarray(array.T), Grid(array.shape[::-1], from_nifti_affine(affine)))
    np.testing.assert_allclose(displayed_affine(volume.grid), theirs.affine, atol=1e-9)
    np.testing.assert_array_equal(as_displayed(volume.array_zyx, volume.grid), np.asarray(theirs.dataobj))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([0, 255], np.uint8), np.uint8),
        (np.array([0, 32767], np.uint16), np.int16),
        (np.array([0, 65535], np.uint16), np.float32),
        (np.array([-3, 70000], np.int32), np.float32),
        (np.array([0.25, -1e3], np.float64), np.float32),
    ],
)
def test_values_survive_the_types_that_are_drawn(values, dtype):
    volume = Volume(values.reshape(1, 1, 2), Grid.axis_aligned((1, 1, 2)))
    shown = nibabel.Nifti1Image.from_bytes(as_nifti(volume))
    assert shown.get_data_dtype() == dtype
    assert sorted(np.asarray(shown.dataobj).ravel().tolist()) == sorted(values.tolist())
