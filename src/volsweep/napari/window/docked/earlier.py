"""The earlier study beside the canvas: the same slice, the same zoom, its own objects as outlines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.qt import QtViewer
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from volsweep.napari.canvas.label_colors import LabelColors
from volsweep.napari.canvas.layers import placement
from volsweep.napari.controller import Controller
from volsweep.napari.reading.followed import Followed
from volsweep.napari.window.docked.room import dock_beside_canvas, keep_width


class EarlierStudy(QWidget):
    """A canvas that goes where the main one goes, until another volume is worked on.

    Parameters
    ----------
    controller
        Of the later study, which is on the canvas.
    followed
        Both studies, on its voxels.
    ours
        The widget whose dock stays at the edge.
    """

    def __init__(self, controller: Controller, followed: Followed, ours: QWidget) -> None:
        super().__init__()
        self._controller, self._volume = controller, followed.volume
        self._viewer = controller.viewer
        self.model = ViewerModel()
        self.model.canvas.background_color_override = "black"
        text = self.model.canvas.overlays.text
        text.visible, text.font_size, text.text = True, 9, "Earlier study"
        self._add_layers(followed)
        self.qt_viewer = QtViewer(self.model)
        self.qt_viewer.setAcceptDrops(False)
        self.qt_viewer.dims.hide()  # the main canvas is its slider
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.qt_viewer)
        self.setMinimumWidth(200)
        for emitter, follow in self._connections():
            emitter.connect(follow)
        self._stopped = False
        self._ours = ours
        dock_beside_canvas(self._viewer.window, self, "Volsweep: earlier study", ours, 1 / 2)
        self._follow()

    def _add_layers(self, followed: Followed) -> None:
        image = self._controller.image
        limits = None if image is None else tuple(image.contrast_limits)
        place = placement(followed.volume.grid) | ({} if image is None else {"translate": image.translate})
        self.model.layers.append(
            Image(followed.earlier_zyx, name="Earlier study", colormap="gray", contrast_limits=limits, **place)
        )
        drawn = Labels(np.ascontiguousarray(followed.drawn_zyx), name="Its objects", opacity=1.0, **place)
        colors: dict[int | None, object] = {None: "transparent", 0: "transparent"}
        colors |= {value: label.color for value, label in followed.found.labels.labels.items()}
        drawn.colormap = LabelColors(color_dict=colors)
        drawn.contour = 1
        drawn.editable = False
        self.model.layers.append(drawn)

    def _connections(self) -> tuple[tuple[Any, Callable[..., None]], ...]:
        camera = self._viewer.scene.camera.events
        return (
            (self._viewer.dims.events.point, self._follow),
            (self._viewer.dims.events.order, self._follow),
            (camera.zoom, self._follow),
            (camera.center, self._follow),
            (camera.orientation, self._follow),
            (self._controller.volume_opened, self._on_volume),
        )

    def _follow(self, _: object = None) -> None:
        """Show what the main canvas shows."""
        if self._stopped:
            return
        main = self._viewer
        self.model.dims.order = main.dims.order
        for axis in main.dims.not_displayed:
            self.model.dims.set_point(axis, main.dims.point[axis])
        ours, theirs = self.model.scene.camera, main.scene.camera
        ours.orientation = theirs.orientation
        ours.zoom, ours.center = theirs.zoom, theirs.center

    def _on_volume(self) -> None:
        """It belongs to one volume."""
        if self._controller.volume is not self._volume:
            self.stop()

    def event(self, event: QEvent) -> bool:
        """Notice when napari takes the widget out of its dock."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.stop()
        return bool(super().event(event))

    def stop(self) -> None:
        """Follow no more, and go."""
        if self._stopped:
            return
        self._stopped = True
        for emitter, follow in self._connections():
            emitter.disconnect(follow)
        keep_width(self._ours)
        if self.parent() is not None:
            self._viewer.window.remove_dock_widget(self)
        self.qt_viewer.close()
        self.deleteLater()
