"""What voxels can be: sizes, and values that are labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from volsweep.errors import GeometryError, InputError
from volsweep.io.plausible import check_voxel_sizes, is_voxel_size, refuse_images


@pytest.mark.parametrize("size", [0.0, -4.5, 1e30, float("nan"), float("inf")])
def test_sizes_that_nothing_has(size):
    assert not is_voxel_size(size)
    with pytest.raises(GeometryError, match="no voxel has"):
        check_voxel_sizes([1.0, 1.0, size], "scan.nii")


@pytest.mark.parametrize("size", [0.0002, 0.7, 4.5, 999.0])
def test_sizes_from_microscopes_to_metres(size):
    check_voxel_sizes([size, size, size], "scan.nii")


def test_noise_is_an_image_and_an_atlas_is_not(rng):
    noise = rng.integers(0, 1000, (12, 20, 20))
    with pytest.raises(InputError, match="an image rather than labels"):
        refuse_images(noise, Path("ct.nii"))
    with pytest.raises(InputError, match="not negative"):
        refuse_images(noise - 1000, Path("ct.nii"))
    atlas = np.repeat(np.repeat(np.arange(100).reshape(4, 5, 5), 6, 1), 6, 2)
    refuse_images(atlas, Path("atlas.nii"))


def test_a_sidecar_makes_labels_only_of_what_it_names(rng):
    """That of labels which were written under the scan's name says nothing of the scan."""
    noise = rng.integers(0, 1000, (12, 20, 20))
    with pytest.raises(InputError, match="an image rather than labels"):
        refuse_images(noise, Path("ct.nii"), [1, 2])
    with pytest.raises(InputError, match="not negative"):
        refuse_images(noise - 1000, Path("ct.nii"), range(1000))
    refuse_images(noise, Path("regions.nii"), range(1, 1000))
