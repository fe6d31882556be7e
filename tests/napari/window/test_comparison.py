"""Two sets of labels on one screen: outlines over the image, a table beside it, and both go together."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtGui import QGuiApplication
from support.napari_window import SMALL

import volsweep
from volsweep.volume import Label, LabelVolume

pytestmark = pytest.mark.gui


def outlines(window):
    return [layer for layer in window.viewer.layers if layer.name.startswith("Compared")]


def test_a_second_set_of_labels_is_seen_and_measured(small, tmp_path):
    window, controller, dialog = small, small.controller, small.widget.comparison
    controller.objects.rename(1, name="Node")
    array = np.zeros(SMALL.shape_zyx, np.uint8)
    array[3, 20:30, 25:35] = 5
    volsweep.write_labels(tmp_path / "expert.nii.gz", LabelVolume(array, SMALL, {5: Label("Node", "#ff0000")}))
    active, tool = window.viewer.layers.selection.active, controller.tools.tool
    dialog.compare(tmp_path / "expert.nii.gz")
    window.until(dialog.isVisible)
    (layer,) = outlines(window)
    np.testing.assert_array_equal(layer.data, array)
    assert layer.contour == 1
    assert window.viewer.layers.selection.active is active
    assert controller.tools.tool == tool
    cells = [dialog.table.item(row, 0).text() for row in range(dialog.table.rowCount())]
    node = cells.index("Node")
    assert dialog.table.item(node, 1).text() == "0.500"
    assert dialog.table.item(node, 3).text() == dialog.table.item(node, 4).text() == "0.30"
    dialog.copy_table()
    assert "Node\t0.500" in QGuiApplication.clipboard().text()
    dialog.shut.click()
    assert outlines(window) == []
    window.idle()
    assert not controller.state.labels.keys() - {1, 2}, "nothing became an object"


def test_what_does_not_fit_is_refused(small, tmp_path):
    (tmp_path / "no.nii.gz").write_bytes(b"nothing")
    small.widget.comparison.compare(tmp_path / "no.nii.gz")
    small.until(lambda: small.widget.message.kind == "error")
    assert outlines(small) == []
