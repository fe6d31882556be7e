"""NIfTI in: placed as nibabel places it, with every doubt told."""

from __future__ import annotations

import contextlib
import gzip
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from volsweep.errors import GeometryError, InputError, OutputError, VolsweepError
from volsweep.io import check_can_hold, find_series, read_labels, read_volume, write_labels
from volsweep.volume import LabelVolume

VALUES_XYZ = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
AFFINE_RAS = np.array([[0.0, -2.0, 0.1, 30], [0.7, 0.0, 0.0, -12], [0.0, 0.2, 3.0, 7], [0, 0, 0, 1]])


def save(path: Path, values: np.ndarray, affine: np.ndarray | None = AFFINE_RAS, **codes: int) -> Path:
    image = nibabel.Nifti1Image(values, affine)
    for form, code in codes.items():
        getattr(image.header, f"set_{form}")(affine, code)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_every_voxel_lies_where_nibabel_says(tmp_path: Path, suffix: str) -> None:
    volume = read_volume(save(tmp_path / f"a{suffix}", VALUES_XYZ, sform=1))
    assert volume.shape_zyx == (6, 5, 4)
    assert volume.array_zyx.dtype == np.int16
    for x, y, z in np.ndindex(VALUES_XYZ.shape):
        assert volume.array_zyx[z, y, x] == VALUES_XYZ[x, y, z]
    ras = nibabel.affines.apply_affine(AFFINE_RAS, [3, 1, 5])
    np.testing.assert_allclose(volume.grid.to_lps_mm([5, 1, 3]), ras * [-1, -1, 1], atol=1e-5)
    assert volume.source is not None
    assert volume.source.kind == "nifti"


def test_uncompressed_stays_on_the_disk(tmp_path: Path) -> None:
    volume = read_volume(save(tmp_path / "a.nii", VALUES_XYZ))
    base = volume.array_zyx
    while base.base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


def test_simpleitk_places_the_same_voxels(tmp_path: Path) -> None:
    rotation, _ = np.linalg.qr(np.array([[1, 0.2, 0.1], [-0.3, 1, 0], [0.1, 0, 1]]))
    affine = np.eye(4)
    affine[:3, :3] = rotation * [0.8, 0.9, 2.5]
    affine[:3, 3] = 5, -6, 7
    path = save(tmp_path / "a.nii.gz", VALUES_XYZ, affine, sform=1, qform=1)
    volume, image = read_volume(path), SimpleITK.ReadImage(path)
    assert volume.warnings == ()
    np.testing.assert_array_equal(volume.array_zyx, SimpleITK.GetArrayFromImage(image))
    for index in [(0, 0, 0), (5, 4, 3), (2, 4, 0)]:
        there = image.TransformIndexToPhysicalPoint(index[::-1])
        np.testing.assert_allclose(volume.grid.to_lps_mm(index), there, atol=1e-4)


