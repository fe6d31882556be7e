"""Strokes of a real mouse: lengths are told while they are drawn, outlines become masks, axes a prompt."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from support.mouse import move_mouse

pytestmark = pytest.mark.gui

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def press_and_move(window, *points):
    """Hold the button down along the points; what the window says then."""
    native = window.canvas.native
    pixels = [window.pixel(p) for p in points]

    def said() -> str:
        return window.widget.readout.said("bottom_left")

    move_mouse(native, pixels[0])
    window.settle()
    QTest.mousePress(native, LEFT, NONE, pixels[0])
    for pixel in pixels[1:]:
        before = said()
        move_mouse(native, pixel)
        window.until(lambda before=before: said() != before)
    return said(), lambda: QTest.mouseRelease(native, LEFT, NONE, pixels[-1])


def test_a_ruler_an_angle_and_escape(small):
    window, measures = small, small.controller.measures
    window.key(Qt.Key.Key_U)
    said, release = press_and_move(window, (3, 40, 10), (3, 40, 30), (3, 40, 50))
    assert float(said.split(" mm")[0]) == pytest.approx(40, abs=1)
    release()
    window.settle()
    assert measures.items[0].value(window.controller.volume.grid) == pytest.approx(40, abs=1)
    assert not window.widget.readout.said("bottom_left").startswith("40")
    window.key(Qt.Key.Key_J)
    window.drag((3, 50, 10), (3, 50, 30))
    window.key(Qt.Key.Key_Escape)
    window.drag((3, 10, 10), (3, 10, 30))
    window.drag((3, 10, 30), (3, 30, 30))
    assert [item.kind for item in measures.items] == ["ruler", "angle"]
    assert measures.items[1].value(window.controller.volume.grid) == pytest.approx(90, abs=4)
    assert window.widget.prompt.measures.menu().actions()[1].text().startswith("Angle 9")
    assert len(window.controller.state.prompts) == 2, "nothing was prompted"


def test_both_axes_are_one_prompt(small):
    window, controller = small, small.controller
    controller.objects.new()
    window.idle()
    window.key(Qt.Key.Key_X)
    window.drag((3, 45, 15), (3, 45, 45))
    said, release = press_and_move(window, (3, 38, 30), (3, 45, 30), (3, 52, 30))
    assert " × " in said
    release()
    window.until(lambda: len(controller.state.prompts) == 3)
    np.testing.assert_allclose(controller.state.prompts[-1].axes_xyxy, (15, 45, 45, 45, 30, 38, 30, 52), atol=1)
    window.drag((3, 5, 5), (3, 5, 15))
    window.drag((3, 50, 50), (3, 55, 50))
    assert "cross" in window.says, "two lines that do not cross are no axes"
    assert len(controller.state.prompts) == 3


def test_strokes_are_prompts_of_both_signs(small):
    window, controller = small, small.controller
    for key, positive in ((NONE, True), (Qt.KeyboardModifier.ShiftModifier, False)):
        count = len(controller.state.prompts)
        window.key(Qt.Key.Key_C, key)
        window.drag((3, 22, 22), (3, 28, 25), (3, 24, 29))
        window.until(lambda count=count: len(controller.state.prompts) > count)
        stroke = controller.state.prompts[-1]
        assert (stroke.kind, stroke.positive) == ("scribble", positive)
        path = np.reshape(stroke.path_xy, (-1, 2))
        np.testing.assert_allclose(path[[0, -1]], [(22, 22), (29, 24)], atol=1)
        assert path[:, 1].max() == pytest.approx(28, abs=1)
    window.idle()
    assert len(controller.layers.shapes.data) == 2


def test_a_lasso_fills_and_with_alt_takes_away(small):
    window, controller = small, small.controller
    window.key(Qt.Key.Key_L)
    square = [(3, 40, 40), (3, 40, 55), (3, 52, 55), (3, 52, 40), (3, 40, 40)]
    before = (window.labels[3] == 1).sum()
    window.drag(*square)
    window.idle()
    added = (window.labels[3] == 1).sum() - before
    assert added == pytest.approx(12 * 15, rel=0.15)
    assert (window.labels[3, 20:30, 20:30] == 1).all(), "what was there stays"
    native = window.canvas.native
    QTest.keyPress(native, Qt.Key.Key_Alt)
    window.drag(*square, modifier=Qt.KeyboardModifier.AltModifier)
    QTest.keyRelease(native, Qt.Key.Key_Alt)
    window.idle()
    assert (window.labels[3] == 1).sum() == pytest.approx(before, abs=8)
    controller.undo()
    controller.undo()
    window.idle()
    assert (window.labels[3] == 1).sum() == before
