"""Finding, grouping, choosing and describing series."""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian
from support.dicom_files import AXIAL, SAGITTAL, along, pattern, write_enhanced, write_series

from volsweep.errors import GapsError, InputError, VolsweepError
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


def test_source_refers_to_the_instances(tmp_path: Path) -> None:
    paths = write_series(tmp_path, pattern(), along(AXIAL, 6, -2.0))
    source = read_volume(tmp_path).source
    assert source is not None
    headers = [pydicom.dcmread(p) for p in paths[::-1]]
    assert source.kind == "dicom"
    assert source.slice_files == tuple(paths[::-1])
    assert source.sop_instance_uids == tuple(h.SOPInstanceUID for h in headers)
    assert source.frame_numbers == ()
    expected = (headers[0].SeriesInstanceUID, headers[0].StudyInstanceUID, headers[0].FrameOfReferenceUID)
    assert (source.series_uid, source.study_uid, source.frame_of_reference_uid) == expected


def test_series_is_chosen_by_uid_its_beginning_or_number(tmp_path: Path) -> None:
    def numbered(number: int, uid: str):
        def edit(ds: Dataset, _: int) -> None:
            ds.SeriesNumber, ds.SeriesInstanceUID = number, uid

        return edit

    write_series(tmp_path / "a", pattern(6), POSITIONS, edit=numbered(3, "1.2.77.1"))
    write_series(tmp_path / "b", pattern(4), POSITIONS[:4], modality="MR", edit=numbered(4, "1.2.78.1"))
    largest = read_volume(tmp_path)
    assert largest.modality == "CT"
    assert largest.warnings == (
        "the largest of 2 series was read, 1.2.77.1 (CT, 6 images); also there: 1.2.78.1 (MR, 4 images)",
    )
    for chosen in ("1.2.78.1", "1.2.78", "4"):
        assert read_volume(tmp_path, series=chosen).modality == "MR"
    with pytest.raises(InputError, match="fits several"):
        read_volume(tmp_path, series="1.2")


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


