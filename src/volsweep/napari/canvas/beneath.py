"""What lies under the objects on the screen where they may overlap: layers like theirs, seen through them."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray

from volsweep.geometry import Grid, Plane
from volsweep.volume import take_slice

_ALIKE = ("visible", "opacity", "contour", "colormap")
"""What the layers have in common with the objects' own."""


class Beneath:
    """Layers below the objects', one for each object that a voxel has beside the one that is seen.

    Parameters
    ----------
    viewer
        Where they are added.
    objects
        The layer that they lie under, and look like.
    place
        How they lie in the world (`canvas.layers.placement`).
    """

    def __init__(self, viewer: ViewerModel, objects: Labels, place: dict[str, Any]) -> None:
        self._viewer, self._objects, self._place = viewer, objects, place
        self._arrays: list[NDArray[Any]] = []
        self.layers: list[Labels] = []
        for name in _ALIKE:
            getattr(objects.events, name).connect(self._look_alike)

    def hold(self, arrays: list[NDArray[Any]]) -> None:
        """Show these arrays (slices, rows, columns), which the window keeps; it may add to them."""
        self._arrays = arrays
        self.grow()

    def grow(self) -> None:
        """Make the layers that are missing, under the objects' own."""
        for array in self._arrays[len(self.layers) :]:
            layer = Labels(array, name=f"Objects beneath {len(self.layers) + 1}", **self._place)
            layer.editable = False
            self.layers.append(layer)
            active = self._viewer.layers.selection.active
            self._viewer.layers.insert(self._viewer.layers.index(self._objects), layer)
            self._viewer.layers.selection.active = active
            self._look_alike()

    def refresh(self) -> None:
        """Draw them again."""
        self.grow()
        for layer in self.layers:
            layer.refresh(extent=False, thumbnail=False)

    def remove(self) -> None:
        """Take the layers off the viewer."""
        for name in _ALIKE:
            getattr(self._objects.events, name).disconnect(self._look_alike)
        for layer in self.layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self.layers = []

    def mask_yx(self, label: int, grid: Grid, plane: Plane, index: int) -> NDArray[np.bool_]:
        """All of a label's voxels on a slice (rows, columns), those too that lie under others.

        Where an eraser left nothing to see, nothing lies beneath either.
        """
        shown = take_slice(np.asarray(self._objects.data), grid, plane, index)
        mask = np.asarray(shown == label)
        for array in self._arrays:
            mask |= (take_slice(array, grid, plane, index) == label) & (shown != 0)
        return mask

    def _look_alike(self) -> None:
        for layer in self.layers:
            for name in _ALIKE:
                setattr(layer, name, getattr(self._objects, name))
