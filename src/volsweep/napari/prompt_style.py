"""What boxes, lines and points look like: an object's colour, green and red for yes and no."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Points, Shapes

POSITIVE, NEGATIVE = "#2fd566", "#ff4d4d"


def color_shapes(shapes: Shapes, colors: Sequence[str], size: int) -> None:
    """Colour boxes and lines; `size` is the longer side of a slice, in voxels."""
    shapes.edge_color = list(colors)
    shapes.face_color = "transparent"
    shapes.edge_width = _line_width(size)


def color_points(points: Points, colors: Sequence[str], positive: Sequence[bool], size: int) -> None:
    """Colour clicks: their sign within, their object's colour around."""
    points.face_color = [POSITIVE if yes else NEGATIVE for yes in positive]
    points.border_color = list(colors)
    points.size = _point_size(size)
    points.border_width = _point_size(size) / 5


def style_new(shapes: Shapes, points: Points, color: str, positive: bool, size: int) -> None:
    """How what is drawn next will look."""
    shapes.selected_data = set()
    shapes.current_edge_color = color
    shapes.current_face_color = "transparent"
    shapes.current_edge_width = _line_width(size)
    points.selected_data = set()
    points.current_face_color = POSITIVE if positive else NEGATIVE
    points.current_border_color = color
    points.current_size = _point_size(size)
    points.current_border_width = _point_size(size) / 5


def _point_size(size: int) -> float:
    return max(2.5, size / 60)


def _line_width(size: int) -> float:
    return max(0.5, size / 320)