@pytest.mark.parametrize("tag", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_missing_geometry(tmp_path: Path, tag: str, how: str) -> None:
    def edit(ds: Dataset, index: int) -> None:
        if index == 5:
            if how == "absent":
                delattr(ds, tag)
            else:
                setattr(ds, tag, None)

    paths = write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    with pytest.raises(InputError, match=f"{paths[5].name}.* has no usable {tag}"):
        read_volume(tmp_path)


def test_classic_multiframe_without_positions(tmp_path: Path) -> None:
    def edit(ds: Dataset, _: int) -> None:
        ds.NumberOfFrames, ds.PixelData = 4, ds.PixelData * 4

    (path, *_) = write_series(tmp_path, pattern(1), POSITIONS[:1], edit=edit)
    with pytest.raises(InputError, match=f"{path.name} frame 1 has no usable ImagePositionPatient"):
        read_volume(path)


def test_damaged_header_next_to_the_series(tmp_path: Path) -> None:
    paths = write_series(tmp_path, pattern(), POSITIONS)
    paths[5].write_bytes(paths[5].read_bytes()[:300])
    with pytest.raises(InputError, match=f"{paths[5].name} is damaged") as caught:
        read_volume(tmp_path)
    assert type(caught.value) is GapsError
    kept = read_volume(tmp_path, gaps="keep")
    assert kept.shape_zyx[0] == 5
    assert paths[5].name in kept.warnings[0]
    (info,) = find_series(tmp_path)
    assert paths[5].name in info.warnings[0]


def test_every_truncation_ends_in_a_sentence(tmp_path: Path) -> None:
    (path,) = write_series(tmp_path, pattern(1), POSITIONS[:1])
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(VolsweepError):
            read_volume(path)


def test_flipped_bytes_end_in_a_volume_or_a_sentence(
    tmp_path: Path, rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    (path,) = write_series(tmp_path, pattern(1, 5, 5), POSITIONS[:1])
    whole = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    for _ in range(300):
        damaged = whole.copy()
        damaged[rng.integers(132, len(whole), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes())
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # pydicom's quote the values they are about
            try:
                told = str(find_series(path)) + str(read_volume(path).source)
            except VolsweepError as error:
                told = str(error)
        assert "Quixote" not in told
    assert "Quixote" not in caplog.text


def test_flipped_bytes_of_an_enhanced_object(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "e.dcm"
    frames = [{"position": p, "orientation": AXIAL, "spacing": (1, 1)} for p in POSITIONS]
    write_enhanced(path, pattern(6, 3, 3), frames)
    whole = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    for _ in range(200):
        damaged = whole.copy()
        damaged[rng.integers(132, len(whole), 4)] = rng.integers(0, 256, 4)
        path.write_bytes(damaged.tobytes())
        with contextlib.suppress(VolsweepError):
            read_volume(path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no DICOM in"):
        read_volume(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_volume(tmp_path / "no")
    (tmp_path / "x.png").write_bytes(b"\x89PNG" + bytes(400))
    with pytest.raises(InputError, match="none of the formats"):
        read_volume(tmp_path / "x.png")
    with pytest.raises(InputError, match="gaps must be"):
        read_volume(tmp_path, gaps="maybe")  # type: ignore[arg-type]


def test_links_loops_and_pipes(tmp_path: Path) -> None:
    real = tmp_path / "real"
    write_series(real, pattern(), POSITIONS)
    study = tmp_path / "study"
    study.mkdir()
    (study / "linked").symlink_to(real)
    (study / "up").symlink_to(tmp_path)
    (study / "self").symlink_to(study / "self")
    (study / "nowhere").symlink_to(tmp_path / "missing")
    os.mkfifo(study / "pipe")
    volume = read_volume(study)
    np.testing.assert_array_equal(volume.array_zyx, pattern())
    with pytest.raises(InputError, match="neither a file nor a folder"):
        read_volume(study / "pipe")


def test_unreadable_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_series(tmp_path, pattern(), POSITIONS)
    ordinary = Path.open

    def refuse(self: Path, *args: object, **kwargs: object):
        if self == paths[5]:
            raise PermissionError(13, "Permission denied", str(self))
        return ordinary(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", refuse)
    volume = read_volume(tmp_path)
    assert volume.warnings == (f"1 files could not be read: {paths[5].name}",)


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


def test_description_is_kept_where_it_names_nobody(tmp_path: Path) -> None:
    write_series(
        tmp_path, pattern(), POSITIONS, edit=lambda ds, _: setattr(ds, "SeriesDescription", "CT thin 1.0 B30f")
    )
    assert find_series(tmp_path)[0].description == "CT thin 1.0 B30f"


def test_find_series_decodes_no_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path, pattern(), POSITIONS, edit=lambda ds, _: delattr(ds, "PixelData"))
    assert find_series(tmp_path)[0].loadable


def test_without_preamble(tmp_path: Path) -> None:
    paths = write_series(tmp_path, pattern(), POSITIONS)
    for path in paths:
        ds = pydicom.dcmread(path)
        del ds.file_meta
        ds.preamble = None
        pydicom.dcmwrite(path, ds, implicit_vr=False, little_endian=True, enforce_file_format=False)
        assert path.read_bytes()[:4] == b"\x08\x00\x08\x00"
    np.testing.assert_array_equal(read_volume(tmp_path).array_zyx, pattern())


def test_deflated(tmp_path: Path) -> None:
    paths = write_series(tmp_path, pattern(), POSITIONS)
    for path in paths:
        ds = pydicom.dcmread(path)
        ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        ds.save_as(path)
    np.testing.assert_array_equal(read_volume(tmp_path).array_zyx, pattern())


def test_big_endian(tmp_path: Path) -> None:
    paths = write_series(tmp_path, pattern(), POSITIONS)
    for path in paths:
        ds = pydicom.dcmread(path)
        ds.PixelData = ds.pixel_array.astype(">i2").tobytes()
        ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        pydicom.dcmwrite(path, ds, implicit_vr=False, little_endian=False, force_encoding=True)
    np.testing.assert_array_equal(read_volume(tmp_path).array_zyx, pattern())
