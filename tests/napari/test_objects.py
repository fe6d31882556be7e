"""Objects: names, colours, locks, and which are seen."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from support.napari_fakes import draw, shown
from support.napari_window import paint


def test_names_colours_and_visibility(controller):
    draw(controller)
    controller.objects.rename(1, name="lesion", color="#102030")
    assert controller.objects.label_of(1).name == "lesion"
    colors = controller.layers.objects.colormap.color_dict
    np.testing.assert_allclose(colors[1][:3], np.array([0x10, 0x20, 0x30]) / 255, atol=1e-6)
    controller.objects.set_hidden(1, True)
    assert controller.layers.objects.colormap.color_dict[1][3] == 0
    controller.objects.new()
    assert sorted(controller.state.labels) == [1, 2]
    assert controller.objects.label == 2
    controller.objects.delete(1)
    assert not shown(controller).any()


def test_two_objects_added_in_quick_succession_are_two(controller, runner, monkeypatch):
    """The worker makes them a moment later than they are asked for."""
    works = []
    monkeypatch.setattr(runner, "run", lambda *work: works.append(work))
    controller.objects.new()
    controller.objects.new()
    monkeypatch.undo()
    for work in works:
        runner.run(*work)
    assert sorted(controller.state.labels) == [1, 2]
    assert controller.objects.label == 2


@pytest.mark.gui
def test_a_lock_and_its_end_change_no_voxel_that_is_shown(small):
    window, controller = small, small.controller
    paint(window, 1, np.s_[10:30, 10:30])
    paint(window, 2, np.s_[20:40, 20:40])
    controller.objects.new()
    paint(window, 3, np.s_[25:45, 5:25])  # on both of them
    window.idle()
    shown = window.labels.copy()
    assert [int((shown == label).sum()) for label in (1, 2, 3)] == [250, 325, 400]
    for label in (1, 2, 1, 3, 2, 1):  # locked and unlocked, two and more at a time
        controller.objects.select(label)
        window.key(Qt.Key.Key_K)
        window.idle()
        np.testing.assert_array_equal(window.labels, shown)
        np.testing.assert_array_equal(controller.session.labels.array_zyx, shown)
    assert [controller.state.is_locked(label) for label in (1, 2, 3)] == [True, False, True]
    paint(window, 2, np.s_[8:50, 8:50])  # what comes later goes to the locked ones where they lie
    window.idle()
    for label in (1, 3):
        np.testing.assert_array_equal(window.labels == label, shown == label)
    assert (window.labels == 2).sum() > 325
