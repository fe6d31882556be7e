"""Grouping files into series, and telling what each one is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from support.dicom_files import AXIAL, SAGITTAL, along, pattern, write_series

from volsweep.errors import InputError
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
    (study / "up").symlink_to(tmp_path)
    (study / "self").symlink_to(study / "self")
    (study / "nowhere").symlink_to(tmp_path / "missing")
    os.mkfifo(study / "pipe")
    volume = read_volume(study)
    np.testing.assert_array_equal(volume.array_zyx, pattern())
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
    write_series(tmp_path, pattern(), POSITIONS, edit=lambda ds, _: delattr(ds, "PixelData"))
    assert find_series(tmp_path)[0].loadable
