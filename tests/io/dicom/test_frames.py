"""What a file says of each of its images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import apply_rescale
from support.dicom_files import AXIAL, along, pattern, write_enhanced, write_series

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


def enhanced(folder: Path, edit: Callable[[Dataset], None]) -> np.ndarray:
    """The values of an enhanced object of five frames with slope 2, once something of it was changed."""
    frames = [
        {"position": position, "orientation": AXIAL, "spacing": (0.8, 0.7), "slope": 2, "intercept": 5}
        for position in along(AXIAL, 5, 3.0)
    ]
    write_enhanced(folder / "e.dcm", pattern(5), frames)
    dataset = dcmread(folder / "e.dcm")
    edit(dataset)
    dataset.save_as(folder / "e.dcm")
    return read_volume(folder).array_zyx


def test_frames_in_two_units_are_no_volume(tmp_path: Path) -> None:
    """Iodine of a dual-energy scanner behind attenuations: all were in HU."""

    def edit(ds: Dataset) -> None:
        for index, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
            group.PixelValueTransformationSequence[0].RescaleType = "HU" if index < 3 else "MGML"

    with pytest.raises(InputError, match=r"in 2 units \(RescaleType HU, MGML\) \(e\.dcm\)"):
        enhanced(tmp_path, edit)


def test_frames_of_which_one_does_not_say_how_it_is_scaled_are_no_volume(tmp_path: Path) -> None:
    def edit(ds: Dataset) -> None:
        del ds.PerFrameFunctionalGroupsSequence[2].PixelValueTransformationSequence

    with pytest.raises(InputError, match="some of its frames say how their values are scaled, and some do not"):
        enhanced(tmp_path, edit)


def test_a_scaling_that_is_said_once_for_all_frames_counts_where_they_say_none(tmp_path: Path) -> None:
    """As pydicom's `apply_rescale` has it; the values were those that are stored."""

    def edit(ds: Dataset) -> None:
        ds.RescaleSlope, ds.RescaleIntercept = 3, -1
        for group in ds.PerFrameFunctionalGroupsSequence:
            del group.PixelValueTransformationSequence

    found = enhanced(tmp_path, edit)
    dataset = dcmread(tmp_path / "e.dcm")
    np.testing.assert_array_equal(found, apply_rescale(dataset.pixel_array, dataset))


def test_what_a_frame_says_itself_comes_first(tmp_path: Path) -> None:
    def edit(ds: Dataset) -> None:
        ds.RescaleSlope, ds.RescaleIntercept = 3, -1

    np.testing.assert_array_equal(enhanced(tmp_path, edit), pattern(5) * 2.0 + 5)


@pytest.mark.parametrize(
    ("types", "told"),
    [
        ((["ORIGINAL", "PRIMARY", "M", "NONE"], ["ORIGINAL", "PRIMARY", "P", "NONE"]), "ComplexImageComponent"),
        ((["DERIVED", "PRIMARY", "DIXON", "WATER"], ["DERIVED", "PRIMARY", "DIXON", "FAT"]), "ImageTypeContrast"),
    ],
)
def test_frames_of_two_kinds_beyond_each_other_are_no_volume(tmp_path: Path, types, told: str) -> None:
    """As slices of two kinds are (ImageType): magnitude below and phase above were one volume, in silence."""

    def edit(ds: Dataset) -> None:
        for index, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
            kind = Dataset()
            kind.FrameType = types[index >= 3]
            group.MRImageFrameTypeSequence = [kind]

    with pytest.raises(InputError, match=f"are of 2 images that differ in {told}"):
        enhanced(tmp_path, edit)
