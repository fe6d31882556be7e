"""Layers that were removed give their voxels back.

A removed layer lives as long as anything of napari's, or of another plugin's, still knows it, and its voxels with it:
its controls go when the event loop next rests, and who runs none (a script, a test) keeps them for good.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, QTimer

from volsweep.napari.canvas.layers import VOLUME_KEY

_AFTER_MS = 1000
"""Whoever takes a layer out to put it in again has done so by then."""


class LetGo(QObject):
    """Empties layers of volumes that are gone from the viewer.

    Parameters
    ----------
    viewer
        Whose layers.
    parent
        With whom it goes.
    """

    def __init__(self, viewer: ViewerModel, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._gone: list[Layer] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AFTER_MS)
        self._timer.timeout.connect(self._empty)
        viewer.layers.events.removed.connect(self._on_removed)

    def stop(self) -> None:
        """Listen no more."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._timer.stop()

    def _on_removed(self, event: Any) -> None:
        if isinstance(event.value, Image | Labels) and VOLUME_KEY in event.value.metadata:
            self._gone.append(event.value)
            self._timer.start()

    def _empty(self) -> None:
        gone, self._gone = self._gone, []
        for layer in gone:
            if not any(layer is there for there in self._viewer.layers):
                layer.metadata = {}
                layer.data = np.zeros((1, 1, 1), dtype=layer.data.dtype)
