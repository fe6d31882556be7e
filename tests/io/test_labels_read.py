"""What is no label volume is refused, and sidecars say what the numbers mean."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.io import read_labels, write_labels
from volsweep.volume import Label, LabelVolume


def test_what_is_no_label_volume(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.full((2, 2, 2), 0.5, np.float32), np.eye(4)), tmp_path / "f.nii")
    with pytest.raises(InputError, match="holds fractions"):
        read_labels(tmp_path / "f.nii")
    nibabel.save(nibabel.Nifti1Image(np.full((2, 2, 2), 3, np.float64), np.eye(4)), tmp_path / "w.nii")
    assert read_labels(tmp_path / "w.nii").values() == [3]
    write_series(tmp_path / "d", pattern(), along(AXIAL, 6, 2.5))
    with pytest.raises(InputError, match="is a folder; give the SEG or RTSTRUCT"):
        read_labels(tmp_path / "d")


def test_sidecars_of_others_and_damaged_ones(tmp_path: Path) -> None:
    labels = LabelVolume(np.ones((2, 3, 4), np.uint8), Grid((2, 3, 4), np.eye(4)), {1: Label("liver", "#ff0000")})
    write_labels(tmp_path / "l.nii.gz", labels)
    sidecar = tmp_path / "l.labels.json"
    ours = json.loads(sidecar.read_text())
    sidecar.write_text('{"Modality": "MR"}')  # as dcm2niix writes them
    assert read_labels(tmp_path / "l.nii.gz").labels[1].name == "object 1"
    for damaged, reason in (
        ("{", "cannot be read"),
        (json.dumps(ours | {"version": 99}), "version 99"),
        (json.dumps(ours | {"labels": {"one": {}}}), "is damaged"),
        (json.dumps(ours | {"slice_origins_mm": [[0, 0, 0]]}), "does not fit"),
    ):
        sidecar.write_text(damaged)
        with pytest.raises(InputError, match=reason):
            read_labels(tmp_path / "l.nii.gz")
    sidecar.unlink()
    assert read_labels(tmp_path / "l.nii.gz").values() == [1]


def test_no_number_is_no_label(tmp_path: Path) -> None:
    values = np.full((4, 5, 6), np.nan)
    values[1:3, 1:3, 1:3] = 1
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "nan.nii.gz")
    found = read_labels(tmp_path / "nan.nii.gz")
    assert np.count_nonzero(found.array_zyx) == 8
    assert any("112 voxels" in w for w in found.warnings)
    values[0, 0, 0] = np.inf
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "inf.nii")
    with pytest.raises(InputError, match="infinite"):
        read_labels(tmp_path / "inf.nii")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_numbers_are_exact_or_refused(tmp_path: Path, suffix: str) -> None:
    values = np.zeros((4, 5, 6))
    values[1], values[2] = 614454277, 614454279

    def write(array: np.ndarray) -> Path:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array), str(tmp_path / f"a{suffix}"))
        return tmp_path / f"a{suffix}"

    assert read_labels(write(values)).values() == [614454277, 614454279]
    with pytest.raises(InputError, match="614454272"):
        read_labels(write(values.astype(np.float32)))


def test_an_image_is_no_label_volume(tmp_path: Path, rng: np.random.Generator) -> None:
    ct = rng.normal(0, 40, (6, 20, 20)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(ct, np.eye(4)), tmp_path / "ct.nii.gz")
    nibabel.save(nibabel.Nifti1Image(ct + 1000, np.eye(4)), tmp_path / "mr.nii.gz")
    for name in ("ct", "mr"):
        with pytest.raises(InputError, match="is an image rather than labels"):
            read_labels(tmp_path / f"{name}.nii.gz")
    atlas = np.repeat(np.repeat(np.arange(1, 601, dtype=np.int16).reshape(6, 10, 10), 4, axis=1), 4, axis=2)
    nibabel.save(nibabel.Nifti1Image(atlas, np.eye(4)), tmp_path / "atlas.nii.gz")
    assert len(read_labels(tmp_path / "atlas.nii.gz").values()) == 600
