"""NRRD and MetaImage in."""

from __future__ import annotations

import contextlib
import gzip
import os
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from volsweep.errors import InputError, VolsweepError
from volsweep.io import find_series, read_labels, read_volume, write_labels
from volsweep.io.itk.images import stderr_away
from volsweep.volume import LabelVolume

VALUES = np.arange(6 * 5 * 4, dtype=np.int16).reshape(6, 5, 4)


def oblique_image(values: np.ndarray = VALUES) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(values)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-11, 22, 33))
    turn = SimpleITK.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.9)
    image.SetDirection(turn.GetMatrix())
    return image


@pytest.mark.parametrize(
    ("suffix", "kind"), [(".nrrd", "nrrd"), (".nhdr", "nrrd"), (".mha", "metaimage"), (".mhd", "metaimage")]
)
def test_every_voxel_lies_where_simpleitk_says(tmp_path: Path, suffix: str, kind: str) -> None:
    image = oblique_image()
    path = tmp_path / f"a{suffix}"
    SimpleITK.WriteImage(image, path)
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array_zyx, VALUES)
    for index in [(0, 0, 0), (5, 4, 3), (1, 0, 3)]:
        there = image.TransformIndexToPhysicalPoint(index[::-1])
        np.testing.assert_allclose(volume.grid.to_lps_mm(index), there, atol=1e-4)
    np.testing.assert_allclose(volume.grid.spacing_zyx_mm, [2.5, 0.8, 0.7], rtol=1e-6)
    assert volume.source is not None
    assert volume.source.kind == kind
    assert find_series(path)[0].shape_zyx == (6, 5, 4)


def test_nrrd_in_ras_without_simpleitk(tmp_path: Path) -> None:
    """A header written by hand in the other convention."""
    header = (
        "NRRD0004\ntype: uint8\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 3 4\n"
        "space directions: (2,0,0) (0,0,3) (0,4,0)\nencoding: raw\nspace origin: (10,20,30)\n\n"
    )
    path = tmp_path / "a.nrrd"
    path.write_bytes(header.encode() + bytes(range(24)))
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array_zyx, np.arange(24).reshape(4, 3, 2))
    np.testing.assert_allclose(volume.grid.to_lps_mm([0, 0, 0]), [-10, -20, 30])
    np.testing.assert_allclose(volume.grid.to_lps_mm([1, 2, 1]), [-12, -24, 36])
    assert volume.grid.plane_axis("coronal") == 0


def test_what_is_no_volume(tmp_path: Path) -> None:
    SimpleITK.WriteImage(
        SimpleITK.GetImageFromArray(np.zeros((3, 4, 5, 3), np.uint8), isVector=True), tmp_path / "v.mha"
    )
    with pytest.raises(InputError, match="3 values per voxel"):
        read_volume(tmp_path / "v.mha")
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.zeros((4, 5), np.uint8)), tmp_path / "flat.mha")
    with pytest.raises(InputError, match="one three-dimensional volume"):
        read_volume(tmp_path / "flat.mha")
    SimpleITK.WriteImage(
        SimpleITK.GetImageFromArray(np.zeros((2, 3, 4, 5), np.uint8), isVector=False), tmp_path / "t.mha"
    )
    with pytest.raises(InputError, match="one three-dimensional volume"):
        read_volume(tmp_path / "t.mha")
    one = SimpleITK.GetImageFromArray(VALUES[None], isVector=False)
    SimpleITK.WriteImage(one, tmp_path / "one.mha")
    np.testing.assert_array_equal(read_volume(tmp_path / "one.mha").array_zyx, VALUES)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_damage_ends_in_a_volume_or_a_sentence(tmp_path: Path, suffix: str, rng: np.random.Generator) -> None:
    path = tmp_path / f"a{suffix}"
    SimpleITK.WriteImage(oblique_image(), path)
    whole = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    path.write_bytes(whole[: len(whole) // 3].tobytes())
    with pytest.raises(InputError, match=r"cannot be read|no three axes in space"):
        read_volume(path)
    for _ in range(60):
        damaged = whole.copy()
        damaged[rng.integers(0, 400, 2)] = rng.integers(32, 127, 2)
        path.write_bytes(damaged.tobytes())
        with contextlib.suppress(VolsweepError):
            read_volume(path)


NOISE = np.random.default_rng(3).integers(0, 1000, (20, 30, 40)).astype(np.int16)


def flipped(content: bytes, share: float) -> bytes:
    at = int(len(content) * share)
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


@pytest.mark.parametrize("suffix", [".mha", ".nrrd", ".seg.nrrd"])
@pytest.mark.parametrize("damage", [lambda c: flipped(c, 0.6), lambda c: c[:-3000]], ids=["flipped", "cut"])
def test_damaged_compressed_voxels_are_not_read_as_others(tmp_path: Path, suffix: str, damage) -> None:
    """ITK reads what comes of them, and half of the voxels were other ones."""
    path = tmp_path / f"a{suffix}"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(NOISE), str(path), useCompression=True)
    content = path.read_bytes()
    read = read_labels if suffix == ".seg.nrrd" else read_volume
    if suffix != ".seg.nrrd":
        np.testing.assert_array_equal(read(path).array_zyx, NOISE)
    path.write_bytes(damage(content))
    with pytest.raises(InputError, match=r"damaged|cannot be read"):
        read(path)


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"])
@pytest.mark.parametrize("suffix", [".mha", ".mhd", ".nrrd", ".nhdr"])
def test_sound_compressed_voxels_are_read(tmp_path: Path, suffix: str, kind: str) -> None:
    values = (NOISE % 100).astype(kind)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), str(tmp_path / f"a{suffix}"), useCompression=True)
    np.testing.assert_array_equal(read_volume(tmp_path / f"a{suffix}").array_zyx, values)


