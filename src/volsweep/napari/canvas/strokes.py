"""What napari tells of a stroke: atoms, each a block of the labels or a list of voxels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from volsweep.io.contours import fill


@dataclass(frozen=True)
class Limits:
    """A brush that paints only where the image has certain values.

    Parameters
    ----------
    image_zyx
        The image under the labels.
    low, high
        First and last value that is painted over.
    """

    image_zyx: NDArray[Any]
    low: float
    high: float


def watch_polygons(objects: Labels, axis: Callable[[], int], refuse: Callable[[str], None]) -> None:
    """Let a polygon that holds no voxel be refused with a word: napari paints nothing then, and says nothing.

    `axis` tells along which one the slices on the screen lie.
    """
    paint = objects.paint_polygon

    def paint_or_refuse(points: Any, new_label: int) -> None:
        held = [
            (n, c) for a, (n, c) in enumerate(zip(objects.data.shape, np.transpose(points), strict=True)) if a != axis()
        ]
        (rows, y), (columns, x) = held
        if fill([np.stack([x, y], axis=1)], (rows, columns)).any():
            paint(points, new_label)
        else:
            refuse("the polygon holds no voxel of the image: draw around what is meant")

    objects.paint_polygon = paint_or_refuse


def carry_out(data: NDArray[Any], stroke: Iterable[Any], limits: Limits | None = None) -> None:
    """Do now what napari announces: outside strokes (lasso, fill) it tells before it paints.

    Where there are limits, what was painted beyond them is again what it was; erasing knows none.
    """
    for atom in stroke:
        if isinstance(atom, tuple) and not hasattr(atom, "slice_key"):
            indices, old, new = atom
            _paint(data, indices, old, new, limits)
        else:
            inside = np.ones(data[atom.slice_key].shape, dtype=bool) if atom.mask is None else atom.mask
            indices = tuple(i + s.start for i, s in zip(np.nonzero(inside), atom.slice_key, strict=True))
            _paint(data, indices, np.ravel(atom.old_values), atom.new_value, limits)


def _paint(data: NDArray[Any], indices: Any, old: Any, new: Any, limits: Limits | None) -> None:
    if limits is None or not np.any(new):
        data[indices] = new
        return
    values = limits.image_zyx[indices]
    data[indices] = np.where((values >= limits.low) & (values <= limits.high), new, old)


def touched(stroke: Iterable[Any], axis: int) -> list[int]:
    """The slices along an axis that a stroke reaches over."""
    return sorted({int(index) for atom in stroke for index in np.unique(_along(atom, axis))})


def _along(atom: Any, axis: int) -> NDArray[Any]:
    if isinstance(atom, tuple) and not hasattr(atom, "slice_key"):
        return np.asarray(atom[0][axis])
    reach = atom.slice_key[axis]
    return np.arange(reach.start, reach.stop) if isinstance(reach, slice) else np.asarray(reach)


def keep_flat(layer: Labels, tell: Callable[[str], None]) -> None:
    """Keep a layer's brush two-dimensional: one of three would paint slices that nobody looks at."""
    if layer.n_edit_dimensions != 2:
        layer.n_edit_dimensions = 2
        tell("strokes are made on the slice on the screen: the brush stays two-dimensional")
