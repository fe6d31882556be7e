"""Grouping files into series, and telling what each one is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from support.dicom_files import AXIAL, PATIENT, SAGITTAL, along, pattern, write_enhanced, write_series

from volsweep.errors import GeometryError, InputError
from volsweep.io import find_series, read_volume

POSITIONS = along(AXIAL, 6, 2.0)


def test_subfolders_and_foreign_files(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "a/b", pattern(), POSITIONS)
    for path in paths:
        path.rename(path.with_suffix(""))
    (tmp_path / "notes.txt").write_text("not DICOM")
    (tmp_path / "a/DS_Store").write_bytes(b"\x00" * 4000)
    (tmp_path / "a/empty").touch()
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array_zyx, pattern())
    assert volume.warnings == ()
    assert volume.source is not None
    assert volume.source.slice_files == tuple(p.with_suffix("") for p in paths)


def test_one_slice_stands_for_its_series(tmp_path: Path) -> None:
    paths = write_series(tmp_path, pattern(), POSITIONS)
    write_series(tmp_path / "elsewhere", pattern(), POSITIONS)
    other = write_series(tmp_path / "o", pattern(3), along(SAGITTAL, 3, 1.0), orientation=SAGITTAL)
    for path in other:
        path.rename(tmp_path / f"other{path.name}")
    volume = read_volume(paths[3])
    np.testing.assert_array_equal(volume.array_zyx, pattern())
    assert volume.warnings == ()
    assert len(find_series(paths[3])) == 1


def test_removed_uids(tmp_path: Path) -> None:
    def edit(ds: Dataset, _: int) -> None:
        ds.SeriesInstanceUID = ds.SOPInstanceUID = ds.SOPClassUID = ""
        del ds.StudyInstanceUID

    write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array_zyx, pattern())
    assert volume.source is not None
    assert (volume.source.series_uid, volume.source.sop_instance_uids) == (None, ())


def test_copies_are_left_out(tmp_path: Path) -> None:
    paths = write_series(tmp_path, pattern(), POSITIONS)
    (tmp_path / "copy.dcm").write_bytes(paths[2].read_bytes())
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array_zyx, pattern())
    assert volume.warnings == ("1 files are copies of images already read and were left out",)


def test_localizers_are_no_volume(tmp_path: Path) -> None:
    def edit(ds: Dataset, index: int) -> None:
        ds.SeriesInstanceUID = "1.2.3"
        if index > 3:
            ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    write_series(tmp_path / "both", pattern(), POSITIONS, edit=edit)
    assert read_volume(tmp_path / "both").shape_zyx[0] == 4
    scout = lambda ds, _: setattr(ds, "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"])  # noqa: E731
    write_series(tmp_path / "scout", pattern(2), POSITIONS[:2], edit=scout)
    with pytest.raises(InputError, match="a localizer"):
        read_volume(tmp_path / "scout")


def test_links_loops_and_pipes(tmp_path: Path) -> None:
    real = tmp_path / "real"
    write_series(real, pattern(), POSITIONS)
    study = tmp_path / "study"
    study.mkdir()
    (study / "linked").symlink_to(real)
    (study / "slice.dcm").symlink_to(next(real.iterdir()))
    (study / "up").symlink_to(tmp_path)
    (study / "self").symlink_to(study / "self")
    (study / "nowhere").symlink_to(tmp_path / "missing")
    os.mkfifo(study / "pipe")
    with pytest.raises(InputError, match="links that lead out of it"):
        read_volume(study)
    inside = write_series(study / "inside", pattern(), POSITIONS)
    (study / "zz").symlink_to(study / "inside")
    volume = read_volume(study)
    np.testing.assert_array_equal(volume.array_zyx, pattern())
    assert volume.source is not None
    assert set(volume.source.slice_files) == set(inside)
    assert volume.warnings == ("3 links that lead out of the folder were not followed: linked, up, slice.dcm",)
    np.testing.assert_array_equal(read_volume(study / "slice.dcm").array_zyx, pattern())  # a link that was asked for
    with pytest.raises(InputError, match="neither a file nor a folder"):
        read_volume(study / "pipe")


def test_info_is_json_without_the_patient(tmp_path: Path) -> None:
    def edit(ds: Dataset, _: int) -> None:
        ds.SeriesDescription, ds.SeriesNumber = "T1 sag Quixote", 7

    write_series(tmp_path, pattern(), along(SAGITTAL, 6, 3.0), orientation=SAGITTAL, modality="MR", edit=edit)
    (info,) = find_series(tmp_path)
    text = json.dumps(info.to_dict())
    for private in ("Quixote", "Alonso", "LAMANCHA", "15470929"):
        assert private not in text
    assert (info.modality, info.number, info.files, info.images) == ("MR", 7, 6, 6)
    assert (info.shape_zyx, info.orientation) == ((6, 7, 9), "RIP")
    assert info.spacing_zyx_mm == pytest.approx((3.0, 0.8, 0.7))
    assert info.loadable


def test_find_series_decodes_no_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path, pattern(), POSITIONS)
    monkeypatch.setattr("volsweep.io.dicom.pixels.iter_pixels", lambda *_, **__: pytest.fail("pixels were decoded"))
    assert find_series(tmp_path)[0].loadable


def test_same_uids_and_other_pixels_are_no_copies(tmp_path: Path) -> None:
    paths = write_series(tmp_path, pattern(), POSITIONS)
    ds = pydicom.dcmread(paths[2])
    ds.ImageComments = "sent again"
    ds.save_as(tmp_path / "copy.dcm")
    assert read_volume(tmp_path).warnings == ("1 files are copies of images already read and were left out",)
    ds.PixelData = (ds.pixel_array + 1).tobytes()
    ds.save_as(tmp_path / "copy.dcm")
    with pytest.raises(InputError, match=f"{paths[2].name} and copy.dcm have the same SOP Instance UID and other pix"):
        read_volume(tmp_path)


def test_slices_that_share_a_uid_are_told(tmp_path: Path) -> None:
    write_series(tmp_path, pattern(), POSITIONS, edit=lambda ds, _: setattr(ds, "SOPInstanceUID", "1.2.3.4"))
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array_zyx, pattern())
    assert volume.source is not None
    assert volume.source.sop_instance_uids == ()
    assert "slices share one SOPInstanceUID" in volume.warnings[0]


@pytest.mark.parametrize("own_series", [True, False])
@pytest.mark.parametrize("kind", ["1.3.12.2.1107.5.9.1", "1.2.840.10008.5.1.4.1.1.66", "1.2.840.10008.5.1.4.1.1.104.1"])
def test_objects_without_pixels_are_passed_over(tmp_path: Path, kind: str, own_series: bool) -> None:
    (slice_, *_) = write_series(tmp_path, pattern(), POSITIONS)
    ds = pydicom.dcmread(slice_)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = kind
    ds.SOPInstanceUID = "1.2.3.4"
    if own_series:
        ds.SeriesInstanceUID = "1.2.3"
    for keyword in ("Rows", "Columns", "PixelData"):
        delattr(ds, keyword)
    ds.save_as(tmp_path / "other.dcm")
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array_zyx, pattern())
    (note,) = volume.warnings
    assert note.startswith("passed over, since they hold no image: other.dcm (")
    assert "Quixote" not in note


def test_two_frames_of_reference_are_no_volume(tmp_path: Path) -> None:
    def edit(ds: Dataset, index: int) -> None:
        ds.FrameOfReferenceUID = ("1.2.3", "1.2.4")[index // 3]

    write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    with pytest.raises(GeometryError, match="2 frames of reference"):
        read_volume(tmp_path)
    (info,) = find_series(tmp_path)
    assert not info.loads_with_gaps


def test_a_series_a_slice_is_no_slice(tmp_path: Path) -> None:
    def edit(ds: Dataset, index: int) -> None:
        ds.SeriesInstanceUID = f"1.2.3.{index + 1}"

    paths = write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    for given in (tmp_path, paths[2]):
        with pytest.raises(InputError, match=r"6 series of one slice each .* one volume that was split .* series"):
            read_volume(given)
    one = read_volume(tmp_path, series="1.2.3.4")
    assert one.shape_zyx[0] == 1
    assert any("a single slice" in warning for warning in one.warnings)


@pytest.mark.parametrize(
    ("keyword", "value", "told"),
    [
        ("PatientID", "another", "2 patients"),
        ("StudyInstanceUID", "1.2.3.4", "2 studies"),
        ("Modality", "PT", "2 modalities"),
        ("RescaleType", "MGML", "2 units"),
        ("RescaleIntercept", -1024, "RescaleIntercept and without it"),
    ],
)
def test_slices_that_belong_to_two_of_a_kind_are_no_volume(tmp_path: Path, keyword: str, value, told: str) -> None:
    """One SeriesInstanceUID, as de-identification and copying leave it."""

    def edit(ds: Dataset, index: int) -> None:
        if index == 4:
            setattr(ds, keyword, value)

    write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    with pytest.raises(InputError, match=told) as raised:
        read_volume(tmp_path)
    assert "another" not in str(raised.value), "nobody's number is told"


@pytest.mark.parametrize(("keyword", "value"), [("PatientName", "Panza^Sancho"), ("PatientBirthDate", "15500101")])
def test_slices_of_two_people_without_a_number_are_no_volume(tmp_path: Path, keyword: str, value: str) -> None:
    def edit(ds: Dataset, index: int) -> None:
        ds.PatientID = ""
        if index == 4:
            setattr(ds, keyword, value)
        elif index == 3:
            ds.PatientName = f"{PATIENT.upper()}^^ "  # the same person
        elif index == 2:
            setattr(ds, keyword, "")  # says nothing

    write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    with pytest.raises(InputError, match=rf"2 patients \({keyword}\)") as raised:
        read_volume(tmp_path)
    assert value not in str(raised.value), "nobody is named"


def test_two_names_under_one_number_are_told(tmp_path: Path) -> None:
    def edit(ds: Dataset, index: int) -> None:
        if index == 4:
            ds.PatientName = "Panza^Sancho"

    write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    (told,) = read_volume(tmp_path).warnings
    assert "several names or dates of birth" in told
    assert "Panza" not in told


@pytest.mark.parametrize("numbered", [True, False])
def test_of_a_folder_of_two_patients_that_is_told(tmp_path: Path, numbered: bool) -> None:
    def edit(ds: Dataset, _: int) -> None:
        ds.PatientName, ds.PatientID = "Panza^Sancho", "ARGAMASILLA-1605" if numbered else ""

    def unnumbered(ds: Dataset, _: int) -> None:
        ds.PatientID = ds.PatientID if numbered else ""

    write_series(tmp_path / "a", pattern(), POSITIONS, edit=unnumbered)
    assert read_volume(tmp_path).warnings == ()
    write_series(tmp_path / "b", pattern(5), POSITIONS[:5], edit=edit)
    (told,) = read_volume(tmp_path).warnings
    assert told.startswith("the largest of 2 series of 2 patients was read")


def test_slices_that_do_not_say_where_are_told(tmp_path: Path) -> None:
    def edit(ds: Dataset, index: int) -> None:
        if index in (2, 3):
            ds.FrameOfReferenceUID = ""

    write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    assert any("2 slices do not say their frame" in note for note in read_volume(tmp_path).warnings)


def test_neither_if_each_has_a_study_of_its_own(tmp_path: Path) -> None:
    def edit(ds: Dataset, index: int) -> None:
        ds.SeriesInstanceUID, ds.StudyInstanceUID = f"1.2.3.{index + 1}", f"1.2.4.{index + 1}"

    write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    with pytest.raises(InputError, match="6 series of one slice each"):
        read_volume(tmp_path)


def test_one_frame_of_many_files_stands_for_its_series(tmp_path: Path) -> None:
    for number, position in enumerate(POSITIONS):
        path = tmp_path / f"{number}.dcm"
        write_enhanced(path, pattern()[number][None], [{"position": position, "orientation": AXIAL, "spacing": (1, 1)}])
        ds = pydicom.dcmread(path)
        ds.SeriesInstanceUID, ds.FrameOfReferenceUID, ds.StudyInstanceUID = "1.2.3", "1.2.4", "1.2.5"
        ds.save_as(path)
    np.testing.assert_array_equal(read_volume(tmp_path / "3.dcm").array_zyx, pattern())


@pytest.mark.parametrize("kind", ["colour", "grey"])
def test_a_screenshot_in_the_series_is_passed_over(tmp_path: Path, kind: str) -> None:
    paths = write_series(tmp_path, pattern(), POSITIONS)
    ds = pydicom.dcmread(paths[0])
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3.4"
    del ds.ImagePositionPatient, ds.ImageOrientationPatient
    if kind == "colour":
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelData = 8, 8, 7, bytes(3 * ds.Rows * ds.Columns + 1)
    ds.save_as(tmp_path / "screen.dcm")
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array_zyx, pattern())
    assert "screen.dcm" in volume.warnings[0]
    with pytest.raises(InputError, match=r"colour|no usable ImagePositionPatient"):
        read_volume(tmp_path / "screen.dcm")


def test_a_part_of_a_concatenation_is_no_object(tmp_path: Path) -> None:
    frames = [{"position": p, "orientation": AXIAL, "spacing": (1, 1)} for p in POSITIONS]
    for number, part in enumerate((slice(0, 3), slice(3, 6)), start=1):
        path = tmp_path / f"{number}.dcm"
        write_enhanced(path, pattern()[part], frames[part])
        ds = pydicom.dcmread(path)
        ds.SeriesInstanceUID, ds.ConcatenationUID, ds.FrameOfReferenceUID = "1.2.3", "1.2.5", "1.2.4"
        ds.StudyInstanceUID = "1.2.6"
        ds.InConcatenationNumber, ds.InConcatenationTotalNumber = number, 2
        ds.save_as(path)
    np.testing.assert_array_equal(read_volume(tmp_path).array_zyx, pattern())
    np.testing.assert_array_equal(read_volume(tmp_path / "2.dcm").array_zyx, pattern())
    (tmp_path / "1.dcm").unlink()
    ds.InConcatenationTotalNumber = None  # the numbers themselves tell
    ds.save_as(tmp_path / "2.dcm")
    with pytest.raises(GeometryError, match="1 of 2 files are missing"):
        read_volume(tmp_path / "2.dcm")
