"""The plot of trust: where its slices lie, what it says of them, and that a press goes there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QImage
from qtpy.QtTest import QTest
from support.napari_fakes import draw

from volsweep.napari.panels.trust import TrustPlot, TrustStrip, describe
from volsweep.operations.brought import Load
from volsweep.prompts.mask import Mask
from volsweep.session.actions import Operate


@pytest.fixture
def plot(qapp, controller) -> TrustPlot:
    plot = TrustPlot(controller, "dark")
    plot.resize(400, 92)
    return plot


def picture(plot: TrustPlot) -> QImage:
    return plot.grab().toImage()


def test_pixels_and_slices_are_told_apart_both_ways(plot, controller):
    places = [plot.x_of(index) for index in range(12)]
    assert [plot.slice_at(x) for x in places] == list(range(12))
    steps = [b - a for a, b in pairwise(places)]
    assert max(steps) - min(steps) < 1e-6
    assert (plot.slice_at(-50), plot.slice_at(5000)) == (0, 11)
    plot.resize(900, 92)
    assert plot.slice_at(plot.x_of(7)) == 7


@pytest.mark.parametrize("index", [0, 4, 11])
def test_a_press_goes_to_the_slice(plot, controller, index):
    where = QPoint(round(plot.x_of(index)), 40)
    QTest.mousePress(plot, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, where)
    assert controller.display.slice == index


def test_a_sweep_is_drawn_and_another_slice_moves_the_mark(plot, controller):
    empty = picture(plot)
    draw(controller)
    controller.sweep()
    swept = picture(plot)
    assert swept != empty
    controller.display.go_to(9)
    assert picture(plot) != swept
    controller.open(None)
    assert picture(plot) != swept


def test_the_strips_buttons_tick_and_go_to_what_is_doubtful(qapp, controller, said):
    strip = TrustStrip(controller, "dark")
    strip.set_theme("light")
    draw(controller)
    controller.sweep()
    controller.display.go_to(4)
    strip.accept.click()
    assert controller.review.ticked == {4}
    strip.next.click()
    assert controller.display.slice == 4, "no slice is doubtful"
    strip.suggest.click()
    assert controller.display.slice not in (4, 5), "an outline is worth most away from what was prompted"
    assert said


def test_what_is_known_of_a_slice_is_told_in_words(controller):
    draw(controller)
    controller.sweep()
    trust = controller.review.current
    assert describe(5, trust[5]) == "slice 5: prompted"
    assert describe(40, None) == "slice 40: not swept"
    told = describe(6, trust[6]).splitlines()
    assert told[0] == "slice 6"
    assert "overlap with the slice before 1.00" in told
    assert f"predicted IoU {trust[6].predicted_iou:.2f}" in told


def test_what_was_read_from_a_file_is_told_as_such(controller):
    mask = Mask.from_array(np.ones(controller.volume.shape_zyx[1:], bool), label=1, slice=3)
    controller.post(Operate(label=1, operation=Load(), found=(mask,), names={1: "liver"}))
    assert describe(3, controller.review.current[3]) == "slice 3: read from a file"
