"""The reader's mouse, worked on the real canvas: wheel, Ctrl and wheel, right drag, middle drag; and napari's."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from support.mouse import move_mouse

pytestmark = pytest.mark.gui


def wheel(window, notches: int, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    native = window.canvas.native
    at = QPointF(native.width() / 2, native.height() / 2)
    event = QWheelEvent(
        at,
        QPointF(native.mapToGlobal(at.toPoint())),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(native, event)
    window.settle()


def drag(window, button, by: tuple[int, int]) -> None:
    native, none = window.canvas.native, Qt.KeyboardModifier.NoModifier
    start = QPoint(native.width() // 2, native.height() // 2)
    move_mouse(native, start)
    QTest.mousePress(native, button, none, start)
    for share in (0.5, 1.0):
        to = start + QPoint(round(by[0] * share), round(by[1] * share))
        move_mouse(native, to)
        window.settle()
    QTest.mouseRelease(native, button, none, to)
    window.settle()


def test_the_wheel_turns_slices_and_with_ctrl_zooms(small):
    window, display, camera = small, small.controller.display, small.viewer.scene.camera
    zoom = camera.zoom
    wheel(window, -1)
    assert display.slice == 4
    wheel(window, 2)
    assert display.slice == 2
    assert camera.zoom == zoom
    wheel(window, 1, Qt.KeyboardModifier.ControlModifier)
    assert camera.zoom > zoom
    assert display.slice == 2


def test_a_right_drag_is_the_window_and_a_middle_drag_moves_the_image(small):
    window, display = small, small.controller.display
    window.key(Qt.Key.Key_B)
    before, shapes = display.window, len(window.controller.state.prompts)
    drag(window, Qt.MouseButton.RightButton, (150, 0))
    assert display.window.width == pytest.approx(before.width * 2**0.5, rel=0.03)
    assert display.window.center == pytest.approx(before.center, abs=1)
    drag(window, Qt.MouseButton.RightButton, (0, -60))
    assert display.window.center > before.center
    voxel = window.pixel((3, 30, 32))
    drag(window, Qt.MouseButton.MiddleButton, (50, -30))
    moved = window.pixel((3, 30, 32)) - voxel
    np.testing.assert_allclose([moved.x(), moved.y()], [50, -30], atol=3)
    assert len(window.controller.state.prompts) == shapes, "nothing was drawn"


def test_napari_s_own_mouse_is_a_key_away_and_stays(small):
    window, display = small, small.controller.display
    window.key(Qt.Key.Key_M, Qt.KeyboardModifier.ShiftModifier)
    assert window.widget.mouse.as_napari
    try:
        at = display.slice
        wheel(window, 1)
        assert display.slice == at
    finally:
        window.key(Qt.Key.Key_M, Qt.KeyboardModifier.ShiftModifier)
    assert not window.widget.mouse.as_napari
