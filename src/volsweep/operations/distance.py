"""How far pixels lie from an outline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def signed_distance(mask_yx: NDArray[np.bool_], spacing_yx: tuple[float, float] = (1.0, 1.0)) -> NDArray[np.float64]:
    """Distance to the outline, (rows, columns), positive inside; the outline runs half-way between pixel centres.

    Parameters
    ----------
    mask_yx
        The mask.
    spacing_yx
        Between rows and between columns, in the unit of the distance: pixels by default.
    """
    from scipy.ndimage import distance_transform_edt

    padded = np.pad(mask_yx, 1)
    if spacing_yx[0] == spacing_yx[1]:
        distance = distance_transform_edt(padded) - distance_transform_edt(~padded)
        half = np.where(padded, -0.5, 0.5)
        return np.asarray((distance + half)[1:-1, 1:-1] * spacing_yx[0])
    signed = _beyond(padded, spacing_yx) - _beyond(~padded, spacing_yx)
    return np.asarray(signed[1:-1, 1:-1])


def _beyond(mask_yx: NDArray[np.bool_], spacing_yx: tuple[float, float]) -> NDArray[np.float64]:
    """How far a mask's pixels lie from the outline; 0 beside it."""
    from scipy.ndimage import distance_transform_edt

    distance, nearest = distance_transform_edt(mask_yx, sampling=spacing_yx, return_indices=True)
    steps = np.hypot(*(nearest - np.indices(mask_yx.shape)))
    # Half a step back from the nearest pixel beside it, in the direction in which that lies.
    return np.asarray(distance * (1 - 0.5 / np.maximum(steps, 1)))
