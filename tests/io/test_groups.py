"""Objects that overlap on the disk: every voxel of each, found by other libraries than wrote them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from volsweep.errors import OutputError
from volsweep.geometry import Grid
from volsweep.io import convert, groups, read_labels, read_objects, write_labels
from volsweep.io.overlaps import LabelledObject, Objects
from volsweep.volume import Label

SHAPE = (5, 12, 14)
OBLIQUE = np.array([[0.2, 0.1, 0.9, -30], [0.1, 1.1, -0.1, 12], [3, -0.1, 0.2, 7], [0, 0, 0, 1]])


def masks() -> dict[int, np.ndarray]:
    """A tumour, its necrosis, an organ with a hole that they lie across, and a node apart."""
    rng = np.random.default_rng(3)
    out = {v: np.zeros(SHAPE, bool) for v in (1, 2, 5, 300)}
    out[1][1:4, 2:8, 2:9] = True
    out[2][2:4, 3:6, 3:7] = rng.random((2, 3, 4)) > 0.3
    out[5][0:5, 5:11, 5:12] = True
    out[5][2, 6:8, 6:8] = False
    out[300][4, 0:2, 0:2] = True
    return out


def objects(affine: np.ndarray = OBLIQUE, origins=None) -> Objects:
    names = {1: "tumour", 2: "necrosis", 5: "organ", 300: "node"}
    found = []
    for value, mask in masks().items():
        one = LabelledObject(value, Label(names[value], f"#{value:06x}"))
        for index, mask_yx in enumerate(mask):
            one.add(index, mask_yx)
        found.append(one)
    return Objects(Grid(SHAPE, affine, origins), found)


def equal(found: Objects) -> None:
    for value, mask in masks().items():
        np.testing.assert_array_equal(found.mask_zyx(value), mask, str(value))
    assert {v: x.name for v, x in found.labels.items()} == {1: "tumour", 2: "necrosis", 5: "organ", 300: "node"}


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii", "x.nrrd", "x.4d.nii.gz", "x.seg.nrrd"])
def test_every_object_comes_back_whole_on_its_grid(tmp_path, name):
    receipt = write_labels(tmp_path / name, objects(), overlaps="files")
    found = read_objects(tmp_path / name)
    equal(found)
    assert found.grid.matches(objects().grid)
    assert found.warnings == ()
    counts = {v: n for each in (receipt, *receipt.others) for v, n in each.voxels.items()}
    assert counts == {value: mask.sum() for value, mask in masks().items()}
    dice = {v: d for each in (receipt, *receipt.others) for v, d in each.dice.items()}
    assert dice == dict.fromkeys(masks(), 1.0)


def test_each_file_is_a_label_volume_that_simpleitk_reads_and_the_table_says_what_is_in_it(tmp_path):
    receipt = write_labels(tmp_path / "x.nii.gz", objects(np.diag([3.0, 1, 1, 1])), overlaps="files")
    table = json.loads((tmp_path / "x.labels.json").read_text())["groups"]
    paths = [receipt.path, *(other.path for other in receipt.others)]
    assert [path.name for path in paths] == list(table) == ["x.nii.gz", "x.overlap-2.nii.gz", "x.overlap-3.nii.gz"]
    seen: dict[int, np.ndarray] = {}
    for path in paths:
        array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
        assert {str(v) for v in np.unique(array) if v} == set(table[path.name])
        seen |= {int(v): array == v for v in np.unique(array) if v}
    for value, mask in masks().items():
        np.testing.assert_array_equal(seen[value], mask)
    assert table["x.nii.gz"]["5"] == "organ"


def test_four_axes_are_read_by_simpleitk_and_nibabel_and_lie_where_three_do(tmp_path):
    affine = np.diag([3.0, 0.7, 0.8, 1])
    write_labels(tmp_path / "x.4d.nii.gz", objects(affine))
    write_labels(tmp_path / "y.nii.gz", objects(affine))
    four, three = nibabel.load(tmp_path / "x.4d.nii.gz"), nibabel.load(tmp_path / "y.nii.gz")
    np.testing.assert_array_equal(four.affine, three.affine)
    image = SimpleITK.ReadImage(str(tmp_path / "x.4d.nii.gz"))
    array = SimpleITK.GetArrayFromImage(image)
    np.testing.assert_array_equal(array, np.asarray(four.dataobj).T)
    np.testing.assert_allclose(image.GetSpacing()[:3], (0.8, 0.7, 3.0), rtol=1e-6)
    for value, mask in masks().items():
        np.testing.assert_array_equal((array == value).any(axis=0), mask)


def test_a_file_of_four_axes_holds_a_single_group_as_well(tmp_path):
    apart = Objects(objects().grid, [one for one in objects().found if one.value in (1, 300)])
    write_labels(tmp_path / "x.4d.nii.gz", apart)
    np.testing.assert_array_equal(read_labels(tmp_path / "x.4d.nii.gz").mask_zyx(1), masks()[1])


def test_uneven_slices_keep_their_places(tmp_path):
    affine = np.diag([3.0, 1, 1, 1])
    origins = np.array([[0, 0, z] for z in (0, 2, 5, 9, 12)], dtype=float)
    affine = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [3, 0, 0, 0], [0, 0, 0, 1]], dtype=float)
    for name in ("x.nii.gz", "x.4d.nii.gz"):
        write_labels(tmp_path / name, objects(affine, origins), overlaps="files")
        np.testing.assert_array_equal(read_objects(tmp_path / name).grid.slice_origins_mm, origins)


def test_painted_by_default_and_read_as_one_volume_with_a_warning(tmp_path):
    write_labels(tmp_path / "p.nii.gz", objects())
    assert not list(tmp_path.glob("*overlap*"))
    write_labels(tmp_path / "x.nii.gz", objects(), overlaps="files")
    both = [read_labels(tmp_path / name) for name in ("p.nii.gz", "x.nii.gz")]
    np.testing.assert_array_equal(both[0].array_zyx, both[1].array_zyx)
    assert any("'tumour' and 'necrosis' overlap" in warning for warning in both[1].warnings)


def test_converted_objects_stay_whole_and_apart_they_are_one_file(tmp_path):
    write_labels(tmp_path / "x.seg.nrrd", objects())
    receipt = convert(tmp_path / "x.seg.nrrd", tmp_path / "y.nii.gz", overlaps="files")
    assert [one.path.name for one in receipt.others] == ["y.overlap-2.nii.gz", "y.overlap-3.nii.gz"]
    equal(read_objects(tmp_path / "y.nii.gz"))
    convert(tmp_path / "y.nii.gz", tmp_path / "z.nrrd", overlaps="files")
    equal(read_objects(tmp_path / "z.nrrd"))
    painted = convert(tmp_path / "x.seg.nrrd", tmp_path / "p.nii.gz")
    assert painted.others == ()
    assert any("overlap in" in warning for warning in painted.warnings)
    apart = Objects(objects().grid, [one for one in objects().found if one.value in (2, 300)])
    write_labels(tmp_path / "apart.seg.nrrd", apart)
    assert convert(tmp_path / "apart.seg.nrrd", tmp_path / "a.nii.gz", overlaps="files").others == ()
    assert "groups" not in json.loads((tmp_path / "a.labels.json").read_text())


def test_all_files_are_written_or_none(tmp_path):
    (tmp_path / "x.overlap-3.nii.gz").write_bytes(b"somebody's")
    with pytest.raises(OutputError, match=r"x\.overlap-3\.nii\.gz exists already"):
        write_labels(tmp_path / "x.nii.gz", objects(), overlaps="files")
    assert [path.name for path in tmp_path.iterdir()] == ["x.overlap-3.nii.gz"]


def test_a_group_that_is_gone_or_of_another_result_is_told(tmp_path):
    write_labels(tmp_path / "x.nii.gz", objects(), overlaps="files")
    (tmp_path / "x.overlap-2.nii.gz").unlink()
    moved = replace(objects(np.diag([3.0, 1, 1, 1])), found=objects().found[:1])
    write_labels(tmp_path / "x.overlap-3.nii.gz", moved, overwrite=True)
    found = read_objects(tmp_path / "x.nii.gz")
    assert len(found.warnings) == 2
    assert "x.overlap-2.nii.gz is not beside x.nii.gz" in found.warnings[0]
    assert "x.overlap-3.nii.gz lies elsewhere" in found.warnings[1]


def test_a_table_leads_into_no_other_folder(tmp_path):
    (tmp_path / "in").mkdir()
    write_labels(tmp_path / "secret.nii.gz", objects())
    write_labels(tmp_path / "in" / "x.nii.gz", objects(), overlaps="files")
    sidecar = tmp_path / "in" / "x.labels.json"
    said = json.loads(sidecar.read_text())
    said["groups"] = {"x.nii.gz": {}, "../secret.nii.gz": {}}
    sidecar.write_text(json.dumps(said))
    found = read_objects(tmp_path / "in" / "x.nii.gz")
    assert found.warnings == ("secret.nii.gz is not beside x.nii.gz: the objects in it are missing",)


@pytest.mark.parametrize("name", ["", "/", "..", "deep/"])
def test_a_table_of_names_that_no_file_has_is_told(tmp_path, name):
    write_labels(tmp_path / "x.nii.gz", objects(), overlaps="files")
    sidecar = tmp_path / "x.labels.json"
    content = json.loads(sidecar.read_text())
    content["groups"] = {"x.nii.gz": {}, name: {"1": "organ"}}
    sidecar.write_text(json.dumps(content))
    (told,) = read_objects(tmp_path / "x.nii.gz").warnings
    assert "missing" in told


def test_names():
    assert groups.group_path(Path("a/x.nii.gz"), 1).name == "x.nii.gz"
    assert groups.group_path(Path("a/X.NII.GZ"), 2).name == "X.overlap-2.NII.GZ"
    assert groups.has_four_axes(Path("x.4D.nii.gz"))
    assert not groups.has_four_axes(Path("x.4d.nrrd"))
    assert [p.name for p in groups.may_write(Path("x.nrrd"), 2)] == [
        "x.labels.json", "x.nrrd", "x.overlap-2.labels.json", "x.overlap-2.nrrd"
    ]  # fmt: skip
    assert [p.name for p in groups.may_write(Path("x.seg.nrrd"), 2)] == ["x.seg.nrrd"]


@pytest.mark.parametrize(
    ("out", "how"), [("x.nrrd", "paint"), ("x.nrrd", "files"), ("x.overlap-2.nii.gz", "paint"), ("x.nii.gz", "files")]
)
def test_no_file_of_objects_that_overlap_is_written_over_while_they_are_converted(tmp_path, out, how):
    """``x.nrrd`` has the sidecar of ``x.nii.gz``: with another one, the objects of its other files were not found."""
    write_labels(tmp_path / "x.nii.gz", objects(), overlaps="files")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OutputError, match="choose another name"):
        convert(tmp_path / "x.nii.gz", tmp_path / out, overwrite=True, overlaps=how)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    equal(read_objects(tmp_path / "x.nii.gz"))
    convert(tmp_path / "x.nii.gz", tmp_path / "y.nrrd", overlaps="files")
    equal(read_objects(tmp_path / "y.nrrd"))
