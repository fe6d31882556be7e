"""Objects that may overlap, each with a mask of its own, and the one label volume they become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import Grid, mask_box_xyxy
from volsweep.volume import Label, LabelVolume, Source

_HIGHEST = 2**16 - 1


@dataclass
class LabelledObject:
    """One object: what it is called, and its masks, slice by slice."""

    value: int
    """The label that it becomes."""
    label: Label
    number: int | None = None
    """Its number in the file, where it has one; `value` wherever that can be a label."""
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

    def over(self, array_zyx: NDArray[Any]) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
        """Slice by slice the part of an array of the whole grid that its bounding box lies over, and its mask there."""
        for index, (top, left, patch) in self.patches.items():
            yield array_zyx[index, top : top + patch.shape[0], left : left + patch.shape[1]], patch

    @property
    def voxels(self) -> int:
        """How many voxels it has."""
        return sum(int(patch.sum()) for _, _, patch in self.patches.values())


@dataclass(frozen=True, eq=False)
class Objects:
    """Objects on one grid; asked for one by one they are whole, whatever they overlap with."""

    grid: Grid
    found: Sequence[LabelledObject]
    source: Source | None = None
    warnings: tuple[str, ...] = ()
    """Sentences on what was decided while reading them."""

    @property
    def labels(self) -> Mapping[int, Label]:
        """Names and colours, also of objects without a voxel."""
        return {one.value: one.label for one in sorted(self.found, key=lambda one: one.value)}

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        return self.grid.shape_zyx

    def values(self) -> list[int]:
        """The labels of objects that have a voxel."""
        return sorted(one.value for one in self.found if one.patches)

    def mask_zyx(self, value: int) -> NDArray[np.bool_]:
        """Boolean mask of one object, with what it shares with others."""
        mask = np.zeros(self.grid.shape_zyx, dtype=bool)
        for one in self.found:
            if one.value == value:
                for part, patch in one.over(mask):
                    part |= patch
        return mask

    def overlapping(self) -> list[int]:
        """Labels of the objects that share a voxel with another one."""
        count = np.zeros(self.grid.shape_zyx, dtype=np.uint16)
        for one in self.found:
            for part, patch in one.over(count):
                part += patch
        return [one.value for one in self.found if any((part[patch] > 1).any() for part, patch in one.over(count))]

    def layers(self) -> list[NDArray[Any]]:
        """Label arrays, (slices, rows, columns), as few as hold every object whole; one where none overlap."""
        kind = np.min_scalar_type(max((one.value for one in self.found), default=0))
        layers: list[NDArray[Any]] = [np.zeros(self.grid.shape_zyx, dtype=kind)]
        for one in sorted(self.found, key=lambda one: -one.voxels):
            free = next((layer for layer in layers if not any(p[m].any() for p, m in one.over(layer))), None)
            if free is None:
                free = np.zeros(self.grid.shape_zyx, dtype=kind)
                layers.append(free)
            for part, patch in one.over(free):
                part[patch] = one.value
        return layers

    def painted(self) -> LabelVolume:
        """One label a voxel: the smaller object over the larger, and a warning for every pair that overlaps."""
        array, overlaps = _paint(self.found, self.grid.shape_zyx)
        return LabelVolume(array, self.grid, self.labels, self.source, (*self.warnings, *overlaps))

    @staticmethod
    def of(labels: LabelVolume) -> Objects:
        """The objects of a label volume, which do not overlap."""
        found = [LabelledObject(value, label, value) for value, label in labels.labels.items()]
        by_value = {one.value: one for one in found}
        for index, slice_yx in enumerate(labels.array_zyx):
            for value in np.unique(slice_yx).tolist():
                if value:
                    by_value[value].add(index, slice_yx == value)
        return Objects(labels.grid, found, labels.source, labels.warnings)


class Proof(NamedTuple):
    """What was found in a file that holds objects, after it was written."""

    dice: dict[int, float]
    """Of every label, with what was meant."""
    max_error_mm: float
    """The largest distance of a corner, or of a contour's point, from where it is in the series."""
    warnings: tuple[str, ...] = ()
    """What had to be changed to be written."""


Labelled = LabelVolume | Objects
"""Labels that are asked for one by one: `labels`, `values()`, `mask_zyx(value)`."""


def whole(labels: Labelled) -> Objects:
    """Labels as objects."""
    return labels if isinstance(labels, Objects) else Objects.of(labels)


def own_numbers(labels: Labelled) -> dict[int, int]:
    """Label -> its number in the file, of objects whose number there is another one."""
    found = labels.found if isinstance(labels, Objects) else ()
    return {one.value: one.number for one in found if one.number is not None and one.number != one.value}


def _paint(found: Sequence[LabelledObject], shape_zyx: tuple[int, int, int]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Paint objects into one array, the smaller over the larger: a lesion stays visible in its organ.

    Returns
    -------
    ndarray, (slices, rows, columns)
        The smallest unsigned type that holds the values.
    tuple of str
        A warning for every pair that overlaps.
    """
    highest = max((one.value for one in found), default=0)
    array = np.zeros(shape_zyx, dtype=np.min_scalar_type(highest))
    names = {one.value: one.label.name for one in found}
    hidden: dict[tuple[int, int], int] = {}
    for one in sorted(found, key=lambda one: -one.voxels):
        for under, patch in one.over(array):
            covered, counts = np.unique(under[patch], return_counts=True)
            for value, count in zip(covered.tolist(), counts.tolist(), strict=True):
                if value:
                    hidden[value, one.value] = hidden.get((value, one.value), 0) + count
            under[patch] = one.value
    return array, tuple(
        f"{names[larger]!r} and {names[smaller]!r} overlap in {count} voxels, which were given to the smaller one, "
        f"{names[smaller]!r}"
        for (larger, smaller), count in hidden.items()
    )


def values_for(numbers: Sequence[int]) -> list[int]:
    """Labels for objects: the number of each where it can be a label, else the lowest that nobody has.

    Parameters
    ----------
    numbers
        Of the objects in their file; no two are the same.
    """
    taken = {number for number in numbers if 1 <= number <= _HIGHEST}
    free = (value for value in range(1, _HIGHEST + 1) if value not in taken)
    return [number if number in taken else next(free) for number in numbers]


def renumbered(found: Sequence[LabelledObject]) -> tuple[str, ...]:
    """A warning for every object whose number in the file can be no label."""
    return tuple(
        f"{one.label.name!r} has the number {one.number}, which can be no label (1 to {_HIGHEST}); it became label "
        f"{one.value}"
        for one in found
        if one.number is not None and one.number != one.value
    )
