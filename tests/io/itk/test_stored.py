"""Voxels of NRRD and MetaImage held against what ITK made of them; values were written by numpy."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest

from volsweep.errors import InputError
from volsweep.io import read_volume

VALUES = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
WORDS = " ".join(map(str, VALUES.ravel())).encode()
RAW = VALUES.tobytes()


def nrrd(folder: Path, data: bytes, encoding: str, *lines: str, kind: str = "int16") -> Path:
    head = ["NRRD0004", f"type: {kind}", "dimension: 3", "space: LPS", "sizes: 5 4 3", "endian: little", *lines]
    head += ["space directions: (1,0,0) (0,1,0) (0,0,2)", "space origin: (0,0,0)", f"encoding: {encoding}", "", ""]
    path = folder / "a.nrrd"
    path.write_bytes("\n".join(head).encode() + data)
    return path


def mhd(folder: Path, data: bytes, *lines: str) -> Path:
    (folder / "a.raw").write_bytes(data)
    head = ["NDims = 3", "DimSize = 5 4 3", "ElementSpacing = 1 1 2", "TransformMatrix = 1 0 0 0 1 0 0 0 1", *lines]
    path = folder / "a.mhd"
    path.write_text("\n".join([*head, "ElementType = MET_SHORT", "ElementDataFile = a.raw", ""]))
    return path


@pytest.mark.parametrize("encoding", ["text", "txt", "ascii"])
def test_numbers_in_words(tmp_path: Path, encoding: str) -> None:
    np.testing.assert_array_equal(read_volume(nrrd(tmp_path, WORDS, encoding)).array_zyx, VALUES)


@pytest.mark.parametrize(("kind", "first", "told"), [("uint8", "300", "300"), ("uint8", "-5", "-5"),
                                                     ("int16", "1.5", "1.5"), ("int16", "40000", "40000")])  # fmt: skip
def test_words_that_the_type_has_not(tmp_path: Path, kind: str, first: str, told: str) -> None:
    """ITK took 300 for 44."""
    with pytest.raises(InputError, match=f"holds the number {told}, which its type"):
        read_volume(nrrd(tmp_path, first.encode() + WORDS[1:], "text", kind=kind))


def test_fractions_in_words(tmp_path: Path) -> None:
    volume = read_volume(nrrd(tmp_path, b"0.1 nan" + WORDS[3:], "text", kind="float"))
    assert volume.array_zyx[0, 0, 0] == np.float32(0.1)


@pytest.mark.parametrize("data", [WORDS + b" 1 2 3", WORDS[:40]])
def test_more_or_fewer_words(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InputError, match=r"more voxels|cannot be read"):
        read_volume(nrrd(tmp_path, data, "text"))


def test_packed_voxels_behind_others(tmp_path: Path) -> None:
    """NRRD's definition: bytes are skipped in what was unpacked."""
    packed = gzip.compress(b"0123456789" + RAW)
    np.testing.assert_array_equal(read_volume(nrrd(tmp_path, packed, "gzip", "byte skip: 10")).array_zyx, VALUES)
    damaged = packed[:-9] + bytes(9)
    with pytest.raises(InputError, match="damaged"):
        read_volume(nrrd(tmp_path, damaged, "gzip", "byte skip: 10"))
    with pytest.raises(InputError, match="does not say where they begin"):
        read_volume(nrrd(tmp_path, packed, "gzip", "byte skip: -1"))


def test_voxels_at_the_end_of_the_file(tmp_path: Path) -> None:
    """Where there are fewer, ITK read letters of the header as voxels."""
    np.testing.assert_array_equal(
        read_volume(nrrd(tmp_path, b"x" * 30 + RAW, "raw", "byte skip: -1")).array_zyx, VALUES
    )
    with pytest.raises(InputError, match="fewer voxels"):
        read_volume(nrrd(tmp_path, RAW[:100], "raw", "byte skip: -1"))
    np.testing.assert_array_equal(read_volume(mhd(tmp_path, b"x" * 33 + RAW, "HeaderSize = -1")).array_zyx, VALUES)
    for data, lines in ((RAW[:100], ()), (zlib.compress(RAW), ("CompressedData = True",))):
        with pytest.raises(InputError, match=r"fewer voxels|cut short"):
            read_volume(mhd(tmp_path, data, "HeaderSize = -1", *lines))
    with pytest.raises(InputError, match="'-2' where a number of bytes"):
        read_volume(mhd(tmp_path, RAW, "HeaderSize = -2"))
