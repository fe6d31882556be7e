"""The dock as a whole, in a real window: whatever its size and theme, its sections are whole and in their order."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget

from volsweep.geometry import Plane

pytestmark = pytest.mark.gui


def test_nothing_is_cut_off(small):
    window = small
    for theme in ("dark", "light"):
        window.viewer.theme = theme
        for size in ((1280, 800), (1920, 1080)):
            window.main.resize(*size)
            window.settle()
            for panel in ("volume", "model", "objects", "prompt", "sweep", "save"):
                widget = getattr(window.widget, panel)
                assert widget.width() >= widget.minimumSizeHint().width(), (panel, size)
            for button in window.widget.prompt.tools.values():
                assert button.width() >= button.minimumSizeHint().width()
            assert window.widget.mapTo(window.main, window.widget.rect().bottomRight()).x() <= size[0]


def test_the_sections_stand_in_the_order_of_the_work(small):
    widget = small.widget
    heights = [
        section.mapTo(widget, QPoint(0, 0)).y()
        for section in (widget.volume, widget.model, widget.objects, widget.prompt, widget.sweep, widget.save)
        if section.isVisibleTo(widget)
    ]
    assert len(heights) >= 4
    assert heights == sorted(heights)


def test_what_the_controller_says_is_said_below(small):
    small.controller.say("something to know", "info")
    assert small.says == "something to know"
    small.controller.say("something that is wrong", "error")
    assert (small.says, small.widget.message.kind) == ("something that is wrong", "error")


@pytest.mark.long
def test_what_a_test_did_to_the_small_volume_is_taken_back(kept_small, arithmetic):
    """Tests share it: this one is about `support/kept_small`."""
    from support.kept_small import facts

    window, controller = kept_small.window, kept_small.window.controller
    arithmetic(window)
    window.clear()
    fresh = facts(kept_small.take())
    opened = kept_small.openings
    window.key(Qt.Key.Key_B)
    window.drag((3, 40, 10), (3, 50, 30))
    window.idle()
    controller.sweep()
    window.idle()
    controller.objects.rename(2, name="node")
    controller.objects.lock(2, True)
    controller.objects.new()
    controller.objects.set_hidden(1, True)
    controller.undo()
    window.key(Qt.Key.Key_U)
    window.drag((3, 10, 10), (3, 10, 40))
    window.key(Qt.Key.Key_4)
    controller.display.set_plane(Plane.CORONAL)
    controller.display.go_to(30)
    controller.tools.values = (0, 100)
    window.viewer.theme = "light"
    window.main.resize(1400, 900)
    window.idle()
    there = facts(window)
    assert {name for name, fact in there.items() if fact == fresh[name]} <= {"active", "model"}
    kept_small.put_back()
    assert facts(kept_small.take()) == fresh
    assert kept_small.openings == opened, "without being opened again"

    window.viewer.layers.remove(controller.image)
    kept_small.put_back()
    assert not window.viewer.layers
    assert facts(kept_small.take()) == fresh
    assert kept_small.openings == opened + 1, "what cannot be taken back is opened anew"


def test_that_the_reader_has_prompted_is_noted_once(small, monkeypatch):
    noted = []
    monkeypatch.setattr("volsweep.napari.widget.choose", lambda *said: noted.append(said))
    for _ in range(3):
        small.controller.tools.prompted.emit(small.controller.state.prompts[0])
    assert len(noted) <= 1, "every click would wait for the disk"


def test_a_slice_has_one_number_on_the_screen_and_it_is_ours(small):
    dims = small.viewer.window._qt_viewer.dims
    numbers = [part for part in dims.findChildren(QWidget) if part.objectName().startswith("slice_label")]
    assert numbers, "napari calls them so"
    assert any(slider.isVisible() for slider in dims.slider_widgets), "the slider stays"
    assert not any(part.isVisible() for part in numbers)
    small.controller.display.go_to(5)
    small.controller.display.set_plane(Plane.CORONAL)
    small.settle()
    assert not any(part.isVisible() for part in numbers)
