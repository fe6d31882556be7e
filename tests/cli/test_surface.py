"""`volsweep surface` as a user types it."""

from __future__ import annotations

import json
import sys
from functools import partial

import numpy as np
import pytest

from volsweep.cases.phantoms import sample
from volsweep.geometry import Grid
from volsweep.io import read_labels, write_labels
from volsweep.volume import Label, LabelVolume

CT = sample("ct_phantom")


@pytest.fixture
def call(call, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return partial(call, "surface")


def test_the_only_object_is_written_with_its_volume(call, tmp_path):
    code, out, _ = call(CT.truth, "-o", "x.stl", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["volume_ml"] == pytest.approx(told["voxels_ml"], rel=0.02)
    assert (tmp_path / "x.stl").stat().st_size == 84 + 50 * told["triangles"]
    code, out, _ = call(CT.truth, "-o", "x.obj", "--label", "1")
    assert code == 0
    assert "mL in voxels" in out


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["-o", "x.ply"], 2, "end it in .stl or .obj"),
        (["-o", "x.stl", "--label", "liver"], 1, "there is no label 'liver'"),
        (["-o", "x.stl", "--label", "9"], 1, "there is no label '9'"),
    ],
)
def test_mistakes(call, tmp_path, options, code, told):
    got, _, err = call(CT.truth, *options)
    assert got == code
    assert told in err
    assert not list(tmp_path.iterdir())


def test_without_scikit_image_it_says_what_to_install(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.measure", None)
    code, _, err = call(CT.truth, "-o", "x.stl")
    assert code == 1
    assert 'pip install "napari-volsweep[surfaces]"' in err


def test_of_several_objects_one_is_to_be_said(call, tmp_path):
    labels = read_labels(CT.truth)
    two = labels.array_zyx.copy()
    two[0, 0, :4] = 2
    write_labels(tmp_path / "two.nii.gz", LabelVolume(two, labels.grid, labels.labels | {2: Label("skin", "#00ff00")}))
    code, _, err = call("two.nii.gz", "-o", "x.stl")
    assert code == 1, "the file had to be read to know"
    assert "--label" in err
    assert "2 (skin)" in err
    assert not (tmp_path / "x.stl").exists()


@pytest.mark.parametrize(("thick", "told"), [(1, True), (12, False)])
def test_a_surface_that_holds_much_less_than_the_voxels_is_told(call, thick, told):
    """A single voxel was a surface of 0.00 mL, without a word."""
    array = np.zeros((16, 16, 16), np.uint8)
    array[2 : 2 + thick, 2 : 2 + thick, 2 : 2 + thick] = 1
    write_labels("cube.nii.gz", LabelVolume(array, Grid.axis_aligned(array.shape)))
    code, _, err = call("cube.nii.gz", "-o", "x.stl")
    assert code == 0
    assert ("of the object's volume" in err) is told
