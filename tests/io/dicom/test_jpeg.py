"""JPEG with the scan header of an old encoder."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames

from volsweep.errors import InputError
from volsweep.io import read_volume
from volsweep.io.dicom.jpeg import mended_frame

START, TABLE = b"\xff\xd8", b"\xff\xdb\x00\x04ab"


def frame(kind: int, spectrum: bytes) -> bytes:
    return START + TABLE + bytes([0xFF, kind, 0, 4, 1, 2]) + b"\xff\xda\x00\x08\x01\x01\x00" + spectrum + b"\0\x12\x34"


@pytest.mark.parametrize("kind", [0xC0, 0xC1])
def test_a_sequential_scan_has_all_coefficients(kind):
    assert mended_frame(frame(kind, b"\x00\x00")) == frame(kind, b"\x00\x3f")
    assert mended_frame(frame(kind, b"\x00\x3f")) == frame(kind, b"\x00\x3f")


@pytest.mark.parametrize("kind", [0xC2, 0xC3])
def test_other_modes_are_left_alone(kind):
    assert mended_frame(frame(kind, b"\x00\x05")) == frame(kind, b"\x00\x05")


@pytest.mark.parametrize("length", range(0, 23, 2))
def test_damage_is_left_alone(length):
    assert mended_frame(frame(0xC1, b"\0\0")[:length]) == frame(0xC1, b"\0\0")[:length]


def packed(tmp_path: Path, edit) -> Path:
    """A slice of pydicom's, JPEG-LS or JPEG Lossless, whose one frame was changed."""
    ds = pydicom.dcmread(get_testdata_file("MR_small_jpeg_ls_lossless.dcm", download=False))
    (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
    ds.PixelData = encapsulate([edit(frame)])
    ds.save_as(tmp_path / "a.dcm")
    return tmp_path / "a.dcm"


@pytest.mark.parametrize("filled", [b"", b"\0", b"\xff", b"\0" * 6, b"\r\n", b"written by"])
def test_what_fills_up_an_image_is_none_of_it(tmp_path: Path, filled: bytes) -> None:
    whole = read_volume(packed(tmp_path, lambda frame: frame.rstrip(b"\0") + filled)).array_zyx
    plain = get_testdata_file("MR_small.dcm", download=False)
    assert (whole[0] == pydicom.dcmread(plain).pixel_array).all()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.99])
def test_an_image_that_was_cut_is_refused(tmp_path: Path, share: float) -> None:
    """What was missing of it was read as other values."""
    with pytest.raises(InputError, match=r"JPEG-LS Lossless.*cut short"):
        read_volume(packed(tmp_path, lambda frame: frame[: int(share * len(frame))]))
