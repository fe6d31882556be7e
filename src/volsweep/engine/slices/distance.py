"""How far pixels lie from an outline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt


def signed_distance(mask_yx: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Pixels to the outline, (rows, columns), positive inside; the outline runs half-way between pixel centres."""
    padded = np.pad(mask_yx, 1)
    distance = distance_transform_edt(padded) - distance_transform_edt(~padded)
    half = np.where(padded, -0.5, 0.5)
    return np.asarray((distance + half)[1:-1, 1:-1])
