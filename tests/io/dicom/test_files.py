"""Files that keep a parser busy: zeros to the end, and deflated objects that inflate to gigabytes."""

from __future__ import annotations

import time
import zlib

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.errors import InputError
from volsweep.io import find_series, read_volume

MEGABYTE = 2**20


@pytest.fixture
def slices(tmp_path):
    return write_series(tmp_path / "in", pattern(), along(AXIAL, 6, 2.0))


@pytest.mark.parametrize("kept", [132, 300, 700], ids=["no header", "half the meta information", "half the header"])
def test_a_copy_that_broke_off_and_was_filled_with_zeros(slices, tmp_path, kept):
    slices[2].write_bytes(slices[2].read_bytes()[:kept] + bytes(64 * MEGABYTE))
    started = time.perf_counter()
    with pytest.raises(InputError, match=slices[2].name):
        read_volume(tmp_path / "in")
    assert read_volume(tmp_path / "in", gaps="keep").shape_zyx[0] == 5
    assert time.perf_counter() - started < 200


def test_a_deflated_series_is_read_and_a_bomb_is_not(slices, tmp_path):
    stored = read_volume(tmp_path / "in").array_zyx
    for path in slices:
        ds = pydicom.dcmread(path)
        ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        ds.save_as(path)
    assert (read_volume(tmp_path / "in").array_zyx == stored).all()

    whole = slices[0].read_bytes()
    length = int.from_bytes(whole[140:144], "little")
    inflated = zlib.decompress(whole[144 + length :], -zlib.MAX_WBITS)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = packer.compress(inflated[:200]) + packer.flush(zlib.Z_FULL_FLUSH)
    bomb += 300 * (packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH))  # from there on it begins anew
    slices[0].write_bytes(whole[: 144 + length] + bomb + packer.flush())
    assert slices[0].stat().st_size < MEGABYTE
    started = time.perf_counter()
    assert any("damaged" in w for w in find_series(tmp_path / "in")[0].warnings)
    assert time.perf_counter() - started < 200