@pytest.mark.parametrize(("lines", "data"), [
    ("CompressedData = True", NOISE.tobytes()),
    ("CompressedData = True", zlib.compress(NOISE.tobytes()[:-4000])),
    ("CompressedData = True", zlib.compress(NOISE.tobytes() + b"12")),
    ("CompressedData = True\nCompressedDataSize = 20000", zlib.compress(NOISE.tobytes())),
])  # fmt: skip
def test_compressed_voxels_that_are_not_what_the_header_says(tmp_path: Path, lines: str, data: bytes) -> None:
    head = "NDims = 3\nDimSize = 40 30 20\nElementSpacing = 1 1 1\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n"
    (tmp_path / "a.mha").write_bytes(
        f"{head}{lines}\nElementType = MET_SHORT\nElementDataFile = LOCAL\n".encode() + data
    )
    with pytest.raises(InputError, match=r"is damaged|cannot be read"):
        read_volume(tmp_path / "a.mha")


def test_voxels_in_big_endian_are_compared_too(tmp_path: Path) -> None:
    head = "NRRD0004\ntype: short\ndimension: 3\nsizes: 40 30 20\nspacings: 1 1 1\nendian: big\nencoding: gzip\n\n"
    (tmp_path / "a.nrrd").write_bytes(head.encode() + gzip.compress(NOISE.astype(">i2").tobytes()))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nrrd").array_zyx, NOISE)


def test_itk_warns_nobody_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It warned of scales in the sform twelve times, with addresses and C++ files."""
    image = nibabel.Nifti1Image(np.ones((5, 6, 7), np.int16), np.diag([1, 1, 2, 1]))
    image.header["pixdim"][3] = 5
    nibabel.save(image, tmp_path / "a.nii")
    SimpleITK.ReadImage(str(tmp_path / "a.nii"))
    assert "unexpected scales" in capfd.readouterr().err
    volume = read_volume(tmp_path / "a.nii")
    labels = LabelVolume(np.ones(volume.shape_zyx, np.uint8), volume.grid, source=volume.source)
    write_labels(tmp_path / "l.nii.gz", labels)
    assert capfd.readouterr().err == ""
    assert SimpleITK.ProcessObject.GetGlobalWarningDisplay()


@pytest.mark.parametrize("suffix", [".mha", ".mhd", ".nrrd", ".nhdr"])
@pytest.mark.parametrize("more", [0, 10, 5000])
def test_more_voxels_than_the_header_says(tmp_path: Path, suffix: str, more: int) -> None:
    """A few bytes are padding; a slice's worth is a header that lies."""
    path = tmp_path / f"a{suffix}"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(NOISE), str(path))
    data = path.with_suffix(".raw") if suffix in (".mhd", ".nhdr") else path
    with data.open("ab") as stream:
        stream.write(b"\0" * more)
    if more <= 10:
        np.testing.assert_array_equal(read_volume(path).array_zyx, NOISE)
    else:
        with pytest.raises(InputError, match="more voxels than its header says"):
            read_volume(path)


def damaged(folder: Path) -> Path:
    head = "NDims = 3\nDimSize = 5 4 3\nElementSpacing = 1 1 1\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n"
    path = folder / "a.mha"
    kind = "CompressedData = True\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    path.write_bytes((head + kind).encode() + zlib.compress(bytes(120))[:-6])
    return path


def test_metaio_says_nothing_of_a_damaged_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = damaged(tmp_path)
    SimpleITK.ReadImage(str(path))
    assert "Uncompress failed" in capfd.readouterr().err
    with pytest.raises(InputError):
        read_volume(path)
    assert capfd.readouterr().err == ""


def test_who_turns_it_away_last_turns_it_back(capfd: pytest.CaptureFixture[str]) -> None:
    with stderr_away():
        with stderr_away():
            os.write(2, b"first")
        os.write(2, b"second")
    os.write(2, b"third")
    assert capfd.readouterr().err == "third"
