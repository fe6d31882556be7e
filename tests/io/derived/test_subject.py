"""Whether labels are about the series that they are read on."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from support.dicom_files import AXIAL, along, pattern, write_series
from support.drawn_labels import KINDS, series

from volsweep.errors import InputError
from volsweep.io import read_objects, read_volume, write_labels
from volsweep.io.derived.subject import check_one_patient, notes_on_order
from volsweep.volume import Label, LabelVolume, Source

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
    assert "'PTV' in " in warning
    assert " refers to images" in warning, "one object: one refers"
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


@pytest.mark.parametrize("kind", KINDS)
def test_another_name_without_a_number_is_told(tmp_path: Path, kind: str) -> None:
    path, ds = written(tmp_path, kind)
    ds.PatientID, name = "", ds.PatientName
    ds.save_as(path)
    assert read_objects(path, source=tmp_path / "in").warnings == ()
    ds.PatientName = f"{name}^^".upper()
    ds.save_as(path)
    assert read_objects(path, source=tmp_path / "in").warnings == ()
    ds.PatientName = "Panza^Sancho"
    ds.save_as(path)
    (warning,) = read_objects(path, source=tmp_path / "in").warnings
    assert "another patient (PatientName)" in warning
    assert "Panza" not in warning


def of_somebody(folder: Path, *, packed: bool = False, **values: str) -> Source | None:
    """A series whose headers say so, in a folder or a zip; a frame of reference of its own."""

    def edit(ds: pydicom.Dataset, _: int) -> None:
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    paths = write_series(folder, pattern(3), along(AXIAL, 3, 2.0), edit=edit)
    if packed:
        with ZipFile(folder.with_suffix(".zip"), "w") as archive:
            for path in paths:
                archive.write(path, f"deep/{path.name}")
        return read_volume(folder.with_suffix(".zip")).source
    return read_volume(folder).source


@pytest.mark.parametrize("packed", [False, True])
def test_two_patients_are_not_taken_for_one(tmp_path: Path, packed: bool) -> None:
    ours = of_somebody(tmp_path / "a", packed=packed)
    theirs = of_somebody(tmp_path / "b", PatientID="SOMEBODY-2", PatientName="Panza^Sancho", packed=packed)
    with pytest.raises(InputError, match="the second is of another patient") as refused:
        check_one_patient(ours, theirs, ("the first", "the second"))
    assert "SOMEBODY" not in str(refused.value)
    assert check_one_patient(ours, ours, ("the first", "the second")) == ()
    assert check_one_patient(ours, None, ("the first", "the second")) == ()


def test_what_may_be_one_patient_is_told(tmp_path: Path) -> None:
    ours = of_somebody(tmp_path / "a", IssuerOfPatientID="NORTH")
    names = ("the first", "the second")
    numbers = {"PatientID": "77", "PatientName": "Panza^Sancho"}
    for at, (said, told) in enumerate(
        (
            ({"PatientID": "77"}, "two PatientIDs, and one name"),  # the same person, in another hospital
            ({**numbers, "IssuerOfPatientID": "SOUTH"}, "two PatientIDs"),
            ({"PatientBirthDate": "19700101"}, "two dates of birth"),
            ({"PatientID": "", "PatientName": "Panza^Sancho"}, "two patients' names"),
        )
    ):
        (note,) = check_one_patient(ours, of_somebody(tmp_path / str(at), **said), names)
        assert told in note
        assert "1970" not in note
    assert ours is not None
    same_frame = replace(of_somebody(tmp_path / "x", **numbers), frame_of_reference_uid=ours.frame_of_reference_uid)
    assert "two PatientIDs" in check_one_patient(ours, same_frame, names)[0]


def test_studies_in_the_wrong_order_are_told(tmp_path: Path) -> None:
    march, june = (of_somebody(tmp_path / day, StudyDate=day) for day in ("20260301", "20260601"))
    assert notes_on_order(march, june) == ()
    assert notes_on_order(march, None) == ()
    assert "dated before the baseline" in notes_on_order(june, march)[0]
    assert "the same series" in notes_on_order(june, june)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_cannot_be_decoded_are_nobodys_business(tmp_path: Path, kind: str) -> None:
    """pydicom warned on the terminal, with its own lines."""
    path, ds = written(tmp_path, kind)
    ds["PatientID"] = RawDataElement(Tag("PatientID"), "LO", 6, b"\xff\xfe123 ", 0, False, True)  # no UTF-8
    ds.save_as(path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        read_objects(path, source=tmp_path / "in")
    assert [str(one.message) for one in told] == []
