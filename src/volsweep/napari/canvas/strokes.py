"""What napari tells of a stroke: atoms, each a block of the labels or a list of voxels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def carry_out(data: NDArray[Any], stroke: Iterable[Any]) -> None:
    """Do now what napari announces: outside strokes (lasso, fill) it tells before it paints."""
    for atom in stroke:
        if isinstance(atom, tuple) and not hasattr(atom, "slice_key"):
            indices, _, new = atom
            data[indices] = new
        else:
            part = data[atom.slice_key]
            part[... if atom.mask is None else atom.mask] = atom.new_value


def touched(stroke: Iterable[Any], axis: int) -> list[int]:
    """The slices along an axis that a stroke reaches over."""
    return sorted({int(index) for atom in stroke for index in np.unique(_along(atom, axis))})


def _along(atom: Any, axis: int) -> NDArray[Any]:
    if isinstance(atom, tuple) and not hasattr(atom, "slice_key"):
        return np.asarray(atom[0][axis])
    reach = atom.slice_key[axis]
    return np.arange(reach.start, reach.stop) if isinstance(reach, slice) else np.asarray(reach)
