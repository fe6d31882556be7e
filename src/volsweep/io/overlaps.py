"""Objects that may overlap, as DICOM SEG and RTSTRUCT hold them, and the one label volume they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import mask_box_xyxy
from volsweep.volume import Label


@dataclass
class LabelPart:
    """One object: what it is called, and its masks, slice by slice."""

    value: int
    label: Label
    patches: dict[int, tuple[int, int, NDArray[np.bool_]]] = field(default_factory=dict)
    """Slice -> first row, first column, mask within its bounding box."""

    def add(self, index: int, mask_yx: NDArray[np.bool_]) -> None:
        """Add the mask of a whole slice to what is there already."""
        if index in self.patches:
            mask_yx = mask_yx.copy()
            top, left, patch = self.patches[index]
            mask_yx[top : top + patch.shape[0], left : left + patch.shape[1]] |= patch
        box = mask_box_xyxy(mask_yx)
        if box is not None:
            x0, y0, x1, y1 = (int(v) for v in box)
            self.patches[index] = (y0, x0, mask_yx[y0 : y1 + 1, x0 : x1 + 1].copy())

    @property
    def voxels(self) -> int:
        """How many voxels it has."""
        return sum(int(patch.sum()) for _, _, patch in self.patches.values())


def paint(parts: Sequence[LabelPart], shape_zyx: tuple[int, int, int]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Paint objects into one array, the smaller over the larger: a lesion stays visible in its organ.

    Returns
    -------
    ndarray, (slices, rows, columns)
        The smallest unsigned type that holds the values.
    tuple of str
        A warning for every pair that overlaps.
    """
    highest = max((part.value for part in parts), default=0)
    array = np.zeros(shape_zyx, dtype=np.min_scalar_type(highest))
    names = {part.value: part.label.name for part in parts}
    hidden: dict[tuple[int, int], int] = {}
    for part in sorted(parts, key=lambda p: -p.voxels):
        for index, (top, left, patch) in part.patches.items():
            under = array[index, top : top + patch.shape[0], left : left + patch.shape[1]]
            covered, counts = np.unique(under[patch], return_counts=True)
            for value, count in zip(covered.tolist(), counts.tolist(), strict=True):
                if value:
                    hidden[value, part.value] = hidden.get((value, part.value), 0) + count
            under[patch] = part.value
    return array, tuple(
        f"{names[larger]!r} and {names[smaller]!r} overlap in {count} voxels, which were given to the smaller one, "
        f"{names[smaller]!r}"
        for (larger, smaller), count in hidden.items()
    )


def distinct_values(wanted: Sequence[int | None]) -> list[int]:
    """Labels for objects: the wanted ones where all are usable and different, else 1, 2, 3, ..."""
    usable = [v for v in wanted if v is not None and 1 <= v < 2**16]
    if len(set(usable)) == len(wanted):
        return usable
    return list(range(1, len(wanted) + 1))
