"""One door for images of every format."""

from __future__ import annotations

import json
import logging

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from support.dicom_files import AXIAL, PATIENT, along, pattern, write_series

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.io import write_labels
from volsweep.io.volumes import find_series, read_volume
from volsweep.volume import LabelVolume


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


@pytest.mark.parametrize(
    ("beside", "lowest", "told"),
    [("MR", -1000, True), ("PT", -1000, True), ("CT", -1000, False), ("MR", 1, False)],
)
def test_a_modality_beside_hounsfield_values_is_told(tmp_path, beside, lowest, told):
    """A sidecar that was copied from another scan makes a CT an MR: it is believed, and not in silence."""
    values = np.random.default_rng(0).integers(-60, 90, (8, 20, 20)).clip(lowest)
    values[:3] = lowest
    nib.save(nib.Nifti1Image(values.astype(np.int16), np.eye(4)), tmp_path / "scan.nii.gz")
    (tmp_path / "scan.json").write_text(json.dumps({"Modality": beside}))
    volume = read_volume(tmp_path / "scan.nii.gz")
    assert volume.modality == beside
    notes = [note for note in volume.warnings if f"says that its modality is {beside}" in note]
    assert len(notes) == told
    assert not any(
        "look like Hounsfield" in note for note in read_volume(tmp_path / "scan.nii.gz", modality="CT").warnings
    )


@pytest.mark.parametrize(("beside", "found"), [({"BodyPartExamined": "chest"}, "CHEST"), ({}, ""), (["CT"], "")])
def test_the_part_of_the_body_beside_a_file(tmp_path, beside, found):
    nib.save(nib.Nifti1Image(np.zeros((8, 8, 8), np.int16), np.eye(4)), tmp_path / "scan.nii.gz")
    (tmp_path / "scan.json").write_text(json.dumps(beside))
    assert read_volume(tmp_path / "scan.nii.gz").body_part == found


def test_labels_given_as_the_image_are_told(tmp_path, rng):
    drawn = np.zeros((4, 6, 8), np.uint8)
    drawn[1:3, 2:4, 2:5] = 1
    grid = Grid.axis_aligned(drawn.shape)
    write_labels(tmp_path / "tumour.nii.gz", LabelVolume(drawn, grid))
    told = "tumour.nii.gz holds labels (tumour.labels.json names them), not an image; give the image they were drawn on"
    assert told in read_volume(tmp_path / "tumour.nii.gz").warnings
    image = SimpleITK.GetImageFromArray(rng.integers(-50, 200, drawn.shape).astype(np.int16))
    SimpleITK.WriteImage(image, str(tmp_path / "tumour.nrrd"))
    assert not any("holds labels" in told for told in read_volume(tmp_path / "tumour.nrrd").warnings), (
        "of one name only"
    )
    (tmp_path / "tumour.labels.json").write_text('{"format": "volsweep labels", "version": 1, "labels": 3}')
    assert not any("holds labels" in told for told in read_volume(tmp_path / "tumour.nii.gz").warnings)


def test_the_log_tells_sizes_and_no_patient(tmp_path, caplog):
    write_series(tmp_path / "series", pattern(5), along(AXIAL, 5, 2.0))
    with caplog.at_level(logging.INFO, "volsweep"):
        shape = read_volume(tmp_path / "series").shape_zyx
    assert str(shape) in caplog.text
    assert PATIENT.split("^")[0].lower() not in caplog.text.lower()
    assert str(tmp_path) not in caplog.text
