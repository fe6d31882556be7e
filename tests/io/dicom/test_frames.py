"""What a file says of each of its images."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.errors import InputError
from volsweep.io import read_volume
from volsweep.io.dicom.values import quiet

POSITIONS = along(AXIAL, 6, 2.0)


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


@pytest.mark.parametrize("value", ["0", "inf", "nan", "1e30"])
@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
def test_values_without_a_meaning_are_refused(tmp_path: Path, keyword: str, value: str) -> None:
    def edit(ds: Dataset, index: int) -> None:
        with quiet():
            ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
            if index == 3:
                setattr(ds, keyword, value)

    paths = write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    if (keyword, value) == ("RescaleIntercept", "0"):
        assert read_volume(tmp_path).array_zyx[3, 0, 0] == pattern()[3, 0, 0]
        return
    with pytest.raises(InputError, match=f"{paths[3].name} .* has a {keyword} that is 0 or no finite number"):
        read_volume(tmp_path)


@pytest.mark.parametrize("size", ["0", "1e30", "-1"])
def test_pixels_of_no_size_are_refused(tmp_path: Path, size: str) -> None:
    write_series(tmp_path, pattern(), POSITIONS, edit=lambda ds, _: setattr(ds, "PixelSpacing", [size, size]))
    with pytest.raises(InputError, match="no usable PixelSpacing"):
        read_volume(tmp_path)
