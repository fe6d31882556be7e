"""Whether labels are about the series that they are read on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from support.drawn_labels import KINDS, series

from volsweep.errors import InputError
from volsweep.io import read_objects, write_labels
from volsweep.volume import Label, LabelVolume

NAMES = {1: Label("GTV", "#e69f00"), 2: Label("PTV", "#56b4e9")}


def written(folder: Path, kind: str) -> tuple[Path, pydicom.Dataset]:
    volume = series(folder / "in")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[2:4, 4:9, 5:9], array[5, 12:15, 12:15] = 1, 2
    path = folder / f"labels{kind}"
    write_labels(path, LabelVolume(array, volume.grid, NAMES, volume.source))
    return path, pydicom.dcmread(path)


def refer_elsewhere(ds: pydicom.Dataset, object_number: int) -> None:
    """One object's images are those of another series."""
    if "ROIContourSequence" in ds:
        for contour in ds.ROIContourSequence[object_number - 1].ContourSequence:
            contour.ContourImageSequence[0].ReferencedSOPInstanceUID = "1.2.3.4"
        return
    for group in ds.PerFrameFunctionalGroupsSequence:
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == object_number:
            group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID = "1.2.3.4"


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_of_other_images_is_named(tmp_path: Path, kind: str) -> None:
    path, ds = written(tmp_path, kind)
    assert read_objects(path, source=tmp_path / "in").warnings == ()
    refer_elsewhere(ds, 2)
    ds.save_as(path)
    (warning,) = read_objects(path, source=tmp_path / "in").warnings
    assert "'PTV'" in warning
    assert "'GTV'" not in warning
    assert "not of this series" in warning


@pytest.mark.parametrize("kind", KINDS)
def test_another_patient_is_told_or_refused(tmp_path: Path, kind: str) -> None:
    path, ds = written(tmp_path, kind)
    ds.PatientID = "SOMEBODY ELSE"
    ds.save_as(path)
    (warning,) = read_objects(path, source=tmp_path / "in").warnings
    assert "another patient" in warning
    assert "SOMEBODY" not in warning
    # Where nothing says that their millimetres are one another's, they are not taken for it.
    for item in (ds, *ds.get("ReferencedFrameOfReferenceSequence", [])):
        item.pop("FrameOfReferenceUID", None)
    for item in ds.get("StructureSetROISequence", []):
        del item.ReferencedFrameOfReferenceUID
    ds.save_as(path)
    with pytest.raises(InputError, match="another patient"):
        read_objects(path, source=tmp_path / "in")
