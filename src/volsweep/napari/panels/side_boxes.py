"""A box that is drawn in one of the other planes: it says on which slices the object begins and ends."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from vispy.scene.visuals import InfiniteLine, Line

from volsweep.geometry import FloatArray, Plane
from volsweep.napari.controller import Controller

_ENDS, _BOX = (1.0, 0.83, 0.31, 0.9), "#ffd54a"


class SideBoxes:
    """Draws boxes over one plane's view, and shows the ends that the object at hand has been told.

    Parameters
    ----------
    controller
        Whose object it is.
    qt_viewer
        Of the view.
    """

    def __init__(self, controller: Controller, qt_viewer: Any) -> None:
        self._controller = controller
        scene = qt_viewer.canvas.view.scene
        self._box = Line(color=_BOX, width=2, parent=scene)
        self._lines = {
            vertical: [InfiniteLine(0.0, _ENDS, vertical=vertical, parent=scene) for _ in range(2)]
            for vertical in (True, False)
        }
        for visual in (self._box, *self._lines[True], *self._lines[False]):
            visual.order = 10**6
            visual.set_gl_state("translucent", depth_test=False)
            visual.visible = False

    @property
    def shown(self) -> list[float]:
        """Where the ends are drawn, in millimetres along the view's rows or columns."""
        return [float(line.pos) for lines in self._lines.values() for line in lines if line.visible]

    def drag(self, side: Plane, displayed: tuple[int, ...], event: Any) -> Generator[None, None, bool]:
        """Follow the mouse from one corner to the other; `displayed` are the view's axes, rows first.

        Returns whether a box was drawn: a click is none.
        """
        corners = [self._point(event)] * 2
        yield
        while event.type == "mouse_move":
            corners[1] = self._point(event)
            self._outline(corners, displayed)
            yield
        self._box.visible = False
        drawn = np.abs(corners[1] - corners[0])
        if drawn.max() < 1.0:
            return False
        self._controller.tools.boxed_beside(side, np.array(corners))
        return True

    def show_ends(self, displayed: tuple[int, ...]) -> None:
        """Show the first and the last slice that the object has been told, as lines across the view."""
        controller, image, volume = self._controller, self._controller.image, self._controller.volume
        for line in (*self._lines[True], *self._lines[False]):
            line.visible = False
        if image is None or volume is None or len(displayed) != 2:
            return
        plane = controller.display.plane
        extent, axis = controller.state.extent(controller.objects.label, plane), volume.grid.plane_axis(plane)
        if extent is None or axis not in displayed:
            return
        for line, end, outwards in zip(self._lines[axis == displayed[1]], extent.ends, (-0.5, 0.5), strict=True):
            if end is not None:
                at = np.zeros(3)
                at[axis] = end + outwards
                line.set_data(float(image.data_to_world(at)[axis]))
                line.visible = True

    def _point(self, event: Any) -> FloatArray:
        assert self._controller.image is not None
        return np.array(self._controller.image.world_to_data(event.position), dtype=float)

    def _outline(self, corners: list[FloatArray], displayed: tuple[int, ...]) -> None:
        assert self._controller.image is not None
        rows, columns = displayed
        (a, b), (c, d) = (np.array(self._controller.image.data_to_world(corner))[[columns, rows]] for corner in corners)
        self._box.set_data(pos=np.array([(a, b), (c, b), (c, d), (a, d), (a, b)], dtype=np.float32))
        self._box.visible = True
