"""Headers of NRRD and MetaImage: no file elsewhere is opened, and lengths are what they say."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from volsweep.errors import GeometryError, InputError
from volsweep.io import read_labels, read_volume
from volsweep.io.itk.fields import read_fields
from volsweep.io.itk.header import check_data_file

VALUES = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)


def mhd(folder: Path, data: str, spacing: str = "ElementSpacing = 1 2 3\n") -> Path:
    path = folder / "a.mhd"
    path.write_text(
        f"ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\n{spacing}ElementType = MET_SHORT\nElementDataFile = {data}\n"
    )
    return path


def nrrd(folder: Path, *lines: str) -> Path:
    path = folder / "a.nhdr"
    path.write_text("\n".join(["NRRD0004", "type: short", "dimension: 3", "sizes: 4 3 2", *lines, ""]))
    (folder / "a.raw").write_bytes(VALUES.tobytes())
    return path


@pytest.mark.parametrize("header", ["mhd", "nhdr"])
@pytest.mark.parametrize("where", ["up", "absolute", "link", "pipe", "absent"])
def test_voxels_elsewhere_are_not_opened(tmp_path: Path, header: str, where: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret.raw").write_bytes(VALUES.tobytes())
    name = {"up": "../secret.raw", "absolute": str(tmp_path / "secret.raw")}.get(where, "data.raw")
    if where == "link":
        (folder / "data.raw").symlink_to(tmp_path / "secret.raw")
    if where == "pipe":
        os.mkfifo(folder / "data.raw")
    endian = ("encoding: raw", "endian: little")
    path = mhd(folder, name) if header == "mhd" else nrrd(folder, "spacings: 1 2 3", *endian, f"data file: {name}")
    with pytest.raises(InputError, match="outside its folder" if where in ("up", "absolute", "link") else "no file"):
        read_volume(path)


def test_voxels_beside_the_header_are_read(tmp_path: Path) -> None:
    (tmp_path / "d.raw").write_bytes(VALUES.tobytes())
    np.testing.assert_array_equal(read_volume(mhd(tmp_path, "d.raw")).array_zyx, VALUES)
    with pytest.raises(InputError, match="several files"):
        read_volume(mhd(tmp_path, "LIST"))


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("cm", 10), ("m", 1000), ("um", 0.001)])
def test_lengths_of_nrrd(tmp_path: Path, unit: str, factor: float) -> None:
    path = nrrd(
        tmp_path,
        "space: left-posterior-superior",
        "space directions: (0.7,0,0) (0,0.8,0) (0,0,0.9)",
        "space origin: (1,2,3)",
        f'space units: "{unit}" "{unit}" "{unit}"',
        "encoding: raw",
        "endian: little",
        "data file: a.raw",
    )
    volume = read_volume(path)
    np.testing.assert_allclose(volume.grid.spacing_zyx_mm, np.array([0.9, 0.8, 0.7]) * factor)
    np.testing.assert_allclose(volume.affine[:3, 3], np.array([1, 2, 3]) * factor)
    assert any("unit of length" in w for w in volume.warnings) == (factor != 1)


def test_no_spacing_is_told_and_an_absurd_one_refused(tmp_path: Path) -> None:
    (tmp_path / "d.raw").write_bytes(VALUES.tobytes())
    (note,) = read_volume(mhd(tmp_path, "d.raw", spacing=f"{PLAIN}\n")).warnings
    assert "1 mm is assumed" in note
    with pytest.raises(GeometryError, match="voxel sizes"):
        read_volume(mhd(tmp_path, "d.raw", spacing="ElementSpacing = 1 1 1e30\n"))
    image = SimpleITK.GetImageFromArray(VALUES)
    SimpleITK.WriteImage(image, tmp_path / "b.mha")
    assert read_volume(tmp_path / "b.mha").warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        "ObjectType = Image\nNDims = 6567369530933248\nDimSize = 1\nElementType = MET_SHORT\nElementDataFile = LOCAL\n",
        "ObjectType = Image\nNDims = 3\nDimSize = 4 0 2\nElementType = MET_SHORT\nElementDataFile = LOCAL\n",
        "ObjectType = Image\nNDims = 3\nDimSize = 9999 9999 9999\nElementType = MET_SHORT\nElementDataFile = LOCAL\n",
        f"ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\nElementType = MET_SHORT\nElementDataFile = {'x' * 300}\n",
        "ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\nElementType = MET_SHORT\nElementDataFile = a\0b\n",
    ],
)
def test_a_header_that_cannot_be_true_is_refused_before_itk_believes_it(tmp_path, text):
    path = tmp_path / "x.mhd"
    path.write_text(text)
    with pytest.raises(InputError, match="is damaged"):
        check_data_file(path, read_fields(path))


@pytest.mark.parametrize("unit", ["μm", "Micrometers", "microns"])
def test_micrometres_however_they_are_spelled(tmp_path: Path, unit: str) -> None:
    path = nrrd(
        tmp_path,
        f'units: "{unit}" "{unit}" "{unit}"',
        "spacings: 1 2 3",
        "encoding: raw",
        "endian: little",
        "data file: a.raw",
    )
    np.testing.assert_allclose(read_volume(path).grid.spacing_zyx_mm, (0.003, 0.002, 0.001))


@pytest.mark.parametrize(("unit", "factor"), [("um", 0.001), ("cm", 10), ("?", 1)])
def test_lengths_of_metaimage(tmp_path: Path, unit: str, factor: float) -> None:
    (tmp_path / "d.raw").write_bytes(VALUES.tobytes())
    volume = read_volume(mhd(tmp_path, "d.raw", f"DistanceUnits = {unit}\nElementSpacing = 1 2 3\n"))
    np.testing.assert_allclose(volume.grid.spacing_zyx_mm, np.array([3, 2, 1]) * factor)


@pytest.mark.parametrize("sizes", ["1 1 0", "1 1 -2", "1 1 nan", "1 1", "1 1 x", "1 1 1e30"])
@pytest.mark.parametrize("header", ["mhd", "nhdr"])
def test_voxel_sizes_that_nothing_has(tmp_path: Path, header: str, sizes: str) -> None:
    """ITK takes -2 for 2, and 1 for what is no number."""
    (tmp_path / "d.raw").write_bytes(VALUES.tobytes())
    if header == "mhd":
        path = mhd(tmp_path, "d.raw", f"ElementSpacing = {sizes}\n")
    else:
        path = nrrd(tmp_path, f"spacings: {sizes}", "encoding: raw", "endian: little", "data file: a.raw")
    with pytest.raises(GeometryError, match="voxel sizes"):
        read_volume(path)


@pytest.mark.parametrize(
    "line",
    [
        "(1,0,0) (0,1,0) (0,0,0)",
        "(1,0,0) (1,0,0) (0,0,2)",
        "(1,0,0) (0,1,0) (0,0,nan)",
        "(1,0,0) (0,a,0) (0,0,2)",
        "(1,0,0) (0,1,0) none",
    ],
)
def test_directions_that_are_no_axes(tmp_path: Path, line: str) -> None:
    space = ("space: left-posterior-superior", f"space directions: {line}", "space origin: (0,0,0)")
    with pytest.raises(GeometryError, match="no three axes"):
        read_volume(nrrd(tmp_path, *space, "encoding: raw", "endian: little", "data file: a.raw"))


@pytest.mark.parametrize("matrix", ["0 0 0 0 0 0 0 0 0", "1 0 0 1 0 0 0 0 1", "nan 0 0 0 1 0 0 0 1"])
def test_a_matrix_that_is_no_axes(tmp_path: Path, matrix: str) -> None:
    (tmp_path / "d.raw").write_bytes(VALUES.tobytes())
    with pytest.raises(GeometryError, match="no three axes"):
        read_volume(mhd(tmp_path, "d.raw", f"ElementSpacing = 1 2 3\nTransformMatrix = {matrix}\n"))


def test_what_does_not_say_how_it_lies_is_told(tmp_path: Path) -> None:
    raw = ("encoding: raw", "endian: little", "data file: a.raw")
    assert "left and right are assumed" in read_volume(nrrd(tmp_path, "spacings: 1 2 3", *raw)).warnings[0]
    (tmp_path / "d.raw").write_bytes(VALUES.tobytes())
    with pytest.raises(GeometryError, match="where no patient is"):
        read_volume(mhd(tmp_path, "d.raw", "ElementSpacing = 1 2 3\nOffset = 0 0 1e30\n"))


def mha(folder: Path, *lines: str) -> Path:
    path = folder / "a.mha"
    head = ["ObjectType = Image", "NDims = 3", "DimSize = 4 3 2", "ElementSpacing = 1 2 3", *lines]
    text = "\n".join([*head, "ElementType = MET_SHORT", "ElementDataFile = LOCAL", ""])
    path.write_bytes(text.encode() + VALUES.tobytes())
    return path


PLAIN = "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0"


def test_what_elements_mean_is_followed_and_told(tmp_path: Path) -> None:
    """MetaIO's documentation: intensity is element times slope, plus offset."""
    lines = ("ElementToIntensityFunctionSlope = 2", "ElementToIntensityFunctionOffset = -1024")
    volume = read_volume(mha(tmp_path, PLAIN, *lines))
    np.testing.assert_array_equal(volume.array_zyx, VALUES.astype(int) * 2 - 1024)
    assert volume.source is not None
    assert volume.source.rescaled
    assert "scaled by 2 and -1024" in volume.warnings[0]
    np.testing.assert_array_equal(read_labels(mha(tmp_path, PLAIN, lines[0])).array_zyx, VALUES * 2)
    plain = read_volume(mha(tmp_path, PLAIN, "ElementToIntensityFunctionSlope = 1"))
    assert plain.warnings == ()
    assert plain.array_zyx.dtype == np.int16


