"""Stored values become the scanner's units, in the smallest type that holds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.errors import InputError
from volsweep.io import read_volume

POSITIONS = along(AXIAL, 6, 2.0)


def setting(**values: object):
    def edit(ds: Dataset, _: int) -> None:
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return edit


def test_unsigned_with_intercept_is_int16(tmp_path: Path) -> None:
    stored = pattern(dtype=np.uint16)
    write_series(tmp_path, stored, POSITIONS, edit=setting(RescaleSlope=2, RescaleIntercept=-1024))
    volume = read_volume(tmp_path)
    assert volume.array_zyx.dtype == np.int16
    np.testing.assert_array_equal(volume.array_zyx, stored.astype(int) * 2 - 1024)
    assert volume.source is not None
    assert volume.source.rescaled


def test_values_beyond_int16_become_int32(tmp_path: Path) -> None:
    stored = pattern(dtype=np.uint16)
    stored[4] += 60_000
    write_series(tmp_path, stored, POSITIONS)
    volume = read_volume(tmp_path)
    assert volume.array_zyx.dtype == np.int32
    np.testing.assert_array_equal(volume.array_zyx, stored)


def test_signed_twelve_bits(tmp_path: Path) -> None:
    """Bits above BitsStored may hold anything; the sign is in bit 11."""
    values = pattern() - 200
    stored = ((values & 0x0FFF) | 0x5000).astype(np.uint16)
    write_series(tmp_path, stored, POSITIONS, edit=setting(BitsStored=12, HighBit=11, PixelRepresentation=1))
    np.testing.assert_array_equal(read_volume(tmp_path).array_zyx, values)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", [np.uint16, np.int16])
def test_values_in_the_upper_bits(tmp_path: Path, kind: type, compressed: bool) -> None:
    """As DICOM allowed until 2014 (PS3.5, 8.1.1): 12 bits, of which HighBit is number 15."""
    values = pattern() + (1000 if kind is np.uint16 else -100)

    def edit(ds: Dataset, _: int) -> None:
        ds.BitsStored, ds.HighBit = 12, 15
        if compressed:
            ds.compress(RLELossless)

    write_series(tmp_path, (values << 4).astype(kind), POSITIONS, edit=edit)
    np.testing.assert_array_equal(read_volume(tmp_path).array_zyx, values)


def test_values_in_all_bits_that_should_be_the_upper_ones(tmp_path: Path) -> None:
    write_series(tmp_path, pattern(dtype=np.uint16), POSITIONS, edit=setting(BitsStored=12, HighBit=15))
    with pytest.raises(InputError, match="HighBit says that the lowest 4 bits are beneath the values"):
        read_volume(tmp_path)


@pytest.mark.parametrize(("stored", "high"), [(12, 7), (12, 10), (12, 16), (8, 20)])
def test_a_highest_bit_that_cannot_be(tmp_path: Path, stored: int, high: int) -> None:
    write_series(tmp_path, pattern(dtype=np.uint16), POSITIONS, edit=setting(BitsStored=stored, HighBit=high))
    with pytest.raises(InputError, match=rf"the highest is number {high} \(HighBit\), which cannot be"):
        read_volume(tmp_path)


def test_a_slope_of_its_own_in_every_slice(tmp_path: Path) -> None:
    stored = pattern()

    def edit(ds: Dataset, index: int) -> None:
        ds.RescaleSlope, ds.RescaleIntercept = f"{0.0037 * (index + 1):.6f}", "0.5"

    write_series(tmp_path, stored, POSITIONS, modality="PT", edit=edit)
    volume = read_volume(tmp_path)
    slopes = np.array([round(0.0037 * (k + 1), 6) for k in range(6)])
    assert volume.array_zyx.dtype == np.float32
    np.testing.assert_allclose(volume.array_zyx, stored * slopes[:, None, None] + 0.5, rtol=1e-6)
    assert volume.modality == "PT"


def test_eight_bits(tmp_path: Path) -> None:
    stored = (pattern() % 256).astype(np.uint8)
    write_series(tmp_path, stored, POSITIONS)
    np.testing.assert_array_equal(read_volume(tmp_path).array_zyx, stored)


def test_modality_lut(tmp_path: Path) -> None:
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [512, 0, 16], "US"
    table.LUTData = (np.arange(512, dtype=np.uint16) ** 2 % 30_000).tolist()
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    stored = pattern(dtype=np.uint16)
    write_series(tmp_path, stored, POSITIONS, edit=setting(ModalityLUTSequence=Sequence([table])))
    np.testing.assert_array_equal(read_volume(tmp_path).array_zyx, np.asarray(table.LUTData)[stored])


def test_monochrome1_mr_is_turned_over_the_whole_volume(tmp_path: Path) -> None:
    stored = pattern() + 10
    edit = setting(PhotometricInterpretation="MONOCHROME1", WindowCenter=110, WindowWidth=40)
    write_series(tmp_path, stored, POSITIONS, modality="MR", edit=edit)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array_zyx, stored.min() + stored.max() - stored)
    assert volume.array_zyx.min() == stored.min()
    assert volume.window_center_width == (stored.min() + stored.max() - 110, 40)
    assert volume.warnings == ("dark and bright were exchanged (MONOCHROME1)",)


def test_monochrome1_ct_stays_in_hounsfield_units(tmp_path: Path) -> None:
    write_series(tmp_path, pattern(), POSITIONS, edit=setting(PhotometricInterpretation="MONOCHROME1"))
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array_zyx, pattern())
    assert "MONOCHROME1" in volume.warnings[0]


def test_mixed_photometric_interpretations(tmp_path: Path) -> None:
    def edit(ds: Dataset, index: int) -> None:
        ds.PhotometricInterpretation = f"MONOCHROME{1 + index % 2}"

    write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    with pytest.raises(InputError, match="some slices are MONOCHROME1"):
        read_volume(tmp_path)


def test_bright_padding_is_darkened(tmp_path: Path) -> None:
    stored = pattern() + 5
    stored[:, 0, :] = 3000
    write_series(
        tmp_path, stored, POSITIONS, edit=setting(PixelPaddingValue=3000, RescaleIntercept=-1000, RescaleSlope=1)
    )
    array = read_volume(tmp_path).array_zyx
    np.testing.assert_array_equal(array[:, 1:], stored[:, 1:] - 1000)
    assert (array[:, 0] == array[:, 1:].min()).all()


def test_dark_padding_is_left_as_the_scanner_wrote_it(tmp_path: Path) -> None:
    stored = pattern()
    stored[:, 0, :] = -2000
    write_series(tmp_path, stored, POSITIONS, edit=setting(PixelPaddingValue=-2000))
    np.testing.assert_array_equal(read_volume(tmp_path).array_zyx, stored)


def test_display_window_is_the_median_of_the_slices(tmp_path: Path) -> None:
    def edit(ds: Dataset, index: int) -> None:
        if index:  # one slice without
            ds.WindowCenter, ds.WindowWidth = [100 + index, 7], [10 * index, 9]

    write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    assert read_volume(tmp_path).window_center_width == (103, 30)


def test_without_pixels(tmp_path: Path) -> None:
    def edit(ds: Dataset, index: int) -> None:
        if index == 2:
            del ds.PixelData

    paths = write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    with pytest.raises(
        InputError, match="is damaged: it says that it is CT Image Storage, and has no pixels"
    ) as caught:
        read_volume(tmp_path)
    assert paths[2].name in str(caught.value)


def test_cut_off_pixels(tmp_path: Path) -> None:
    paths = write_series(tmp_path, pattern(), POSITIONS)
    whole = paths[4].read_bytes()
    paths[4].write_bytes(whole[:-40])
    with pytest.raises(InputError, match=f"the pixels of {paths[4].name} .* cannot be decoded"):
        read_volume(tmp_path)


def test_simpleitk_agrees_on_monochrome2_values(tmp_path: Path) -> None:
    edit = setting(RescaleSlope=3, RescaleIntercept=-77)
    write_series(tmp_path, pattern(dtype=np.uint16), POSITIONS, edit=edit)
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))
    np.testing.assert_array_equal(
        read_volume(tmp_path).array_zyx, SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(names))
    )


def test_padding_that_occurs_in_tissue_stays_there(tmp_path: Path) -> None:
    stored = pattern() + 1
    stored[:, 0, :] = 5000  # surroundings
    stored[:, 3, 4] = 5000  # tissue of the same value
    write_series(tmp_path, stored, POSITIONS, edit=setting(PixelPaddingValue=5000))
    array = read_volume(tmp_path).array_zyx
    np.testing.assert_array_equal(array[:, 1:], stored[:, 1:])
    assert (array[:, 0] == stored[:, 1:].min()).all()


def test_padding_of_monochrome1_turns_dark(tmp_path: Path) -> None:
    stored = pattern() + 100
    stored[:, 0, :] = 0
    edit = setting(PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0)
    write_series(tmp_path, stored, POSITIONS, modality="MR", edit=edit)
    array = read_volume(tmp_path).array_zyx
    assert (array[:, 0] == array.min()).all()
    assert (np.diff(array[:, 1:].ravel()) < 0).any()


def test_unsigned_pixels_of_32_bits_do_not_wrap(tmp_path: Path) -> None:
    stored = pattern(dtype=np.uint32)
    stored[4, 2, 3] = 2**32 - 1
    write_series(tmp_path, stored, POSITIONS)
    np.testing.assert_array_equal(read_volume(tmp_path).array_zyx, stored.astype(np.int64))


def test_tissue_at_the_border_keeps_its_value(tmp_path: Path) -> None:
    """What surrounds an image reaches a corner of it; a voxel at its edge may have any value."""
    stored = np.full((6, 20, 20), 40, np.int16)
    stored[2, 8, 0] = 0
    stored[4, 0, 0] = 0  # at a corner, too: noise has every value
    stored[1, 5, 5] = -900
    write_series(tmp_path, stored, POSITIONS, edit=setting(PixelPaddingValue=0))
    np.testing.assert_array_equal(read_volume(tmp_path).array_zyx, stored)


@pytest.mark.parametrize("stated", [True, False], ids=["padding of 0", "no padding stated"])
def test_water_in_noise_up_to_every_border_keeps_its_values(tmp_path: Path, stated: bool) -> None:
    """Of 0 HU with noise, as in a bladder that a small field of view cuts; SimpleITK leaves it alone."""
    stored = np.random.default_rng(0).normal(0, 4, (6, 64, 64)).round().astype(np.int16)
    stored[:, 20:40, 20:40] -= 1000
    stored[:, 0, 0] = stored[:, -1, -1] = stored[:, 0, 1] = 0
    write_series(tmp_path, stored, POSITIONS, edit=setting(PixelPaddingValue=0) if stated else None)
    np.testing.assert_array_equal(read_volume(tmp_path).array_zyx, stored)


def test_padding_of_water_outside_the_scanner_s_circle_is_darkened(tmp_path: Path) -> None:
    """Four corners of 0 HU, each of a third of what a piece at the border has to have."""
    y, x = np.indices((64, 64))
    stored = np.broadcast_to(40 + (y * 7 + x * 3) % 11, (6, 64, 64)).astype(np.int16)
    corners = (np.abs(y - 31.5) + np.abs(x - 31.5)) > 60
    assert 20 < corners.sum() < 64
    stored[:, corners] = 0
    write_series(tmp_path, stored, POSITIONS, edit=setting(PixelPaddingValue=0))
    array = read_volume(tmp_path).array_zyx
    assert (array[:, corners] == 0).all()  # darker than all tissue already
    stored[:, corners] = 3000
    write_series(tmp_path / "bright", stored, POSITIONS, edit=setting(PixelPaddingValue=3000))
    assert (read_volume(tmp_path / "bright").array_zyx[:, corners] == 40).all()


@pytest.mark.parametrize("slope", ["0", "1e-30", "-1e-20"])
def test_a_slope_that_leaves_nothing_of_the_values(tmp_path: Path, slope: str) -> None:
    def edit(ds: Dataset, index: int) -> None:
        ds.RescaleIntercept, ds.RescaleSlope = -1024, slope if index == 2 else 1

    write_series(tmp_path, pattern(), POSITIONS, edit=edit)
    with pytest.raises(InputError, match="RescaleSlope"):
        read_volume(tmp_path)
