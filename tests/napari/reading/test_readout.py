"""Words over the canvas, in the real window: what the mouse is over, the slice, the letters, a line's length."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from support.mouse import move_mouse

from volsweep.cases.phantoms import sample
from volsweep.geometry import Plane

pytestmark = pytest.mark.gui


def hover(window, point) -> str:
    move_mouse(window.canvas.native, window.pixel(point))
    window.settle()
    return window.widget.readout.said("bottom_left")


def test_value_and_place_follow_the_mouse_and_the_slice_is_counted_from_one(small):
    window, readout = small, small.widget.readout
    assert hover(window, (3, 40, 50)).startswith("200 HU")
    assert hover(window, (3, 40, 50)).endswith("(3, 40, 50)")
    assert hover(window, (3, 40, 10)).startswith("0 HU")
    assert hover(window, (3, -3, 30)) == ""
    assert readout.said("top_left") == "CT\nslice 4 of 8 (index 3)"
    window.controller.display.go_to(5)
    assert "slice 6 of 8" in readout.said("top_left")
    window.controller.display.set_plane(Plane.CORONAL)
    places = ("middle_left", "middle_right", "top_center", "bottom_center")
    assert [readout.said(place) for place in places] == ["R", "L", "H", "F"]


def test_a_line_says_its_length_while_it_is_drawn(small):
    window = small
    window.key(Qt.Key.Key_D)
    ends = [window.pixel((3, 25, 10)), window.pixel((3, 25, 40))]
    native, left, none = window.canvas.native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    move_mouse(native, ends[0])
    window.settle()
    QTest.mousePress(native, left, none, ends[0])
    for share in (0.5, 1.0):
        move_mouse(native, ends[0] + (ends[1] - ends[0]) * share)
        window.settle()
    said = window.widget.readout.said("bottom_left")
    QTest.mouseRelease(native, left, none, ends[1])
    window.idle()
    assert float(said.split(" mm")[0]) == pytest.approx(30, abs=1.5)
    (line,) = (p for p in window.controller.state.prompts if p.kind == "line")
    assert line.line_xyxy[2] - line.line_xyxy[0] == pytest.approx(30, abs=1.5)


def test_a_series_is_called_as_the_hospital_calls_it(window):
    window.drop(sample().series)
    window.until(lambda: window.controller.volume is not None)
    window.controller.display.go_to(20)
    said = window.widget.readout.said("top_left")
    assert "slice 21 of 40 · image " in said
    assert "index 20" in said


def test_on_a_narrow_canvas_no_words_meet(small):
    window, readout = small, small.widget.readout
    scale = window.viewer.canvas.overlays.scale_bar
    assert "slice 4 of 8 (index 3)" in readout.said("top_left")
    assert readout.said("top_center") == "A"
    before, size = str(scale.position), tuple(window.viewer.canvas.size)
    window.main.resize(1000, 700)
    window.until(lambda: window.viewer.canvas.size[1] < 480)
    window.settle()
    assert readout.said("top_center").strip() == "A"
    assert readout.said("top_center").startswith("\n"), "below the title"
    assert str(scale.position) != before
    window.main.resize(1280, 800)
    window.until(lambda: tuple(window.viewer.canvas.size) == size)
    window.settle()
    assert readout.said("top_center") == "A"
    assert str(scale.position) == before


def test_nothing_lies_over_the_voxels_under_the_brush(small):
    small.key(Qt.Key.Key_R)
    small.drag((3, 45, 40), (3, 45, 50))
    small.idle()
    picture = small.viewer.screenshot(canvas_only=True, flash=False)
    there = [small.pixel((3, 45, x)) for x in (42, 50)]
    before, under = (picture[at.y(), at.x(), :3].astype(int) for at in there)
    assert before.max() > 150, "painted over what is bright"
    np.testing.assert_allclose(under, before, atol=2)
