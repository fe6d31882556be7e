"""The other two planes beside the canvas, and a cross that is at the same place in all three.

Dragging in one of them, or moving the mouse with Shift held over any, moves the cross. With the box in hand,
dragging draws a box there (`side_boxes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.qt import QtViewer
from qtpy.QtCore import QEvent, Qt, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QSplitter, QVBoxLayout, QWidget
from vispy.scene.visuals import InfiniteLine

from volsweep.geometry import Plane
from volsweep.napari.canvas.layers import camera_orientation, dims_order, vertices_of
from volsweep.napari.canvas.mirror import Mirror
from volsweep.napari.controller import Controller
from volsweep.napari.panels.side_boxes import SideBoxes
from volsweep.prompts.kinds import Prompt
from volsweep.volume import take_slice

_MOVE_MS, _REDRAW_MS = 25, 120
"""The cross and the masks are drawn again at most this often: scrolling and sweeping come first."""
_CROSS = (0.24, 0.49, 1.0, 0.75)


class Cross:
    """A horizontal and a vertical line over a canvas."""

    def __init__(self, qt_viewer: Any) -> None:
        scene = qt_viewer.canvas.view.scene
        self._lines = [InfiniteLine(0.0, _CROSS, vertical=v, parent=scene) for v in (True, False)]
        for line in self._lines:
            line.order = 10**6
            line.set_gl_state("translucent", depth_test=False)

    def move(self, world_yx: Any) -> None:
        """Put the cross on a point of the slice."""
        y, x = world_yx
        for line, at in zip(self._lines, (x, y), strict=True):
            line.set_data(float(at))

    def remove(self) -> None:
        """Take it off the canvas."""
        for line in self._lines:
            line.parent = None


class PlaneView(QWidget):
    """One plane of the controller's volume."""

    def __init__(self, controller: Controller, parent: QWidget) -> None:
        super().__init__(parent)
        self._controller = controller
        self.plane = Plane.AXIAL
        self.mirror = Mirror(controller.viewer)
        self.model = self.mirror.model
        self.model.scene.camera.mouse_pan = False
        self.model.canvas.background_color_override = "black"
        text = self.model.canvas.overlays.text
        text.visible, text.font_size = True, 9
        self.qt_viewer = QtViewer(self.model)
        self.qt_viewer.setAcceptDrops(False)
        self.qt_viewer.dims.hide()  # the cross is its slider
        self.cross = Cross(self.qt_viewer)
        self.boxes = SideBoxes(controller, self.qt_viewer)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.qt_viewer)

    def show_plane(self, plane: Plane) -> None:
        """Turn to a plane, as radiologists read it, in millimetres."""
        volume = self._controller.volume
        self.plane = plane
        if volume is None or self.model.dims.ndim != 3:
            return
        self.model.dims.order = dims_order(volume.grid, plane)
        self.model.scene.camera.orientation2d = camera_orientation(volume.grid, plane)
        self._show_whole()

    def _show_whole(self) -> None:
        """Show the whole slice of this volume, wherever others lie."""
        copy = self.mirror.copy_of(self._controller.image)
        if copy is not None:
            self.model.reset_view(layers=[copy])

    def resizeEvent(self, event: Any) -> None:
        """Show the whole slice, whatever the dock's size."""
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._show_whole)

    def show_point(self, point_zyx: Any) -> None:
        """Show the slice through a voxel, and the cross on it."""
        volume, image = self._controller.volume, self._controller.image
        if volume is None or image is None or self.model.dims.ndim != 3:
            return
        axis = volume.grid.plane_axis(self.plane)
        index = round(float(point_zyx[axis]))
        # In millimetres: napari counts the slider's steps over all layers, those of other volumes too.
        on_slice = np.array(point_zyx, dtype=float)
        on_slice[axis] = index
        at = float(image.data_to_world(on_slice)[axis])
        if not np.isclose(self.model.dims.point[axis], at):
            self.model.dims.set_point(axis, at)
        self.model.canvas.overlays.text.text = f"{self.plane.value.capitalize()} {index}"
        self.cross.move(np.delete(np.asarray(image.data_to_world(point_zyx)), axis))

    def stop(self) -> None:
        """Let go of everything, in the order that Qt and OpenGL want."""
        self.mirror.close()
        self.qt_viewer.close()


