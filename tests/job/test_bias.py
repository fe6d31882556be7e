"""N4 on images with a bias that was put there: what is even becomes even, and masks lie where they lay."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.job.bias import without_bias
from volsweep.volume import Volume

SHAPE = (24, 64, 64)


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A body, a lesion in it that is brighter, and a field that makes one side half as bright."""
    z, y, x = np.indices(SHAPE)
    body = (y - 32) ** 2 + (x - 32) ** 2 < 26**2
    lesion = ((z - 12) * 2) ** 2 + (y - 30) ** 2 + (x - 20) ** 2 < 8**2
    true = np.where(lesion, 260.0, np.where(body, 150.0, 5.0)) + np.random.default_rng(0).normal(0, 3, SHAPE)
    field = np.exp(0.7 * (x - 32) / 32)
    return (true * field).astype(np.float32), body & ~lesion, lesion


def volume(array: np.ndarray, modality: str = "MR") -> Volume:
    return Volume(array, Grid.axis_aligned(SHAPE, (2, 1, 1)), modality)


def spread(array: np.ndarray, mask: np.ndarray) -> float:
    return float(array[mask].std() / array[mask].mean())


def test_what_is_even_becomes_even_and_lesions_stand_out():
    biased, tissue, lesion = scene()
    before = volume(biased)
    after = without_bias(before)
    assert spread(after.array_zyx, tissue) < 0.4 * spread(biased, tissue)
    ratio = after.array_zyx[lesion].mean() / after.array_zyx[tissue].mean()
    assert ratio > 1.4
    assert after.grid is before.grid
    assert after.array_zyx.shape == SHAPE


def test_ct_is_refused_and_an_even_image_stays():
    with pytest.raises(InputError, match="this one is CT"):
        without_bias(volume(np.zeros(SHAPE, np.int16), "CT"))
    flat = volume(np.full(SHAPE, 7, np.int16))
    assert without_bias(flat) is flat


def test_the_command_segments_through_it_on_the_grid_that_was_read(tmp_path, call):
    biased, _, lesion = scene()
    nibabel.save(nibabel.Nifti1Image(biased.T, np.diag([-1.0, -1, 2, 1])), tmp_path / "mr.nii.gz")
    told = {}
    for name, more in (("plain", []), ("n4", ["--n4"])):
        words = ["segment", tmp_path / "mr.nii.gz", "--modality", "MR"]
        words += ["-o", tmp_path / f"{name}.nii.gz", "--box", "1@12:11,21,28,38", "--range", "10:14", "--json"]
        code, said, complaint = call(*words, *more)
        assert code == 0, complaint
        told[name] = json.loads(said)
    assert any("N4" in note for note in told["n4"]["notes"])
    assert not any("N4" in note for note in told["plain"]["notes"])
    images = {name: nibabel.load(tmp_path / f"{name}.nii.gz") for name in told}
    np.testing.assert_array_equal(images["n4"].affine, images["plain"].affine)
    mask = np.asarray(images["n4"].dataobj).T == 1
    assert mask[12].any()
    # Intensities are those of the image as it was read.
    assert told["n4"]["labels"][0]["intensity"]["mean"] == pytest.approx(float(biased[mask].mean()), rel=1e-4)
    assert lesion[12][mask[12]].mean() > 0.5
