"""The small volume in the real window, opened once for many tests: put back after each of them, or opened anew."""

from __future__ import annotations

import zlib
from unittest import mock

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLabel, QLineEdit, QMenu, QWidget
from support.napari_window import Window, open_small, paint_first, paint_second

from volsweep.napari.canvas.measures import NAME as MEASURES
from volsweep.napari.canvas.measures import MeasureList
from volsweep.session.actions import Undo


class KeptSmall:
    """What `open_small` opens; a test that takes it finds it as if it had just been opened."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.openings = 0
        self._opened = None

    def take(self) -> Window:
        """The window with it."""
        controller = self.window.controller
        self.window.find_left()
        if self._opened is None or controller.opened is not self._opened:
            self.window.clear()
            open_small(self.window)
            controller.tools.choose("pan")  # a new volume takes the tool that was in hand
            self.openings += 1
            self._opened, self._view = controller.opened, controller.display.view()
            self._actions, self._range = controller.opened.actions, controller.image.contrast_limits_range
            self._point, self._canvas = tuple(self.window.viewer.dims.point), tuple(self.window.viewer.canvas.size)
            self._brush = controller.layers.objects.brush_size
            self._room = self.window.widget.parentWidget().width()
            self._facts = facts(self.window)
        return self.window

    def put_back(self) -> None:
        """Undo what a test did; where that leaves a trace, everything is taken off the window."""
        try:
            if self.window.controller.opened is self._opened:
                self._undo()
                if facts(self.window) == self._facts:
                    return
        except AssertionError:  # something waits in vain
            pass
        self._opened = None
        self.window.clear()

    def _undo(self) -> None:
        window, controller, opened = self.window, self.window.controller, self._opened
        window.clear_listeners()
        window.close_dialogs()
        window.key(Qt.Key.Key_Escape)
        window.idle()
        controller.tools.values = None
        controller.tools.choose("pan")
        for layer in (controller.layers.shapes, controller.layers.points):
            layer.mode = "pan_zoom"
        controller.layers.objects.visible, controller.layers.objects.brush_size = True, self._brush
        window.main.resize(1280, 800)
        window.settle()
        if tuple(window.viewer.canvas.size) != self._canvas:  # another dock that is gone left ours wider
            window.main.resizeDocks([window.widget.parentWidget()], [self._room], Qt.Orientation.Horizontal)
            window.settle()
        assert tuple(window.viewer.canvas.size) == self._canvas  # the zoom goes with it
        controller.display.apply(self._view)
        window.viewer.dims.point = self._point
        low, high = self._range
        controller.image.contrast_limits_range = low, high
        window.viewer.theme = "dark"
        controller.measures.clear()
        opened.measures = MeasureList()
        window.idle()
        if opened.actions != self._actions:
            while len(opened.done) > 1:
                controller.post(Undo())
                window.idle()
            if not opened.done:
                paint_first(window)
            paint_second(window)  # and nothing is left to be done again
            window.idle()
        added = [layer for layer in window.viewer.layers if layer.name == MEASURES]
        if not any(label.overlaps for label in opened.state.labels.values()):
            added += controller.layers.beneath.layers
            controller.layers.beneath.layers.clear()
            opened.under_zyx.clear()
        with mock.patch("gc.collect"):  # napari looks for garbage with each layer that it removes
            for layer in added:
                window.viewer.layers.remove(layer)
        window.settle()
        window.widget.message.say("", "info")
        self._actions = opened.actions


def facts(window: Window) -> dict[str, object]:
    """All that a test can see of the window and of what is open in it."""
    viewer, controller, opened = window.viewer, window.controller, window.controller.opened
    camera, dims = viewer.scene.camera, viewer.dims
    return {
        "layers": [_layer(layer) for layer in viewer.layers],
        "active": getattr(viewer.layers.selection.active, "name", None),
        "dims": (np.round(dims.point, 3).tolist(), tuple(dims.order), dims.ndisplay),
        "camera": (np.round(camera.center, 1).tolist(), round(camera.zoom, 2), camera.orientation2d),
        "window": (viewer.theme, window.main.width(), window.main.height()),
        "tool": (controller.tools.tool, controller.tools.values),
        "model": (controller.model, controller.device),
        "view": controller.display.view().model_copy(update={"center": None, "zoom": None}),
        "done": (opened.done, opened.redoable, opened.running, opened.sweeping),
        "state": opened.state,
        "found": (dict(opened.sizes), dict(opened.trust), dict(opened.accepted)),
        "dock": sorted(
            _widget(child, window.widget)
            for child in window.widget.findChildren(QWidget)
            if not isinstance(child, QMenu)
        ),
    }


def _layer(layer) -> tuple:
    data = layer.data
    if isinstance(data, list):
        digest = str([np.round(each, 2).tolist() for each in data])
    else:
        digest = str(zlib.crc32(np.ascontiguousarray(data)))
    names = ("contour", "selected_label", "brush_size", "mouse_pan")
    looks = {name: str(getattr(layer, name, None)) for name in names}
    for name in ("contrast_limits", "contrast_limits_range"):
        looks[name] = str(np.round(getattr(layer, name, ()), 3).tolist())
    return type(layer).__name__, layer.name, layer.visible, round(layer.opacity, 3), str(layer.mode), digest, str(looks)


def _widget(child: QWidget, dock: QWidget) -> tuple[str, ...]:
    said = ""
    if isinstance(child, QAbstractButton):
        said = f"{child.text()} {child.isChecked()} {child.isEnabled()}"
    elif isinstance(child, QLabel | QLineEdit | QAbstractSpinBox):
        said = child.text()
    elif isinstance(child, QComboBox):
        said = child.currentText()
    return type(child).__name__, child.objectName(), str(child.isVisibleTo(dock)), said