class OrthogonalViews(QWidget):
    """The two planes that the canvas does not show.

    Parameters
    ----------
    controller
        Whose volume is shown.
    qt_viewer
        Of the canvas, which gets the cross, too.
    """

    closed = Signal()

    def __init__(self, controller: Controller, qt_viewer: Any) -> None:
        super().__init__()
        self._controller = controller
        self._viewer: ViewerModel = controller.viewer
        self.point_zyx = np.zeros(3)
        self.views = [PlaneView(controller, self) for _ in range(2)]
        self._cross = Cross(qt_viewer)
        splitter = QSplitter(Qt.Orientation.Vertical)
        for view in self.views:
            splitter.addWidget(view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)
        self.setMinimumWidth(150)
        self._moves, self._redraws = QTimer(self), QTimer(self)
        for timer, ms, do in ((self._moves, _MOVE_MS, self._show_point), (self._redraws, _REDRAW_MS, self._redraw)):
            timer.setSingleShot(True)
            timer.setInterval(ms)
            timer.timeout.connect(do)
        for signal, slot in self._connections():
            signal.connect(slot)
        self._viewer.mouse_move_callbacks.append(self._on_move)
        for view in self.views:
            view.model.mouse_move_callbacks.append(self._on_move)
            view.model.mouse_drag_callbacks.append(partial(self._on_drag, view))
        self._on_theme()
        self._on_volume()

    def _connections(self) -> tuple[tuple[Any, Callable[..., None]], ...]:
        """What is listened to from the beginning until `stop`."""
        controller = self._controller
        return (
            (controller.volume_opened, self._on_volume),
            (controller.redrawn, self._on_redrawn),
            (controller.display.plane_changed, self._on_volume),
            (controller.display.slice_changed, self._on_slice),
            (controller.tools.prompted, self._on_prompt),
            (controller.state_changed, self._show_ends),
            (controller.objects.selected, self._show_ends),
            (self._viewer.events.theme, self._on_theme),
        )

    def stop(self) -> None:
        """Listen no more, and take the cross off the canvas."""
        for signal, slot in self._connections():
            signal.disconnect(slot)
        self._viewer.mouse_move_callbacks.remove(self._on_move)
        self._moves.stop()
        self._redraws.stop()
        self._cross.remove()
        for view in self.views:
            view.stop()

    def event(self, event: QEvent) -> bool:
        """Notice when napari takes the widget out of its dock."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.closed.emit()
        return bool(super().event(event))

    def go_to(self, point_zyx: Any) -> None:
        """Put the cross on a voxel; all three planes show it."""
        volume = self._controller.volume
        if volume is None:
            return
        self.point_zyx = np.clip(np.asarray(point_zyx, dtype=float), 0, np.array(volume.shape_zyx) - 1)
        self._controller.display.go_to(
            round(float(self.point_zyx[volume.grid.plane_axis(self._controller.display.plane)]))
        )
        self._soon(self._moves)

    # --- what happens elsewhere ------------------------------------------------------------

    def _on_volume(self) -> None:
        volume, display = self._controller.volume, self._controller.display
        for view in self.views:
            view.setVisible(volume is not None)
        if volume is None:
            return
        for view, plane in zip(self.views, [p for p in Plane if p != display.plane], strict=True):
            view.show_plane(plane)
        self.point_zyx = (np.array(volume.shape_zyx) - 1) / 2
        prompts = [p for p in self._controller.state.prompts if p.label == self._controller.objects.label]
        if prompts:
            self._on_prompt(prompts[-1])
        self._look_at_object()
        self._on_slice(display.slice)
        self._show_ends()

    def _look_at_object(self) -> None:
        """Begin where the object at hand is: on the slice on the screen, if it is there."""
        volume, layers, display = self._controller.volume, self._controller.layers, self._controller.display
        if volume is None or layers is None:
            return
        axis = volume.grid.plane_axis(display.plane)
        shown = take_slice(layers.objects.data, volume.grid, display.plane, display.slice)
        there = np.argwhere(shown == self._controller.objects.label)
        if len(there):
            self.point_zyx = np.insert(there.mean(axis=0), axis, display.slice)

    def _on_slice(self, index: int) -> None:
        volume = self._controller.volume
        if volume is not None:
            self.point_zyx[volume.grid.plane_axis(self._controller.display.plane)] = index
            self._soon(self._moves)

    def _on_prompt(self, prompt: Prompt) -> None:
        """Look at what was just drawn from the other sides."""
        volume = self._controller.volume
        if volume is not None and not prompt.is_painted:
            self.point_zyx = vertices_of(prompt, volume.grid).mean(axis=0)
            self._soon(self._moves)

    def _on_redrawn(self, _: object) -> None:
        self._soon(self._redraws)

    def _on_theme(self) -> None:
        for view in self.views:
            view.model.theme = self._viewer.theme

    # --- the mouse -------------------------------------------------------------------------

    def _on_move(self, _: ViewerModel, event: Any) -> None:
        if "Shift" in event.modifiers:
            self._go_to_world(event.position)

    def _on_drag(self, view: PlaneView, _: ViewerModel, event: Any) -> Iterator[None]:
        if event.button != 1 or self._controller.image is None:
            return
        if self._controller.tools.tool == "box":
            drawn = yield from view.boxes.drag(view.plane, view.model.dims.displayed, event)
            if not drawn:
                self._go_to_world(event.position)
            return
        self._go_to_world(event.position)
        yield
        while event.type == "mouse_move":
            self._go_to_world(event.position)
            yield

    def _go_to_world(self, position: Any) -> None:
        image = self._controller.image
        if image is not None and len(position) == 3:
            self.go_to(image.world_to_data(position))

    # --- drawing ---------------------------------------------------------------------------

    @staticmethod
    def _soon(timer: QTimer) -> None:
        if not timer.isActive():
            timer.start()

    def _show_point(self) -> None:
        volume, image = self._controller.volume, self._controller.image
        if volume is None or image is None:
            return
        for view in self.views:
            view.show_point(self.point_zyx)
        axis = volume.grid.plane_axis(self._controller.display.plane)
        self._cross.move(np.delete(np.asarray(image.data_to_world(self.point_zyx)), axis))

    def _show_ends(self, *_: object) -> None:
        for view in self.views:
            view.boxes.show_ends(view.model.dims.displayed)

    def _redraw(self) -> None:
        for view in self.views:
            view.mirror.refresh_labels()
