"""Strokes as napari tells of them, carried out as napari carries them out."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from volsweep.napari.canvas.strokes import carry_out, touched

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
