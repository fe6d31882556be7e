"""Volumes of one name are told apart by the folders that they lie in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from volsweep.napari.canvas.layers import image_layer
from volsweep.napari.canvas.names import tails, tell_apart
from volsweep.volume import Source


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (["/a/CT"], ["CT"]),
        (["/a/CT", "/b/PET"], ["CT", "PET"]),
        (["/a/CT", "/b/CT"], ["a/CT", "b/CT"]),
        (["/a/1/CT", "/b/1/CT", "/b/2/CT"], ["a/1/CT", "b/1/CT", "b/2/CT"]),
        (["/a/CT", "/a/CT"], ["CT", "CT"]),
        (["/CT", "/CT/CT"], ["//CT", "CT/CT"]),
        ([], []),
    ],
)
def test_as_few_parts_as_tell_paths_apart(paths, told):
    assert tails([Path(path) for path in paths]) == told


def test_at_least_as_many_parts_as_are_asked_for():
    assert tails([Path("/a/b/CT")], 2) == ["b/CT"]
    assert tails([Path("?")], 2) == ["?"]
    assert tails([Path("/a/b/CT"), Path("/c/b/CT")], 2) == ["a/b/CT", "c/b/CT"]


def add(viewer, volume, path, name="CT CT") -> Layer:
    layer = viewer.add_layer(Layer.create(*image_layer(replace(volume, source=Source(Path(path), "dicom")), name)))
    tell_apart(viewer.layers)
    return layer


def test_volumes_of_one_name_bear_their_folders(volume):
    viewer = ViewerModel()
    first = add(viewer, volume, "/study/anna/CT")
    assert first.name == "CT CT", "alone, it needs no more"
    second = add(viewer, volume, "/study/berta/CT")
    assert [first.name, second.name] == ["CT CT · anna", "CT CT · berta"]
    third = add(viewer, volume, "/other/berta/CT")
    assert [x.name for x in (first, second, third)] == [
        "CT CT · study/anna",
        "CT CT · study/berta",
        "CT CT · other/berta",
    ]


def test_a_name_that_was_given_stays_and_one_folder_has_no_other_name(volume):
    viewer = ViewerModel()
    first = add(viewer, volume, "/study/anna/CT")
    first.name = "before surgery"
    second = add(viewer, volume, "/study/berta/CT")
    third = add(viewer, volume, "/study/berta/CT")
    assert [x.name for x in (first, second, third)] == ["before surgery", "CT CT", "CT CT [1]"]
