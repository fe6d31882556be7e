"""Choosing one of the series that a path holds, and loading it."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.errors import InputError
from volsweep.intensity import default_window
from volsweep.io import read_volume
from volsweep.measurement import measure
from volsweep.volume import LabelVolume

POSITIONS = along(AXIAL, 6, 2.0)


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


def test_of_a_tree_of_series_only_a_few_are_named(tmp_path: Path) -> None:
    for number in range(8):

        def edit(ds: Dataset, _: int, number: int = number) -> None:
            ds.SeriesInstanceUID = f"1.2.{77 + number}.1"

        write_series(
            tmp_path / str(number), pattern(3), POSITIONS[:3], modality="MRCTPTNM"[number % 4 * 2 :][:2], edit=edit
        )
    (note,) = (told for told in read_volume(tmp_path).warnings if "the largest" in told)
    assert note.startswith("the largest of 8 series was read")
    assert note.endswith(" (and 2 more)")
    assert note.count("images)") == 1 + 5


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


def test_an_iodine_map_is_not_in_hounsfield_units(tmp_path: Path) -> None:
    write_series(tmp_path / "map", pattern(), POSITIONS, edit=lambda ds, _: setattr(ds, "RescaleType", "MGML"))
    write_series(tmp_path / "ct", pattern(), POSITIONS)
    iodine, ct = read_volume(tmp_path / "map"), read_volume(tmp_path / "ct")
    assert (iodine.unit, iodine.has_hounsfield_units) == ("mg/ml", False)
    assert (ct.unit, ct.has_hounsfield_units) == ("HU", True)
    assert default_window(iodine).name == "percentile"
    assert default_window(ct).name == "soft tissue"
    labels = LabelVolume((iodine.array_zyx > 20).astype("u1"), iodine.grid)
    for volume, unit in ((iodine, "mg/ml"), (ct, "HU")):
        found = measure(LabelVolume(labels.array_zyx, volume.grid), volume)[1].intensity
        assert found is not None
        assert found.unit == unit
