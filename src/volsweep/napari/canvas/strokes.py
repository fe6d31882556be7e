"""What napari tells of a stroke: atoms, each a block of the labels or a list of voxels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
