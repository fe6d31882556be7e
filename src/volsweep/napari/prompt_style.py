"""What boxes, lines and points look like: an object's colour, green and red for yes and no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Points, Shapes
from napari.utils.colormaps.standardize_color import transform_color

POSITIVE, NEGATIVE = "#2fd566", "#ff4d4d"


def color_shapes(shapes: Shapes, colors: Sequence[str], size: int) -> None:
    """Colour boxes and lines; `size` is the longer side of a slice, in voxels."""
    shapes.edge_color = list(colors)
    shapes.face_color = "transparent"
    shapes.edge_width = _line_width(size)


def color_points(points: Points, colors: Sequence[str], positive: Sequence[bool], size: int) -> None:
    """Colour clicks: their sign within, their object's colour around."""
    _recolor(points, "face_color", [POSITIVE if yes else NEGATIVE for yes in positive])
    _recolor(points, "border_color", colors)
    # A click just made has them already.
    if not np.all(points.size == _point_size(size)):
        points.size = _point_size(size)
    if not np.all(points.border_width == _point_size(size) / 5):
        points.border_width = _point_size(size) / 5


def style_new(shapes: Shapes, points: Points, color: str, positive: bool, size: int) -> None:
    """How what is drawn next will look."""
    sign = POSITIVE if positive else NEGATIVE
    _set_current(shapes, edge_color=color, face_color="transparent", edge_width=_line_width(size))
    point = _point_size(size)
    _set_current(points, face_color=sign, border_color=color, size=point, border_width=point / 5)


def _set_current(layer: Shapes | Points, **looks: Any) -> None:
    if layer.selected_data:  # it would be restyled too
        layer.selected_data = set()
    for what, value in looks.items():
        name = f"current_{what}"
        now = getattr(layer, name)
        same = np.array_equal(transform_color(now), transform_color(value)) if "color" in what else now == value
        if not same:
            setattr(layer, name, value)


def _recolor(points: Points, what: str, colors: Sequence[str]) -> None:
    wanted = transform_color(list(colors))
    if not np.allclose(getattr(points, what), wanted, atol=1e-6):
        setattr(points, what, wanted)


def _point_size(size: int) -> float:
    return max(2.5, size / 60)


def _line_width(size: int) -> float:
    return max(0.5, size / 320)