@pytest.mark.parametrize("line", ["Slope = 0", "Slope = nan", "Slope = two", "Offset = inf", "Offset = 1e30"])
def test_elements_that_mean_nothing(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match="what its values mean is unknown"):
        read_volume(mha(tmp_path, PLAIN, f"ElementToIntensityFunction{line}"))


@pytest.mark.parametrize("direction", [
    (1, 0, 0, 0, 1, 0, 0, 0, 1), (-1, 0, 0, 0, -1, 0, 0, 0, 1), (0, 0, -1, 1, 0, 0, 0, -1, 0),
    (0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1), (0.70711, -0.70711, 0, 0.70711, 0.70711, 0, 0, 0, 1),
])  # fmt: skip
def test_letters_that_itk_writes_contradict_nothing(tmp_path: Path, direction: tuple[float, ...]) -> None:
    image = SimpleITK.GetImageFromArray(VALUES)
    image.SetDirection(direction)
    SimpleITK.WriteImage(image, str(tmp_path / "a.mha"))
    assert "AnatomicalOrientation = " in (tmp_path / "a.mha").read_bytes().decode("latin-1")
    assert read_volume(tmp_path / "a.mha").warnings == ()


@pytest.mark.parametrize("letters", ["LAI", "LPI", "RAS", "ARI", "LPS"])
def test_letters_that_contradict_the_axes_are_told(tmp_path: Path, letters: str) -> None:
    told = read_volume(mha(tmp_path, PLAIN, f"AnatomicalOrientation = {letters}")).warnings
    assert len(told) == 1
    assert f"AnatomicalOrientation is {letters}" in told[0]
    assert read_volume(mha(tmp_path, PLAIN, "AnatomicalOrientation = ???")).warnings == ()


