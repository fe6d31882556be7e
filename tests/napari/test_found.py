"""Labels dropped on an open volume become its objects, by geometry, or are refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from support.napari_window import SMALL
from support.tiny_engine import TinySession

import volsweep
from volsweep.geometry import Grid
from volsweep.napari.found import may_hold_labels
from volsweep.volume import Label, LabelVolume

pytestmark = pytest.mark.gui


def two_labels(grid: Grid) -> LabelVolume:
    array = np.zeros(grid.shape_zyx, np.uint8)
    array[1:6, 40:50, 10:20], array[2, 5:9, 5:9] = 1, 2
    return LabelVolume(array, grid, {1: Label("Liver", "#112233"), 2: Label("Node", "#445566")})


@pytest.mark.parametrize("name", ["there.nii.gz", "there.seg.nrrd"])
def test_labels_join_the_objects_with_names_and_colours_and_undo_takes_them_back(small, tmp_path, name):
    window, controller = small, small.controller
    before = window.labels.copy()
    labels = two_labels(SMALL)
    volsweep.write_labels(tmp_path / name, labels)
    window.drop(tmp_path / name)
    window.until(lambda: 4 in controller.state.labels)
    window.idle()
    assert [controller.state.labels[v].name for v in (3, 4)] == ["Liver", "Node"]
    assert controller.state.labels[3].color == "#112233"
    np.testing.assert_array_equal(window.labels == 3, labels.array_zyx == 1)
    np.testing.assert_array_equal(window.labels == 4, labels.array_zyx == 2)
    assert len([layer for layer in window.viewer.layers if layer.name.startswith("there")]) == 0
    again = TinySession(controller.volume, device="cpu")
    list(again.replay(controller.opened.done))
    np.testing.assert_array_equal(again.labels.array_zyx, window.labels)
    controller.undo()
    window.idle()
    np.testing.assert_array_equal(window.labels, before)


def test_labels_that_do_not_fit_are_refused_by_name(small, tmp_path):
    window = small
    volsweep.write_labels(tmp_path / "elsewhere.nii.gz", two_labels(Grid.axis_aligned(SMALL.shape_zyx, (3, 2, 2))))
    count = window.controller.opened.actions
    window.drop(tmp_path / "elsewhere.nii.gz")
    window.until(lambda: "rid" in window.says or "lie" in window.says)
    assert window.controller.opened.actions == count
    assert window.widget.message.kind == "error"


def test_an_image_is_no_labels(tmp_path):
    image = np.random.default_rng(0).integers(-100, 900, SMALL.shape_zyx).astype(np.int16)

    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(image), str(tmp_path / "scan.nrrd"))
    assert not may_hold_labels(tmp_path / "scan.nrrd")
    assert not may_hold_labels(tmp_path)
