"""Rulers and angles of a volume: a list with an undo of its own, and the layer that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Shapes

from volsweep.geometry import Grid, Plane
from volsweep.measurement import DrawnMeasure
from volsweep.napari.canvas.layers import placement

NAME, COLOR = "Measurements", "#5ad1e6"
_SHAPES = {"ruler": "line", "angle": "path"}

_Items = tuple[DrawnMeasure, ...]


@dataclass(eq=False)
class MeasureList:
    """What was measured, beside the session's journal and in order with it.

    A change is remembered with how many of the session's actions counted then: it is the last thing that was
    done, and so what an undo takes back, for as long as there are as many.
    """

    items: _Items = ()
    _past: list[tuple[int, _Items]] = field(default_factory=list)
    _future: list[tuple[int, _Items]] = field(default_factory=list)

    def put(self, items: Sequence[DrawnMeasure], done: int) -> None:
        """Have these from now on; `done` is how many of the session's actions count."""
        self._past.append((done, self.items))
        self._future.clear()
        self.items = tuple(items)

    def can_undo(self, done: int) -> bool:
        """Whether a change of the list is the last thing that was done."""
        return bool(self._past) and self._past[-1][0] == done

    def can_redo(self, done: int) -> bool:
        """Whether a change of the list is what was undone last."""
        return bool(self._future) and self._future[-1][0] == done

    def undo(self, done: int) -> None:
        """Take the last change back."""
        self._future.append((done, self.items))
        self.items = self._past.pop()[1]

    def redo(self, done: int) -> None:
        """Do it again."""
        self._past.append((done, self.items))
        self.items = self._future.pop()[1]


class MeasureLayer:
    """Rulers and angles with their values, over a volume.

    Parameters
    ----------
    viewer
        Where the layer is added.
    image
        The volume's layer.
    grid
        The volume's grid.
    """

    def __init__(self, viewer: ViewerModel, image: Image, grid: Grid) -> None:
        self._viewer, self._grid = viewer, grid
        active = viewer.layers.selection.active
        self.layer = Shapes(None, ndim=3, name=NAME, opacity=1.0, translate=image.translate, **placement(grid))
        viewer.layers.append(self.layer)
        self.layer.editable = False  # what is measured is listed, and deleted there
        viewer.layers.selection.active = active

    def show(self, items: Sequence[DrawnMeasure], plane: Plane) -> None:
        """Show what was measured on slices of a plane."""
        here = [item for item in items if item.plane == plane]
        layer = self.layer
        layer.data = []
        layer.features = {"words": np.array([], dtype=object)}
        if not here:
            return
        width = max(0.4, max(self._grid.plane_shape(plane)[1:]) / 400)
        words = [item.words(self._grid) for item in here]
        layer.add(
            [item.points_zyx(self._grid) for item in here],
            shape_type=[_SHAPES[item.kind] for item in here],
            edge_color=COLOR,
            edge_width=width,
            face_color="transparent",
        )
        layer.features = {"words": np.array(words, dtype=object)}
        layer.text = {"string": "{words}", "color": COLOR, "size": 11, "anchor": "upper_right"}

    def remove(self) -> None:
        """Take the layer off the viewer."""
        if self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
