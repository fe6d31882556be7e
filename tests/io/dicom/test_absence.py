"""Why a file has no pixels: by its class where it never has any, else by what is damaged of it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import (
    CTImageStorage,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    ParametricMapStorage,
    RTStructureSetStorage,
)
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.errors import InputError
from volsweep.io.dicom.absence import is_cut_short, why_not_an_image, why_not_whole
from volsweep.io.dicom.files import DicomFile


@pytest.fixture
def path(tmp_path) -> Path:
    return write_series(tmp_path, pattern(1), along(AXIAL, 1, 2.0))[0]


@pytest.mark.parametrize(
    ("sop_class", "says"),
    [
        (RTStructureSetStorage, "RT Structure Set Storage without pixels, not an image"),
        (EnhancedSRStorage, "Enhanced SR Storage without pixels, not an image"),
        (GrayscaleSoftcopyPresentationStateStorage, "without pixels, not an image"),
        ("1.2.826.0.1.3680043.8.498.1", "an object of a private class without pixels, not an image"),
        (CTImageStorage, ""),
        (ParametricMapStorage, ""),
        ("", ""),
    ],
)
def test_a_class_without_pixels_is_named(sop_class, says):
    said = why_not_an_image(sop_class)
    assert said.endswith(says)
    assert bool(said) == bool(says)


def test_a_value_that_ends_early_is_a_cut(path):
    whole = path.read_bytes()
    at = whole.index(b"\x20\x00\x37\x00")
    for length, cut in ((len(whole), False), (at, False), (at + 15, True), (len(whole) - 1, True)):
        read = pydicom.dcmread(BytesIO(whole[:length]), force=True)
        assert is_cut_short(read) == cut, length


def less(path: Path, *keywords: str, sop_class: str | None = CTImageStorage) -> DicomFile:
    dataset = pydicom.dcmread(path)
    for keyword in keywords:
        delattr(dataset, keyword)
    if not sop_class:
        dataset.file_meta.MediaStorageSOPClassUID = ""
        del dataset.SOPClassUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=False)
    return DicomFile(path)


def test_pixels_without_a_shape_are_damage(path):
    with pytest.raises(InputError, match=f"{path.name} is damaged: it does not say how many rows"):
        why_not_whole(less(path, "Rows"), CTImageStorage, has_pixels=True)


def test_pixels_that_were_taken_out_are_missed(path):
    with pytest.raises(InputError, match=r"says that it is CT Image Storage, and has no pixels; they were removed"):
        why_not_whole(less(path, "PixelData"), CTImageStorage, has_pixels=False)
    with pytest.raises(InputError, match="says that it is CT Image Storage"):
        why_not_whole(less(path), "", has_pixels=False)


def test_what_never_was_a_slice_is_passed_over(path):
    """It kept the slices beside it from being read."""
    bare = less(path, "PixelData", "Rows", "Columns", "BitsAllocated", "ImagePositionPatient")
    assert why_not_whole(bare, CTImageStorage, has_pixels=False).startswith("CT Image Storage without pixels")


def test_an_object_of_no_class_may_be_anything(path):
    said = why_not_whole(less(path, "PixelData", sop_class=None), "", has_pixels=False)
    assert said == "an object without pixels that does not say of which class it is, not an image"


@pytest.mark.parametrize(
    ("content", "says"),
    [(lambda whole: whole[:300], "ends before its pixels"), (lambda _: b"a read-me " * 30, "is no DICOM file")],
)
def test_what_is_cut_or_no_dicom_says_so(path, content, says):
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(InputError, match=f"{path.name} .*{says}"):
        why_not_whole(DicomFile(path), "", has_pixels=False)
