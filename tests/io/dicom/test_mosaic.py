"""Siemens mosaics, against dcm2niix where it is at hand."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from scipy import ndimage
from support.dicom_files import AXIAL, OBLIQUE, pattern, write_series

from volsweep.cases.phantoms import sample
from volsweep.errors import InputError, OutputError
from volsweep.io import check_can_hold, find_series, read_volume
from volsweep.io.nifti import from_nifti_affine

SLICES = pattern(7, 8, 6, np.uint16)


def tiled(slices: np.ndarray) -> np.ndarray:
    """A mosaic of 3 x 3 tiles, the last two empty."""
    count, rows, columns = slices.shape
    image = np.zeros((3, rows, 3, columns), slices.dtype)
    for index in range(count):
        image[index // 3, :, index % 3] = slices[index]
    return image.reshape(1, 3 * rows, 3 * columns)


def csa(**values: list[str]) -> bytes:
    """A Siemens private header (CSA 2)."""
    out = b"SV10\x04\x03\x02\x01" + struct.pack("<2I", len(values), 77)
    for name, items in values.items():
        out += struct.pack("<64si4s3i", name.encode(), len(items), b"FD\0\0", 0, 6, 77)
        for item in [*items, *[""] * (6 - len(items))]:
            text = item.encode().ljust(16, b"\0") if item else b""
            out += struct.pack("<4i", *[len(text)] * 2, 77, len(text)) + text
    return out


def write(folder: Path, *, orientation=AXIAL, normal: np.ndarray | None = None, leave_out: str = "", count: int = 7):
    def edit(ds: Dataset, _: int) -> None:
        ds.Manufacturer, ds.MagneticFieldStrength = "SIEMENS", 3
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
        ds.SpacingBetweenSlices, ds.SliceThickness = 4, 3
        if leave_out != "count":
            ds.private_block(0x19, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", count)
        if normal is not None:
            header = csa(NumberOfImagesInMosaic=[str(count)], SliceNormalVector=[f"{v:.8f}" for v in normal])
            ds.private_block(0x29, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", header)
        if leave_out == "spacing":
            del ds.SpacingBetweenSlices

    return write_series(
        folder, tiled(SLICES), [[-20.0, 11.0, 50.0]], orientation=orientation, modality="MR", edit=edit
    )[0]


def test_slices_lie_where_they_are(tmp_path: Path) -> None:
    volume = read_volume(write(tmp_path))
    np.testing.assert_array_equal(volume.array_zyx, SLICES)
    # As far further in as the mosaic's first corner lies from a slice's: (24 - 8) / 2 rows, (18 - 6) / 2 columns.
    np.testing.assert_allclose(volume.grid.to_lps_mm([[0, 0, 0], [6, 0, 0]]), [[-15.8, 17.4, 50], [-15.8, 17.4, 74]])
    assert volume.warnings == ()
    with pytest.raises(OutputError, match="is a mosaic"):
        check_can_hold("x.seg.dcm", volume.source)


@pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="needs dcm2niix")
@pytest.mark.parametrize("sign", [None, 1, -1], ids=["no private header", "along the normal", "against it"])
@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE], ids=["axial", "oblique"])
def test_dcm2niix_agrees(tmp_path: Path, orientation, sign) -> None:
    normal = None if sign is None else sign * np.cross(orientation[:3], orientation[3:])
    path = write(tmp_path / "in", orientation=orientation, normal=normal)
    volume = read_volume(path)
    (tmp_path / "out").mkdir()
    subprocess.run(["dcm2niix", "-z", "n", "-f", "m", "-o", tmp_path / "out", tmp_path / "in"], check=True)
    image = nibabel.load(tmp_path / "out/m.nii")
    found = np.asarray(image.dataobj).T
    assert found.shape == volume.shape_zyx
    for z, y, x in ((0, 0, 0), (6, 7, 5), (3, 2, 1)):
        at = tuple(np.argwhere(found == SLICES[z, y, x])[0])
        ours = tuple(np.argwhere(volume.array_zyx == SLICES[z, y, x])[0])
        there = from_nifti_affine(image.affine) @ [*at, 1]
        np.testing.assert_allclose(volume.grid.to_lps_mm(ours), there[:3], atol=1e-3)


@pytest.mark.parametrize(
    ("leave_out", "count", "reason"),
    [("count", 7, "does not say how many"), ("spacing", 7, "how far apart"), ("", 17, "not 5 times")],
)
def test_what_cannot_be_placed_is_refused_as_a_mosaic(tmp_path: Path, leave_out, count, reason) -> None:
    path = write(tmp_path, leave_out=leave_out, count=count)
    with pytest.raises(InputError, match=f"mosaic.*{reason}"):
        read_volume(path)


def test_a_mosaic_whose_image_type_was_rewritten_is_one(tmp_path: Path) -> None:
    path = write(tmp_path)
    ds = pydicom.dcmread(path)
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.save_as(path)
    np.testing.assert_array_equal(read_volume(path).array_zyx, SLICES)


def test_tiles_of_which_nothing_tells_are_known_by_their_size(tmp_path: Path) -> None:
    """No patient is a metre across."""
    path = write(tmp_path)
    ds = pydicom.dcmread(path)
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.remove_private_tags()
    ds.PixelSpacing = [60, 60]
    ds.save_as(path)
    with pytest.raises(InputError, match=r"mosaic.*does not say how many"):
        read_volume(path)


def test_several_mosaics_are_several_volumes(tmp_path: Path) -> None:
    one = write(tmp_path)
    again = Path(tmp_path / "again.dcm")
    ds = pydicom.dcmread(one)
    ds.SOPInstanceUID, ds.InstanceNumber = "1.2.3.4", 2
    ds.save_as(again)
    with pytest.raises(InputError, match="2 images at each of 7 positions"):
        read_volume(tmp_path)
    np.testing.assert_array_equal(read_volume(again).array_zyx, SLICES)


def heads(count: int, noise: float = 4.0) -> np.ndarray:
    """Slices of a head: an ellipse that narrows upwards, with two ventricles and noise; (slices, 40, 32)."""
    rng = np.random.default_rng(count)
    y, x = np.indices((40, 32))
    out = []
    for index in range(count):
        size = 1 - 0.5 * index / count
        inside = ((y - 20) / 17) ** 2 + ((x - 16) / 13) ** 2 < size**2
        ventricles = (np.abs(y - 18) < 7 * size) & (np.abs(np.abs(x - 16) - 3) < 2)
        out.append(200.0 * inside - 120 * (inside & ventricles) + rng.normal(20, noise, y.shape))
    return np.array(out).clip(0).astype(np.uint16)


def page(slices: np.ndarray) -> np.ndarray:
    side = int(np.ceil(np.sqrt(len(slices))))
    tiles = np.zeros((side * side, *slices.shape[1:]), slices.dtype)
    tiles[: len(slices)] = slices
    return tiles.reshape(side, side, 40, 32).swapaxes(1, 2).reshape(1, side * 40, side * 32)


@pytest.mark.parametrize("count", [2, 3, 4, 9, 20, 33])
def test_tiles_of_which_no_tag_tells_are_known_by_their_picture(tmp_path: Path, count: int) -> None:
    """An anonymised mosaic whose page is no wider than a patient."""
    write_series(tmp_path, page(heads(count)), [[-96.0, -96.0, 0.0]], spacing=(1.0, 1.0), modality="MR")
    with pytest.raises(InputError, match=r"mosaic.*tiled in one image.*dcm2niix"):
        read_volume(tmp_path)
    (info,) = find_series(tmp_path)
    assert "mosaic" in info.problem
    assert info.shape_zyx is None


def filled(count: int, seed: int) -> np.ndarray:
    """Slices that are nothing but smooth tissue, far apart: no air, and no likeness; (slices, 40, 32)."""
    rng = np.random.default_rng(seed)
    return np.array([ndimage.gaussian_filter(rng.normal(0, 900, (40, 32)), 4) + 500 for _ in range(count)]).astype(
        np.uint16
    )


@pytest.mark.parametrize("count", [2, 3, 4, 7, 16])
@pytest.mark.parametrize("seed", [0, 1])
def test_tiles_without_air_are_known_by_their_seams(tmp_path: Path, count: int, seed: int) -> None:
    write_series(tmp_path, page(filled(count, seed)), [[-96.0, -96.0, 0.0]], spacing=(1.0, 1.0), modality="MR")
    with pytest.raises(InputError, match=r"mosaic.*tiled in one image"):
        read_volume(tmp_path)


def phantom_page() -> np.ndarray:
    """Thirteen slices of the MR phantom, 4.5 mm apart and full of tissue, tiled."""
    tiles = np.zeros((16, 32, 32), np.uint16)
    tiles[:13] = read_volume(sample("mr_phantom").series).array_zyx[8:21, 60:124:2, 60:124:2].clip(0)
    return tiles.reshape(4, 4, 32, 32).swapaxes(1, 2).reshape(1, 128, 128)


def test_tiles_as_large_as_what_was_measured(tmp_path: Path) -> None:
    """Neither alike nor with sharp seams: that 32 x 32 voxels were measured tells. An image that was made four times
    as large has no seams there.
    """
    picture = phantom_page()
    for name, image in (("mosaic", picture), ("enlarged", np.kron(picture[0, :32, :32], np.ones((4, 4)))[None])):
        for path in write_series(tmp_path / name, image.astype(np.uint16), [[0.0, 0.0, 0.0]], modality="MR"):
            ds = pydicom.dcmread(path)
            ds.AcquisitionMatrix = [0, 32, 32, 0]
            ds.save_as(path)
    with pytest.raises(InputError, match=r"mosaic.*tiled in one image"):
        read_volume(tmp_path / "mosaic")
    assert read_volume(tmp_path / "enlarged").shape_zyx == (1, 128, 128)


@pytest.mark.parametrize("tagged", [True, False])
def test_a_mosaic_of_united_imaging_is_refused_as_one(tmp_path: Path, tagged: bool) -> None:
    """It was read as one slice."""
    (path,) = write_series(tmp_path, page(heads(9)), [[-96.0, -96.0, 0.0]], spacing=(1.0, 1.0), modality="MR")
    ds = pydicom.dcmread(path)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "VFRAME"]
    if tagged:
        ds.private_block(0x0065, "Image Private Header", create=True).add_new(0x50, "DS", "9")
    ds.save_as(path)
    with pytest.raises(InputError, match="is not Siemens'" if tagged else "does not say how many"):
        read_volume(tmp_path)


def test_a_picture_that_was_enlarged_has_no_seams(tmp_path: Path) -> None:
    """Each of its pixels is four beside each other: the picture changes at every fourth line alone."""
    rough = ndimage.gaussian_filter(np.random.default_rng(3).normal(0, 900, (48, 48)), 2) + 500
    image = np.kron(rough, np.ones((4, 4))).astype(np.uint16)
    write_series(tmp_path, image[None], [[0.0, 0.0, 0.0]], modality="MR")
    assert read_volume(tmp_path).shape_zyx == (1, 192, 192)


def test_a_single_slice_is_no_mosaic(tmp_path: Path) -> None:
    for name, image in (
        ("head", heads(3)[1]),
        ("legs", np.hstack([heads(3)[0], heads(3)[0]])),
        ("tissue to its borders", filled(1, 4)[0]),
        ("nothing but noise", np.random.default_rng(1).integers(0, 99, (96, 96))),
    ):
        write_series(tmp_path / name, image[None], [[0.0, 0.0, 0.0]], modality="MR")
        assert read_volume(tmp_path / name).shape_zyx == (1, *image.shape)
