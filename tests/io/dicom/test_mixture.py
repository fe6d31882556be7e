"""Several images in one series: refused, and each to be had by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.errors import GeometryError, InputError
from volsweep.io import find_series, read_volume

POSITIONS = along(AXIAL, 8, 2.0)


def write(folder: Path, keyword: str, values: list[object], positions: np.ndarray = POSITIONS) -> None:
    def edit(ds: Dataset, index: int) -> None:
        setattr(ds, keyword, values[index])
        ds.SeriesInstanceUID = "1.2.3"

    write_series(folder, pattern(8), positions, modality="MR", edit=edit)


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("EchoTime", [10, 90] * 4),
        ("EchoTime", [10] * 4 + [90] * 4),
        ("DiffusionBValue", [0.0] * 2 + [1000.0] * 6),
        ("TemporalPositionIdentifier", [1, 2] * 4),
        ("AcquisitionNumber", [1, 2] * 4),
        ("ImageType", [["ORIGINAL", "PRIMARY", "OTHER"], ["DERIVED", "PRIMARY", "OTHER"]] * 4),
        ("NominalPercentageOfCardiacPhase", [10, 60] * 4),
        ("RepetitionTime", [500, 3000] * 4),
        ("SequenceName", ["*ep_b0", "*ep_b1000t"] * 4),
        ("FrameReferenceTime", [0, 60000] * 4),
        ("KVP", [80, 140] * 4),
        ("ConvolutionKernel", ["B30f", "B70f"] * 4),
        ("TriggerTime", [0, 100, 200, 300] * 2),
    ],
)
def test_images_that_lie_between_or_beyond_each_other(tmp_path: Path, keyword: str, values: list[object]) -> None:
    write(tmp_path, keyword, values)
    with pytest.raises(GeometryError, match=f"differ in {keyword}"):
        read_volume(tmp_path)
    assert keyword in find_series(tmp_path)[0].problem


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("EchoTime", [10, 10.0001] * 4),  # rounded in another way
        ("TriggerTime", [3, 18, 33, 41, 55, 72, 90, 99]),  # of its own in every slice
        ("InversionTime", [100, 200, 300, 400, 500, 600, 700, 800]),
    ],
)
def test_what_differs_within_a_volume(tmp_path: Path, keyword: str, values: list[object]) -> None:
    write(tmp_path, keyword, values)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array_zyx, pattern(8))
    assert volume.warnings == ()


def test_a_volume_scanned_in_two_pieces_is_told(tmp_path: Path) -> None:
    write(tmp_path, "AcquisitionNumber", [1] * 5 + [2] * 3)
    volume = read_volume(tmp_path)
    assert volume.shape_zyx[0] == 8
    assert volume.warnings == ("the slices differ in AcquisitionNumber (1, 2): the volume was put together of 2 scans",)


@pytest.mark.parametrize("values", [["M", "P"] * 4, ["M_FFE"] * 4 + ["P"] * 4], ids=["in turns", "appended"])
def test_magnitude_and_phase_of_scanners_of_before(tmp_path: Path, values: list[str]) -> None:
    write(tmp_path, "ImageType", [["ORIGINAL", "PRIMARY", value, "ND"] for value in values])
    with pytest.raises(GeometryError, match=r"differ in ComplexImageComponent \(MAGNITUDE, PHASE\)"):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    ("group", "creator", "element", "vr", "values"),
    [
        (0x0019, "SIEMENS MR HEADER", 0x0C, "IS", ("0", "1000")),
        (0x0043, "GEMS_PARM_01", 0x39, "IS", ([0, 8, 0, 0], [1_000_001_000, 8, 0, 0])),
        (0x2001, "Philips Imaging DD 001", 0x03, "FL", (0.0, 1000.0)),
        (0x0065, "Image Private Header", 0x09, "FD", (0.0, 1000.0)),
    ],
)
def test_b_values_in_private_tags(tmp_path: Path, group, creator, element, vr, values) -> None:
    def edit(ds: Dataset, index: int) -> None:
        ds.private_block(group, creator, create=True).add_new(element, vr, values[index % 2])

    write_series(tmp_path, pattern(8), POSITIONS, modality="MR", edit=edit)
    with pytest.raises(GeometryError, match=r"differ in DiffusionBValue \(0, 1000\)"):
        read_volume(tmp_path)


def test_images_of_another_type_beyond_the_others_are_told(tmp_path: Path) -> None:
    write(tmp_path, "ImageType", [["ORIGINAL", "PRIMARY", "AXIAL"]] * 4 + [["DERIVED", "SECONDARY", "AXIAL"]] * 4)
    (note,) = read_volume(tmp_path).warnings
    assert "differ in ImageType" in note


@pytest.mark.parametrize("together", [True, False], ids=["at the same places", "between each other"])
def test_each_part_is_to_be_had(tmp_path: Path, together: bool) -> None:
    positions = np.repeat(POSITIONS[::2], 2, axis=0) if together else POSITIONS
    write(tmp_path, "EchoTime", [90, 10] * 4, positions)
    with pytest.raises(GeometryError, match=r"1\.2\.3/1 \(EchoTime 10\), 1\.2\.3/2 \(EchoTime 90\)"):
        read_volume(tmp_path)
    for number, first in ((1, 1), (2, 0)):
        part = read_volume(tmp_path, series=f"1.2.3/{number}")
        np.testing.assert_array_equal(part.array_zyx, pattern(8)[first::2])
        assert part.warnings == (f"read of the series: EchoTime {(10, 90)[number - 1]}",)
    with pytest.raises(InputError, match=r"part '1\.2\.3/3' of a series is not there"):
        read_volume(tmp_path, series="1.2.3/3")


@pytest.mark.parametrize("series_of", [lambda i: i, lambda i: i % 2, lambda i: i // 2, lambda i: i // 4])
def test_a_volume_that_was_split_into_several_series(tmp_path: Path, series_of) -> None:
    def edit(ds: Dataset, index: int) -> None:
        ds.SeriesInstanceUID = f"1.2.3.{series_of(index)}"

    write_series(tmp_path, pattern(8), POSITIONS, modality="MR", edit=edit)
    with pytest.raises(InputError, match=r"split into several series.*export.*series="):
        read_volume(tmp_path)
    assert read_volume(tmp_path, series="1.2.3.0").shape_zyx[0] == sum(series_of(i) == 0 for i in range(8))


@pytest.mark.parametrize(
    ("name", "value", "shift"), [("EchoTime", 80, 1.0), ("SeriesDescription", "T2", 1.0), ("EchoTime", 10, 0.0)]
)
def test_another_series_between_the_slices_is_another_series(tmp_path: Path, name: str, value, shift: float) -> None:
    def edit(ds: Dataset, _: int) -> None:
        ds.FrameOfReferenceUID, ds.EchoTime, ds.SeriesInstanceUID = "1.2.9", 10, "1.2.3"

    def other(ds: Dataset, index: int) -> None:
        edit(ds, index)
        ds.SeriesInstanceUID = "1.2.4"
        setattr(ds, name, value)

    write_series(tmp_path / "a", pattern(8), POSITIONS, modality="MR", edit=edit)
    write_series(tmp_path / "b", pattern(8), POSITIONS + np.array([0, 0, shift]), modality="MR", edit=other)
    assert "largest of 2 series" in read_volume(tmp_path).warnings[0]


WATER, FAT = (["DERIVED", "PRIMARY", "DIXON", kind] for kind in ("WATER", "FAT"))


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("ImageType", [WATER] * 4 + [FAT] * 4),
        ("ScanOptions", ["IN", "OPP"] * 4),
        ("DiffusionGradientOrientation", [[1.0, 0, 0], [0, 1.0, 0]] * 4),
        ("SeriesDescription", ["T1 of Quixote", "T2 of Quixote"] * 4),
        ("ProtocolName", ["T1", "T2"] * 4),
    ],
)
def test_contrasts_that_other_attributes_tell(tmp_path: Path, keyword: str, values: list[object]) -> None:
    write(tmp_path, keyword, values)
    with pytest.raises(GeometryError, match=f"{keyword}.*not one volume.*series=") as caught:
        read_volume(tmp_path)
    assert "Quixote" not in str(caught.value)
    assert read_volume(tmp_path, series="1.2.3/2").shape_zyx[0] == 4


def test_a_ct_whose_slices_are_scaled_differently_is_told(tmp_path: Path) -> None:
    def edit(ds: Dataset, index: int) -> None:
        ds.RescaleIntercept, ds.RescaleSlope = 0 if index == 3 else -1024, 1

    write_series(tmp_path, pattern(8), POSITIONS, edit=edit)
    assert any("not the same in all slices" in warning for warning in read_volume(tmp_path).warnings)


@pytest.mark.parametrize(
    ("keyword", "values"),
    [("CorrectedImage", [["DECY", "ATTN"]] * 4 + [["DECY"]] * 4), ("DecayCorrection", ["START"] * 4 + ["NONE"] * 4)],
)
def test_pet_that_is_corrected_otherwise_further_up(tmp_path: Path, keyword: str, values: list[object]) -> None:
    """Its becquerels do not compare; they were one volume, in silence."""

    def edit(ds: Dataset, index: int) -> None:
        ds.Modality, ds.Units = "PT", "BQML"
        setattr(ds, keyword, values[index])

    write_series(tmp_path, pattern(8), POSITIONS, modality="MR", edit=edit)
    with pytest.raises(GeometryError, match=f"of 2 images that differ in {keyword}"):
        read_volume(tmp_path)
