"""Keys that change the picture and nothing else, pressed in the real window."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from volsweep.intensity import CT_WINDOWS

pytestmark = pytest.mark.gui


def test_outline_opacity_and_hidden_while_a_key_is_held(small):
    window, layers = small, small.controller.layers
    count = window.controller.opened.actions
    window.key(Qt.Key.Key_T)
    assert layers.objects.contour == 1
    window.key(Qt.Key.Key_T)
    assert layers.objects.contour == 0
    before = layers.objects.opacity
    window.key(Qt.Key.Key_Period)
    assert layers.objects.opacity == pytest.approx(before + 0.1)
    window.key(Qt.Key.Key_Comma)
    QTest.keyPress(window.canvas.native, Qt.Key.Key_H)
    window.settle()
    assert not any(layer.visible for layer in layers.all)
    QTest.keyRelease(window.canvas.native, Qt.Key.Key_H)
    window.settle()
    assert all(layer.visible for layer in layers.all)
    assert window.controller.opened.actions == count


def test_digits_show_the_presets(small):
    window, display = small, small.controller.display
    own = display.window
    names = list(CT_WINDOWS)
    for key, name in ((Qt.Key.Key_1, names[0]), (Qt.Key.Key_4, names[3])):
        window.key(key)
        assert (display.window.center, display.window.width) == (CT_WINDOWS[name].center, CT_WINDOWS[name].width)
    window.key(Qt.Key.Key_0)
    assert (display.window.center, display.window.width) == (own.center, own.width)


def test_f_fills_the_canvas_with_the_object_wherever_it_is(small):
    window, controller = small, small.controller
    controller.objects.select(2)
    controller.display.go_to(6)
    window.key(Qt.Key.Key_F)
    window.settle()
    assert controller.display.slice == 3
    size = np.array([window.canvas.native.width(), window.canvas.native.height()])
    corners = [window.pixel((3, y, x)) for y, x in ((19.5, 35.5), (29.5, 43.5))]
    across = np.abs(np.array([corners[1].x() - corners[0].x(), corners[1].y() - corners[0].y()]))
    assert (across <= size).all()
    assert (across / size).max() == pytest.approx(1 / 1.6, abs=0.08)
    middle = window.pixel((3, 24.5, 39.5))
    np.testing.assert_allclose([middle.x(), middle.y()], size / 2, atol=6)
