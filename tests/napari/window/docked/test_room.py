"""A view beside the canvas takes the canvas's room, and the panel is as wide as before when it has gone."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QWidget

from volsweep.napari.window.docked.room import dock_beside_canvas, keep_width

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("share", [1 / 2, 2 / 5])
def test_room_is_taken_from_the_canvas_and_given_back(small, share):
    canvas, panel = small.viewer.window._qt_viewer, small.widget.parentWidget()
    room, width = canvas.width(), panel.width()
    view = QWidget()
    dock_beside_canvas(small.viewer.window, view, "a view", small.widget, share)
    small.until(lambda: abs(view.width() - share * room) <= 8)
    assert panel.width() == width
    keep_width(small.widget)
    small.viewer.window.remove_dock_widget(view)
    view.deleteLater()
    small.until(lambda: (canvas.width(), panel.width()) == (room, width))
