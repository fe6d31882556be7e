"""The mouse as at a reading station: wheel, right drag, middle drag; or as napari has it."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, QPointF, Qt
from qtpy.QtWidgets import QWidget

from volsweep.intensity import Window
from volsweep.napari.controller import Controller
from volsweep.napari.panels.files import choice, choose

_NOTCH = 120
"""What Qt counts for one notch of a wheel."""
_ZOOM = 1.15
_WHOLE_DRAG = 300
"""Pixels after which a window is twice as wide, or its level moved by its width."""


class ReadingMouse(QObject):
    """Wheel: slices. Ctrl and wheel: zoom. Right drag: window. Middle drag: pan.

    Parameters
    ----------
    canvas
        The widget that is worked on.
    controller
        Whose volume it shows.
    """

    def __init__(self, canvas: QWidget, controller: Controller) -> None:
        super().__init__(canvas)
        self._canvas, self._controller = canvas, controller
        self.as_napari = choice("mouse", "reading") == "napari"
        self._turned = 0
        self._last: QPointF | None = None
        self._button = Qt.MouseButton.NoButton
        canvas.installEventFilter(self)

    def stop(self) -> None:
        """Leave the mouse to napari."""
        self._canvas.removeEventFilter(self)

    def set_as_napari(self, on: bool) -> None:
        """Let it be napari's mouse, now and the next time, or the reading station's."""
        self.as_napari = on
        choose("mouse", "napari" if on else "reading")

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: ARG002
        """Take what is a reader's gesture."""
        if self.as_napari or self._controller.volume is None or self._controller.viewer.dims.ndisplay != 2:
            return False
        kind = event.type()
        if kind == QEvent.Type.Wheel:
            return self._wheel(event)
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick) and event.button() in (
            Qt.MouseButton.RightButton,
            Qt.MouseButton.MiddleButton,
        ):
            self._button, self._last = event.button(), event.position()
            return True
        if self._last is not None and kind == QEvent.Type.MouseMove:
            moved, self._last = event.position() - self._last, event.position()
            (self._window if self._button == Qt.MouseButton.RightButton else self._pan)(moved)
            return True
        if self._last is not None and kind == QEvent.Type.MouseButtonRelease and event.button() == self._button:
            self._last = None
            return True
        return False

    def _wheel(self, event: Any) -> bool:
        modifiers = event.modifiers()
        if modifiers == Qt.KeyboardModifier.ControlModifier:
            camera, notches = self._controller.viewer.scene.camera, event.angleDelta().y() / _NOTCH
            camera.zoom *= _ZOOM**notches
            return True
        if modifiers != Qt.KeyboardModifier.NoModifier:
            return False  # napari's
        self._turned -= event.angleDelta().y()
        steps = int(self._turned / _NOTCH)
        self._turned -= steps * _NOTCH
        display = self._controller.display
        if steps:
            display.go_to(display.slice + steps)
        return True

    def _window(self, moved: QPointF) -> None:
        """To the right: wider; upwards: darker, as at the console."""
        display = self._controller.display
        window = display.window
        if window is None:
            return
        width = max(window.width * float(2 ** (moved.x() / _WHOLE_DRAG)), 1e-3)
        display.set_window(Window(window.center - moved.y() / _WHOLE_DRAG * window.width, width))

    def _pan(self, moved: QPointF) -> None:
        camera = self._controller.viewer.scene.camera
        vertical, horizontal = camera.orientation2d
        signs = np.array([1 if str(vertical) == "down" else -1, 1 if str(horizontal) == "right" else -1])
        step = np.array([moved.y(), moved.x()]) * signs / camera.zoom
        center = np.asarray(camera.center, dtype=float)
        center[-2:] -= step
        camera.center = tuple(center.tolist())
