"""Strokes that are followed by hand: freehand outlines, rulers, angles, both axes of an object.

What is drawn is a line over the canvas until it is done, and what it measures is told all the while.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from vispy.scene.visuals import Line

from volsweep.geometry import FloatArray
from volsweep.napari.canvas.layers import in_volume
from volsweep.napari.controller import Controller
from volsweep.napari.tools import BY_HAND, FREEHAND

_COLOR = "#ffd54a"
_WIDTH = 2
_BETWEEN = "Now the {}: press at one end, let go at the other. Esc forgets it."
_SECOND = {"recist": "axis across it", "angle": "other arm, from the corner"}


class Gestures:
    """Listens to the mouse over the canvas while a tool of `BY_HAND` is in hand.

    Parameters
    ----------
    qt_viewer
        Whose canvas it is.
    controller
        What is drawn goes to its tools.
    """

    def __init__(self, qt_viewer: Any, controller: Controller) -> None:
        self._controller = controller
        self._line = Line(color=_COLOR, width=_WIDTH, connect="segments", parent=qt_viewer.canvas.view.scene)
        self._line.order = 10**6
        self._line.set_gl_state("translucent", depth_test=False)
        self._line.visible = False
        self._done: list[FloatArray] = []
        controller.viewer.mouse_drag_callbacks.append(self._on_drag)
        controller.tools.chosen.connect(self.forget)
        controller.display.slice_changed.connect(self.forget)
        controller.volume_opened.connect(self.forget)

    def stop(self) -> None:
        """Leave the mouse alone."""
        self._controller.viewer.mouse_drag_callbacks.remove(self._on_drag)
        self._line.parent = None

    def forget(self, *_: object) -> None:
        """What was begun is not gone on with."""
        if self._done or self._line.visible:
            self._done = []
            self._show([])

    def _on_drag(self, viewer: Any, event: Any) -> Iterator[None]:
        tools, image = self._controller.tools, self._controller.image
        if tools.tool in ("brush", "eraser") and image is not None and event.button == 1 and viewer.dims.ndisplay == 2:
            yield from self._watch_brush(event)
            return
        count = BY_HAND.get(tools.tool)
        if count is None or image is None or event.button != 1 or viewer.dims.ndisplay != 2:
            return
        tool, take_away = tools.tool, "Alt" in event.modifiers
        stroke = [self._point(event)]
        if tool == "angle" and self._done:  # the corner is where the first arm ended
            stroke = [self._done[0][-1]]
        yield
        while event.type == "mouse_move":
            if tool in FREEHAND:
                stroke.append(self._point(event))
            else:
                stroke[1:] = [self._point(event)]
            self._show([*self._done, np.array(stroke)])
            yield
        if tools.tool != tool:
            return
        self._end(np.array([*stroke, self._point(event)]), count, take_away=take_away)

    def _watch_brush(self, event: Any) -> Iterator[None]:
        """Napari paints, and says nothing of a stroke that lies beside the image."""
        path = [self._point(event)]
        yield
        while event.type == "mouse_move":
            path.append(self._point(event))
            yield
        volume, layers = self._controller.volume, self._controller.layers
        if volume is None or layers is None:
            return
        axis = volume.grid.plane_axis(self._controller.display.plane)
        path_yx = np.delete(np.array(path), axis, axis=1)
        beside = np.abs(path_yx - in_volume(path_yx, volume.grid, axis)).max(axis=1)
        if (beside > layers.objects.brush_size / 2).all():
            self._controller.tools.refused("that lies outside the image, so nothing is painted: draw on the image")

    def _end(self, stroke: FloatArray, count: int, *, take_away: bool) -> None:
        """The button was let go."""
        if np.ptp(stroke, axis=0).max() < 1.0:
            self._controller.tools.refused("keep the button down and draw")
            self._show(self._done)
            return
        self._done.append(stroke)
        if len(self._done) < count:
            self._show(self._done)
            self._controller.say(_BETWEEN.format(_SECOND[self._controller.tools.tool]), "info")
            return
        strokes, self._done = self._done, []
        self._show([])
        if count > 1:
            self._controller.say("", "info")  # what was asked for is there
        self._controller.tools.stroked(strokes, take_away=take_away)

    def _point(self, event: Any) -> FloatArray:
        """Where the mouse is, as voxel indices on the slice on the screen."""
        controller = self._controller
        assert controller.image is not None
        assert controller.volume is not None
        point = np.array(controller.image.world_to_data(event.position), dtype=float)
        point[controller.volume.grid.plane_axis(controller.display.plane)] = controller.display.slice
        return point

    def _show(self, strokes: list[FloatArray]) -> None:
        image = self._controller.image
        drawn = [stroke for stroke in strokes if len(stroke) > 1]
        self._line.visible = bool(drawn) and image is not None
        if image is None or not drawn:
            self._controller.tools.live.emit("")
            return
        shown = list(self._controller.viewer.dims.displayed)
        pieces = [np.array([image.data_to_world(point) for point in stroke])[:, shown[::-1]] for stroke in drawn]
        self._line.set_data(pos=np.concatenate([np.repeat(p, 2, axis=0)[1:-1] for p in pieces]).astype(np.float32))
        self._controller.tools.live.emit(self._controller.tools.lengths_of(drawn))
