"""The dock as a whole, in a real window: whatever its size and theme, its sections are whole and in their order."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint

pytestmark = pytest.mark.gui


def test_nothing_is_cut_off(small):
    window = small
    for theme in ("dark", "light"):
        window.viewer.theme = theme
        for size in ((1280, 800), (1920, 1080)):
            window.main.resize(*size)
            window.wait(0.2)
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
