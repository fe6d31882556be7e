"""Headers, whole and damaged: read, or told in a sentence that names nobody."""

from __future__ import annotations

import warnings
from copy import deepcopy
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian
from support.dicom_files import AXIAL, along, pattern, write_enhanced, write_series
from support.sentences import sentence

from volsweep.errors import GapsError, InputError, VolsweepError
from volsweep.io import find_series, read_volume

POSITIONS = along(AXIAL, 6, 2.0)


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


def test_why_there_are_no_pixels(tmp_path: Path) -> None:
    (path,) = write_series(tmp_path, pattern(1), POSITIONS[:1])
    whole = path.read_bytes()

    def said(content: bytes) -> str:
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_volume([path])
        return str(caught.value)

    assert "ends before its pixels" in said(whole[:300])
    assert "ends before its pixels" in said(whole[: whole.index(b"\x20\x00\x37\x00") + 15])
    assert "is no DICOM file" in said(b"A read-me, about what lies here.\n" * 9)
    dataset = pydicom.dcmread(BytesIO(whole))
    for keywords, why in (
        (["Rows"], "does not say how many rows and columns"),
        (["PixelData"], "says that it is CT Image Storage, and has no pixels"),
        (["PixelData", "Rows", "Columns"], "says that it is CT Image Storage, and has no pixels"),
    ):
        less = deepcopy(dataset)
        for keyword in keywords:
            delattr(less, keyword)
        less.save_as(path)
        assert why in said(path.read_bytes())
    del less.SOPClassUID, less.Modality
    less.file_meta.MediaStorageSOPClassUID = ""
    less.save_as(path, enforce_file_format=False)
    assert "an object without pixels that does not say of which class" in said(path.read_bytes())


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
    for _ in range(150):
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
    for _ in range(100):
        damaged = whole.copy()
        damaged[rng.integers(132, len(whole), 4)] = rng.integers(0, 256, 4)
        path.write_bytes(damaged.tobytes())
        with sentence("reading damaged bytes"):
            read_volume(path)


def test_description_is_kept_where_it_names_nobody(tmp_path: Path) -> None:
    write_series(
        tmp_path, pattern(), POSITIONS, edit=lambda ds, _: setattr(ds, "SeriesDescription", "CT thin 1.0 B30f")
    )
    assert find_series(tmp_path)[0].description == "CT thin 1.0 B30f"


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


@pytest.mark.parametrize("images", [2, 5])
def test_more_pixels_than_the_file_says(tmp_path: Path, images: int) -> None:
    """Stacks whose number of slices stands in private tags are not read as their first slice."""
    (path,) = write_series(tmp_path, pattern(1), [[0.0, 0.0, 0.0]])
    ds = pydicom.dcmread(path)
    ds.PixelData = ds.PixelData * images
    ds.save_as(path)
    with pytest.raises(InputError, match=f"{images} images of 7 x 9, and it says that it has 1.*export"):
        read_volume(tmp_path)


@pytest.mark.parametrize("how", ["without pixels", "cut"])
def test_a_damaged_file_of_another_series_does_not_veto(tmp_path: Path, how: str) -> None:
    write_series(tmp_path, pattern(), POSITIONS)
    (other,) = write_series(tmp_path / "other", pattern(1), [[0.0, 0.0, 0.0]], modality="MR")
    ds = pydicom.dcmread(other)
    if how == "without pixels":
        del ds.PixelData
        ds.save_as(tmp_path / "other.dcm")
    else:
        (tmp_path / "other.dcm").write_bytes(other.read_bytes()[:900])
    other.unlink()
    volume = read_volume(tmp_path)
    assert volume.shape_zyx[0] == 6
    assert volume.warnings == ("1 damaged files of other series: other.dcm",)
    # One of the series itself may be a slice that is lost.
    ds.SeriesInstanceUID = volume.source.series_uid
    ds.pop("PixelData", None)
    ds.save_as(tmp_path / "other.dcm")
    with pytest.raises(GapsError, match="no pixels"):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    ("written", "found"), [("HEADNECK", "HEADNECK"), ("CHEST_TO_PELVIS", "CHEST_TO_PELVIS"), ("", ""), ("7", "")]
)
def test_the_part_of_the_body(tmp_path: Path, written: str, found: str) -> None:
    write_series(tmp_path, pattern(), POSITIONS, edit=lambda ds, _: ds.update({"BodyPartExamined": written}))
    assert read_volume(tmp_path).body_part == found


def test_the_part_of_the_body_by_its_code(tmp_path: Path) -> None:
    def coded(ds: pydicom.Dataset, _: int) -> None:
        region = pydicom.Dataset()
        region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "51185008", "SCT", "Chest"
        ds.AnatomicRegionSequence = [region]

    write_series(tmp_path, pattern(), POSITIONS, edit=coded)
    assert read_volume(tmp_path).body_part == "CHEST"
