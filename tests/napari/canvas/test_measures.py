"""A list with an undo of its own, in order with the session's; and the layer that shows it."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from volsweep.geometry import Grid, Plane
from volsweep.measurement import DrawnMeasure
from volsweep.napari.canvas.layers import placement
from volsweep.napari.canvas.measures import MeasureLayer, MeasureList

ONE = DrawnMeasure(kind="ruler", slice=3, points_xy=((1, 1), (4, 5)))
TWO = DrawnMeasure(kind="angle", plane=Plane.CORONAL, slice=3, points_xy=((1, 1), (4, 5), (6, 1)))


def test_only_what_was_done_last_is_undone():
    measures = MeasureList()
    measures.put([ONE], done=2)
    assert not measures.can_undo(3), "the session did something since"
    assert measures.can_undo(2)
    measures.put([ONE, TWO], done=3)
    measures.undo(3)
    assert measures.items == (ONE,)
    assert not measures.can_undo(3)
    assert measures.can_redo(3)
    measures.redo(3)
    assert measures.items == (ONE, TWO)
    measures.undo(3)
    measures.undo(2)
    assert measures.items == ()
    measures.put([TWO], done=2)
    assert not measures.can_redo(2), "something else was done"


def test_what_lies_in_the_plane_is_shown_with_its_value():
    grid = Grid.axis_aligned((8, 20, 20), (3, 1, 2))
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros(grid.shape_zyx), **placement(grid))
    assert isinstance(image, Image)
    layer = MeasureLayer(viewer, image, grid)
    assert viewer.layers.selection.active is image, "the tool goes on drawing where it drew"
    layer.show([ONE, TWO], Plane.AXIAL)
    assert list(layer.layer.features["words"]) == [ONE.words(grid)] == ["7.2 mm"]
    assert layer.layer.shape_type == ["line"]
    layer.show([ONE, TWO], Plane.CORONAL)
    assert list(layer.layer.features["words"]) == [TWO.words(grid)]
    layer.show([], Plane.CORONAL)
    assert layer.layer.data == []
    layer.remove()
    assert list(viewer.layers) == [image]