def test_a_metaimage_that_does_not_say_how_it_lies_is_told(tmp_path: Path) -> None:
    assert "left and right are assumed" in read_volume(mha(tmp_path)).warnings[0]
    for matrix in ("Rotation", "Orientation"):
        assert read_volume(mha(tmp_path, PLAIN.replace("TransformMatrix", matrix))).warnings == ()
    turned = read_volume(
        mha(tmp_path, "Offset = 0 0 0", "TransformMatrix = 0 1 0 -1 0 0 0 0 1", "CenterOfRotation = 10 20 30")
    )
    assert "CenterOfRotation (10 20 30) was passed over" in turned.warnings[0]


def test_voxels_that_are_said_to_begin_in_the_header(tmp_path: Path) -> None:
    """ITK read letters of the header as voxels."""
    with pytest.raises(InputError, match="begin elsewhere"):
        read_volume(mha(tmp_path, PLAIN, "HeaderSize = 20"))
    assert read_volume(mha(tmp_path, PLAIN, "HeaderSize = -1")).array_zyx.tolist() == VALUES.tolist()


def test_no_origin_is_told(tmp_path: Path) -> None:
    """ITK takes 0 mm for it, and a mask of such a copy lies beside the patient."""
    raw = ("encoding: raw", "endian: little", "data file: a.raw")
    axes = ("space: LPS", "space directions: (1,0,0) (0,2,0) (0,0,3)")
    told = read_volume(nrrd(tmp_path, *axes, *raw)).warnings
    assert told == ("it does not say where its first voxel lies (no space origin); the origin, 0 mm, is assumed",)
    assert read_volume(nrrd(tmp_path, *axes, "space origin: (0,0,0)", *raw)).warnings == ()
    assert "(no Offset)" in read_volume(mha(tmp_path, PLAIN[: PLAIN.index("\n")])).warnings[0]


def test_what_quantized_values_meant_is_told(tmp_path: Path) -> None:
    lines = ("space: LPS", "space directions: (1,0,0) (0,2,0) (0,0,3)", "space origin: (0,0,0)", "old min: -1024")
    volume = read_volume(nrrd(tmp_path, *lines, "encoding: raw", "endian: little", "data file: a.raw"))
    assert "(old min -1024) was passed over" in volume.warnings[0]
    np.testing.assert_array_equal(volume.array_zyx, VALUES)