def test_scaled_values(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VALUES_XYZ, AFFINE_RAS)
    image.header.set_slope_inter(0.25, -3)
    nibabel.save(image, tmp_path / "a.nii")
    raw = nibabel.load(tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.array_zyx.dtype == np.float32
    np.testing.assert_allclose(volume.array_zyx, raw.get_fdata().T, rtol=1e-6, atol=1e-5)


def test_without_forms(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VALUES_XYZ, None)
    image.header.set_zooms((0.5, 0.6, 3))
    nibabel.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert "no sform, no qform" in volume.warnings[0]
    np.testing.assert_allclose(volume.grid.spacing_zyx_mm, [3, 0.6, 0.5], rtol=1e-6)


def test_broken_sform_falls_back_to_the_qform(tmp_path: Path) -> None:
    affine = np.diag([2.0, 2, 3, 1])
    image = nibabel.Nifti1Image(VALUES_XYZ, affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    nibabel.save(image, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[280:296] = np.full(4, np.nan, np.float32).tobytes()  # srow_x
    (tmp_path / "a.nii").write_bytes(raw)
    volume = read_volume(tmp_path / "a.nii")
    assert volume.warnings == ("its sform is damaged and was passed over",)
    np.testing.assert_allclose(volume.grid.spacing_zyx_mm, [3, 2, 2])


def test_forms_that_disagree(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VALUES_XYZ, np.eye(4))
    image.set_qform(np.eye(4), 1)
    image.set_sform(np.diag([1, 1, 2, 1]), 1)
    nibabel.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert "disagree; the sform was used" in volume.warnings[0]
    np.testing.assert_allclose(volume.grid.spacing_zyx_mm, [2, 1, 1])


def test_units(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VALUES_XYZ, AFFINE_RAS)
    image.header.set_xyzt_units("micron")
    nibabel.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.grid.spacing_zyx_mm[0] * 1000, 3.001666, rtol=1e-5)
    assert "its unit of length is the micron; it was converted to millimetres" in volume.warnings


def test_trailing_axes(tmp_path: Path) -> None:
    assert read_volume(save(tmp_path / "one.nii", VALUES_XYZ[..., None])).shape_zyx == (6, 5, 4)
    assert read_volume(save(tmp_path / "flat.nii", VALUES_XYZ[..., 0])).shape_zyx == (1, 5, 4)
    with pytest.raises(InputError, match="several volumes in one file"):
        read_volume(save(tmp_path / "four.nii", np.stack([VALUES_XYZ] * 2, axis=-1)))


def test_not_finite(tmp_path: Path) -> None:
    values = VALUES_XYZ.astype(np.float64) - 7
    values[1, 2, 3], values[0, 0, 1] = np.nan, np.inf
    volume = read_volume(save(tmp_path / "a.nii.gz", values))
    assert volume.array_zyx.dtype == np.float32
    assert volume.array_zyx[3, 2, 1] == volume.array_zyx[1, 0, 0] == -7
    assert volume.warnings == ("2 voxels that are not finite were set to the smallest value, -7",)
    with pytest.raises(InputError, match="no finite value"):
        read_volume(save(tmp_path / "b.nii", np.full((2, 2, 2), np.nan)))


def test_colour(tmp_path: Path) -> None:
    rgb = np.zeros((3, 3, 3), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(InputError, match="in colour"):
        read_volume(save(tmp_path / "a.nii", rgb))
    with pytest.raises(InputError, match="in colour or complex"):
        read_volume(save(tmp_path / "b.nii", VALUES_XYZ.astype(np.complex64)))


def test_big_endian(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VALUES_XYZ, AFFINE_RAS).header.as_byteswapped(">")
    nibabel.save(nibabel.Nifti1Image(VALUES_XYZ, AFFINE_RAS, image), tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.array_zyx.dtype.isnative
    np.testing.assert_array_equal(volume.array_zyx, VALUES_XYZ.T)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_damage_ends_in_a_volume_or_a_sentence(tmp_path: Path, suffix: str, rng: np.random.Generator) -> None:
    path = save(tmp_path / f"a{suffix}", VALUES_XYZ)
    whole = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    for length in (0, 10, 100, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:length].tobytes())
        with pytest.raises(InputError):
            read_volume(path)
    for _ in range(150):
        damaged = whole.copy()
        damaged[rng.integers(0, min(len(whole), 352), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes())
        with contextlib.suppress(VolsweepError):
            read_volume(path)


def test_huge_dimensions_are_not_believed(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VALUES_XYZ, AFFINE_RAS)
    nibabel.save(image, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[42:48] = np.full(3, 30_000, np.int16).tobytes()
    (tmp_path / "a.nii").write_bytes(raw)
    with pytest.raises(InputError, match="more than the file can hold"):
        read_volume(tmp_path / "a.nii")


def test_info_and_series(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", VALUES_XYZ)
    (info,) = find_series(path)
    assert (info.kind, info.shape_zyx, info.loadable) == ("nifti", (6, 5, 4), True)
    with pytest.raises(InputError, match="is not DICOM"):
        read_volume(path, series="1.2")


@pytest.mark.cases
def test_real_cases(cases: Path) -> None:
    for path in sorted((cases / "dev").glob("*/*/image.nii.gz"))[::9]:
        volume, image = read_volume(path), nibabel.load(path)
        np.testing.assert_array_equal(volume.array_zyx, np.asanyarray(image.dataobj).T)
        last = np.array(volume.shape_zyx) - 1
        ras = nibabel.affines.apply_affine(image.affine, last[::-1])
        np.testing.assert_allclose(volume.grid.to_lps_mm(last), ras * [-1, -1, 1], atol=1e-3)


def corners_in(path: Path) -> list[np.ndarray]:
    """The corners of a file's volume as nibabel and as ITK place them."""
    image, itk = nibabel.load(path), SimpleITK.ReadImage(path)
    corners = [[x, y, z] for x in (0, 3) for y in (0, 4) for z in (0, 5)]
    return [
        nibabel.affines.apply_affine(image.affine, corners),
        np.array([itk.TransformIndexToPhysicalPoint(c) for c in corners]),
    ]


@pytest.mark.parametrize("forms", ["none", "qform", "sform", "apart", "metres"])
def test_labels_lie_on_their_image_in_nibabel_and_in_itk(tmp_path: Path, forms: str) -> None:
    turned = np.array([[0.0, -2.0, 0, 30], [0.7, 0, 0, -12], [0, 0, 3, 7], [0, 0, 0, 1]])
    image = nibabel.Nifti1Image(VALUES_XYZ, None)
    image.header.set_zooms((0.7, 2, 3))
    if forms in ("qform", "apart", "metres"):
        image.set_qform(turned, 1)
    if forms in ("sform", "apart", "metres"):
        image.set_sform(turned, 2)
    if forms == "apart":
        away = turned.copy()
        away[:3, 3] += (100, -50, 20)
        image.set_sform(away, 2)
    if forms == "metres":
        image.header.set_xyzt_units("meter")
        image.set_qform(turned / [[1000], [1000], [1000], [1]], 1)
        image.set_sform(turned / [[1000], [1000], [1000], [1]], 1)
    nibabel.save(image, tmp_path / "image.nii.gz")
    volume = read_volume(tmp_path / "image.nii.gz")
    labels = LabelVolume((volume.array_zyx > 50).astype(np.uint8), volume.grid, source=volume.source)
    receipt = write_labels(tmp_path / "mask.nii.gz", labels)
    assert receipt.max_corner_error_mm < 1e-3
    again = read_labels(tmp_path / "mask.nii.gz")
    write_labels(tmp_path / "again.nii.gz", again)
    for name in ("mask.nii.gz", "again.nii.gz"):
        for ours, theirs in zip(corners_in(tmp_path / name), corners_in(tmp_path / "image.nii.gz"), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
        np.testing.assert_array_equal(np.asarray(nibabel.load(tmp_path / name).dataobj), VALUES_XYZ > 50)


@pytest.mark.parametrize("suffix", [".nrrd", ".seg.nrrd"])
@pytest.mark.parametrize("forms", ["none", "sform", "both", "apart"])
def test_nrrd_of_an_image_that_itk_lays_elsewhere_is_refused(tmp_path: Path, suffix: str, forms: str) -> None:
    """3D Slicer showed such labels 100 mm beside their image."""
    image = nibabel.Nifti1Image(VALUES_XYZ, None)
    image.header.set_zooms((2, 2, 3))
    if forms != "none":
        image.set_sform(np.diag([2, 2, 3, 1]), 2)
    if forms in ("both", "apart"):
        image.set_qform(nibabel.affines.from_matvec(np.diag([2, 2, 3]), [90 * (forms == "apart"), 0, 0]), 1)
    nibabel.save(image, tmp_path / "image.nii.gz")
    volume = read_volume(tmp_path / "image.nii.gz")
    labels = LabelVolume((volume.array_zyx > 50).astype(np.uint8), volume.grid, source=volume.source)
    path = tmp_path / f"mask{suffix}"
    if forms in ("none", "apart"):
        for write in (lambda: check_can_hold(path, volume.source, volume.grid), lambda: write_labels(path, labels)):
            with pytest.raises(OutputError, match=r"would lie .* mm from image\.nii\.gz in programs"):
                write()
        return
    write_labels(path, labels)
    mask = SimpleITK.ReadImage(str(path))
    np.testing.assert_allclose(mask.GetOrigin(), SimpleITK.ReadImage(str(tmp_path / "image.nii.gz")).GetOrigin())


@pytest.mark.parametrize("size", [0.0, -4.5, np.nan, np.inf, 1e30])
@pytest.mark.parametrize("form", ["qform", "sform", "none"])
def test_voxel_sizes_that_nothing_has(tmp_path: Path, form: str, size: float, capfd, caplog) -> None:
    image = nibabel.Nifti1Image(VALUES_XYZ, None)
    if form != "none":
        getattr(image, f"set_{form}")(np.diag([2, 2, 3, 1]), 1)
    nibabel.save(image, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[88:92] = np.float32(size).tobytes()  # pixdim[3]
    (tmp_path / "a.nii").write_bytes(raw)
    with pytest.raises(GeometryError, match="voxel sizes"):
        read_volume(tmp_path / "a.nii")
    assert capfd.readouterr().err == ""
    assert not caplog.records  # which Python prints where nobody listens


@pytest.mark.parametrize("slope", [np.inf, -np.inf, 1e30])
def test_values_scaled_by_no_factor_are_refused(tmp_path: Path, slope: float) -> None:
    path = patched(tmp_path, 112, slope)
    for read in (read_volume, read_labels):
        with pytest.raises(InputError, match="scl_slope"):
            read(path)


@pytest.mark.parametrize("size", [9.0, 1e-30])
def test_voxel_sizes_other_than_the_forms_are_told(tmp_path: Path, size: float) -> None:
    volume = read_volume(patched(tmp_path, 76 + 12, size))
    np.testing.assert_allclose(volume.grid.spacing_zyx_mm, (4, 2, 2))
    assert any("pixdim" in note and "2 x 2 x 4 mm" in note for note in volume.warnings)


@pytest.mark.parametrize("offset", [1e30, np.nan])
def test_a_first_voxel_where_no_patient_is(tmp_path: Path, offset: float) -> None:
    path = patched(tmp_path, 280 + 12, offset)
    if np.isnan(offset):  # the form is damaged: its labels get one of their own
        volume = read_volume(path)
        labels = np.ones(volume.shape_zyx, np.uint8)
        write_labels(tmp_path / "labels.nii.gz", LabelVolume(labels, volume.grid, source=volume.source))
        np.testing.assert_allclose(read_labels(tmp_path / "labels.nii.gz").affine, volume.affine)
    else:
        with pytest.raises(GeometryError, match="where no patient is"):
            read_volume(path)


def patched(folder: Path, at: int, number: float) -> Path:
    """A NIfTI of 2 x 2 x 4 mm with another number in its header."""
    path = folder / "patched.nii"
    nibabel.save(nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.diag([2.0, 2, 4, 1])), path)
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, at, number)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("where", ["in the voxels", "in the checksum", "cut"])
def test_a_damaged_gzip_is_not_read_as_another_image(tmp_path: Path, where: str) -> None:
    """Nibabel reads as many bytes as it needs, and never comes to the checksum."""
    values = np.random.default_rng(3).integers(0, 1000, (40, 30, 20)).astype(np.int16)
    path = tmp_path / "a.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    content = path.read_bytes()
    at = len(content) - 6 if where == "in the checksum" else len(content) // 2
    path.write_bytes(content[:-4] if where == "cut" else content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
    with pytest.raises(InputError, match="is damaged"):
        read_volume(path)


def test_gzip_of_many_members_is_read(tmp_path: Path) -> None:
    """As bgzip and parallel programs write it."""
    values = np.random.default_rng(3).integers(0, 1000, (80, 60, 20)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii")
    content = (tmp_path / "a.nii").read_bytes()
    members = [gzip.compress(content[at : at + 60_000]) for at in range(0, len(content), 60_000)]
    (tmp_path / "a.nii.gz").write_bytes(b"".join([*members, gzip.compress(b"")]))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii.gz").array_zyx, values.T)
