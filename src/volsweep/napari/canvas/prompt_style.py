"""What boxes, lines and points look like: an object's colour, green and red for yes and no."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from napari.layers import Points, Shapes
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from volsweep.prompts.kinds import Anchor, Box, Line
from volsweep.prompts.recist import Recist
from volsweep.prompts.scribble import Scribble
from volsweep.volume import Label

Shape = Anchor | Scribble
SHAPES: dict[str, tuple[str, type[Shape]]] = {
    "box": ("rectangle", Box),
    "line": ("line", Line),
    "recist": ("path", Recist),
    "scribble": ("path", Scribble),
}
"""What napari calls what is drawn, and what that is."""
POSITIVE, NEGATIVE = "#2fd566", "#ff4d4d"


def edge_of(prompt: Shape, color: str) -> str:
    """Its object's colour; of a stroke, whether it says yes or no."""
    if isinstance(prompt, Scribble):
        return POSITIVE if prompt.positive else NEGATIVE
    return color


def colors_of(labels: Mapping[int, Label], hidden: Collection[int], current: int) -> dict[int | None, str]:
    """What labels look like, the one in hand too; those that are hidden like nothing."""
    colors: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    for value in {*labels, current}:
        colors[value] = "transparent" if value in hidden else labels.get(value, Label.default(value)).color
    return colors


def color_shapes(shapes: Shapes, colors: Sequence[str], size: int) -> None:
    """Colour boxes and lines; `size` is the longer side of a slice, in voxels."""
    shapes.edge_color = list(colors)
    shapes.face_color = "transparent"
    shapes.edge_width = _line_width(size)


def take_away(
    shapes: Shapes,
    change: tuple[Sequence[Shape], Sequence[Shape]],
    colored: tuple[list[str], list[Shape]],
) -> bool:
    """Remove boxes and lines that are gone, where nothing else changed: the others are not drawn again.

    Parameters
    ----------
    shapes
        The layer.
    change
        What was drawn before, and what is to be seen.
    colored
        The colours, and what has them; brought up to date.
    """
    before, drawn = change
    kept = [i for i, prompt in enumerate(before) if any(prompt is other for other in drawn)]
    left, colors = [before[i] for i in kept], colored[0]
    if left != drawn or len(left) == len(before) or not len(before) == len(shapes.data) == len(colors):
        return False
    shapes.selected_data = set(range(len(before))).difference(kept)
    shapes.remove_selected()
    colored[0][:], colored[1][:] = [colors[i] for i in kept], left
    return True


def put_points(points: Points, where: NDArray[Any]) -> None:
    """Show clicks here, drawn once: napari draws them anew for each of their properties, and again for its list."""
    with points._block_refresh():
        points.data = where
    points.refresh(thumbnail=False)


def color_points(points: Points, colors: Sequence[str], positive: Sequence[bool], size: int) -> None:
    """Colour clicks: their sign within, their object's colour around."""
    point = _point_size(size)
    # A click just made has all of it already.
    _set(points, face_color=[POSITIVE if yes else NEGATIVE for yes in positive], border_color=list(colors))
    _set(points, size=point, border_width=point / 5)


def style_new(shapes: Shapes, points: Points, color: str, positive: bool, size: int) -> None:
    """How what is drawn next will look."""
    for layer in (shapes, points):
        if layer.selected_data:  # it would be restyled too
            layer.selected_data = set()
    _set(shapes, current_edge_color=color, current_face_color="transparent", current_edge_width=_line_width(size))
    point = _point_size(size)
    _set(points, current_face_color=POSITIVE if positive else NEGATIVE, current_border_color=color)
    _set(points, current_size=point, current_border_width=point / 5)


def _set(layer: Shapes | Points, **looks: Any) -> None:
    """Set what looks otherwise now: whatever is set is drawn again."""
    for name, value in looks.items():
        now = getattr(layer, name)
        if "color" in name:
            same = np.allclose(transform_color(now), transform_color(value), atol=1e-6)
        else:
            same = bool(np.all(now == value))
        if not same:
            setattr(layer, name, value)


def _point_size(size: int) -> float:
    return max(2.5, size / 60)


def _line_width(size: int) -> float:
    return max(0.5, size / 320)
