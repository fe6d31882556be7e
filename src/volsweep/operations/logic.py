"""What belongs to one object, to the other, to both."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.errors import GeometryError


def union(mask_zyx: ArrayLike, *others_zyx: ArrayLike) -> NDArray[np.bool_]:
    """Voxels of an object or of any of the others, all of one shape."""
    return np.asarray(np.logical_or.reduce(_checked(mask_zyx, *others_zyx)))


def intersect(mask_zyx: ArrayLike, *others_zyx: ArrayLike) -> NDArray[np.bool_]:
    """Voxels of an object that belong to all of the others too, all of one shape."""
    return np.asarray(np.logical_and.reduce(_checked(mask_zyx, *others_zyx)))


def subtract(mask_zyx: ArrayLike, *others_zyx: ArrayLike) -> NDArray[np.bool_]:
    """Voxels of an object that belong to none of the others, all of one shape."""
    first, *rest = _checked(mask_zyx, *others_zyx)
    return np.asarray(first & ~np.logical_or.reduce([np.zeros_like(first), *rest]))


def _checked(*masks_zyx: ArrayLike) -> list[NDArray[np.bool_]]:
    masks = [np.asarray(mask, dtype=bool) for mask in masks_zyx]
    if len({mask.shape for mask in masks}) > 1:
        shapes = ", ".join(str(mask.shape) for mask in masks)
        raise GeometryError(f"objects that are compared voxel by voxel must have one shape, not {shapes}")
    return masks
