"""The other two planes beside the canvas: linked, and gone without a trace when they are closed."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from support.mouse import move_mouse
from support.napari_window import open_small

from volsweep.cases.phantoms import sample
from volsweep.geometry import Plane

pytestmark = [pytest.mark.gui, pytest.mark.long]


def test_planes_beside_the_canvas(window, arithmetic):
    arithmetic(window)
    controller = window.controller
    window.drop(sample().series)
    window.until(lambda: controller.volume is not None)
    controller.display.go_to(20)
    window.idle()
    move_callbacks = len(window.viewer.mouse_move_callbacks)
    window.key(Qt.Key.Key_O)
    planes = window.widget.planes
    coronal, sagittal = planes.views
    assert (coronal.plane, sagittal.plane) == (Plane.CORONAL, Plane.SAGITTAL)
    window.idle()

    # Millimetres, not voxels; the head is up.
    camera = coronal.model.scene.camera
    assert camera.orientation2d == ("up", "right")
    np.testing.assert_allclose(coronal.model.layers[0].scale, controller.volume.grid.spacing_zyx_mm)

    # A prompt brings the planes to it; its mask is seen there, too.
    window.key(Qt.Key.Key_B)
    window.drag((20, 97, 54), (20, 127, 87))
    window.until(lambda: bool(window.labels.any()))
    window.idle()
    window.idle()
    np.testing.assert_allclose(planes.point_zyx, (20, 112, 70), atol=1.5)
    assert coronal.model.dims.current_step[1] == pytest.approx(112, abs=1)
    seen = np.asarray(coronal.model.layers["Objects"]._slice.image.raw)
    np.testing.assert_array_equal(seen, window.labels[:, coronal.model.dims.current_step[1]])
    assert seen.any()

    # Scrolling moves the cross; a press in a plane moves everything.
    controller.display.go_to(25)
    window.idle()
    assert planes.point_zyx[0] == 25
    z, x = 12, 100
    at = np.array([z, 0, x]) * controller.volume.grid.spacing_zyx_mm
    press(window, coronal, at)
    assert controller.display.slice == pytest.approx(z, abs=1)
    assert sagittal.model.dims.current_step[2] == pytest.approx(x, abs=2)

    # Another plane on the canvas, other companions.
    controller.display.set_plane(Plane.SAGITTAL)
    assert [view.plane for view in planes.views] == [Plane.AXIAL, Plane.CORONAL]
    controller.display.set_plane(Plane.AXIAL)

    # Closed by key, and by the dock's own button: nothing is left.
    window.key(Qt.Key.Key_O)
    assert window.widget.planes is None
    assert len(window.viewer.mouse_move_callbacks) == move_callbacks
    window.key(Qt.Key.Key_O)
    planes = window.widget.planes
    window.viewer.window.remove_dock_widget(planes)
    window.idle()
    assert window.widget.planes is None
    assert not window.widget.volume.beside.isChecked()
    controller.display.go_to(3)
    window.idle()


def pixel_of(view, world):
    """Where a place in millimetres lies on one of the planes' canvases."""
    from qtpy.QtCore import QPoint

    canvas = view.qt_viewer.canvas
    native = canvas.native
    shown = list(view.model.dims.displayed)
    size = np.array([native.width(), native.height()], dtype=float)
    origin = np.array(canvas._map_canvas2world((0, 0), canvas.view))[shown]
    far = np.array(canvas._map_canvas2world(tuple(size), canvas.view))[shown]
    y, x = (np.asarray(world)[shown] - origin) / (far - origin)
    return QPoint(round(float(x * size[0])), round(float(y * size[1])))


def press(window, view, world) -> None:
    """Press the left button over a place in millimetres of one of the planes."""
    from qtpy.QtTest import QTest

    native, pixel = view.qt_viewer.canvas.native, pixel_of(view, world)
    QTest.mousePress(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, pixel)
    window.idle()
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, pixel)
    window.idle()


def test_the_window_closed_with_the_planes_open(own_window, arithmetic, capfd):
    arithmetic(own_window)
    open_small(own_window)
    own_window.widget.volume.beside.click()
    assert own_window.widget.planes is not None
    own_window.idle()
    own_window.viewer.close()
    own_window.settle()
    assert "Traceback" not in capfd.readouterr().err


def test_planes_show_this_volumes_slices_and_the_object_at_hand(window, arithmetic):
    """With another volume of other spacings in the window, whose slider's steps are not ours."""
    arithmetic(window)
    controller = window.controller
    window.drop(sample("mr_phantom").series)
    window.until(lambda: controller.volume is not None)
    window.drop(sample().series)
    window.until(lambda: controller.volume.modality == "CT")
    mask = np.zeros((256, 256), dtype=bool)
    mask[140:160, 60:80] = True
    controller.tools.painted(mask, 30)
    window.until(lambda: bool(window.labels.any()))
    window.idle()
    controller.display.go_to(30)
    window.key(Qt.Key.Key_O)
    window.idle()
    planes = window.widget.planes
    np.testing.assert_allclose(planes.point_zyx, (30, 149.5, 69.5))
    for view, (y, x) in zip(planes.views, ((150, None), (None, 70)), strict=True):
        raw = np.asarray(view.mirror.copy_of(controller.layers.objects)._slice.image.raw)
        expected = window.labels[:, y] if y is not None else window.labels[:, :, x]
        np.testing.assert_array_equal(raw if raw.shape == expected.shape else raw.T, expected)
        assert raw.any()

    # The cross follows in all three views while the mouse moves, not only when it is let go.
    window.key(Qt.Key.Key_V)  # with the box in hand a box is drawn
    coronal, sagittal = planes.views
    spacing = controller.volume.grid.spacing_zyx_mm
    press_at(window, coronal, np.array([10, 0, 90]) * spacing)
    for z, x in ((12, 100), (20, 130)):
        move(window, coronal, np.array([z, 0, x]) * spacing)
        assert controller.display.slice == pytest.approx(z, abs=1)
        where = planes.point_zyx * spacing
        for cross, axis in ((planes._cross, 0), (coronal.cross, 1), (sagittal.cross, 2)):
            down, across = cross._lines
            y, x_mm = np.delete(where, axis)
            np.testing.assert_allclose([down._pos[0][0], across._pos[0][1]], [x_mm, y], atol=0.01)
    release(window, coronal)
    window.key(Qt.Key.Key_O)


def press_at(window, view, world) -> None:
    from qtpy.QtTest import QTest

    native = view.qt_viewer.canvas.native
    QTest.mousePress(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, pixel_of(view, world))
    window.idle()


def move(window, view, world) -> None:
    """Move the mouse, its button held, over a place in millimetres."""

    move_mouse(view.qt_viewer.canvas.native, pixel_of(view, world))
    window.idle()


def release(window, view) -> None:
    from qtpy.QtTest import QTest

    QTest.mouseRelease(view.qt_viewer.canvas.native, Qt.MouseButton.LeftButton)
    window.idle()
