"""One door for images of every format."""

from __future__ import annotations

import logging

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from support.dicom_files import AXIAL, PATIENT, along, pattern, write_series

from volsweep.errors import InputError
from volsweep.io.volumes import find_series, read_volume


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_each_format_gives_the_same_voxels(tmp_path, rng, suffix):
    array = rng.integers(-1000, 1000, (4, 5, 6)).astype(np.int16)
    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing((0.5, 0.75, 3.0))
    SimpleITK.WriteImage(image, str(tmp_path / f"scan{suffix}"))
    volume = read_volume(tmp_path / f"scan{suffix}")
    np.testing.assert_array_equal(volume.array_zyx, array)
    np.testing.assert_allclose(volume.grid.spacing_zyx_mm, (3.0, 0.75, 0.5))
    (told,) = find_series(tmp_path / f"scan{suffix}")
    assert (told.shape_zyx, told.images, told.files, told.loadable) == ((4, 5, 6), 4, 1, True)
    np.testing.assert_allclose(told.spacing_zyx_mm, (3.0, 0.75, 0.5))


def test_dicom_by_folder_by_file_and_by_files(tmp_path):
    files = write_series(tmp_path / "series", pattern(5), along(AXIAL, 5, 2.0))
    whole = read_volume(tmp_path / "series")
    for source in (files[2], str(files[0]), files[::-1]):
        np.testing.assert_array_equal(read_volume(source).array_zyx, whole.array_zyx)
    (told,) = find_series(tmp_path / "series")
    assert (told.files, told.shape_zyx) == (5, whole.shape_zyx)


def test_damaged_files_are_told_beside_the_series(tmp_path):
    files = write_series(tmp_path / "series", pattern(5), along(AXIAL, 5, 2.0))
    files[4].write_bytes(files[4].read_bytes()[:200])
    (told,) = find_series(tmp_path / "series")
    assert any(files[4].name in warning for warning in told.warnings)


def test_questions_that_make_no_sense(tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), np.eye(4)), tmp_path / "scan.nii")
    with pytest.raises(InputError, match="'7' chooses among DICOM series"):
        read_volume(tmp_path / "scan.nii", series="7")
    with pytest.raises(InputError, match="gaps must be"):
        read_volume(tmp_path / "scan.nii", gaps="fill")


def test_the_log_tells_sizes_and_no_patient(tmp_path, caplog):
    write_series(tmp_path / "series", pattern(5), along(AXIAL, 5, 2.0))
    with caplog.at_level(logging.INFO, "volsweep"):
        shape = read_volume(tmp_path / "series").shape_zyx
    assert str(shape) in caplog.text
    assert PATIENT.split("^")[0].lower() not in caplog.text.lower()
    assert str(tmp_path) not in caplog.text
