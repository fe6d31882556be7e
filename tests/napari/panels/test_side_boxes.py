"""A box in another plane is an extent, seen as two lines there; a click still moves the cross."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from support.mouse import move_mouse
from support.napari_window import SMALL

from volsweep.geometry import Plane

pytestmark = pytest.mark.gui

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def pixel(window, view, point_zyx) -> QPoint:
    """Where a voxel lies on a view's canvas."""
    canvas, shown = view.qt_viewer.canvas, list(view.model.dims.displayed)
    size = np.array([canvas.native.width(), canvas.native.height()], dtype=float)
    first = np.array(canvas._map_canvas2world((0, 0), canvas.view))[shown]
    last = np.array(canvas._map_canvas2world(tuple(size), canvas.view))[shown]
    y, x = (np.array(window.controller.image.data_to_world(point_zyx))[shown] - first) / (last - first)
    return QPoint(round(float(x * size[0])), round(float(y * size[1])))


def drag(window, view, *points):
    native, pixels = view.qt_viewer.canvas.native, [pixel(window, view, p) for p in points]
    move_mouse(native, pixels[0])
    window.idle()
    QTest.mousePress(native, LEFT, NONE, pixels[0])
    for at in pixels[1:]:
        move_mouse(native, at)
        window.idle()
    QTest.mouseRelease(native, LEFT, NONE, pixels[-1])
    window.idle()


def test_a_box_in_the_coronal_view_tells_first_and_last_slice(small):
    window, controller = small, small.controller
    window.widget.show_planes(True)
    window.idle()
    try:
        coronal = window.widget.planes.views[0]
        window.key(Qt.Key.Key_B)
        drag(window, coronal, (2, 25, 15), (4, 25, 25), (5, 25, 35))
        window.idle()
        extent = controller.state.extent(1, Plane.AXIAL)
        assert extent.ends == (2, 5)
        assert extent.drawn.plane == Plane.CORONAL
        assert len(controller.state.prompts) == 2, "it is no prompt of the coronal slices"
        window.idle()
        np.testing.assert_allclose(coronal.boxes.shown, np.array([1.5, 5.5]) * SMALL.spacing_zyx_mm[0])
        drag(window, coronal, (6, 25, 40))
        assert controller.display.slice == 6, "a click moves the cross"
        controller.undo()
        window.idle()
        window.idle()
        assert controller.state.extent(1, Plane.AXIAL) is None
        assert coronal.boxes.shown == []
        drag(window, coronal, (4, 25, 15), (5, 25, 25), (6, 25, 35))
        window.until(lambda: "extent" in window.says)
        assert controller.state.extent(1, Plane.AXIAL) is None, "what is painted on slice 3 would lie outside"
    finally:
        window.widget.show_planes(False)
