"""JPEG with the scan header of an old encoder."""

from __future__ import annotations

import pytest

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
