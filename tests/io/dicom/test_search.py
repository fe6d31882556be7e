"""Zips and DICOMDIRs: read where they lie, and no further."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydicom.fileset import FileSet
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.errors import InputError
from volsweep.io import find_series, read_volume
from volsweep.io.dicom import search

POSITIONS = along(AXIAL, 6, 2.0)


@pytest.fixture
def slices(tmp_path: Path) -> list[Path]:
    return write_series(tmp_path / "slices", pattern(), POSITIONS)


def test_zip(tmp_path: Path, slices: list[Path]) -> None:
    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "hello")
        for file in slices:
            archive.write(file, f"deep/er/{file.name}")
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array_zyx, pattern())
    assert volume.source is not None
    assert volume.source.slice_files[0] == path / "deep/er" / slices[0].name
    assert find_series(path)[0].shape_zyx == (6, 7, 9)
    path.rename(tmp_path / "study")  # a zip without extension is still one
    assert read_volume(tmp_path / "study").shape_zyx == (6, 7, 9)


@pytest.mark.parametrize("name", ["../../escaped.dcm", "/tmp/escaped.dcm", "..\\..\\escaped.dcm"])
def test_zip_slip(tmp_path: Path, slices: list[Path], name: str) -> None:
    """A hostile name is only a name: nothing is unpacked, and no path points out of the zip."""
    path = tmp_path / "in/study.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for file in slices[1:]:
            archive.write(file, file.name)
        archive.write(slices[0], name)
    before = set(tmp_path.rglob("*"))
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array_zyx, pattern())
    assert set(tmp_path.rglob("*")) == before
    assert not Path("/tmp/escaped.dcm").exists()
    assert volume.source is not None
    assert all(path in f.parents and ".." not in f.parts for f in volume.source.slice_files)


def test_zip_bombs(tmp_path: Path, slices: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(slices[0], "a.dcm")
        archive.writestr("zeros", bytes(5_000_000))
    monkeypatch.setattr(search, "_MAX_MEMBER_BYTES", 1_000_000)
    with pytest.raises(InputError, match="unpacks to 2 files"):
        read_volume(path)


def test_damaged_and_encrypted_zips(tmp_path: Path, slices: list[Path]) -> None:
    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in slices:
            archive.write(file, file.name)
    whole = path.read_bytes()
    path.write_bytes(whole[:-200])
    with pytest.raises(InputError, match="cannot be read as a zip"):
        read_volume(path)
    path.write_bytes(whole[:900] + b"\xff" * 300 + whole[1200:])
    with pytest.raises(InputError, match=r"cannot be read|damaged"):
        read_volume(path)
    flagged = bytearray(whole)
    at = flagged.rfind(b"PK\x01\x02")  # the last entry of the directory: set its encryption flag
    flagged[at + 8 : at + 10] = struct.pack("<H", 1)
    path.write_bytes(flagged)
    with pytest.raises(InputError, match="is encrypted"):
        read_volume(path)


def test_empty_zip(tmp_path: Path) -> None:
    path = tmp_path / "empty.zip"
    zipfile.ZipFile(path, "w").close()
    with pytest.raises(InputError, match="no DICOM in"):
        read_volume(path)


def _dicomdir(folder: Path, slices: list[Path]) -> Path:
    fileset = FileSet()
    for file in slices:
        fileset.add(file)
    fileset.write(folder)
    return folder / "DICOMDIR"


def test_dicomdir(tmp_path: Path, slices: list[Path]) -> None:
    path = _dicomdir(tmp_path / "disc", slices)
    for given in (path, path.parent):
        volume = read_volume(given)
        np.testing.assert_array_equal(volume.array_zyx, pattern())
        assert volume.warnings == ()
    assert [i.images for i in find_series(path)] == [6]


def test_dicomdir_of_a_copied_disc(tmp_path: Path, slices: list[Path]) -> None:
    """Names in small letters, and one file missing."""
    path = _dicomdir(tmp_path / "disc", slices)
    found = sorted(p for p in path.parent.rglob("*") if p.is_file() and p != path)
    last = found.pop(found.index(max(found)))
    last.unlink()
    for file in found:
        file.rename(file.with_name(file.name.lower()))
    volume = read_volume(path, gaps="keep")
    assert volume.shape_zyx[0] == 5
    assert "1 files could not be read" in volume.warnings[-1] + volume.warnings[0]


def test_dicomdir_stays_in_its_folder(tmp_path: Path, slices: list[Path]) -> None:
    outside = tmp_path / "outside.dcm"
    outside.write_bytes(slices[0].read_bytes())
    (tmp_path / "disc").mkdir()
    (tmp_path / "disc/link").symlink_to(outside)
    for ids in (["..", "outside.dcm"], ["link"], ["../outside.dcm"]):
        found = search.referenced_by_dicomdir(tmp_path / "disc/DICOMDIR", [ids])
        assert not found.files
        assert len(found.unreadable) == 1
