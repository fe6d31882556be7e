"""Strokes as napari tells of them, carried out as napari carries them out."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from volsweep.napari.canvas.strokes import carry_out, touched, watch_polygons

SHAPE = (5, 12, 14)


def paint(layer):
    layer.paint((2, 6, 7), 3)


def fill(layer):
    layer.fill((3, 1, 1), 2)


def lasso(layer):
    layer.paint_polygon([[1, 2, 2], [1, 2, 9], [1, 8, 9], [1, 8, 2]], 4)


@pytest.mark.parametrize(("draw", "slices"), [(paint, [2]), (fill, [3]), (lasso, [1])])
def test_what_is_told_leads_to_what_napari_paints(draw, slices):
    layer = Labels(np.zeros(SHAPE, dtype=np.uint8))
    layer.brush_size = 4
    strokes = []
    layer.events.paint.connect(lambda event: strokes.append(event.value))
    draw(layer)
    stroke = [atom for each in strokes for atom in each]
    assert stroke
    ours = np.zeros(SHAPE, dtype=np.uint8)
    carry_out(ours, stroke)
    np.testing.assert_array_equal(ours, layer.data)
    assert ours.any()
    assert touched(stroke, 0) == slices
    rows, columns = np.nonzero(ours[slices[0]])
    assert set(range(rows.min(), rows.max() + 1)) <= set(touched(stroke, 1))
    assert set(range(columns.min(), columns.max() + 1)) <= set(touched(stroke, 2))


def square(z, left, top, side=6):
    return [[z, top, left], [z, top, left + side], [z, top + side, left + side], [z, top + side, left]]


@pytest.mark.parametrize("left", [-9, 30])
def test_a_polygon_wholly_outside_the_image_is_refused_with_a_word(left):
    layer, said = Labels(np.zeros(SHAPE, dtype=np.uint8)), []
    watch_polygons(layer, lambda: 0, said.append)
    layer.paint_polygon(square(2, left, 3), 1)
    assert said == ["the polygon holds no voxel of the image: draw around what is meant"]
    assert not layer.data.any()


def test_a_polygon_half_outside_is_painted_without_a_word():
    layer, said = Labels(np.zeros(SHAPE, dtype=np.uint8)), []
    watch_polygons(layer, lambda: 0, said.append)
    layer.paint_polygon(square(2, -3, 3), 1)
    assert layer.data[2].any()
    assert said == []
