"""What voxels can be, whatever the format: sizes beyond which a header is damaged, and values that are no labels."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError

_SMALLEST_MM, _LARGEST_MM = 1e-4, 1e3
"""From a tenth of a micrometre, finer than any microscope, to a metre."""
_FARTHEST_MM = 1e6
"""From the origin of the patient's space: a kilometre."""
_FEW_LABELS = 32
"""So many are labels, however they lie."""
_LEAST_ALIKE = 0.5
"""Of neighbours along one axis: the share that has one value. Regions of labels have few voxels at their edges; the
noise of an image gives neighbours different values."""


def is_voxel_size(size_mm: float) -> bool:
    """Whether a voxel can be that large."""
    return _SMALLEST_MM <= size_mm <= _LARGEST_MM  # false for what is no number, too


def check_voxel_sizes(sizes_mm: Iterable[float], name: str) -> None:
    """Refuse voxel sizes that nothing has.

    Raises
    ------
    GeometryError
        If a size is no number, 0, negative, or as large as no voxel is; volumes in mL would be made of it.
    """
    sizes = [float(size) for size in sizes_mm]
    if not all(map(is_voxel_size, sizes)):
        told = " x ".join(f"{size:g}" for size in sizes)
        raise GeometryError(
            f"{name} has voxel sizes (spacing) of {told} mm, which no voxel has; its header is damaged or in another "
            "unit: write it again with the right ones"
        )


def check_place(affine: NDArray[np.float64], name: str) -> None:
    """Refuse a first voxel that lies where no scanner is.

    Raises
    ------
    GeometryError
        If it does, or nowhere.
    """
    origin = affine[:3, 3]
    if not (np.abs(origin) <= _FARTHEST_MM).all():  # false for what is no number, too
        told = ", ".join(f"{v:g}" for v in origin)
        raise GeometryError(f"{name} begins at ({told}) mm, where no patient is; its header is damaged: write it again")


def refuse_images(array: NDArray[Any], path: Path, named: Collection[int] = ()) -> None:
    """Refuse grey values: labels are not negative, and where there are many of them, neighbours have the same one.

    Parameters
    ----------
    array, path
        The voxels, and their file.
    named
        The values that its sidecar names; where it names them all they are labels, however they lie.

    Raises
    ------
    InputError
        If it is an image.
    """
    low, high = int(array.min()), int(array.max())
    values = np.unique(array)
    why = f"it holds {len(values)} different values from {low} to {high}"
    if low < 0:
        raise InputError(f"{path.name} is an image rather than labels, which are not negative: {why}")
    if len(values) <= _FEW_LABELS or set(values.tolist()) <= {0, *named}:
        return
    if max(_alike(np.moveaxis(array, axis, 0)) for axis in range(3)) < _LEAST_ALIKE:
        raise InputError(f"{path.name} is an image rather than labels, whose neighbouring voxels are alike: {why}")


def _alike(array: NDArray[Any]) -> float:
    """Share of the neighbours along the first axis, background left out, that have one value."""
    inside = (array[:-1] != 0) & (array[1:] != 0)
    return float(np.mean(array[:-1][inside] == array[1:][inside])) if inside.any() else 0.0
